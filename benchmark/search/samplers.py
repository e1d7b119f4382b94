"""Optuna's samplers and pruners, each made afresh from a named seed so that no state is hidden."""

import warnings
from typing import Any, assert_never

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)
from optuna.samplers import BaseSampler, GridSampler, QMCSampler, RandomSampler, TPESampler

from benchmark.search.errors import SearchError
from benchmark.search.space import SearchSpace
from benchmark.study.schema import PrunerName, SamplerName
from benchmark.trial import named_seed


class ScrambledSobol(QMCSampler):
    """Scrambled Sobol points over a space that is known before the first trial.

    Optuna's own class learns the space from the first finished trial: until then it
    draws at random, so that trial 0, and with parallel slots others, would lie off
    the sequence.

    Args:
        space: the searched dimensions.
        seed: of the scrambling.

    References:
        Bergstra and Bengio, Random search for hyper-parameter optimization, 2012,
        section 4 (quasi-random sequences as a better random search).
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        with warnings.catch_warnings():
            # Marked experimental since Optuna 3.0; its behaviour is pinned by our tests.
            warnings.simplefilter("ignore", ExperimentalWarning)
            super().__init__(
                qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False
            )
        self._known_space = {
            name: distribution
            for name, distribution in space.distributions.items()
            if not distribution.single()
        }

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the whole space, from the first trial on."""
        del study, trial
        return dict(self._known_space)

    def skip(self, study: optuna.Study, count: int) -> None:
        """Move past the points that earlier trials of a resumed study were given.

        Args:
            study: the study whose counter is moved.
            count: how many points.
        """
        unused: Any = None
        for _ in range(count):
            self.sample_relative(study, unused, self._known_space)


def make_sampler(
    name: SamplerName,
    space: SearchSpace,
    k: int,
    *,
    study_seed: int,
    label_index: int,
    trials: int,
) -> BaseSampler:
    """Make the sampler that proposes one trial.

    Random and TPE are seeded by label and trial, so that a proposal depends on the
    trials told and on nothing that a kill could lose. Sobol and grid order are
    seeded alike for every label: the compared optimizers meet the same points of
    their unit cubes.

    Args:
        name: a key of ``benchmark.search.SAMPLERS``.
        space: the search space of the label.
        k: index of the trial within its label, ≥ 0.
        study_seed: the seed of the study.
        label_index: the place of the label in ``compare``.
        trials: how many trials the label gets.

    Raises:
        SearchError: the grid sampler meets a dimension without end.
    """
    seed = named_seed(study_seed, "sampler", label_index, k)
    shared = named_seed(study_seed, "sampler")
    match name:
        case "random":
            return RandomSampler(seed=seed)
        case "tpe":
            return TPESampler(
                seed=seed,
                n_startup_trials=startup_trials(len(space.distributions), trials),
                multivariate=True,
                constant_liar=True,  # keeps parallel slots from being given the same point
            )
        case "quasi_random":
            return ScrambledSobol(space, shared)
        case "grid":
            check_grid(space)
            return GridSampler(space.points, seed=shared)


def startup_trials(dimensions: int, trials: int) -> int:
    """How many trials are drawn at random before TPE learns.

    Optuna's 10 (Bergstra et al., 2011, use 20 or more), but no more than a third
    of a small budget, and never fewer than one beyond the dimensions, which a
    multivariate density needs (Falkner et al., BOHB, 2018, section 3.2).

    Example:
        >>> startup_trials(dimensions=5, trials=100), startup_trials(dimensions=5, trials=12)
        (10, 6)
    """
    return min(10, max(dimensions + 1, trials // 3))


def check_grid(space: SearchSpace, label: str = "") -> None:
    """Refuse a grid over a dimension without end.

    Raises:
        SearchError: a dimension is a range without a step.
    """
    for name in space.distributions:
        if name not in space.finite:
            raise SearchError(
                f"the grid sampler needs finite dimensions. Received a range without step at "
                f"search.{label}.{name}. Add step, write choices, or take another sampler."
            )


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
