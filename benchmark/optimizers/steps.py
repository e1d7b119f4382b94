"""What several update rules have in common."""

from keras import ops

from benchmark.optimizers.tensors import State, Tensor, precision


def with_decay(direction: Tensor, state: State, hyperparameters: State) -> Tensor:
    """Add λ W to the direction of a step, where there is a ``weight_decay`` λ."""
    if "weight_decay" not in hyperparameters:
        return direction
    return direction + hyperparameters["weight_decay"] * state["weights"]


def not_begun(weights: Tensor) -> State:
    """Return the slot by which a rule knows the first gradient of a variable, before it came.

    It need not come at the first step of the optimizer: a step may be made on some variables.

    Args:
        weights: of the variable.
    """
    return {"begun": ops.zeros((), dtype=precision(weights))}


def begun(state: State) -> State:
    """Return the same slot after a step."""
    return {"begun": ops.ones_like(state["begun"])}


def beginning(state: State) -> Tensor:
    """Return the weights from which a variable set out: those at its first step.

    They are taken there and not when the optimizer is built, which may be before the
    weights have their values.

    Args:
        state: with ``weights``, ``initial_weights`` and the slot of :func:`not_begun`.
    """
    return ops.where(state["begun"] > 0, state["initial_weights"], state["weights"])
