"""The framework is set up (float64 on JAX, determinism) before any tensor is made."""

from benchmark import backend

backend.select(backend.name())
