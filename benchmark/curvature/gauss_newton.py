"""Compiled products with the Gauss-Newton matrix of a loss."""

from typing import Any

from benchmark import backend
from benchmark.curvature.losses import ComposedLoss, stands_for_logits
from benchmark.curvature.operators import GaussNewtonOperator
from benchmark.curvature.program import CurvatureProgram, keep_dtype

Tensor = Any
PROBABILITIES = (
    "the Gauss-Newton matrix of a cross-entropy must be taken at the logits. Received a model "
    "whose outputs come out of softmax or sigmoid. Make a model without that activation, and a "
    "loss with from_logits=True."
)


class GaussNewtonProgram(CurvatureProgram[GaussNewtonOperator]):
    """Products with the generalised Gauss-Newton matrix of a loss.

    With outputs z_i = z(θ, x_i) of example i, their Jacobian J_i = ∂z_i/∂θ and the loss ℓ:

        G = (1/n) Σ_i J_iᵀ (∂²ℓ/∂z_i²) J_i + ∇²R

    which is the Hessian without what bends the outputs themselves; R are the model's own
    losses, whose Hessian is kept. G is positive semidefinite where ℓ is convex in z and R in θ.
    For the cross-entropy of a softmax (and for half the squared error) it is the Fisher
    information matrix, the covariance of the gradients of log p(y | x) under the model's own p.

    Args:
        loss: of :func:`benchmark.curvature.model_loss`, or a ``ComposedLoss`` of your own.
        chunk_size: as of :class:`HessianProgram`.
        block_size: as of :class:`HessianProgram`.
        dtype: as of :class:`HessianProgram`.

    Raises:
        ValueError: a size is below 1, the dtype is another, or the model ends in
            probabilities: of a subclassed one this shows at the first use.
        TypeError: at the first use, the loss returns another dtype.

    Example:
        >>> import numpy as np
        >>> from keras import ops
        >>> from benchmark.curvature import ComposedLoss, HessianProgram
        >>> loss = ComposedLoss(
        ...     lambda parameters, x: (x * parameters[0] ** 2, 0.0),
        ...     lambda z, y: ops.mean(ops.square(z - y)) / 2,
        ... )
        >>> at = [np.array([3.0])], np.array([1.0]), np.array([0.0])
        >>> GaussNewtonProgram(loss).at(*at).matvec(np.array([1.0]))  # (2θ)²
        array([36.])
        >>> HessianProgram(loss).at(*at).matvec(np.array([1.0]))  # 6θ²
        array([54.])

    References:
        Martens, New insights and perspectives on the natural gradient method, 2020, §8, §9.2.
    """

    def __init__(
        self,
        loss: ComposedLoss,
        *,
        chunk_size: int = 2048,
        block_size: int = 16,
        dtype: str = "float64",
    ) -> None:
        if loss.of_probabilities:
            # Of such outputs Keras's loss does not depend: it looks at the logits behind them.
            raise ValueError(PROBABILITIES)
        checked = keep_dtype(loss, dtype)

        def outputs(parameters: Any, *data: Any) -> Tensor:
            found = loss.forward(parameters, data[0], *data[2:])[0]
            if loss.of_probabilities is None and stands_for_logits(found):
                raise ValueError(PROBABILITIES)
            return found

        def of_outputs(z: Any, *data: Any) -> Tensor:
            return loss.of_outputs(z, data[1])

        def penalty(parameters: Any, *data: Any) -> Tensor:
            return loss.forward(parameters, data[0], *data[2:])[1]

        bends = backend.gauss_newton_vector_product(outputs, of_outputs)
        own = backend.hessian_vector_product(penalty)

        def product(parameters: Any, vectors: Any, *data: Any) -> list[Tensor]:
            pairs = zip(
                bends(parameters, vectors, *data), own(parameters, vectors, *data), strict=True
            )
            return [one + other for one, other in pairs]

        super().__init__(
            checked,
            product,
            GaussNewtonOperator,
            chunk_size=chunk_size,
            block_size=block_size,
            dtype=dtype,
        )
