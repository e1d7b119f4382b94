"""Which optimizers there are, with their hyperparameters and default search spaces.

Read by ``list`` and ``validate``, so nothing here imports Keras; a class is
imported when :func:`load_optimizer` is first asked for it.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from benchmark.errors import did_you_mean
from benchmark.optimizers.constructor import Option, read_constructor, summary_of
from benchmark.optimizers.foreign import foreign_class, is_foreign
from benchmark.optimizers.hyperparameter import Hyperparameter


@dataclass(frozen=True, slots=True)
class OptimizerEntry:
    """What the catalogue says of one optimizer.

    Args:
        summary: its update rule in a line.
        target: ``"module:Class"``.
        hyperparameters: by name, in the order in which they are shown.
        full_batch: whether the method is defined for the gradient over all training
            examples only.
        options: structural arguments that a study may fix, with their defaults.
    """

    summary: str
    target: str
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    full_batch: bool = False
    options: Mapping[str, Option] = field(default_factory=dict)


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


def optimizer_entry(name: str) -> OptimizerEntry:
    """Return what is known of an optimizer.

    Args:
        name: a key of ``OPTIMIZERS``, which needs no import; or ``keras:Class`` or
            ``package.module:Class``, whose class is imported, and Keras with it.

    Raises:
        ValueError: there is no such optimizer; the sentence says what to write.

    Example:
        >>> optimizer_entry("sdg")
        Traceback (most recent call last):
            ...
        ValueError: the optimizer must be one of gradient_descent, sgd, momentum, nesterov, adam. \
Received 'sdg'. Did you mean `sgd`?
        >>> rate = optimizer_entry("keras:Lion").hyperparameters["learning_rate"]
        >>> rate.default, dict(rate.space)
        (0.001, {'low': 1e-05, 'high': 0.1, 'log': True})
    """
    if is_foreign(name):
        return _foreign_entry(name)
    if name not in OPTIMIZERS:
        raise ValueError(
            f"the optimizer must be one of {', '.join(OPTIMIZERS)}. Received {name!r}."
            + did_you_mean(name, OPTIMIZERS)
        )
    return OPTIMIZERS[name]


def load_optimizer(name: str) -> Any:
    """Return the class of an optimizer; imports Keras.

    Args:
        name: as for :func:`optimizer_entry`.

    Raises:
        ValueError: there is no such optimizer.

    Example:
        >>> load_optimizer("adam").__name__
        'Adam'
    """
    if is_foreign(name):
        return foreign_class(name)
    module, _, class_name = optimizer_entry(name).target.partition(":")
    return getattr(importlib.import_module(module), class_name)


def is_adapted(name: str) -> bool:
    """Return whether the class of an optimizer is not ours by its base; imports Keras if not."""
    return is_foreign(name) and not _is_ours(foreign_class(name))


def _is_ours(optimizer_class: Any) -> bool:
    base = importlib.import_module("benchmark.optimizers.base").Optimizer
    return issubclass(optimizer_class, base)


@cache
def _foreign_entry(name: str) -> OptimizerEntry:
    found = foreign_class(name)
    hyperparameters, options = read_constructor(found)
    if _is_ours(found):
        hyperparameters = dict(found.hyperparameter_table)
    return OptimizerEntry(summary_of(found), name, hyperparameters, options=options)
