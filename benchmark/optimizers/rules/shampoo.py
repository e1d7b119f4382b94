"""Shampoo: a preconditioner for each side of a matrix."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.matrices import (
    inverse_root,
    is_due,
    matrix_shape,
    transposed,
)
from benchmark.optimizers.shared_hyperparameters import MOMENTUM, SOAP_PAPER, precondition_frequency
from benchmark.optimizers.stability import (
    Array,
    MomentumRecurrence,
    Root,
    Snapshot,
    Stability,
    States,
    Stepping,
    block_diagonal,
    flat,
    two_sided,
)
from benchmark.optimizers.tensors import State, Tensor, precision

_SHAMPOO = "Gupta, Koren, Singer 2018, Shampoo"
_CONTRIB = "the authors' tf.contrib.opt.ShampooOptimizer"
_HYPERPARAMETERS = {
    "learning_rate": Hyperparameter(
        default=0.1,
        low=0.0,
        space={"low": 1e-3, "high": 1.0, "log": True},
        source=f"default: pytorch-optimizer's Shampoo; space: our choice, up to that of {_CONTRIB}",
    ),
    "momentum": replace(
        MOMENTUM, default=0.0, source=f"default: {_SHAMPOO}, algorithm 1; space: that of momentum"
    ),
    "epsilon": Hyperparameter(
        default=1e-4,
        low=0.0,
        space={"low": 1e-8, "high": 1.0, "log": True},
        source=f"default: {_CONTRIB}; space: our choice, four decades on either side",
    ),
    "precondition_frequency": precondition_frequency(1, f"{_SHAMPOO}, algorithm 1"),
}


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of V ← μ V + G, W ← W − η L^(−1/2k) V R^(−1/2k) for k sides.

    Its P is L^(1/2k) ⊗ R^(1/2k), a block for each variable.
    """
    blocks = [_block(state, at.numbers["epsilon"]) for state in at.states]
    return Stepping(
        MomentumRecurrence(at.numbers["momentum"], decay=at.decay()),
        at.learning_rate,
        block_diagonal(blocks, [state["velocity"].size for state in at.states]),
        note="P is the matrix whose inverse roots Shampoo took last, held fixed.",
    )


def _block(state: States, epsilon: float) -> Root:
    """P^(-1/2) of a variable: the square roots of what multiplies its sides."""
    is_two_sided = "right_root" in state or "right_diagonal" in state
    order = 4 if is_two_sided else 2
    left = _half_root("left", state, epsilon, order)
    right = _half_root("right", state, epsilon, order) if is_two_sided else np.eye(1)
    return two_sided(left, right)


def _half_root(side: str, state: States, epsilon: float, order: int) -> Array:
    """The square root of A^(−1/p), A the statistics of a side."""
    if f"{side}_diagonal" in state:
        sums = flat(state[f"{side}_diagonal"]) + epsilon
        return np.asarray(np.diag(sums ** (-1 / (2 * order))), np.float64)
    root = np.asarray(state[f"{side}_root"], np.float64)
    values, vectors = np.linalg.eigh((root + root.T) / 2)
    if not (values > 0).all():  # nor where they are NaN
        raise FloatingPointError("a preconditioner of a side is not positive definite")
    return np.asarray((vectors * np.sqrt(values)) @ vectors.T, np.float64)


ENTRY = OptimizerEntry(
    summary="a matrix preconditioner for each side of a matrix, by inverse fourth roots",
    hyperparameters=_HYPERPARAMETERS,
    sizes={"max_preconditioner_dim": 768},
    advice="Use precondition_frequency = 1: renewing the roots less often costs accuracy "
    f"({SOAP_PAPER}, abstract)",
    stability=Stability(stepping, "2 (1 + μ)", "the roots that it took last, of each side"),
)


def shampoo(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new state and the update η·L^(−1/2k) V R^(−1/2k), k the number of sides.

    Args:
        state: ``velocity`` V in the shape of the gradient, ``updates`` so far, and for the
            ``left`` side and, but for vectors, the ``right`` one either ``left_statistics``
            with ``left_root`` or ``left_diagonal``.
        gradient: G, of any shape.
        hyperparameters: ``learning_rate`` η, ``momentum`` μ, ``epsilon`` ε,
            ``precondition_frequency`` f.
    """
    shape = matrix_shape(tuple(gradient.shape))
    matrix = ops.reshape(gradient, shape)
    velocity = hyperparameters["momentum"] * state["velocity"] + gradient
    is_two_sided = "right_root" in state or "right_diagonal" in state
    order = 4 if is_two_sided else 2
    new_state = {
        "velocity": velocity,
        "updates": state["updates"] + 1,
        **_side("left", state, matrix, hyperparameters, order),
    }
    update = _preconditioned(
        "left", new_state, ops.reshape(velocity, shape), hyperparameters, order
    )
    if is_two_sided:
        new_state |= _side("right", state, transposed(matrix), hyperparameters, order)
        update = transposed(
            _preconditioned("right", new_state, transposed(update), hyperparameters, order)
        )
    return new_state, hyperparameters["learning_rate"] * ops.reshape(update, gradient.shape)


def _side(side: str, state: State, matrix: Tensor, hyperparameters: State, order: int) -> State:
    """The new state of the side that the rows of ``matrix`` are."""
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
    side: str, new_state: State, matrix: Tensor, hyperparameters: State, order: int
) -> Tensor:
    """The product of a side's inverse root with ``matrix``, whose rows it is."""
    if f"{side}_diagonal" in new_state:
        sums = new_state[f"{side}_diagonal"] + hyperparameters["epsilon"]
        return ops.expand_dims(ops.power(sums, -1 / order), -1) * matrix
    return new_state[f"{side}_root"] @ matrix


@keras.saving.register_keras_serializable(package="kappabench")
class Shampoo(Optimizer):
    """Shampoo: full-matrix AdaGrad, approximated by a matrix for each side of a variable.

        L ← L + G Gᵀ,  R ← R + Gᵀ G
        V ← μ V + G                                   μ = ``momentum``
        W ← W − η (L + ε I)^(−1/4) V (R + ε I)^(−1/4)   η = ``learning_rate``, ε = ``epsilon``

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
        epsilon: in units of the squared gradient.
        precondition_frequency: steps from one root to the next.
        max_preconditioner_dim: the largest side with a matrix; a longer one has a diagonal.
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

    entry = ENTRY
    max_preconditioner_dim: int
    is_elementwise = False

    def initial_state(self, weights: Any) -> State:
        """Return the state before the first step: all zero, matrices or diagonals by shape."""
        dtype, shape = precision(weights), tuple(weights.shape)
        state = {
            "velocity": ops.zeros(shape, dtype=dtype),
            "updates": ops.zeros((), dtype=dtype),
        }
        sizes = matrix_shape(shape)[: 2 if len(shape) > 1 else 1]
        for side, size in zip(("left", "right"), sizes, strict=False):
            if size > self.max_preconditioner_dim:
                state[f"{side}_diagonal"] = ops.zeros((size,), dtype=dtype)
            else:
                state[f"{side}_statistics"] = ops.zeros((size, size), dtype=dtype)
                state[f"{side}_root"] = ops.zeros((size, size), dtype=dtype)
        return state

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`shampoo`."""
        return shampoo(state, gradient, hyperparameters)
