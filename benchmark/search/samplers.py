"""Optuna's samplers and pruners, each made afresh from a named seed so that no state is hidden."""

import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, QMCSampler

from benchmark.search.errors import SearchError
from benchmark.search.space import SearchSpace
from benchmark.study.samplers import PRUNERS, SAMPLERS, Proposal, missing_package
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

    def draws(self, start: Collection[str]) -> bool:
        """Whether a trial takes a point of the sequence, of whose numbers some are given.

        Args:
            start: the names of those that are given.
        """
        return not self._known_space.keys() <= set(start)

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
    name: str,
    space: SearchSpace,
    k: int,
    *,
    study_seed: int,
    label_index: int,
    trials: int,
) -> BaseSampler:
    """Make the sampler that proposes one trial.

    Args:
        name: a key of :data:`benchmark.study.samplers.SAMPLERS`.
        space: the search space of the label.
        k: index of the trial within its label, ≥ 0.
        study_seed: the seed of the study.
        label_index: the index of the label in ``compare``.
        trials: how many trials the label gets.

    Raises:
        SearchError: the grid sampler meets a continuous dimension.
    """
    entry = SAMPLERS[name]
    if entry.is_grid:
        check_grid(space)
    proposal = Proposal(
        space,
        trials,
        seed=named_seed(study_seed, "sampler", label_index, k),
        shared_seed=named_seed(study_seed, "sampler"),
    )
    sampler: BaseSampler = _made(entry.target, entry.arguments(proposal))
    return sampler


def check_grid(space: SearchSpace, label: str = "") -> None:
    """Refuse a grid over a continuous dimension.

    Raises:
        SearchError: a dimension is a range without a step.
    """
    for name in space.distributions:
        if name not in space.finite:
            raise SearchError(
                f"the grid sampler needs finite dimensions. Received a range without step at "
                f"search.{label}.{name}. Add step, write choices, or take another sampler."
            )


def check_installed(name: str) -> None:
    """Refuse a sampler whose package is not installed.

    Raises:
        SearchError: it is not.
    """
    if missing := missing_package(name):
        rule, remedy = missing
        raise SearchError(f"{rule}. Received {name!r} at budget.sampler. {remedy}")


def make_pruner(
    name: str, warmup_epochs: int, epochs: int, options: Mapping[str, Any] | None = None
) -> BasePruner:
    """Make a pruner that leaves every trial its first epochs.

    Args:
        name: a key of :data:`benchmark.study.samplers.PRUNERS`.
        warmup_epochs: epochs that every trial is trained, ≥ 0; the first rung of
            successive halving and hyperband.
        epochs: the epochs of a trial that is not pruned, ≥ 1.
        options: the pruner's own, by the names of its class's arguments.

    Example:
        >>> type(make_pruner("median", warmup_epochs=3, epochs=20)).__name__
        'MedianPruner'
    """
    entry = PRUNERS[name]
    arguments = {**entry.arguments(warmup_epochs, epochs), **(options or {})}
    wrapped = arguments.get("wrapped_pruner")
    if wrapped is not None:
        is_none = wrapped == "none"
        arguments["wrapped_pruner"] = (
            None if is_none else make_pruner(wrapped, warmup_epochs, epochs)
        )
    pruner: BasePruner = _made(entry.target, arguments)
    return pruner


@contextmanager
def expected_warnings() -> Iterator[None]:
    """Within, samplers do not warn of what is as it should be.

    A Gaussian process takes the objective of a diverged trial for the worst finite one. PyTorch
    looks for a graphics card, although Optuna computes on the processor.
    """
    with warnings.catch_warnings():
        for message in ("Clip non-finite values", "CUDA initialization"):
            warnings.filterwarnings("ignore", message, UserWarning)
        yield


def _made(target: str, arguments: Mapping[str, Any]) -> Any:
    module, _, name = target.partition(":")
    with warnings.catch_warnings():
        # Optuna marks some as experimental; their behaviour is pinned by our tests.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return getattr(import_module(module), name)(**arguments)
