"""Which optimizers there are, with their hyperparameters and default search spaces.

Read by ``list`` and ``validate``, so nothing here imports Keras; a class is
imported when :func:`load_optimizer` is first asked for it.
"""

import importlib
from functools import cache
from typing import Any

from benchmark.errors import did_you_mean
from benchmark.optimizers.constructor import read_constructor, summary_of
from benchmark.optimizers.entries.adaptive import ADAPTIVE
from benchmark.optimizers.entries.classical import CLASSICAL
from benchmark.optimizers.entries.large_batch import LARGE_BATCH
from benchmark.optimizers.entries.recent import RECENT
from benchmark.optimizers.entries.second_order import SECOND_ORDER
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.foreign import foreign_class, is_foreign

OPTIMIZERS: dict[str, OptimizerEntry] = {
    **CLASSICAL,
    **ADAPTIVE,
    **LARGE_BATCH,
    **RECENT,
    **SECOND_ORDER,
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
        ValueError: the optimizer must be one of gradient_descent, sgd, momentum, ... \
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
