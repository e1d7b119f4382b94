"""How well a quadratic model predicted the decrease of the objective."""

from keras import ops

from benchmark.optimizers.line_search import rounding
from benchmark.optimizers.vectors import Tensor, ratio

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
        >>> one = ops.convert_to_tensor
        >>> round(float(gain_ratio(one(2.0), one(1.5), one(1.0))), 4)
        0.5
        >>> float(gain_ratio(one(2.0), one(2.0), one(0.0)))
        1.0

    References:
        Conn, Gould, Toint, Trust-Region Methods, 2000, section 17.4.2.
    """
    slack = rounding(before)
    found = ratio(before - after + slack, predicted + slack)
    # At f = 0 there is no slack: nothing predicted and nothing gained is perfect too.
    is_nothing = ops.logical_and(ops.equal(predicted + slack, 0), ops.equal(before, after))
    found = ops.where(is_nothing, ops.ones_like(found), found)
    return ops.where(ops.isfinite(found), found, -ops.ones_like(found))
