"""Which optimizers there are, with their hyperparameters and default search spaces.

Read by ``list`` and ``validate``, so nothing here imports Keras; a class is
imported when :func:`load_optimizer` is first asked for it.
"""

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmark.errors import did_you_mean
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.thresholds import CLIPPING

if TYPE_CHECKING:
    from benchmark.optimizers.base import Optimizer


@dataclass(frozen=True, slots=True)
class OptimizerEntry:
    """What the catalogue says of one optimizer.

    Args:
        summary: its update rule in a line.
        target: ``"module:Class"``.
        hyperparameters: by name, in the order in which they are shown.
        full_batch: whether the method is defined for the gradient over all training
            examples only.
    """

    summary: str
    target: str
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    full_batch: bool = False


_SEARCHED_RATES = {"low": 1e-4, "high": 1.0, "log": True}
_CROWDED_VALLEY = "Schmidt, Schneider, Hennig 2021, Descending through a Crowded Valley, appendix"
_CONVENTIONAL_RATE = Hyperparameter(
    default=0.01,
    low=0.0,
    space=_SEARCHED_RATES,
    source=f"default: keras.optimizers.SGD; space: {_CROWDED_VALLEY}",
)
_MOMENTUM = Hyperparameter(
    default=0.9,
    low=0.0,
    high=1.0,
    low_included=True,
    space={"low": 0.0, "high": 0.99, "log": False},
    source="default and space: Goodfellow, Bengio, Courville 2016, Deep Learning, section 8.3.2, "
    "whose usual values are 0.5, 0.9 and 0.99",
)
_TOLERANCE = Hyperparameter(
    default=1e-6,
    low=0.0,
    low_included=True,
    space={"low": 1e-8, "high": 1e-2, "log": True},
    source="default: ten times the float32 rounding of a weight of size one; "
    "space: from one tenth of that rounding to steps of one per cent of such a weight",
)
_ADAM = {
    "learning_rate": Hyperparameter(
        default=0.001,
        low=0.0,
        space=_SEARCHED_RATES,
        source=f"default: Kingma, Ba 2015, Adam, algorithm 1; space: {_CROWDED_VALLEY}",
    ),
    "beta_1": Hyperparameter(
        default=0.9,
        low=0.0,
        high=1.0,
        low_included=True,
        space={"low": 0.5, "high": 0.999, "log": False},
        source=f"default: Kingma, Ba 2015, Adam, algorithm 1; space: {_CROWDED_VALLEY}",
    ),
    "beta_2": Hyperparameter(
        default=0.999,
        low=0.0,
        high=1.0,
        low_included=True,
        space={"low": 0.8, "high": 0.999, "log": False},
        source=f"default: Kingma, Ba 2015, Adam, algorithm 1; space: {_CROWDED_VALLEY}",
    ),
    "epsilon": Hyperparameter(
        default=1e-7,
        low=0.0,
        space={"low": 1e-10, "high": 1.0, "log": True},
        source="default: keras.optimizers.Adam (the paper has 1e-8); space: our choice, up to 1 "
        "because large values, which turn Adam towards momentum, can win: Choi et al. 2019, "
        "On Empirical Comparisons of Optimizers for Deep Learning",
    ),
}

OPTIMIZERS: dict[str, OptimizerEntry] = {
    "gradient_descent": OptimizerEntry(
        summary="W ← W − learning_rate · ∇J over all examples, until the step is below tolerance",
        target="benchmark.optimizers.gradient_descent:GradientDescent",
        hyperparameters={"learning_rate": _CONVENTIONAL_RATE, "tolerance": _TOLERANCE},
        full_batch=True,
    ),
    "sgd": OptimizerEntry(
        summary="W ← W − learning_rate · g, with the gradient g of a mini-batch",
        target="benchmark.optimizers.sgd:SGD",
        hyperparameters={"learning_rate": _CONVENTIONAL_RATE},
    ),
    "momentum": OptimizerEntry(
        summary="v ← momentum · v + learning_rate · g, W ← W − v (heavy ball)",
        target="benchmark.optimizers.momentum:Momentum",
        hyperparameters={"learning_rate": _CONVENTIONAL_RATE, "momentum": _MOMENTUM},
    ),
    "nesterov": OptimizerEntry(
        summary="the heavy ball with the gradient taken one step ahead",
        target="benchmark.optimizers.nesterov:Nesterov",
        hyperparameters={"learning_rate": _CONVENTIONAL_RATE, "momentum": _MOMENTUM},
    ),
    "adam": OptimizerEntry(
        summary="a step per weight, scaled by running means of the gradient and of its square",
        target="benchmark.optimizers.adam:Adam",
        hyperparameters=_ADAM,
    ),
}
"""Every optimizer by the name that a study file uses."""


def load_optimizer(name: str) -> type["Optimizer"]:
    """Return the class of an optimizer; imports Keras.

    Args:
        name: a key of ``OPTIMIZERS``.

    Raises:
        ValueError: there is no such optimizer; the message suggests the nearest names.

    Example:
        >>> load_optimizer("sdg")
        Traceback (most recent call last):
            ...
        ValueError: the optimizer must be one of gradient_descent, sgd, momentum, nesterov, adam. \
Received 'sdg'. Did you mean `sgd`?
    """
    if name not in OPTIMIZERS:
        raise ValueError(
            f"the optimizer must be one of {', '.join(OPTIMIZERS)}. Received {name!r}."
            + did_you_mean(name, OPTIMIZERS)
        )
    module, _, class_name = OPTIMIZERS[name].target.partition(":")
    loaded: type[Optimizer] = getattr(importlib.import_module(module), class_name)
    return loaded


def build_optimizer(
    name: str,
    hyperparameters: Mapping[str, float] | None = None,
    clipping: Mapping[str, float] | None = None,
) -> "Optimizer":
    """Build an optimizer from plain numbers.

    Args:
        name: a key of ``OPTIMIZERS``.
        hyperparameters: values by name; those left out take their defaults.
        clipping: nothing, or one entry of ``CLIPPING`` with its threshold.

    Returns:
        A new optimizer, ready for ``model.compile``.

    Raises:
        ValueError: an unknown name, a value out of range, or two kinds of clipping.
        TypeError: a value that is not a number.

    Example:
        >>> optimizer = build_optimizer("momentum", {"learning_rate": 0.1}, {"clipnorm": 1.0})
        >>> optimizer.hyperparameters
        {'learning_rate': 0.1, 'momentum': 0.9, 'clipnorm': 1.0}
    """
    optimizer_class = load_optimizer(name)
    given: dict[str, Any] = dict(hyperparameters or {})
    thresholds: dict[str, Any] = dict(clipping or {})
    _refuse_unknown(f"a hyperparameter of {name}", given, OPTIMIZERS[name].hyperparameters)
    _refuse_unknown("the kind of clipping", thresholds, CLIPPING)
    return optimizer_class(**given, **thresholds)


def _refuse_unknown(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    names = list(known)
    for name in given:
        if name not in names:
            raise ValueError(
                f"{what} must be one of {', '.join(names)}. Received {name!r}."
                + did_you_mean(name, names)
            )
