"""The transformations on TensorFlow."""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import tensorflow as tf

from benchmark.backend import graphs

Function = Callable[..., Any]
_tracing = threading.RLock()
"""One thread traces at a time: several would only wait for each other."""
_is_mapped: ContextVar[bool] = ContextVar("is_mapped", default=False)
"""Whether the function being traced is one that ``vectorize`` maps."""


def setup() -> None:
    """Make TensorFlow's float32 exact."""
    # All compiled functions share one wrapper, so TensorFlow takes the first compilation of
    # each for a repeated tracing of one and warns; ``Compiled`` counts what is really traced.
    tf.get_logger().setLevel("ERROR")
    tf.config.experimental.enable_tensor_float_32_execution(False)
    tf.config.list_logical_devices()  # starts the devices now, while notices are held back


def make_deterministic() -> None:
    """See :func:`benchmark.backend.make_deterministic`."""
    with tf.init_scope():  # inside a function that is traced the seed would be that function's
        tf.config.experimental.enable_op_determinism()
        # Deterministic random operations that were given no seed raise; ours all have one, but
        # a user's own ``model.fit`` shuffles without.
        tf.random.set_seed(0)


def devices() -> list[str]:
    """See :func:`benchmark.backend.devices`."""
    devices = tf.config.list_logical_devices()
    names = [":".join(device.name.split(":")[-2:]).lower() for device in devices]
    return sorted(names, key=lambda name: name.startswith("cpu"))


def free_device_memory() -> int | None:
    """See :func:`benchmark.backend.free_memory`; TensorFlow does not tell its limit."""
    return None


def wait_for(tensors: Any) -> None:
    """See :func:`benchmark.backend.wait_for`; compiled functions wait by themselves on a CPU."""
    for tensor in tf.nest.flatten(tensors):
        if "CPU" not in tensor.device:
            tensor.numpy()


def value_and_grad(f: Function, has_aux: bool) -> Function:
    """See :func:`benchmark.backend.value_and_grad`."""

    def computed(parameters: Any, *rest: Any) -> Any:
        tensors = [tf.convert_to_tensor(parameter) for parameter in parameters]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tensors)
            value = f(tensors, *rest)
            loss = value[0] if has_aux else value
        return value, _gradient(tape, loss, tensors)

    return computed


def hessian_vector_product(f: Function) -> Function:
    """See :func:`benchmark.backend.hessian_vector_product`."""
    # Reverse over reverse. A forward accumulator over the tape ran as fast once compiled
    # (within 10 %, one or 64 vectors) and took up to twice as long to compile.
    gradient = value_and_grad(f, has_aux=False)

    def product(parameters: Any, vectors: Any, *rest: Any) -> Any:
        from benchmark.backend.keras_internals import twice_differentiable

        tensors = [tf.convert_to_tensor(parameter) for parameter in parameters]
        with tf.GradientTape(watch_accessed_variables=False) as tape, twice_differentiable():
            tape.watch(tensors)
            _, gradients = gradient(tensors, *rest)
            # H v = ∇⟨∇f, v⟩ with v constant.
            slope = tf.add_n(
                [
                    tf.reduce_sum(g * tf.stop_gradient(tf.cast(v, g.dtype)))
                    for g, v in zip(gradients, vectors, strict=True)
                ]
            )
        return _gradient(tape, slope, tensors)

    return product


