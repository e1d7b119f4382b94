"""CMA-ES, rebuilt for each proposal from the finished trials, so that no state is hidden."""

import math
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from optuna import Study
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from benchmark.search.space import SearchSpace

GENERATION = "generation"
"""The user attribute of a trial that says of which generation it is."""
SIGMA = 1 / 6
"""The first step size, as a share of each range: that of Optuna's sampler."""


class CmaEs(BaseSampler):
    """The covariance matrix adaptation evolution strategy in the unit cube of the ranges.

    Optuna's own class keeps its state as a pickle in the storage, which a resumed run would
    execute. This one keeps the generation of each trial, and tells a new strategy of the finished
    generations in their order. The mean begins at the best whole starting setting, or else in the
    middle. Choices are drawn at random.

    Args:
        space: what is searched.
        seed: of this trial alone.

    References:
        Hansen, The CMA evolution strategy: a tutorial, 2016, with its population of
        4 + ⌊3 ln n⌋ for n ranges.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._ranges = {
            name: distribution
            for name, distribution in space.distributions.items()
            if not isinstance(distribution, CategoricalDistribution) and not distribution.single()
        }
        self._seed = seed
        self._random = RandomSampler(seed=seed)
        self.generation: int | None = None
        """Of the trial that was proposed; nothing where nothing was drawn for it."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return all ranges."""
        del study, trial
        return dict(self._ranges)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw from the distribution after the last finished generation."""
        del trial
        if not search_space:
            return {}
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        sign = 1 if study.direction == StudyDirection.MINIMIZE else -1
        strategy, self.generation = self._strategy(finished, sign)
        point = strategy.ask()
        names = zip(self._ranges.items(), point, strict=True)
        return {name: from_unit(distribution, float(x)) for (name, distribution), x in names}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw a choice at random."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _strategy(self, finished: Sequence[FrozenTrial], sign: int) -> tuple[Any, int]:
        """The strategy that knows all finished generations, and the number of the next one."""
        import cmaes
        import numpy as np

        size = len(self._ranges)
        starts = [t for t in finished if GENERATION not in t.user_attrs]
        starts.sort(key=lambda start: (sign * _value(start), start.number))
        mean = self._point(starts[0].params) if starts else [0.5] * size
        bounds = np.array([[0.0, 1.0]] * size)
        strategy = cmaes.CMA(np.array(mean), SIGMA, bounds=bounds, seed=self._seed)
        for generation in count():
            members = [t for t in finished if t.user_attrs.get(GENERATION) == generation]
            if len(members) < strategy.population_size:
                return strategy, generation
            told = members[: strategy.population_size]
            strategy.tell([(np.array(self._point(t.params)), sign * _value(t)) for t in told])
        raise AssertionError("generations are counted until one is not finished")

    def _point(self, params: Mapping[str, Any]) -> list[float]:
        return [to_unit(self._ranges[name], params[name]) for name in self._ranges]


def _value(trial: FrozenTrial) -> float:
    return math.inf if trial.value is None else trial.value


def to_unit(distribution: BaseDistribution, value: float) -> float:
    """Return where a value lies in its range, from 0 to 1.

    Example:
        >>> to_unit(FloatDistribution(0.01, 1.0, log=True), 0.1)
        0.5
    """
    low, high, is_log = _ends(distribution)
    inner = math.log(value) if is_log else value
    return min(1.0, max(0.0, (inner - low) / (high - low)))


def from_unit(distribution: BaseDistribution, share: float) -> float | int:
    """Return the value at a place of its range, on the grid where there is one.

    Example:
        >>> [from_unit(IntDistribution(1, 3), share) for share in (0.0, 0.5, 1.0)]
        [1, 2, 3]
    """
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high, is_log = _ends(distribution)
    value = low + share * (high - low)
    value = math.exp(value) if is_log else value
    if distribution.step is not None:
        steps = round((value - distribution.low) / distribution.step)
        value = distribution.low + steps * distribution.step
    value = min(max(value, distribution.low), distribution.high)
    return int(value) if isinstance(distribution, IntDistribution) else value


def _ends(distribution: BaseDistribution) -> tuple[float, float, bool]:
    """The ends of a range; whole numbers and grids have half a step more at both."""
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    half = 0.0 if distribution.step is None else distribution.step / 2
    low, high = distribution.low - half, distribution.high + half
    return (math.log(low), math.log(high), True) if distribution.log else (low, high, False)
