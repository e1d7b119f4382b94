"""Learning-rate schedules: factors of the learning rate, computed by NumPy in float64.

An engine multiplies the learning rate of a trial by the factor of each update, so that a
schedule compiles nothing and every parameter of it is a number that may be searched.
Importing this module does not import Keras.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from benchmark.errors import did_you_mean
from benchmark.optimizers import decays
from benchmark.optimizers.decays import Factors, Parameters
from benchmark.optimizers.hyperparameter import Hyperparameter


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """What the catalogue says of one schedule.

    Args:
        summary: what it does, in a line.
        formula: the factor f of the progress x in [0, 1], with the parameters by name.
        function: returns the factors from an array of x and the parameters.
        parameters: by name, in the order in which they are shown; ``warmup`` is the last.
    """

    summary: str
    formula: str
    function: Callable[[Factors, Parameters], Factors]
    parameters: Mapping[str, Hyperparameter] = field(default_factory=dict)


def factors(name: str, updates: ArrayLike, total: int, parameters: Parameters) -> Factors:
    """Return what a schedule multiplies the learning rate by at some updates.

    With T = ``total`` updates and w = ``warmup`` the first W = round(w T) updates warm up:
    update t < W has the factor (t + 1) / W. (Keras has t / W, with which the first update
    would change nothing.) For the others the factor is the formula of the schedule at the
    progress x = (t - W) / (T - W), at most 1. So the times among the parameters are
    fractions of the training that follows the warm-up, and mean the same at every batch
    size; without warm-up they are those of Keras's schedules divided by T.

    Args:
        name: a name in ``SCHEDULES``.
        updates: indices t of updates, from 0.
        total: updates of the whole training, T ≥ 1.
        parameters: values by name; those left out take their defaults.

    Returns:
        A float64 array of the shape of ``updates``.

    Raises:
        ValueError: the schedule or a parameter is unknown, or a number is out of its range.

    References:
        Goyal et al., Accurate, Large Minibatch SGD, 2017, section 2.2 (gradual warm-up).

    Example:
        >>> factors("cosine", [0, 5, 10], 10, {}).round(3).tolist()
        [1.0, 0.5, 0.0]
        >>> factors("constant", range(4), 10, {"warmup": 0.2}).tolist()
        [0.5, 1.0, 1.0, 1.0]
    """
    numbers = complete(name, parameters)
    if total < 1:
        raise ValueError(f"total must be >= 1, the updates of a training. Received {total}.")
    indices = np.asarray(updates, np.float64)
    warm = round(numbers["warmup"] * total)
    progress = np.clip((indices - warm) / max(total - warm, 1), 0.0, 1.0)
    main = SCHEDULES[name].function(progress, numbers)
    return np.where(indices < warm, (indices + 1.0) / max(warm, 1), main)


def complete(name: str, parameters: Parameters) -> dict[str, float]:
    """Return all parameters of a schedule, those left out at their defaults.

    Args:
        name: a name in ``SCHEDULES``.
        parameters: values by name.

    Raises:
        ValueError: the schedule or a parameter is unknown, or a value is out of its range.

    Example:
        >>> complete("step", {"decay_rate": 0.5})["decay_rate"]
        0.5
        >>> complete("cosin", {})
        Traceback (most recent call last):
            ...
        ValueError: the schedule must be one of constant, step, exponential, inverse_time, \
