"""Transformations of pure functions, alike on TensorFlow and JAX.

A function is pure if its outputs depend on its arguments alone and it changes nothing: a Keras
model takes part through ``model.stateless_call``. Its first argument is a list of tensors, the
parameters; derivatives are taken for them. Transformations nest, ``compile`` outermost.
"""

from collections.abc import Callable, Sequence
from typing import Any

from benchmark.backend.selection import implementation

Tensor = Any
"""A tensor of the framework in use."""
Parameters = Sequence[Tensor]
Function = Callable[..., Any]
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


def gauss_newton_vector_product(outputs: Function, loss: Function) -> Function:
    """Return a function that multiplies the Gauss-Newton matrix by a vector.

    With z = ``outputs(parameters)``, its Jacobian J, and the Hessian L of ``loss`` at z,
    it computes

        G v = Jᵀ L J v

    without forming any of them: the Hessian of ``loss(outputs(parameters))`` without the
    curvature of ``outputs``, and no eigenvalue below zero where ``loss`` is convex.

    Args:
        outputs: ``outputs(parameters, *rest) -> tensor``, differentiable at ``parameters``.
        loss: ``loss(z) -> scalar``, twice differentiable at z.

    Returns:
        ``g(parameters, vectors, *rest) -> products``; ``vectors`` and ``products`` are lists
        shaped like ``parameters``.

    Example:
        >>> from keras import ops
        >>> product = gauss_newton_vector_product(
        ...     lambda parameters: parameters[0] ** 2, lambda z: ops.sum(z**2) / 2
        ... )
        >>> theta, v = ops.convert_to_tensor([1.0, 2.0]), ops.convert_to_tensor([1.0, 1.0])
        >>> ops.convert_to_numpy(product([theta], [v])[0]).tolist()     # (2θ)² v
        [4.0, 16.0]

    References:
        Schraudolph, Fast curvature matrix-vector products for second-order gradient
        descent, 2002.
    """
    return implementation().gauss_newton_vector_product(outputs, loss)


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

    def __init__(self, f: Function) -> None:
        self.compilations = 0
        """How many structures of arguments have been traced and compiled."""
        self._f = f
        self._call: Function = implementation().compile(self._traced)

    def __call__(self, *arguments: Any) -> Any:
        """Run the compiled function, compiling it first where that is due."""
        return self._call(*arguments)

    def _traced(self, *arguments: Any) -> Any:
        # Python runs only while tracing, so this line counts traces.
        self.compilations += 1
        return self._f(*arguments)


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
    return Compiled(f)


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
