"""Kappabench: hyperparameter studies and benchmarks of deep-learning optimizers.

The package imports nothing heavy by itself: TensorFlow or JAX are loaded by
:mod:`benchmark.backend` when a model is trained, never before.
"""

__version__ = "0.1.0"
