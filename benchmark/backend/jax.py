"""The transformations on JAX."""

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmark.backend.cache import cache_folder

Function = Callable[..., Any]


def setup() -> None:
    """Make float64 available and float32 exact."""
    # Training stays in float32, dtypes being explicit in Keras; only its sparse categorical
    # cross-entropy then sums over classes in float64.
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    folder = cache_folder("jax", jax.__version__)
    if folder is not None and jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # On JAX, Keras rounds results of float64 operations to float32, although JAX itself does not,
    # and it has no public switch. If this Keras has no such table, `HessianProgram` finds out: it
    # refuses a loss that does not keep float64.
    with contextlib.suppress(ImportError, AttributeError):
        from benchmark.backend import keras_internals

        keras_internals.keep_float64()


def make_deterministic() -> None:
    """See :func:`benchmark.backend.make_deterministic`: JAX is, on a processor."""


def devices() -> list[str]:
    """See :func:`benchmark.backend.devices`."""
    available = [*jax.devices(), *jax.devices("cpu")]
    names = [f"{device.platform}:{device.id}" for device in available]
    return sorted(set(names), key=lambda name: (name.startswith("cpu"), name))


def free_device_memory() -> int | None:
    """See :func:`benchmark.backend.free_memory`."""
    stats = jax.devices()[0].memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    return int(stats["bytes_limit"]) - int(stats.get("bytes_in_use", 0))


def wait_for(tensors: Any) -> None:
    """See :func:`benchmark.backend.wait_for`."""
    jax.block_until_ready(tensors)


def value_and_grad(f: Function, has_aux: bool) -> Function:
    """See :func:`benchmark.backend.value_and_grad`."""
    computed = jax.value_and_grad(f, has_aux=has_aux)

    def on_list(parameters: Any, *rest: Any) -> Any:
        return computed([jnp.asarray(parameter) for parameter in parameters], *rest)

    return on_list


def hessian_vector_product(f: Function) -> Function:
    """See :func:`benchmark.backend.hessian_vector_product`."""

    # Forward over reverse: for one float64 vector half the time of reverse over reverse.
    def product(parameters: Any, vectors: Any, *rest: Any) -> Any:
        tensors = [jnp.asarray(parameter) for parameter in parameters]
        tangents = [jnp.asarray(v, t.dtype) for v, t in zip(vectors, tensors, strict=True)]

        def gradient(point: Any) -> Any:
            return jax.grad(f)(point, *rest)

        return jax.jvp(gradient, (tensors,), (tangents,))[1]

    return product


def gauss_newton_vector_product(f: Function, g: Function) -> Function:
    """See :func:`benchmark.backend.gauss_newton_vector_product`."""

    def product(parameters: Any, vectors: Any, *rest: Any) -> Any:
        tensors = [jnp.asarray(parameter) for parameter in parameters]
        tangents = [jnp.asarray(v, t.dtype) for v, t in zip(vectors, tensors, strict=True)]

        def outputs(point: Any) -> Any:
            return f(point, *rest)

        def slope(z: Any) -> Any:
            return jax.grad(g)(z, *rest)

        z, pull_back = jax.vjp(outputs, tensors)
        push_forward = jax.jvp(outputs, (tensors,), (tangents,))[1]
        return pull_back(jax.jvp(slope, (z,), (push_forward,))[1])[0]

    return product


def vectorize(
    f: Function,
    in_axes: int | tuple[int | None, ...] | None,
    loops: bool,  # noqa: ARG001
) -> Function:
    """See :func:`benchmark.backend.vectorize`."""
    return jax.vmap(f, in_axes=in_axes)


def cond(predicate: Any, taken: Function, otherwise: Function) -> Any:
    """See :func:`benchmark.backend.cond`; ``vmap`` makes a selection of it by itself."""
    if not isinstance(predicate, jax.core.Tracer):
        # Outside a compiled function `lax` would compile both branches at every call.
        return taken() if predicate else otherwise()
    return jax.lax.cond(predicate, taken, otherwise)


def repeat(step: Function, start: tuple[Any, ...], times: int) -> tuple[Any, ...]:
    """See :func:`benchmark.backend.repeat`."""
    if any(isinstance(tensor, jax.core.Tracer) for tensor in start):
        return jax.lax.fori_loop(0, times, step, start)
    # As for `cond`: `lax` would compile the loop at every call.
    for index in range(times):
        start = step(jnp.int32(index), start)
    return start


def apart(f: Function, arguments: Any, times: int) -> list[Any]:
    """See :func:`benchmark.backend.apart`."""
    results = [f(arguments)]
    is_traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(arguments))
    if not is_traced or jax.default_backend() != "cpu":
        return results * times
    for _ in range(times - 1):
        # Barriers of barriers: two that are alike would be found to be the same.
        arguments = jax.lax.optimization_barrier(arguments)
        results.append(f(arguments))
    return results


def compile(f: Function, traced: Callable[[], None], key: str) -> Function:
    """See :func:`benchmark.backend.compile`; the cache of JAX needs no key."""
    del key

    def body(*arguments: Any) -> Any:
        traced()
        return f(*arguments)

    function = jax.jit(body)

    def call(*arguments: Any) -> Any:
        return function(*jax.tree.map(_typed, arguments))

    return call


def trace(f: Function, arguments: tuple[Any, ...]) -> Function:
    """See :func:`benchmark.backend.trace`."""

    def call(*values: Any) -> Any:
        # A NumPy array times a variable of Keras would be NumPy's affair.
        return f(*jax.tree.map(lambda leaf: jnp.asarray(_typed(leaf)), values))

    jax.eval_shape(f, *jax.tree.map(_typed, arguments))
    return call


def _typed(leaf: Any) -> Any:
    # As on TensorFlow. JAX alone would take a Python float for a weakly typed float64 and
    # compile again for an array of the same shape.
    if isinstance(leaf, bool):
        return jnp.asarray(leaf)
    if isinstance(leaf, int | float):
        return jnp.asarray(leaf, jnp.int32 if isinstance(leaf, int) else jnp.float32)
    return leaf
