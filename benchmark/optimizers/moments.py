"""What the adaptive optimizers share: running means, and the step of Adam from two of them."""

from keras import ops

from benchmark.optimizers.tensors import State, Tensor


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
    """Return αₜ m / (√v + ε) with Adam's αₜ = α √(1 − β₂ᵗ) / (1 − β₁ᵗ).

    Args:
        first: m.
        second: v.
        step: t from 1.
        hyperparameters: ``learning_rate`` α, ``beta_1``, ``beta_2``, ``epsilon`` ε.
    """
    first_share = 1 - ops.power(hyperparameters["beta_1"], step)
    second_share = 1 - ops.power(hyperparameters["beta_2"], step)
    rate = hyperparameters["learning_rate"] * ops.sqrt(second_share) / first_share
    return rate * first / (ops.sqrt(second) + hyperparameters["epsilon"])
