"""Shampoo: a preconditioner for each side of a matrix."""

from typing import Any

import keras
from keras import ops

from benchmark import backend
from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.matrices import (
    check_size,
    inverse_root,
    is_due,
    matrix_shape,
    transposed,
)
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State, Tensor, precision


def shampoo(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new slots and the update α·L^(−1/2k) V R^(−1/2k), k the number of sides.

    Args:
        state: ``velocity`` V in the shape of the gradient, ``updates`` so far, and for the
            ``left`` side and, but for vectors, the ``right`` one either ``left_statistics``
            with ``left_root`` or ``left_diagonal``.
        gradient: G, of any shape.
        hyperparameters: ``learning_rate`` α, ``momentum`` μ, ``epsilon`` ε,
            ``precondition_frequency`` f.
    """
    shape = matrix_shape(tuple(gradient.shape))
    matrix = ops.reshape(gradient, shape)
    velocity = hyperparameters["momentum"] * state["velocity"] + gradient
    is_two_sided = "right_root" in state or "right_diagonal" in state
    order = 4 if is_two_sided else 2
    slots = {
        "velocity": velocity,
        "updates": state["updates"] + 1,
        **_side("left", state, matrix, hyperparameters, order),
    }
    update = _preconditioned("left", slots, ops.reshape(velocity, shape), hyperparameters, order)
    if is_two_sided:
        slots |= _side("right", state, transposed(matrix), hyperparameters, order)
        update = transposed(
            _preconditioned("right", slots, transposed(update), hyperparameters, order)
        )
    return slots, hyperparameters["learning_rate"] * ops.reshape(update, gradient.shape)


def _side(side: str, state: State, matrix: Tensor, hyperparameters: State, order: int) -> State:
    """The new slots of the side that the rows of ``matrix`` are."""
    if f"{side}_diagonal" in state:
        squares = ops.sum(ops.square(matrix), axis=-1)
        return {f"{side}_diagonal": state[f"{side}_diagonal"] + squares}
    statistics = state[f"{side}_statistics"] + matrix @ transposed(matrix)
    identity = ops.eye(matrix.shape[-2], dtype=matrix.dtype)
    root = backend.cond(
        is_due(state["updates"], hyperparameters["precondition_frequency"]),
        lambda: inverse_root(statistics + hyperparameters["epsilon"] * identity, order),
        lambda: state[f"{side}_root"],
    )
    return {f"{side}_statistics": statistics, f"{side}_root": root}


def _preconditioned(
    side: str, slots: State, matrix: Tensor, hyperparameters: State, order: int
) -> Tensor:
    """The product of a side's inverse root with ``matrix``, whose rows it is."""
    if f"{side}_diagonal" in slots:
        sums = slots[f"{side}_diagonal"] + hyperparameters["epsilon"]
        return ops.expand_dims(ops.power(sums, -1 / order), -1) * matrix
    return slots[f"{side}_root"] @ matrix


@keras.saving.register_keras_serializable(package="kappabench")
class Shampoo(Optimizer):
    """Shampoo: full-matrix AdaGrad, approximated by a matrix for each side of a variable.

        L ← L + G Gᵀ,  R ← R + Gᵀ G
        V ← μ V + G                                   μ = ``momentum``
        W ← W − α (L + ε I)^(−1/4) V (R + ε I)^(−1/4)   α = ``learning_rate``, ε = ``epsilon``

    A vector has one side, and its root is −1/2: full-matrix AdaGrad. A variable of more than
    two axes is seen as a matrix whose columns are its last axis, so the kernel of a
    convolution, (height, width, inputs, outputs), has height · width · inputs rows and a
    column for each filter. A side of more than ``max_preconditioner_dim`` keeps the diagonal
    of its matrix only; which sides these are is decided by shape at ``build``.

    The roots are taken at the first step and at every ``precondition_frequency``-th after it
    by a Newton iteration, see :func:`~benchmark.optimizers.matrices.inverse_root`, whose
    rounding is that of an ε of 2⁻²⁰ ‖L‖ in float32. Where several trials are mapped over
    one function, as in the vectorized engine, they are computed at every step and the old
    ones kept where none are due; otherwise they cost time only when they are due.

    For a matrix of r × c it keeps r·c + 2 r² + 2 c² numbers; for a vector of n, n + 2 n².

    Departures from the paper: V, with which its experiments were made and algorithm 1 was
    not; ``epsilon`` is added where the root is taken, which is the L₀ = ε I of algorithm 1
    with an ε that may be set; variables of k > 2 axes have two sides, not k.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.1, as in pytorch-optimizer.
        momentum: 0 ≤ μ < 1. Default 0, algorithm 1.
        epsilon: ε > 0, in units of the squared gradient. Default 1e-4, as in the authors'
            ``tf.contrib.opt.ShampooOptimizer``.
        precondition_frequency: f ≥ 1, steps from one root to the next. Default 1,
            algorithm 1.
        max_preconditioner_dim: ≥ 1, structural. Default 768, the ``max_matrix_size`` of the
            authors' class.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([[0.0, 0.0], [0.0, 0.0]])
        >>> gradient = keras.ops.convert_to_tensor([[0.0, 3.0], [2.0, 0.0]])
        >>> Shampoo(learning_rate=1.0).apply([gradient], [weights])
        >>> weights.numpy().tolist()     # −U Vᵀ
        [[0.00, -1.00], [-1.00, 0.00]]

    References:
        Gupta, Koren, Singer, Shampoo: preconditioned stochastic tensor optimization,
        ICML 2018. Anil et al., Scalable second order optimization for deep learning, 2020.
    """

    hyperparameter_table = OPTIMIZERS["shampoo"].hyperparameters
    is_elementwise = False

    def __init__(
        self,
        learning_rate: Any = 0.1,
        momentum: float = 0.0,
        epsilon: float = 1e-4,
        precondition_frequency: int = 1,
        max_preconditioner_dim: int = 768,
        **arguments: Any,
    ) -> None:
        numbers = {
            "momentum": momentum,
            "epsilon": epsilon,
            "precondition_frequency": precondition_frequency,
        }
        super().__init__(learning_rate, numbers, **arguments)
        self.max_preconditioner_dim = check_size("max_preconditioner_dim", max_preconditioner_dim)

    def initial_slots(self, weights: Any) -> State:
        """Return the slots before the first step: all zero, matrices or diagonals by shape."""
        dtype, shape = precision(weights), tuple(weights.shape)
        slots = {"velocity": ops.zeros(shape, dtype=dtype), "updates": ops.zeros((), dtype=dtype)}
        sizes = matrix_shape(shape)[: 2 if len(shape) > 1 else 1]
        for side, size in zip(("left", "right"), sizes, strict=False):
            if size > self.max_preconditioner_dim:
                slots[f"{side}_diagonal"] = ops.zeros((size,), dtype=dtype)
            else:
                slots[f"{side}_statistics"] = ops.zeros((size, size), dtype=dtype)
                slots[f"{side}_root"] = ops.zeros((size, size), dtype=dtype)
        return slots

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`shampoo`."""
        return shampoo(state, gradient, hyperparameters)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        return {**super().get_config(), "max_preconditioner_dim": self.max_preconditioner_dim}
