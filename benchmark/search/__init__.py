"""The search: which trial to train next, and which to stop early.

This module imports neither Optuna nor anything else that is heavy: :class:`Search` is imported
when it is first asked for. The samplers and pruners are in :mod:`benchmark.study.samplers`.
"""

from typing import TYPE_CHECKING, Any

from benchmark.search.errors import SearchError
from benchmark.search.trials import Diagnosis, SearchSettings, build_trial, settings_of

if TYPE_CHECKING:
    from benchmark.search.search import Search

__all__ = [
    "Diagnosis",
    "Search",
    "SearchError",
    "SearchSettings",
    "build_trial",
    "settings_of",
]


def __getattr__(name: str) -> Any:
    """Import :class:`Search`, and with it Optuna, on first use (PEP 562)."""
    if name == "Search":
        from benchmark.search.search import Search

        return Search
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
