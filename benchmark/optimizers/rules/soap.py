"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner."""

from functools import partial
from typing import Any

import keras
from keras import ops

from benchmark import backend
from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.matrices import (
    check_size,
    is_due,
    matrix_shape,
    orthonormal,
    transposed,
)
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.rules.adam import adam
from benchmark.optimizers.tensors import State, Tensor, precision

_FAINT = 2.0**-20
"""The share of a side's energy below which a direction keeps its place in the basis."""


def soap(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new slots and the update αₜ·Q_L (M' / (√V + ε)) Q_Rᵀ of a matrix.

    Args:
        state: ``first_moment`` M, ``second_moment`` V (in the basis), both in the shape of
            the gradient; ``updates`` so far, ``step`` t from 1; ``left_statistics`` L and
            ``left_basis`` Q_L, ``right_statistics`` R and ``right_basis`` Q_R, or neither of
            a side.
        gradient: G, of two axes or more.
        hyperparameters: ``learning_rate`` α, ``beta_1``, ``beta_2``, ``epsilon`` ε,
            ``precondition_frequency`` f.
    """
    shape = matrix_shape(tuple(gradient.shape))
    matrix, second = (ops.reshape(a, shape) for a in (gradient, state["second_moment"]))
    first = ops.reshape(state["first_moment"], shape)
    first = first + (1 - hyperparameters["beta_1"]) * (matrix - first)
    second = second + (1 - hyperparameters["beta_2"]) * (ops.square(_into(state, matrix)) - second)
    first_share, second_share = (
        1 - ops.power(hyperparameters[name], state["step"]) for name in ("beta_1", "beta_2")
    )
    rate = hyperparameters["learning_rate"] * ops.sqrt(second_share) / first_share
    scaled = _into(state, first) / (ops.sqrt(second) + hyperparameters["epsilon"])
    slots, second = _turned(state, matrix, second, hyperparameters)
    slots["first_moment"] = ops.reshape(first, gradient.shape)
    slots["second_moment"] = ops.reshape(second, gradient.shape)
    return slots, rate * ops.reshape(_out_of(state, scaled), gradient.shape)


def _into(state: State, matrix: Tensor) -> Tensor:
    """Q_Lᵀ A Q_R, a missing basis being the identity."""
    if "left_basis" in state:
        matrix = transposed(state["left_basis"]) @ matrix
    return matrix @ state["right_basis"] if "right_basis" in state else matrix


def _out_of(state: State, matrix: Tensor) -> Tensor:
    """Q_L A Q_Rᵀ, a missing basis being the identity."""
    if "left_basis" in state:
        matrix = state["left_basis"] @ matrix
    return matrix @ transposed(state["right_basis"]) if "right_basis" in state else matrix


def _turned(
    state: State, gradient: Tensor, second: Tensor, hyperparameters: State
) -> tuple[State, Tensor]:
    """The new statistics and bases, and V with its rows and columns in their order."""
    due = is_due(state["updates"], hyperparameters["precondition_frequency"])
    slots = {"updates": state["updates"] + 1}
    sides = (("left", gradient, -2), ("right", transposed(gradient), -1))
    for side, towards, axis in sides:
        if f"{side}_basis" not in state:
            continue
        old, basis = state[f"{side}_statistics"], state[f"{side}_basis"]
        new = old + (1 - hyperparameters["beta_2"]) * (towards @ transposed(towards) - old)
        slots[f"{side}_statistics"] = new
        slots[f"{side}_basis"], second = backend.cond(
            due,
            partial(_turned_side, new, basis, second, axis),
            partial(_unturned_side, basis, second),
        )
    return slots, second


def _turned_side(
    statistics: Tensor, basis: Tensor, second: Tensor, axis: int
) -> tuple[Tensor, Tensor]:
    """A side's new basis, and V in its order along that side's axis."""
    turned, order = power_iteration(statistics, basis)
    return turned, ops.take(second, order, axis=axis)


def _unturned_side(basis: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The same as they were."""
    return basis, second


def power_iteration(statistics: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """Return a basis nearer to the eigenvectors, and the order in which it takes the old one.

        Q ← Gram–Schmidt of (P / tr P + δ I) Q, the columns of most qᵀ P q first

    δ = 2⁻²⁰ lets directions of no energy stay where they are, which rounding would turn.

    Args:
        statistics: P, symmetric with eigenvalues ≥ 0.
        basis: Q, orthogonal.

    Example:
        >>> from keras import ops
        >>> p = ops.convert_to_tensor([[1.0, 0.0], [0.0, 3.0]])
        >>> basis, order = power_iteration(p, ops.eye(2))
        >>> [int(place) for place in order], [[round(float(q), 3) for q in row] for row in basis]
        ([1, 0], [[0.0, 1.0], [1.0, 0.0]])
    """
    trace = ops.trace(statistics)
    product = (statistics / ops.where(trace > 0, trace, ops.ones_like(trace))) @ basis
    order = ops.argsort(-ops.sum(basis * product, axis=-2))
    return orthonormal(ops.take(product + _FAINT * basis, order, axis=-1)), order


@keras.saving.register_keras_serializable(package="kappabench")
class SOAP(Optimizer):
    """SOAP: Adam in the slowly turning eigenbasis of Shampoo's preconditioner.

        M ← β₁ M + (1 − β₁) G                        β₁ = ``beta_1``
        G' = Q_Lᵀ G Q_R,  M' = Q_Lᵀ M Q_R
        V ← β₂ V + (1 − β₂) G' ∘ G'                  β₂ = ``beta_2``
        αₜ = α √(1 − β₂ᵗ) / (1 − β₁ᵗ)                 α = ``learning_rate``, t = 1, 2, …
        W ← W − αₜ Q_L (M' / (√V + ε)) Q_Rᵀ            ε = ``epsilon``
        L ← β₂ L + (1 − β₂) G Gᵀ,  R ← β₂ R + (1 − β₂) Gᵀ G

    and then, at the first step and every ``precondition_frequency``-th after it, Q_L and Q_R
    move by one power iteration with a Gram–Schmidt step (:func:`power_iteration`) towards the
    eigenvectors of L and R; V's rows and columns follow where their order changes.

    Vectors get Adam, as in the paper. A variable of more than two axes is seen as a matrix
    whose columns are its last axis, so the kernel of a convolution, (height, width, inputs,
    outputs), has height · width · inputs rows and a column for each filter. A side of more
    than ``max_preconditioner_dim`` has no basis of its own: its Q is the identity. All that
    is decided by shape at ``build``. Where several trials are mapped over one function, as in
    the vectorized engine, a power iteration is computed at every step and the old basis kept
    where none is due; otherwise it costs time only when it is due.

    For a matrix of r × c it keeps 2 r·c + 2 r² + 2 c² numbers; two a weight of a vector.

    Departures from the authors' program: the first basis is the identity, so the first step
    is Adam's, where they take the eigenvectors of the first gradient's L and R and skip the
    step. An eigendecomposition that is mapped and compiled iterates until its last matrix
    converged, and would let a trial's bits depend on its neighbours. ``weight_decay`` is
    absent by default, theirs is 0.01.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.003, the authors' program.
        beta_1: 0 ≤ β₁ < 1. Default 0.95, the authors' program.
        beta_2: 0 ≤ β₂ < 1, of V, L and R. Default 0.95, the authors' program.
        epsilon: ε > 0, in units of the gradient. Default 1e-8, the authors' program.
        precondition_frequency: f ≥ 1, steps from one turn of the basis to the next. Default
            10, the authors' program.
        max_preconditioner_dim: ≥ 1, structural. Default 10,000, the authors' program.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([[0.0, 0.0], [0.0, 0.0]])
        >>> gradient = keras.ops.convert_to_tensor([[1.0, 1.0], [1.0, 1.0]])
        >>> optimizer = SOAP(learning_rate=0.1, beta_1=0.0)
        >>> for _ in range(2):
        ...     optimizer.apply([gradient], [weights])     # all of G' is in one entry now
        >>> float(weights.numpy()[0, 0])                 # −0.1, then −0.05 · √(1 + 0.95)
        -0.17

    References:
        Vyas et al., SOAP: improving and stabilizing Shampoo using Adam, 2024, algorithms 3
        and 4.
    """

    hyperparameter_table = OPTIMIZERS["soap"].hyperparameters
    is_elementwise = False

    def __init__(
        self,
        learning_rate: Any = 0.003,
        beta_1: float = 0.95,
        beta_2: float = 0.95,
        epsilon: float = 1e-8,
        precondition_frequency: int = 10,
        max_preconditioner_dim: int = 10_000,
        **arguments: Any,
    ) -> None:
        numbers = {
            "beta_1": beta_1,
            "beta_2": beta_2,
            "epsilon": epsilon,
            "precondition_frequency": precondition_frequency,
        }
        super().__init__(learning_rate, numbers, **arguments)
        self.max_preconditioner_dim = check_size("max_preconditioner_dim", max_preconditioner_dim)

    def initial_slots(self, weights: Any) -> State:
        """Return the slots before the first step: zeros, and identities for the bases."""
        dtype, shape = precision(weights), tuple(weights.shape)
        slots = {name: ops.zeros(shape, dtype=dtype) for name in ("first_moment", "second_moment")}
        if len(shape) < 2:
            return slots
        slots["updates"] = ops.zeros((), dtype=dtype)
        for side, size in zip(("left", "right"), matrix_shape(shape), strict=True):
            if size <= self.max_preconditioner_dim:
                slots[f"{side}_statistics"] = ops.zeros((size, size), dtype=dtype)
                slots[f"{side}_basis"] = ops.eye(size, dtype=dtype)
        return slots

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`soap`, or Adam to a vector."""
        chosen = soap if len(gradient.shape) > 1 else adam
        return chosen(state, gradient, hyperparameters)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        return {**super().get_config(), "max_preconditioner_dim": self.max_preconditioner_dim}
