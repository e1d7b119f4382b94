"""Methods with a preconditioner for each side of a matrix: Shampoo and SOAP.

P is block diagonal, a block for each variable. Each block is symmetric and positive definite, so
that P^(-1/2) H P^(-1/2) is symmetric as with a diagonal P.
"""

import math
from collections.abc import Sequence

import numpy as np

from benchmark.curvature.stability.recurrence import Momentum
from benchmark.curvature.stability.snapshot import (
    Array,
    Root,
    Slots,
    Snapshot,
    Stepping,
    diagonal,
    flat,
)


def shampoo(at: Snapshot) -> Stepping:
    """Steps V ← μ V + G, W ← W − α L^(−1/2k) V R^(−1/2k) for k sides: P = L^(1/2k) ⊗ R^(1/2k)."""
    blocks = [_shampoo_block(slots, at.numbers["epsilon"]) for slots in at.slots]
    return Stepping(
        Momentum(at.numbers["momentum"], decay=at.decay()),
        at.learning_rate,
        _together(blocks, [slots["velocity"].size for slots in at.slots]),
        note="P is the matrix whose inverse roots Shampoo took last, held fixed.",
    )


def soap(at: Snapshot) -> Stepping:
    """Steps W ← W − α Q_L (M' / p) Q_Rᵀ with Adam's p in the basis of the next step."""
    scale = at.uncorrected("beta_1") / np.sqrt(at.uncorrected("beta_2"))
    blocks = [_soap_block(slots, scale, at.numbers["epsilon"]) for slots in at.slots]
    beta_1 = at.numbers["beta_1"]
    return Stepping(
        Momentum(beta_1, 1 - beta_1, decay=at.decay()),
        at.learning_rate,
        _together(blocks, [slots["second_moment"].size for slots in at.slots]),
        note="P is Adam's (1 − β₁ᵗ)(√V + ε)/√(1 − β₂ᵗ) in SOAP's basis, both held fixed.",
    )


def _shampoo_block(slots: Slots, epsilon: float) -> Root:
    """P^(-1/2) of a variable: the square roots of what multiplies its sides."""
    two_sided = "right_root" in slots or "right_diagonal" in slots
    order = 4 if two_sided else 2
    left = _half_root("left", slots, epsilon, order)
    right = _half_root("right", slots, epsilon, order) if two_sided else np.eye(1)
    return _two_sided(left, right)


def _half_root(side: str, slots: Slots, epsilon: float, order: int) -> Array:
    """The square root of A^(−1/p), A the statistics of a side."""
    if f"{side}_diagonal" in slots:
        sums = flat(slots[f"{side}_diagonal"]) + epsilon
        return np.asarray(np.diag(sums ** (-1 / (2 * order))), np.float64)
    root = np.asarray(slots[f"{side}_root"], np.float64)
    values, vectors = np.linalg.eigh((root + root.T) / 2)
    if not (values > 0).all():  # nor where they are NaN
        raise FloatingPointError("a preconditioner of a side is not positive definite")
    return np.asarray((vectors * np.sqrt(values)) @ vectors.T, np.float64)


def _soap_block(slots: Slots, scale: float, epsilon: float) -> Root:
    """P^(-1/2) of a variable: into the basis, over √p, and out of it."""
    root = diagonal(scale * (np.sqrt(flat(slots["second_moment"])) + epsilon))
    if "updates" not in slots:  # a vector, which gets Adam
        return root
    shape = np.shape(slots["second_moment"])
    sizes = (math.prod(shape[:-1]), shape[-1])
    left, right = (
        np.asarray(slots.get(f"{side}_basis", np.eye(size)), np.float64)
        for side, size in zip(("left", "right"), sizes, strict=True)
    )
    into, out = _two_sided(left.T, right), _two_sided(left, right.T)
    return lambda vectors: out(root(into(vectors)))


def _two_sided(left: Array, right: Array) -> Root:
    """A X B for each column of V seen as a matrix X, row by row."""

    def apply(vectors: Array) -> Array:
        matrices = vectors.T.reshape(-1, len(left), len(right))
        return (left @ matrices @ right).reshape(len(matrices), -1).T

    return apply


def _together(blocks: Sequence[Root], sizes: Sequence[int]) -> Root:
    """Several blocks along a diagonal."""
    ends = np.cumsum(sizes)[:-1]

    def apply(vectors: Array) -> Array:
        parts = np.split(vectors, ends)
        return np.concatenate([block(part) for block, part in zip(blocks, parts, strict=True)])

    return apply
