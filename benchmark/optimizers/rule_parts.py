"""What several update rules share: moments, first gradients, decay, sums over all variables."""

from collections.abc import Sequence

from keras import ops

from benchmark.optimizers.clipping import norm_dtype
from benchmark.optimizers.tensors import State, Tensor, precision


def running_mean(mean: Tensor, value: Tensor, decay: Tensor) -> Tensor:
    """Return decay · mean + (1 − decay) · value.

    Example:
        >>> running_mean(1.0, 3.0, 0.75)
        1.5
    """
    return mean + (1 - decay) * (value - mean)


def first_and_second(state: State, gradient: Tensor, hyperparameters: State) -> State:
    """Return Adam's moments: the running means of the gradient and of its square.

    Args:
        state: ``first_moment`` and ``second_moment``.
        gradient: g.
        hyperparameters: ``beta_1`` and ``beta_2``.
    """
    square = ops.square(gradient)
    return {
        "first_moment": running_mean(state["first_moment"], gradient, hyperparameters["beta_1"]),
        "second_moment": running_mean(state["second_moment"], square, hyperparameters["beta_2"]),
    }


def corrected_update(first: Tensor, second: Tensor, step: Tensor, hyperparameters: State) -> Tensor:
    """Return ηₜ m / (√v + ε) with Adam's ηₜ = η √(1 − β₂ᵗ) / (1 − β₁ᵗ).

    Args:
        first: m.
        second: v.
        step: t from 1.
        hyperparameters: ``learning_rate`` η, ``beta_1``, ``beta_2``, ``epsilon`` ε.
    """
    first_share = 1 - ops.power(hyperparameters["beta_1"], step)
    second_share = 1 - ops.power(hyperparameters["beta_2"], step)
    rate = hyperparameters["learning_rate"] * ops.sqrt(second_share) / first_share
    return rate * first / (ops.sqrt(second) + hyperparameters["epsilon"])


def with_decay(direction: Tensor, state: State, hyperparameters: State) -> Tensor:
    """Add λ W to the direction of a step, where there is a ``weight_decay`` λ."""
    if "weight_decay" not in hyperparameters:
        return direction
    return direction + hyperparameters["weight_decay"] * state["weights"]


def not_begun(weights: Tensor) -> State:
    """Return the state by which a rule knows the first gradient of a variable, before it came.

    It need not come at the first step of the optimizer: a step may be made on some variables.

    Args:
        weights: of the variable.
    """
    return {"begun": ops.zeros((), dtype=precision(weights))}


def begun(state: State) -> State:
    """Return the same state after a step."""
    return {"begun": ops.ones_like(state["begun"])}


def beginning(state: State) -> Tensor:
    """Return the weights from which a variable set out: those at its first step.

    They are taken there and not when the optimizer is built, which may be before the
    weights have their values.

    Args:
        state: with ``weights``, ``initial_weights`` and the state of :func:`not_begun`.
    """
    return ops.where(state["begun"] > 0, state["initial_weights"], state["weights"])


def inner_product(tensors: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """Return Σ aᵢ bᵢ over all elements of all tensors, at least in float32.

    Example:
        >>> from keras import ops
        >>> a, b = ops.array([1.0, 2.0]), ops.array([3.0])
        >>> float(inner_product([a, b], [a, b]))
        14.0
    """
    dtype = norm_dtype(tensors)
    return ops.sum(_flat(tensors, dtype) * _flat(others, dtype))


def absolute_sum(tensors: Sequence[Tensor]) -> Tensor:
    """Return Σ |aᵢ| over all elements of all tensors, at least in float32.

    Example:
        >>> from keras import ops
        >>> float(absolute_sum([ops.array([1.0, -2.0]), ops.array([3.0])]))
        6.0
    """
    return ops.sum(ops.abs(_flat(tensors, norm_dtype(tensors))))


def in_type_of(tensors: Sequence[Tensor], numbers: State) -> State:
    """Return numbers in the type in which sums over the tensors are taken."""
    dtype = norm_dtype(tensors)
    return {name: ops.cast(value, dtype) for name, value in numbers.items()}


def _flat(tensors: Sequence[Tensor], dtype: str) -> Tensor:
    # As one vector: XLA takes longer to compile one reduction for each tensor.
    return ops.concatenate([ops.reshape(ops.cast(tensor, dtype), (-1,)) for tensor in tensors])
