"""Steps within a trust region: truncated conjugate gradients, and how well the model predicted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from benchmark.optimizers.line_search import rounding
from benchmark.optimizers.vectors import Tensor, Vector, chosen, dot, moved, ratio, zeros_like

Product = Callable[[Sequence[Tensor]], Vector]


@dataclass(frozen=True, slots=True)
class Solution:
    """What truncated conjugate gradients found.

    Args:
        direction: d.
        product: A d, which costs no further product.
        products: how many products with A it took.
        at_boundary: whether ‖d‖ is the radius.
    """

    direction: Vector
    product: Vector
    products: Tensor
    at_boundary: Tensor


def truncated_conjugate_gradient(
    product: Product,
    gradient: Sequence[Tensor],
    *,
    radius: Tensor,
    tolerance: Tensor,
    rounds: int,
) -> Solution:
    """Minimise gᵀd + dᵀAd/2 within ‖d‖ ≤ radius, approximately (Steihaug's method).

    Conjugate gradients from d = 0. They end where ‖g + A d‖ ≤ tolerance; where the path
    leaves the radius, or a direction p of negative curvature, pᵀAp ≤ 0, shows that the
    minimum lies on it: then d goes on along p up to the boundary.

    A pure function without branches on values: all rounds are computed, and one who is
    done keeps what it has.

    Args:
        product: v -> A v, A symmetric.
        gradient: g.
        radius: a scalar > 0.
        tolerance: a scalar ≥ 0, in units of the gradient.
        rounds: the most products with A.

    Example:
        >>> import numpy as np
        >>> stretch = ops.convert_to_tensor([1.0, 4.0])
        >>> def solve(radius, sign=1.0):
        ...     result = truncated_conjugate_gradient(
        ...         lambda v: [sign * stretch * v[0]], [ops.convert_to_tensor([-1.0, -4.0])],
        ...         radius=ops.convert_to_tensor(radius), tolerance=1e-6, rounds=5)
        ...     return np.round(ops.convert_to_numpy(result.direction[0]), 4), int(result.products)
        >>> solve(10.0)
        (array([1., 1.], dtype=float32), 2)
        >>> solve(10.0, sign=-1.0)     # along the gradient, to the boundary
        (array([2.4254, 9.7014], dtype=float32), 1)

    References:
        Steihaug, The conjugate gradient method and trust regions in large scale
        optimization, 1983. Nocedal, Wright, Numerical Optimization, 2006, algorithm 7.2.
    """
    size = len(gradient)

    def body(_: Tensor, state: Any) -> Any:
        d, r, p, ad = (list(state[i * size : (i + 1) * size]) for i in range(4))
        square, done, at_boundary, count = state[4 * size :]
        ap = product(p)
        curvature = dot(p, ap)
        length = ratio(square, curvature)
        ahead = moved(d, length, p)
        leaves = ops.logical_or(curvature <= 0, dot(ahead, ahead) >= ops.square(radius))
        length = ops.where(leaves, _to_boundary(d, p, radius), length)
        new = [moved(d, length, p), moved(r, length, ap), moved(ad, length, ap)]
        now = dot(new[1], new[1])
        turned = moved([-tensor for tensor in new[1]], ratio(now, square), p)
        chosen_vectors = [
            chosen(done, old, tensor) for old, tensor in zip((d, r, ad), new, strict=True)
        ]
        ended = ops.logical_or(leaves, ops.sqrt(now) <= tolerance)
        return (
            *chosen_vectors[0],
            *chosen_vectors[1],
            *chosen(done, p, turned),
            *chosen_vectors[2],
            ops.where(done, square, now),
            ops.logical_or(done, ended),
            ops.logical_or(at_boundary, ops.logical_and(leaves, ops.logical_not(done))),
            count + ops.cast(ops.logical_not(done), "int32"),
        )

    square = dot(gradient, gradient)
    downhill = [-tensor for tensor in gradient]
    never = ops.zeros_like(square, dtype="bool")
    start = (
        *zeros_like(gradient),
        *gradient,
        *downhill,
        *zeros_like(gradient),
        square,
        ops.sqrt(square) <= tolerance,
        never,
        ops.cast(never, "int32"),
    )
    end = ops.fori_loop(0, rounds, body, start)
    return Solution(list(end[:size]), list(end[3 * size : 4 * size]), end[-1], end[-2])


def _to_boundary(d: Sequence[Tensor], p: Sequence[Tensor], radius: Tensor) -> Tensor:
    """The τ ≥ 0 with ‖d + τ p‖ = radius."""
    a, b, c = dot(p, p), dot(d, p), dot(d, d) - ops.square(radius)
    root = ops.sqrt(ops.maximum(ops.square(b) - a * c, 0))
    return ratio(root - b, a)


ACCEPTED = 1e-4
"""The least gain ratio of a step that is made: a decrease worth the name."""
POOR, GOOD = 0.25, 0.75
"""Below one the model is trusted less, above the other more: Nocedal, Wright, algorithm 4.1."""


def gain_ratio(before: Tensor, after: Tensor, predicted: Tensor) -> Tensor:
    """Return (f(W) − f(W + s)) / (the decrease that the model predicts).

    Where both are lost in rounding it is 1, as for a perfect model.

    Args:
        before: f(W).
        after: f(W + s); NaN makes the ratio −1.
        predicted: ≥ 0.

    Example:
        >>> tensor = ops.convert_to_tensor
        >>> round(float(gain_ratio(tensor(2.0), tensor(1.5), tensor(1.0))), 4)
        0.5
        >>> float(gain_ratio(tensor(2.0), tensor(2.0), tensor(0.0)))
        1.0

    References:
        Conn, Gould, Toint, Trust-Region Methods, 2000, section 17.4.2.
    """
    slack = rounding(before)
    gain = ratio(before - after + slack, predicted + slack)
    # At f = 0 there is no slack: nothing predicted and nothing gained is perfect too.
    is_nothing = ops.logical_and(ops.equal(predicted + slack, 0), ops.equal(before, after))
    gain = ops.where(is_nothing, ops.ones_like(gain), gain)
    return ops.where(ops.isfinite(gain), gain, -ops.ones_like(gain))
