"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner."""

import math
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.matrices import (
    is_due,
    matrix_shape,
    orthonormal,
    transposed,
)
from benchmark.optimizers.rules.adam import adam
from benchmark.optimizers.shared_hyperparameters import ADAM, precondition_frequency
from benchmark.optimizers.stability import (
    RUNNING_MEAN,
    MomentumRecurrence,
    Root,
    Snapshot,
    Stability,
    States,
    Stepping,
    block_diagonal,
    diagonal,
    flat,
    two_sided,
)
from benchmark.optimizers.tensors import State, Tensor, precision

_HYPERPARAMETERS = {
    "learning_rate": replace(
        ADAM["learning_rate"],
        default=0.003,
        source="default: the authors' program; space: that of Adam",
    ),
    "beta_1": replace(
        ADAM["beta_1"], default=0.95, source="default: the authors' program; space: that of Adam"
    ),
    "beta_2": replace(
        ADAM["beta_2"], default=0.95, source="default: the authors' program; space: that of Adam"
    ),
    "epsilon": replace(
        ADAM["epsilon"], default=1e-8, source="default: the authors' program; space: that of Adam"
    ),
    "precondition_frequency": precondition_frequency(10, "the authors' program"),
}


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of W ← W − η Q_L (M' / p) Q_Rᵀ with Adam's p in the next step's basis."""
    scale = at.uncorrected("beta_1") / np.sqrt(at.uncorrected("beta_2"))
    blocks = [_block(state, scale, at.numbers["epsilon"]) for state in at.states]
    beta_1 = at.numbers["beta_1"]
    return Stepping(
        MomentumRecurrence(beta_1, 1 - beta_1, decay=at.decay()),
        at.learning_rate,
        block_diagonal(blocks, [state["second_moment"].size for state in at.states]),
        note="P is Adam's (1 − β₁ᵗ)(√V + ε)/√(1 − β₂ᵗ) in SOAP's basis, both held fixed.",
    )


def _block(state: States, scale: float, epsilon: float) -> Root:
    """P^(-1/2) of a variable: into the basis, over √p, and out of it."""
    root = diagonal(scale * (np.sqrt(flat(state["second_moment"])) + epsilon))
    if "updates" not in state:  # a vector, which gets Adam
        return root
    shape = np.shape(state["second_moment"])
    sizes = (math.prod(shape[:-1]), shape[-1])
    left, right = (
        np.asarray(state.get(f"{side}_basis", np.eye(size)), np.float64)
        for side, size in zip(("left", "right"), sizes, strict=True)
    )
    into, out = two_sided(left.T, right), two_sided(left, right.T)
    return lambda vectors: out(root(into(vectors)))


ENTRY = OptimizerEntry(
    summary="Adam in the eigenbasis of Shampoo's preconditioner",
    hyperparameters=_HYPERPARAMETERS,
    sizes={"max_preconditioner_dim": 10_000},
    advice="Start with learning_rate = 0.003 and both betas 0.95 (Vyas et al. 2024, the authors'"
    " program)",
    stability=Stability(stepping, RUNNING_MEAN, "Adam's in its basis"),
)


_FAINT = 2.0**-20
"""The share of a side's energy below which a direction keeps its place in the basis."""


def soap(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new state and the update ηₜ·Q_L (M' / (√V + ε)) Q_Rᵀ of a matrix.

    Args:
        state: ``first_moment`` M, ``second_moment`` V (in the basis), both in the shape of
            the gradient; ``updates`` so far, ``step`` t from 1; ``left_statistics`` L and
            ``left_basis`` Q_L, ``right_statistics`` R and ``right_basis`` Q_R, or neither of
            a side.
        gradient: G, of two axes or more.
        hyperparameters: ``learning_rate`` η, ``beta_1``, ``beta_2``, ``epsilon`` ε,
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
    new_state, second = _turned(state, matrix, second, hyperparameters)
    new_state["first_moment"] = ops.reshape(first, gradient.shape)
    new_state["second_moment"] = ops.reshape(second, gradient.shape)
    return new_state, rate * ops.reshape(_out_of(state, scaled), gradient.shape)


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
    new_state = {"updates": state["updates"] + 1}
    sides = (("left", gradient, -2), ("right", transposed(gradient), -1))
    for side, towards, axis in sides:
        if f"{side}_basis" not in state:
            continue
        old, basis = state[f"{side}_statistics"], state[f"{side}_basis"]
        new = old + (1 - hyperparameters["beta_2"]) * (towards @ transposed(towards) - old)
        new_state[f"{side}_statistics"] = new
        new_state[f"{side}_basis"], second = backend.cond(
            due,
            partial(_turned_side, new, basis, second, axis),
            partial(_unturned_side, basis, second),
        )
    return new_state, second


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
        ηₜ = η √(1 − β₂ᵗ) / (1 − β₁ᵗ)                 η = ``learning_rate``, t = 1, 2, …
        W ← W − ηₜ Q_L (M' / (√V + ε)) Q_Rᵀ            ε = ``epsilon``
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

    For a matrix of r × c it stores 2 r·c + 2 r² + 2 c² numbers; two per weight of a vector.

    Departures from the authors' program: the first basis is the identity, so the first step
    is Adam's, where they take the eigenvectors of the first gradient's L and R and skip the
    step. An eigendecomposition that is mapped and compiled iterates until its last matrix
    converged, and would let a trial's bits depend on its neighbours. ``weight_decay`` is
    absent by default, theirs is 0.01.

    Args:
        beta_2: of V, L and R.
        epsilon: in units of the gradient.
        precondition_frequency: steps from one turn of the basis to the next.
        max_preconditioner_dim: the largest side with a basis; a longer one has none.
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

    entry = ENTRY
    max_preconditioner_dim: int
    is_elementwise = False

    def initial_state(self, weights: Any) -> State:
        """Return the state before the first step: zeros, and identities for the bases."""
        dtype, shape = precision(weights), tuple(weights.shape)
        state = {name: ops.zeros(shape, dtype=dtype) for name in ("first_moment", "second_moment")}
        if len(shape) < 2:
            return state
        state["updates"] = ops.zeros((), dtype=dtype)
        for side, size in zip(("left", "right"), matrix_shape(shape), strict=True):
            if size <= self.max_preconditioner_dim:
                state[f"{side}_statistics"] = ops.zeros((size, size), dtype=dtype)
                state[f"{side}_basis"] = ops.eye(size, dtype=dtype)
        return state

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`soap`, or Adam to a vector."""
        chosen = soap if len(gradient.shape) > 1 else adam
        return chosen(state, gradient, hyperparameters)