polynomial, cosine, cosine_restarts, one_cycle, reduce_on_plateau. Received 'cosin'. \
Did you mean `cosine`?
    """
    _refuse_unknown("the schedule", name, SCHEDULES)
    known = SCHEDULES[name].parameters
    for parameter in parameters:
        _refuse_unknown(f"a parameter of the schedule {name}", parameter, known)
    values = {key: parameters.get(key, rule.default) for key, rule in known.items()}
    return {key: known[key].check(key, value) for key, value in values.items()}


def _refuse_unknown(what: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise ValueError(
            f"{what} must be one of {', '.join(known)}. Received {name!r}."
            + did_you_mean(name, known)
        )


def _share(default: float, source: str, *, zero: bool = False) -> Hyperparameter:
    """A factor in (0, 1], or in [0, 1]."""
    space = {"low": 0.0, "high": 0.5} if zero else {"low": 0.01, "high": 0.9, "log": True}
    return Hyperparameter(
        default, 0.0, 1.0, low_included=zero, high_included=True, space=space, source=source
    )


def _time(default: float, source: str, low: float = 0.1, high: float = 1.0) -> Hyperparameter:
    """A time as a fraction of the training after the warm-up, in (0, 1]."""
    return Hyperparameter(
        default, 0.0, 1.0, high_included=True, space={"low": low, "high": high}, source=source
    )


_WHOLE = "default: the whole training, our choice; space: our choice"
_RESTARTS = "Loshchilov, Hutter 2017, SGDR: Stochastic Gradient Descent with Warm Restarts"
_HE = "He et al. 2016, Deep Residual Learning for Image Recognition, section 3.4"
_SMITH = "Smith 2018, A disciplined approach to neural network hyper-parameters, part 1, section 4"
_PLATEAU = "keras.callbacks.ReduceLROnPlateau"
_ALPHA = _share(
    0.0, "default: keras.optimizers.schedules.CosineDecay; space: our choice", zero=True
)
_WARMUP = {
    "warmup": Hyperparameter(
        0.0,
        0.0,
        1.0,
        low_included=True,
        space={"low": 0.0, "high": 0.2},
        source="default: none, as in keras.optimizers.schedules.CosineDecay; space: our choice "
        "around the 5 of 90 epochs of Goyal et al. 2017, Accurate, Large Minibatch SGD",
    )
}

SCHEDULES: dict[str, ScheduleEntry] = {
    "constant": ScheduleEntry("the same rate throughout", "1", decays.constant, _WARMUP),
    "step": ScheduleEntry(
        "drops by decay_rate every decay_steps",
        "decay_rate ^ floor(x / decay_steps)",
        decays.step,
        {
            "decay_rate": _share(0.1, f"default: {_HE}; space: our choice"),
            "decay_steps": _time(
                1 / 3,
                "default: the 30 of 90 epochs of Goyal et al. 2017; space: our choice",
                0.1,
                0.5,
            ),
            **_WARMUP,
        },
    ),
    "exponential": ScheduleEntry(
        "falls by decay_rate in decay_steps, evenly",
        "decay_rate ^ (x / decay_steps)",
        decays.exponential,
        {
            "decay_rate": _share(0.01, "default: two drops by 10; space: our choice"),
            "decay_steps": _time(1.0, _WHOLE),
            **_WARMUP,
        },
    ),
    "inverse_time": ScheduleEntry(
        "falls as the inverse of time",
        "1 / (1 + decay_rate · x / decay_steps)",
        decays.inverse_time,
        {
            "decay_rate": Hyperparameter(
                9.0,
                0.0,
                space={"low": 1.0, "high": 100.0, "log": True},
                source="default: a tenth of the rate is left after decay_steps; space: our choice",
            ),
            "decay_steps": _time(1.0, _WHOLE),
            **_WARMUP,
        },
    ),
    "polynomial": ScheduleEntry(
        "falls to end_factor along a power of the time that is left",
        "end_factor + (1 - end_factor) · (1 - min(x / decay_steps, 1)) ^ power",
        decays.polynomial,
        {
            "end_factor": _share(0.0, "default: to zero, our choice; space: our choice", zero=True),
            "power": Hyperparameter(
                1.0,
                0.0,
                space={"low": 0.5, "high": 4.0, "log": True},
                source="default: keras.optimizers.schedules.PolynomialDecay; space: our choice",
            ),
            "decay_steps": _time(1.0, _WHOLE),
            **_WARMUP,
        },
    ),
    "cosine": ScheduleEntry(
        "falls to alpha along half a cosine",
        "alpha + (1 - alpha) · (1 + cos(π · min(x / decay_steps, 1))) / 2",
        decays.cosine,
        {"alpha": _ALPHA, "decay_steps": _time(1.0, _WHOLE), **_WARMUP},
    ),
    "cosine_restarts": ScheduleEntry(
        "cosines one after the other, each t_mul as long and m_mul as high as the one before",
        "alpha + (1 - alpha) · m_mul^i · (1 + cos(π · y)) / 2, in the period i, y of which is over",
        decays.cosine_restarts,
        {
            "first_decay_steps": _time(
                1 / 7,
                "default: with t_mul = 2 three periods fill the training; space: our choice",
                0.05,
                0.5,
            ),
            "t_mul": Hyperparameter(
                2.0,
                1.0,
                low_included=True,
                space={"low": 1.0, "high": 3.0},
                source=f"default: {_RESTARTS}, section 4; space: our choice",
            ),
            "m_mul": _share(
                1.0, "default: keras.optimizers.schedules.CosineDecayRestarts; space: our choice"
            ),
            "alpha": _ALPHA,
            **_WARMUP,
        },
    ),
    "one_cycle": ScheduleEntry(
        "rises from initial_factor to 1 at peak, falls back, and on to end_factor of that",
        "straight lines through (0, initial_factor), (peak, 1), (2 peak, initial_factor), "
        "(1, initial_factor · end_factor)",
        decays.one_cycle,
        {
            "initial_factor": _share(0.1, f"default: {_SMITH}; space: our choice"),
            "peak": Hyperparameter(
                0.45,
                0.0,
                0.5,
                high_included=True,
                space={"low": 0.2, "high": 0.5},
                source=f"default: {_SMITH}, a cycle somewhat shorter than the training; "
                "space: our choice",
            ),
            "end_factor": _share(
                0.01, f"default: {_SMITH}, orders of magnitude below; space: our choice", zero=True
            ),
            **_WARMUP,
        },
    ),
    "reduce_on_plateau": ScheduleEntry(
        "multiplied by factor whenever patience epochs in a row bring no better loss",
        "factor ^ (how often that was)",
        # What is decided from losses is a matter of the engine: see benchmark.optimizers.plateau.
        decays.constant,
        {
            "factor": _share(0.1, f"default: {_PLATEAU}; space: our choice"),
            "patience": Hyperparameter(
                3,
                1,
                low_included=True,
                integer=True,
                space={"low": 1, "high": 10},
                source=f"default: our choice, for the 20 epochs of a study's default; {_PLATEAU} "
                "has 10; space: our choice",
            ),
            "min_delta": Hyperparameter(
                1e-4,
                0.0,
                low_included=True,
                space={"low": 1e-5, "high": 1e-2, "log": True},
                source=f"default: {_PLATEAU}; space: our choice",
            ),
            **_WARMUP,
        },
    ),
}
"""Every schedule by the name that a study file uses."""


@dataclass(frozen=True, slots=True)
class Plateau:
    """What the schedule ``reduce_on_plateau`` remembers between epochs.

    A loss is better where it is below the best so far by more than ``min_delta``. After
    ``patience`` epochs in a row without a better one the rate is multiplied by ``factor``,
    and the epochs are counted anew.

    Args:
        factor: of the learning rate, the product of the reductions so far.
        best: the best loss so far.
        wait: epochs since then, or since the last reduction.

    References:
        ``keras.callbacks.ReduceLROnPlateau``, without cooldown and lowest rate.
    """

    factor: float = 1.0
    best: float = math.inf
    wait: int = 0

    def after(self, loss: float, parameters: Mapping[str, float]) -> Self:
        """Return what is remembered after one more epoch.

        Args:
            loss: after the epoch, of the validation part where there is one.
            parameters: ``factor``, ``patience`` and ``min_delta``.

        Example:
            >>> plateau, parameters = Plateau(), {"factor": 0.5, "patience": 2, "min_delta": 0.0}
            >>> for loss in (1.0, 1.0, 1.2):
            ...     plateau = plateau.after(loss, parameters)
            >>> plateau
            Plateau(factor=0.5, best=1.0, wait=0)
        """
        if loss < self.best - parameters["min_delta"]:
            return replace(self, best=loss, wait=0)
        if self.wait + 1 < parameters["patience"]:
            return replace(self, wait=self.wait + 1)
        return replace(self, factor=self.factor * parameters["factor"], wait=0)
