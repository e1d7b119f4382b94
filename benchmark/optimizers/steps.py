"""What several update rules have in common."""

from keras import ops

from benchmark.optimizers.tensors import State, Tensor


def with_decay(direction: Tensor, state: State, hyperparameters: State) -> Tensor:
    """Add λ W to the direction of a step, where there is a ``weight_decay`` λ."""
    if "weight_decay" not in hyperparameters:
        return direction
    return direction + hyperparameters["weight_decay"] * state["weights"]


def beginning(state: State) -> Tensor:
    """Return the weights from which a variable set out: those at the first step.

    They are taken there and not when the optimizer is built, which may be before the
    weights have their values.
    """
    return ops.where(state["step"] == 1, state["weights"], state["initial_weights"])
