"""Kappabench: hyperparameter studies and benchmarks of deep-learning optimizers.

The package imports nothing heavy by itself: TensorFlow or JAX are loaded by
:mod:`benchmark.backend` when a model is trained, never before. What Python programs use is
imported when it is first asked for::

    from benchmark import load_run, load_study, run_study
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.api.run import Run as Run
    from benchmark.api.run import load_run as load_run
    from benchmark.api.running import resume_run as resume_run
    from benchmark.api.running import run_study as run_study
    from benchmark.api.studies import load_study as load_study
    from benchmark.errors import UserError as UserError
    from benchmark.study.schema import Study as Study

__version__ = "0.1.0"

_MODULES = {
    "Run": "api.run",
    "Study": "study.schema",
    "UserError": "errors",
    "load_run": "api.run",
    "load_study": "api.studies",
    "resume_run": "api.running",
    "run_study": "api.running",
}


def __getattr__(name: str) -> Any:
    """Import what Python programs use when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The names that Python programs use, also those not imported yet."""
    return sorted({*globals(), *_MODULES})
