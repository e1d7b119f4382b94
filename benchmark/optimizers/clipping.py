"""Gradient clipping by pure functions whose threshold may be a tensor.

The order of a step is Keras's: clip, then decoupled weight decay, then the
update rule. Which kind is used is structural; its threshold ``c`` is a value, so
one compiled program serves every threshold.

| function | argument of the optimizer | what it bounds |
|---|---|---|
| `clip_by_value` | `clipvalue` | every element: −c ≤ gᵢ ≤ c |
| `clip_by_norm` | `clipnorm` | every variable's Euclidean norm: ‖g‖ ≤ c |
| `clip_by_global_norm` | `global_clipnorm` | the norm over all variables together |
| `clip_by_unit_norm` | `adaptive_clipnorm` | each unit's norm, by c times that of its weights |
| `clip_by_percentile` | `percentile_clipnorm` | the global norm, by a percentile of its history |

Non-finite gradients: an infinite element clipped by value becomes ±c and NaN
stays NaN, each element by itself. A norm is not defined over non-finite
elements, so there the whole group becomes NaN: the divergence is seen in the
weights instead of being turned into a harmless looking step. The norm of finite
gradients never overflows, nor are gradients within the threshold touched.

References: Pascanu, Mikolov, Bengio, On the difficulty of training recurrent
neural networks, ICML 2013, algorithm 1 (clipping by norm). Brock, De, Smith, Simonyan,
High-performance large-scale image recognition without normalization, ICML 2021, section 4
(adaptive). Seetharaman, Wichern, Pardo, Le Roux, AutoClip: adaptive gradient clipping for source
separation networks, MLSP 2020 (percentile).
"""

from collections.abc import Sequence
from typing import Any

from keras import ops
from keras.backend import result_type, standardize_dtype

Tensor = Any
"""A tensor of the backend in use: ``tf.Tensor`` or ``jax.Array``."""
HISTORY = 256
"""How many global norms ``clip_by_percentile`` remembers: a compiled program has fixed shapes."""
HALVINGS = 4
"""How often rows are added to rows before a sum: 16 rows become one, and what remains is little."""
LEAST_WEIGHTS = 1e-3
"""What a unit's norm counts at least, so that units that begin at zero can move; Brock et al. 2021,
section 4.1."""


def clip_by_value(gradients: Sequence[Tensor], threshold: Tensor) -> list[Tensor]:
    """Limit every element to [−threshold, threshold].

    Args:
        gradients: one tensor a variable, of any shape.
        threshold: a scalar > 0, in units of the gradient.

    Example:
        >>> from keras import ops
        >>> [clipped] = clip_by_value([ops.array([-3.0, 0.5])], 1.0)
        >>> ops.convert_to_numpy(clipped).tolist()
        [-1.0, 0.5]
    """
    return [
        _limit_elements(gradient, ops.cast(threshold, gradient.dtype)) for gradient in gradients
    ]


def clip_by_norm(gradients: Sequence[Tensor], threshold: Tensor) -> list[Tensor]:
    """Scale each gradient by itself so that its norm is at most the threshold.

    Args:
        gradients: one tensor a variable, of any shape.
        threshold: a scalar > 0, in units of the gradient.

    Example:
        >>> from keras import ops
        >>> [clipped] = clip_by_norm([ops.array([3.0, 4.0])], 1.0)
        >>> ops.convert_to_numpy(clipped).round(3).tolist()
        [0.6, 0.8]
    """
    return [_clip_group([gradient], threshold)[0] for gradient in gradients]


def clip_by_global_norm(gradients: Sequence[Tensor], threshold: Tensor) -> list[Tensor]:
    """Scale all gradients by one factor so that their common norm is at most the threshold.

    Args:
        gradients: one tensor a variable, of any shape.
        threshold: a scalar > 0, in units of the gradient.

    Example:
        >>> from keras import ops
        >>> clipped = clip_by_global_norm([ops.array([3.0]), ops.array([4.0])], 1.0)
        >>> [round(float(part[0]), 3) for part in clipped]
        [0.6, 0.8]
    """
    return _clip_group(gradients, threshold)


