"""Optuna's pruners, set up from a study's budget."""

from typing import assert_never

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)

from benchmark.study import PrunerName


def make_pruner(name: PrunerName, warmup_epochs: int, epochs: int) -> BasePruner:
    """Make a pruner that leaves every trial its first epochs.

    Args:
        name: a key of ``benchmark.search.PRUNERS``.
        warmup_epochs: epochs that every trial is trained, ≥ 0; the first rung of
            successive halving and hyperband.
        epochs: the epochs of a trial that is not pruned, ≥ 1.

    Example:
        >>> type(make_pruner("median", warmup_epochs=3, epochs=20)).__name__
        'MedianPruner'

    References:
        median: Golovin et al., Google Vizier, 2017, section 3.2; that 5 trials finish
        first is Optuna's default.
        successive halving: Li et al., A system for massively parallel hyperparameter
        tuning, 2020; reduction factor 4 as in section 4.
        hyperband: Li et al., Hyperband, 2018; reduction factor 3 as in section 3.
    """
    # More than all epochs would leave hyperband without a bracket.
    first_rung = min(max(1, warmup_epochs), epochs)
    match name:
        case "none":
            return NopPruner()
        case "median":
            return MedianPruner(n_startup_trials=5, n_warmup_steps=warmup_epochs)
        case "successive_halving":
            return SuccessiveHalvingPruner(min_resource=first_rung, reduction_factor=4)
        case "hyperband":
            return HyperbandPruner(first_rung, max_resource=epochs, reduction_factor=3)
    assert_never(name)
