"""Kappabench: hyperparameter studies and benchmarks of deep-learning optimizers.

The package imports nothing heavy by itself: TensorFlow or JAX are loaded by
:mod:`benchmark.backend` when a model is trained, never before.
"""

import sys as _sys
from os import getcwd as _getcwd

# `python -m` puts the current folder in front of all others, an installed command does not.
# Somebody else's folder of results may hold a `numpy.py`: it must hide nothing.
if _sys.argv[:1] == ["-m"] and _sys.path[:1] == [_getcwd()]:  # noqa: PTH109 - as in sys.path
    _sys.path.append(_sys.path.pop(0))

__version__ = "0.1.0"