def clip_by_unit_norm(
    gradients: Sequence[Tensor], weights: Sequence[Tensor], threshold: Tensor
) -> list[Tensor]:
    """Scale the gradient of each unit so that its norm is at most c times that of its weights.

        Gᵢ ← c · max(‖Wᵢ‖, 10⁻³) · Gᵢ / ‖Gᵢ‖   where ‖Gᵢ‖ > c · max(‖Wᵢ‖, 10⁻³)

    with c = ``threshold``. The weights of unit i are those along all axes but the last of a
    kernel; a vector (biases) or a number is one unit. Departures from the paper: the last layer
    is clipped as the others, since an optimizer does not know which it is.

    Args:
        gradients: one tensor a variable, of any shape.
        weights: the variables, in the same order and shapes.
        threshold: a scalar > 0, without unit.

    Example:
        >>> from keras import ops
        >>> kernel = ops.array([[3.0, 0.0], [4.0, 1.0]])     # norms of the units: 5 and 1
        >>> [clipped] = clip_by_unit_norm([ops.array([[0.0, 2.0], [1.0, 0.0]])], [kernel], 0.5)
        >>> ops.convert_to_numpy(clipped).tolist()
        [[0.0, 0.5], [1.0, 0.0]]
    """
    return [
        _clip_units(gradient, weight, threshold)
        for gradient, weight in zip(gradients, weights, strict=True)
    ]


def clip_by_percentile(
    gradients: Sequence[Tensor], norms: Tensor, step: Tensor, percentile: Tensor
) -> tuple[list[Tensor], Tensor]:
    """Limit the global norm to a percentile of the global norms so far, the present among them.

    Linear between two norms, as ``numpy.percentile``. The paper remembers all norms since the
    start of training; here it is the last 256.

    Args:
        gradients: one tensor a variable, of any shape.
        norms: those of earlier steps, of shape (256,), in the order in which they were written
            over each other.
        step: how many steps there were, 0 at the first.
        percentile: a scalar from 0 (the smallest norm) to 100 (no clipping).

    Returns:
        The clipped gradients, and the norms with the present one among them.

    Example:
        >>> from keras import ops
        >>> norms = ops.zeros((HISTORY,))
        >>> for step, gradient in enumerate([1.0, 3.0, 9.0]):
        ...     [clipped], norms = clip_by_percentile([ops.array([gradient])], norms, step, 50.0)
        ...     print(float(clipped[0]))
        1.0
        2.0
        3.0
    """
    unit, relative = _norm_in_units(gradients)
    positions = ops.arange(HISTORY, dtype="int32")
    step = ops.cast(step, "int32")
    norm = ops.cast(unit * relative, norms.dtype)
    norms = ops.where(positions == step % HISTORY, norm, norms)
    count = ops.minimum(step + 1, HISTORY)
    ordered = ops.sort(ops.where(positions < count, norms, float("inf")))
    position = ops.cast(percentile, norms.dtype) / 100 * ops.cast(count - 1, norms.dtype)
    below = ops.cast(ops.floor(position), "int32")
    low = ops.take(ordered, below)
    high = ops.take(ordered, ops.minimum(below + 1, count - 1))
    threshold = low + (position - ops.floor(position)) * (high - low)
    return _scale_group(gradients, unit, relative, threshold), norms