def gauss_newton_vector_product(f: Function, g: Function) -> Function:
    """See :func:`benchmark.backend.gauss_newton_vector_product`."""
    curvature = hessian_vector_product(lambda outputs, *rest: g(outputs[0], *rest))

    def product(parameters: Any, vectors: Any, *rest: Any) -> Any:
        tensors = [tf.convert_to_tensor(parameter) for parameter in parameters]
        tangents = [tf.cast(v, t.dtype) for v, t in zip(vectors, tensors, strict=True)]
        with tf.GradientTape(watch_accessed_variables=False, persistent=True) as tape:
            tape.watch(tensors)
            z = f(tensors, *rest)
        # J v from reverse mode alone: Jᵀu is linear in u, and its derivative for u is J.
        u = tf.zeros_like(z)
        with tf.GradientTape(watch_accessed_variables=False) as linear:
            linear.watch(u)
            pulled_back = tape.gradient(
                z, tensors, u, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
        push_forward = linear.gradient(
            pulled_back, u, tangents, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        (bent,) = curvature([z], [push_forward], *rest)
        return tape.gradient(z, tensors, bent, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return product


def vectorize(f: Function, in_axes: int | tuple[int | None, ...] | None, loops: bool) -> Function:
    """See :func:`benchmark.backend.vectorize`."""

    def mapped(*arguments: Any) -> Any:
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(arguments)
        if len(axes) != len(arguments):
            raise ValueError(
                "in_axes must have one entry for each argument. "
                f"Received {len(axes)} for {len(arguments)} arguments."
            )
        varying = [a for a, axis in zip(arguments, axes, strict=True) if axis == 0]

        def one(elements: Any) -> Any:
            taken = iter(elements)
            token = _is_mapped.set(True)
            try:
                return f(
                    *(
                        next(taken) if axis == 0 else argument
                        for argument, axis in zip(arguments, axes, strict=True)
                    )
                )
            finally:
                _is_mapped.reset(token)

        # No silent fallback: a loop in place of a batched operation may be hundreds of times
        # slower, and nobody would know why.
        return tf.vectorized_map(one, tf.nest.map_structure(tf.convert_to_tensor, varying), loops)

    return mapped


def cond(predicate: Any, taken: Function, otherwise: Function) -> Any:
    """See :func:`benchmark.backend.cond`."""
    if not _is_mapped.get():
        return tf.cond(predicate, taken, otherwise)
    # `tf.cond` would sort the entries by branch, into tensors of sizes that XLA cannot know.
    return tf.nest.map_structure(lambda a, b: tf.where(predicate, a, b), taken(), otherwise())


def repeat(step: Function, start: tuple[Any, ...], times: int) -> tuple[Any, ...]:
    """See :func:`benchmark.backend.repeat`."""

    def body(index: Any, *now: Any) -> tuple[Any, ...]:
        return (index + 1, *step(index, now))

    carried = tf.while_loop(lambda index, *_: index < times, body, (tf.constant(0), *start))
    return tuple(carried[1:])


def apart(f: Function, arguments: Any, times: int) -> list[Any]:
    """See :func:`benchmark.backend.apart`."""
    return [f(arguments)] * times


def compile(f: Function, traced: Callable[[], None], key: str) -> Function:
    """See :func:`benchmark.backend.compile`."""

    def body(*arguments: Any) -> Any:
        traced()
        with _tracing:
            return f(*arguments)

    # Shapes stay static (no reduce_retracing): XLA compiles each shape anyway, and
    # vectorized_map needs to know them.
    function = tf.function(body, jit_compile=True, autograph=False)
    programs: dict[Any, Function] = {}

    def call(*arguments: Any) -> Any:
        # A Python number would be baked into the graph, one compilation for each value.
        tensors = tf.nest.map_structure(tf.convert_to_tensor, arguments)
        if not key or not tf.executing_eagerly():
            return function(*tensors)
        signature = graphs.signature_of(tensors)
        if signature not in programs:
            with _tracing:
                if signature not in programs:
                    traced()
                    named = f"{key} {graphs.shapes_of(tensors)}"
                    programs[signature] = graphs.program(f, named, tensors) or function
        return programs[signature](*tensors)

    return call


def trace(f: Function, arguments: tuple[Any, ...]) -> Function:
    """See :func:`benchmark.backend.trace`."""
    traced = tf.function(f, autograph=False)

    def call(*values: Any) -> Any:
        return traced(*tf.nest.map_structure(tf.convert_to_tensor, values))

    traced.get_concrete_function(*tf.nest.map_structure(tf.convert_to_tensor, arguments))
    return call


def _gradient(tape: Any, target: Any, tensors: Any) -> Any:
    if not tf.is_tensor(target):
        return [tf.zeros_like(tensor) for tensor in tensors]
    return tape.gradient(target, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
