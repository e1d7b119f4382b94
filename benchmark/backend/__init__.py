"""Keras's backend, and the transformations that Keras itself does not offer.

Keras 3 gives one model API over TensorFlow and JAX, but no derivatives of pure functions, no
Hessian-vector products and no vectorisation over trials. This folder adds them, with the same
meaning on both frameworks, and is the only place in the project that imports either.

Importing this package is cheap. :func:`select` imports the framework; without it, the framework
that ``keras.backend.backend()`` names is used at the first call.
"""

from benchmark.backend.memory import free_system_memory
from benchmark.backend.selection import (
    BACKENDS,
    computing_threads,
    devices,
    free_memory,
    make_deterministic,
    name,
    select,
    versions,
)
from benchmark.backend.transformations import (
    Compiled,
    apart,
    compile,
    cond,
    gauss_newton_vector_product,
    hessian_vector_product,
    kept_as,
    repeat,
    trace,
    value_and_grad,
    vectorize,
    wait_for,
)

__all__ = [
    "BACKENDS",
    "Compiled",
    "apart",
    "compile",
    "computing_threads",
    "cond",
    "devices",
    "free_memory",
    "free_system_memory",
    "gauss_newton_vector_product",
    "hessian_vector_product",
    "kept_as",
    "make_deterministic",
    "name",
    "repeat",
    "select",
    "trace",
    "value_and_grad",
    "vectorize",
    "versions",
    "wait_for",
]