def global_norm(tensors: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm over all elements of all tensors, at least in float32.

    Example:
        >>> from keras import ops
        >>> float(global_norm([ops.array([3.0]), ops.array([4.0])]))
        5.0
    """
    unit, relative = _norm_in_units(tensors)
    return ops.cast(unit * relative, norm_dtype(tensors))


def _limit_elements(gradient: Tensor, limit: Tensor) -> Tensor:
    # Comparisons with NaN are false, so that NaN passes; whether it passes `minimum`
    # depends on the device.
    from_above = ops.where(gradient > limit, limit, gradient)
    return ops.where(from_above < -limit, -limit, from_above)


def _clip_group(gradients: Sequence[Tensor], threshold: Tensor) -> list[Tensor]:
    """Scale a group of gradients together, untouched where within the threshold."""
    return _scale_group(gradients, *_norm_in_units(gradients), threshold)


def _scale_group(
    gradients: Sequence[Tensor], unit: Tensor, relative: Tensor, threshold: Tensor
) -> list[Tensor]:
    """Scale gradients of the norm ``unit`` · ``relative`` to the threshold, where beyond it."""
    limit = ops.cast(threshold, unit.dtype)
    unity = ops.ones_like(unit)
    factor = ops.where(unit * relative > limit, limit / relative, unity)
    factor = ops.where(ops.isfinite(unit), factor, float("nan"))
    # Divided by the unit first: the norm itself may lie beyond the range.
    unit = ops.where(factor == 1, unity, unit)
    return [
        ops.cast(ops.cast(gradient, unit.dtype) / unit * factor, gradient.dtype)
        for gradient in gradients
    ]


def _clip_units(gradient: Tensor, weights: Tensor, threshold: Tensor) -> Tensor:
    dtype = norm_dtype([gradient])
    precise = ops.cast(gradient, dtype)
    unit, relative = _unit_norms(precise)
    weight_unit, weight_norm = _unit_norms(ops.cast(weights, dtype))
    limit = ops.cast(threshold, dtype) * ops.maximum(weight_unit * weight_norm, LEAST_WEIGHTS)
    # A gradient of zero has the relative norm zero, and is never beyond the limit.
    scaled = (precise / unit) * (limit / ops.where(relative > 0, relative, 1.0))
    limited = ops.where(unit * relative > limit, scaled, precise)
    return ops.cast(ops.where(ops.isfinite(unit), limited, float("nan")), gradient.dtype)


def _unit_norms(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """The norm of each unit as in :func:`_norm_in_units`, in a shape that broadcasts."""
    axes = tuple(range(len(tensor.shape) - 1)) or None
    largest = ops.max(ops.abs(tensor), axis=axes, keepdims=True)
    finite = ops.all(ops.isfinite(tensor), axis=axes, keepdims=True)
    unit = ops.minimum(largest, 2.0**100)
    unit = ops.where(unit > 0, unit, ops.ones_like(unit))
    squares = ops.sum(ops.square(tensor / unit), axis=axes, keepdims=True)
    return ops.where(finite, unit, float("nan")), ops.sqrt(squares)


def _norm_in_units(tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return a unit and the norm in that unit; the unit is NaN where any element is non-finite.

    The square of a float32 number beyond 1.8e19 overflows. In float64 it does not, and one
    pass over the gradients is enough; where there is nothing wider, the unit is about the
    largest magnitude.
    """
    if norm_dtype(tensors) == "float32" and result_type("float64", "float64") == "float64":
        squares = sum(_total(ops.square(ops.cast(tensor, "float64"))) for tensor in tensors)
        unity = ops.ones_like(squares)
        return ops.where(ops.isfinite(squares), unity, float("nan")), ops.sqrt(squares)
    dtype = norm_dtype(tensors)
    # As one vector: XLA takes twice as long to compile one reduction for each tensor.
    flat = ops.concatenate([ops.reshape(ops.cast(tensor, dtype), (-1,)) for tensor in tensors])
    largest = ops.max(ops.abs(flat), initial=0.0)
    finite = ops.all(ops.isfinite(flat))
    # Not larger than this: compilers divide by multiplying with the reciprocal, which
    # must not fall below the normal numbers. One where all is zero: 0 / 0 would be NaN.
    unit = ops.minimum(largest, 2.0**1000 if dtype == "float64" else 2.0**100)
    unit = ops.where(unit > 0, unit, ops.ones_like(unit))
    squares = ops.sum(ops.square(flat / unit))
    return ops.where(finite, unit, float("nan")), ops.sqrt(squares)


def _total(tensor: Tensor) -> Tensor:
    """Return the sum of all elements, most of which are added in the loop that computes them.

    Before a sum XLA writes its terms to memory on a processor; not before rows are added to rows.
    """
    if len(tensor.shape) > 1 and None not in tensor.shape:
        tensor = ops.reshape(tensor, (-1, tensor.shape[-1]))
        for _ in range(HALVINGS):
            half, odd = divmod(tensor.shape[0], 2)
            if odd or not half:
                break
            tensor = tensor[:half] + tensor[half:]
    return ops.sum(tensor)


def norm_dtype(tensors: Sequence[Tensor]) -> str:
    """Return the type to take norms in: float64 where any tensor has it, else float32.

    A 16-bit sum of squares loses the small terms.
    """
    names = {standardize_dtype(tensor.dtype) for tensor in tensors}
    return "float64" if "float64" in names else "float32"
