"""Engines: they train trials and know nothing of studies, samplers or MLflow.

:class:`SequentialEngine` is the plain reference, one trial at a time through the
public Keras API. :class:`VectorizedEngine` trains many trials at once. Importing this
package imports no framework; the classes do.
"""

from typing import TYPE_CHECKING, Any

from benchmark.engine.choice import DEFAULT_ENGINE, ENGINES, EngineChoice

if TYPE_CHECKING:
    from benchmark.engine.export import ExportedModel, exported_model
    from benchmark.engine.sequential import SequentialEngine
    from benchmark.engine.task import trained_model
    from benchmark.engine.vectorized import VectorizedEngine

__all__ = [
    "DEFAULT_ENGINE",
    "ENGINES",
    "EngineChoice",
    "ExportedModel",
    "SequentialEngine",
    "VectorizedEngine",
    "exported_model",
    "trained_model",
]


def __getattr__(name: str) -> Any:
    if name == "SequentialEngine":
        from benchmark.engine.sequential import SequentialEngine

        return SequentialEngine
    if name == "VectorizedEngine":
        from benchmark.engine.vectorized import VectorizedEngine

        return VectorizedEngine
    if name == "trained_model":
        from benchmark.engine.task import trained_model

        return trained_model
    if name in ("ExportedModel", "exported_model"):
        from benchmark.engine import export

        return getattr(export, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
