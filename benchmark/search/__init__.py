"""The search: which trial to train next, and which to stop early.

The tables below are read by ``list`` and ``validate``, so this module imports
neither Optuna nor anything heavy; :class:`Search` is imported when it is first
asked for.

Example:
    >>> sorted(SAMPLERS)
    ['grid', 'quasi_random', 'random', 'tpe']
    >>> sorted(PRUNERS)
    ['hyperband', 'median', 'none', 'successive_halving']
"""

from typing import TYPE_CHECKING, Any

from benchmark.search.errors import SearchError
from benchmark.search.trials import Diagnosis, SearchSettings, build_trial, settings_of
from benchmark.study.schema import PrunerName, SamplerName

if TYPE_CHECKING:
    from benchmark.search.search import Search

__all__ = [
    "PRUNERS",
    "SAMPLERS",
    "Diagnosis",
    "Search",
    "SearchError",
    "SearchSettings",
    "build_trial",
    "settings_of",
]

SAMPLERS: dict[SamplerName, str] = {
    "tpe": "tree-structured Parzen estimator: learns from finished trials where good ones lie",
    "random": "independent uniform draws from the search space",
    "quasi_random": "scrambled Sobol points, which cover the search space more evenly than random",
    "grid": "every combination of the listed values once, in a shuffled order",
}
"""The samplers a study may name, with a sentence each."""

PRUNERS: dict[PrunerName, str] = {
    "none": "every trial trains all its epochs",
    "median": "stops a trial whose best value is worse than the median of the others",
    "successive_halving": "lets the best quarter of the trials pass each rung of epochs",
    "hyperband": "runs several successive halvings, from strict to lenient",
}
"""The pruners a study may name, with a sentence each."""


def __getattr__(name: str) -> Any:
    """Import :class:`Search`, and with it Optuna, on first use (PEP 562)."""
    if name == "Search":
        from benchmark.search.search import Search

        return Search
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
