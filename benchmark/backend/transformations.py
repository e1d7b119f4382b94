"""Transformations of pure functions, alike on TensorFlow and JAX.

A function is pure if its outputs depend on its arguments alone and it changes nothing: a Keras
model takes part through ``model.stateless_call``. Its first argument is a list of tensors, the
parameters; derivatives are taken for them. Transformations nest, ``compile`` outermost.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any

from benchmark.backend.selection import implementation, make_deterministic

Tensor = Any
"""A tensor of the framework in use."""
Parameters = Sequence[Tensor]
Function = Callable[..., Any]
_naming: ContextVar[tuple[str, Iterator[int]] | None] = ContextVar("naming", default=None)
Axes = int | None | Sequence[int | None]


def value_and_grad(f: Function, *, has_aux: bool = False) -> Function:
    """Return a function that computes ``f`` and its gradient in one pass.

    Args:
        f: ``f(parameters, *rest) -> scalar``, or ``-> (scalar, auxiliary)``.
        has_aux: whether ``f`` returns a pair, whose second member (any nest of tensors, for
            instance the state of BatchNormalization) is passed through.

    Returns:
        ``g(parameters, *rest) -> (value, gradients)``, where ``value`` is what ``f`` returns
        and ``gradients`` is a list shaped like ``parameters``. The gradient for a parameter
        that does not take part is zero.

    Example:
        >>> from keras import ops
        >>> f = value_and_grad(lambda parameters, scale: scale * ops.sum(parameters[0] ** 2))
        >>> value, (gradient,) = f([ops.convert_to_tensor([1.0, 2.0])], 3.0)
        >>> float(value), ops.convert_to_numpy(gradient).tolist()
        (15.0, [6.0, 12.0])
    """
    return implementation().value_and_grad(f, has_aux)


def hessian_vector_product(f: Function) -> Function:
    """Return a function that multiplies the Hessian of ``f`` by a vector.

    With gradient ∇f and Hessian H = ∂²f/∂θ², both at ``parameters``, it computes

        H v = ∂/∂ε ∇f(θ + ε v) at ε = 0

    without forming H, at a small multiple of the cost of a gradient.

    Args:
        f: ``f(parameters, *rest) -> scalar``, twice differentiable at ``parameters``.

    Returns:
        ``g(parameters, vectors, *rest) -> products``; ``vectors`` and ``products`` are lists
        shaped like ``parameters``.

    Example:
        >>> from keras import ops
        >>> product = hessian_vector_product(lambda parameters: ops.sum(parameters[0] ** 3))
        >>> theta, v = ops.convert_to_tensor([1.0, 2.0]), ops.convert_to_tensor([1.0, 1.0])
        >>> ops.convert_to_numpy(product([theta], [v])[0]).tolist()
        [6.0, 12.0]

    References:
        Pearlmutter, Fast exact multiplication by the Hessian, 1994.
    """
    return implementation().hessian_vector_product(f)


def gauss_newton_vector_product(f: Function, g: Function) -> Function:
    """Return a function that multiplies a generalised Gauss-Newton matrix by a vector.

    With outputs z = f(θ), their Jacobian J = ∂z/∂θ and a scalar g(z), it computes

        G v = Jᵀ (∇²g) J v

    without forming J or ∇²g, at a small multiple of the cost of a gradient.

    Args:
        f: ``f(parameters, *rest) -> outputs``, one tensor, differentiable at ``parameters``.
        g: ``g(outputs, *rest) -> scalar``, twice differentiable at the outputs.

    Returns:
        ``h(parameters, vectors, *rest) -> products``; ``vectors`` and ``products`` are lists
        shaped like ``parameters``.

    Example:
        >>> from keras import ops
        >>> product = gauss_newton_vector_product(
        ...     lambda parameters: parameters[0] ** 2, lambda z: ops.sum(z ** 2)
        ... )
        >>> theta, v = ops.convert_to_tensor([1.0, 2.0]), ops.convert_to_tensor([1.0, 1.0])
        >>> ops.convert_to_numpy(product([theta], [v])[0]).tolist()
        [8.0, 32.0]

    References:
        Schraudolph, Fast curvature matrix-vector products, 2002; Martens, New insights and
        perspectives on the natural gradient method, 2020, §8.
    """
    return implementation().gauss_newton_vector_product(f, g)


def vectorize(f: Function, in_axes: Axes = 0, *, loops: bool = False) -> Function:
    """Return a function that applies ``f`` along a new leading axis of its arguments.

    Args:
        f: a pure function of nests of tensors. Nothing random inside, except draws whose seed
            is an argument.
        in_axes: 0 for an argument with the leading axis, ``None`` for one that all calls
            share; one entry for all arguments, or one for each.
        loops: whether an operation that TensorFlow cannot batch (a convolution whose filters
            have the leading axis, a random draw) may be done for one entry after the other.
            JAX batches all.

    Returns:
        A function with the same arguments, whose outputs all have the leading axis.

    Raises:
        ValueError: an entry of ``in_axes`` is neither 0 nor ``None``, or all are ``None``.

    Example:
        >>> from keras import ops
        >>> scaled = vectorize(lambda x, scale: scale * ops.sum(x), in_axes=(0, None))
        >>> ops.convert_to_numpy(scaled(ops.ones((3, 2)), ops.convert_to_tensor(5.0))).tolist()
        [10.0, 10.0, 10.0]
    """
    entries = [in_axes] if in_axes is None or isinstance(in_axes, int) else list(in_axes)
    # TensorFlow maps over the leading axis only, so JAX is held to the same.
    if any(axis not in (0, None) for axis in entries) or 0 not in entries:
        raise ValueError(
            f"in_axes must hold 0 or None, and 0 at least once. Received {in_axes!r}. "
            "Transpose the argument so that the mapped axis comes first."
        )
    axes = in_axes if in_axes is None or isinstance(in_axes, int) else tuple(in_axes)
    return implementation().vectorize(f, axes, loops)


def cond(predicate: Tensor, taken: Function, otherwise: Function) -> Any:
    """Return ``taken()`` where a scalar predicate holds, and ``otherwise()`` where not.

    One branch alone is computed, but for a function that is mapped by :func:`vectorize`: its
    predicate differs from entry to entry, so both are computed and one is selected.

    Args:
        predicate: a boolean scalar tensor.
        taken: a pure function without arguments.
        otherwise: another, whose results are like those of ``taken`` in structure, shapes
            and types.

    Example:
        >>> from keras import ops
        >>> x = ops.convert_to_tensor(-3.0)
        >>> float(cond(x > 0, lambda: x, lambda: -x))
        3.0
    """
    return implementation().cond(predicate, taken, otherwise)


def repeat(step: Function, start: Sequence[Tensor], times: int) -> tuple[Tensor, ...]:
    """Apply a step a fixed number of times: one loop of a compiled program, whose size it keeps.

    Args:
        step: ``step(index, tensors) -> tensors``, pure; ``index`` is an int32 scalar from 0, and
            the tensors keep their shapes and types.
        start: the first tensors.
        times: how often, ≥ 0.

    Example:
        >>> from keras import ops
        >>> power, = repeat(lambda _, now: (2 * now[0],), (ops.convert_to_tensor(1.0),), 10)
        >>> float(power)
        1024.0
    """
    results: tuple[Tensor, ...] = implementation().repeat(step, tuple(start), times)
    return results


def apart(f: Function, arguments: Any, times: int) -> list[Any]:
    """Return ``f(arguments)`` several times, for uses that are to be one loop over memory.

    What has two uses is kept in memory in between by XLA on a processor, which computes nothing
    twice while it joins operations: one loop writes it, and another reads it again. Where every
    use takes a result of its own, nothing has two uses, and one loop can do all (see
    ``JOINED_RESULTS`` of the selection). The operations are the same, and so are the results.

    Args:
        f: a pure function of elementwise operations, cheap against a pass over memory.
        arguments: a nest of tensors that are in memory already, such as a gradient.
        times: how many results are wanted, ≥ 1.

    Returns:
        What ``f`` returns, as often: computed once wherever computing it again gains nothing,
        as on TensorFlow, on a graphics card, and outside a compiled function.

    Example:
        >>> from keras import ops
        >>> [float(value) for value in apart(lambda x: 2 * x, ops.convert_to_tensor(3.0), 2)]
        [6.0, 6.0]
    """
    return list(implementation().apart(f, arguments, times))


def wait_for(tensors: Any) -> None:
    """Return once tensors are computed; JAX hands them out before.

    Args:
        tensors: any nest of them.
    """
    implementation().wait_for(tensors)


class Compiled:
    """A function compiled by XLA; made by :func:`compile`.

    It is compiled again for each new structure, shape or dtype of its arguments, never for new
    values: Python numbers become tensors. ``compilations`` counts how often that happened.
    """

    def __init__(self, f: Function, key: str = "") -> None:
        self.compilations = 0
        """How many structures of arguments have been compiled, or loaded from the cache."""
        make_deterministic()
        if key:
            key = f"{f.__module__}.{f.__qualname__} {key}"
        self._call: Function = implementation().compile(f, self._count, key)

    def __call__(self, *arguments: Any) -> Any:
        """Run the compiled function, compiling it first where that is due."""
        return self._call(*arguments)

    def _count(self) -> None:
        """Called while tracing alone."""
        self.compilations += 1


@contextmanager
def kept_as(key: str) -> Iterator[None]:
    """Keep the graphs of the functions that :func:`compile` takes within the block.

    A later process that takes the same functions in the same order need not trace them again. JAX
    keeps no graphs.

    Args:
        key: names all that shapes the functions beside their arguments and the source of this
            package; empty where nothing can name it, such as the code of a user: none is kept.

    Example:
        >>> with kept_as("the example of kept_as"):
        ...     double = compile(lambda x: 2 * x)
        >>> float(double(1.5))
        3.0
    """
    token = _naming.set((key, count()) if key else None)
    try:
        yield
    finally:
        _naming.reset(token)


def compile(f: Function) -> Compiled:
    """Compile a pure function with XLA.

    Args:
        f: a function of nests of tensors, called with positional arguments; NumPy arrays and
            Python numbers are taken as tensors (a float as float32, an integer as int32). It
            must not read variables that change: pass their values.

    Returns:
        A callable with a count of its compilations.

    Example:
        >>> import numpy as np
        >>> double = compile(lambda x: 2 * x)
        >>> float(double(np.float32(1.0))), float(double(np.float32(2.5))), double.compilations
        (2.0, 5.0, 1)
    """
    naming = _naming.get()
    if naming is None:
        return Compiled(f)
    key, numbers = naming
    return Compiled(f, f"{key} {next(numbers)}")


def trace(f: Function, *arguments: Any) -> Function:
    """Take a function as a compiler takes it, without compiling it.

    It is called once, with tensors whose values are not known, so whatever needs a value in
    Python (a branch, ``float()``) raises, as it would in :func:`compile`.

    Args:
        f: a pure function of nests of tensors.
        arguments: positional ones, for their structure, shapes and types.

    Returns:
        The function, run operation by operation: for a few calls of a small function, where
        XLA would take longer to compile than to run.

    Example:
        >>> half = trace(lambda x: x / 2, 1.0)
        >>> float(half(3.0))
        1.5
        >>> try:
        ...     trace(lambda x: x if x > 0 else -x, 1.0)
        ... except Exception:
        ...     print("a branch on a value")
        a branch on a value
    """
    return implementation().trace(f, arguments)
