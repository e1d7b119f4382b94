"""The loss of the mini-batch at hand, for optimizers that ask for more than its gradient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from benchmark import backend
from benchmark.optimizers.vectors import Tensor, Vector

Outputs = Callable[[Sequence[Tensor]], tuple[Tensor, Sequence[Tensor]]]


@dataclass(frozen=True, slots=True)
class Objective:
    """A function f of the weights, with its derivatives: pure functions all of them.

    Weights, gradients, vectors and products are lists with a tensor for each variable.

    Args:
        value: ``(weights) -> f``, a scalar.
        value_and_gradient: ``(weights) -> (f, ∇f)``.
        hessian_vector_product: ``(weights, vectors) -> H v`` with H = ∂²f/∂W².
        gauss_newton_vector_product: ``(weights, vectors) -> G v``, G being the Gauss-Newton
            matrix Jᵀ L J: J the Jacobian of the model's outputs, L the Hessian of the loss
            in these; and the Hessian of weight penalties besides. See :func:`objective_of`.

    Example:
        >>> bowl = function_objective(lambda weights: ops.sum(weights[0] ** 2))
        >>> at = [ops.array([1.0, 3.0])]
        >>> value, (gradient,) = bowl.value_and_gradient(at)
        >>> float(value), ops.convert_to_numpy(gradient).tolist()
        (10.0, [2.0, 6.0])
        >>> ops.convert_to_numpy(bowl.hessian_vector_product(at, at)[0]).tolist()
        [2.0, 6.0]
    """

    value: Callable[[Sequence[Tensor]], Tensor]
    value_and_gradient: Callable[[Sequence[Tensor]], tuple[Tensor, Vector]]
    hessian_vector_product: Callable[[Sequence[Tensor], Sequence[Tensor]], Vector]
    gauss_newton_vector_product: Callable[[Sequence[Tensor], Sequence[Tensor]], Vector]


def objective_of(
    outputs: Outputs, loss: Callable[[Tensor], Tensor], *, is_linear: bool = False
) -> Objective:
    """Make the objective f(W) = loss(z) + penalties, with (z, penalties) = outputs(W).

    Args:
        outputs: the model on a mini-batch: ``(weights) -> (z, penalties)``, the penalties a
            list of scalars, empty where the model has none.
        loss: of z, a scalar.
        is_linear: whether the loss is linear in z, as where a model puts out the very values
            that are minimised. Its Gauss-Newton matrix would be zero; H takes its place.
    """

    def penalized(z: Tensor, penalties: Sequence[Tensor], like: Tensor) -> Tensor:
        # Keras's cross-entropy sums in float64 on JAX.
        value = ops.cast(loss(z), like.dtype)
        return sum((ops.cast(term, like.dtype) for term in penalties), start=value)

    def value(weights: Sequence[Tensor]) -> Tensor:
        return penalized(*outputs(weights), weights[0])

    def penalty(weights: Sequence[Tensor]) -> Tensor:
        return sum(ops.cast(term, weights[0].dtype) for term in outputs(weights)[1])

    gradient = backend.value_and_grad(value)
    hessian = backend.hessian_vector_product(value)
    of_outputs = backend.gauss_newton_vector_product(lambda weights: outputs(weights)[0], loss)
    of_penalty = backend.hessian_vector_product(penalty)

    def value_and_gradient(weights: Sequence[Tensor]) -> tuple[Tensor, Vector]:
        loss, gradients = gradient(weights)
        return loss, list(gradients)

    def gauss_newton(weights: Sequence[Tensor], vectors: Sequence[Tensor]) -> Vector:
        if is_linear:
            return list(hessian(weights, vectors))
        products = list(of_outputs(weights, vectors))
        if not outputs(weights)[1]:
            return products
        extra = of_penalty(weights, vectors)
        return [product + part for product, part in zip(products, extra, strict=True)]

    return Objective(
        value,
        value_and_gradient,
        lambda weights, vectors: list(hessian(weights, vectors)),
        gauss_newton,
    )


def function_objective(f: Callable[[Sequence[Tensor]], Tensor]) -> Objective:
    """Make the objective of a plain function of the weights.

    Args:
        f: ``(weights) -> scalar``, pure, in ``keras.ops``. Its Gauss-Newton product is its
            Hessian's, see :func:`objective_of`.
    """
    return objective_of(lambda weights: (f(weights), ()), _itself, is_linear=True)


def is_linear_loss(loss: Any) -> bool:
    """Return whether a loss says of itself that it is linear in the outputs of the model."""
    return bool(getattr(loss, "is_linear", False))


def _itself(z: Tensor) -> Tensor:
    return z
