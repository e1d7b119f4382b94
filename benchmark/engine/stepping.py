"""How a trial's optimizer steps, as its curvature is to be read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.curvature import StepRule
from benchmark.engine.slots import Slot
from benchmark.engine.structure import clipping_of, optimizer_constants, optimizer_numbers
from benchmark.optimizers.stability import Snapshot, stepping
from benchmark.trial import Trial

Array = np.ndarray[Any, Any]
Memory = tuple[Sequence[Mapping[str, Array]], Mapping[str, Array]]
"""What an optimizer remembers: its slots, by name for each weight, and what is shared, by name."""
NOTHING: Memory = ((), {})
"""The memory of an optimizer that is not known."""


def memory_of(optimizer: Any, state: Sequence[Array]) -> Memory:
    """Return what an optimizer remembers; nothing of a class of Keras or of a user.

    Args:
        optimizer: a built one.
        state: values in the order of its ``variables``.
    """
    if not hasattr(optimizer, "memory"):
        return NOTHING
    slots, shared = optimizer.memory(state)
    return slots, shared


def step_rule(slot: Slot, memory: Memory = NOTHING) -> StepRule | str:
    """Return what decides whether the steps of a running trial are stable.

    Args:
        slot: the trial.
        memory: of its optimizer.

    Returns:
        The rule of the last step, or at the start of the first; a sentence where no limit is
        known.
    """
    rate = slot.base_learning_rate if np.isnan(slot.learning_rate) else slot.learning_rate
    return trial_rule(slot.trial, rate, slot.step, memory)


def trial_rule(
    trial: Trial,
    learning_rate: float,
    step: int,
    memory: Memory = NOTHING,
) -> StepRule | str:
    """Return the same of a trial that need not run.

    Args:
        trial: what is or was trained.
        learning_rate: of its last step.
        step: updates so far.
        memory: of its optimizer, nothing where it is not kept.
    """
    numbers = {**optimizer_constants(trial), **optimizer_numbers(trial)}
    slots, shared = memory
    if np.isfinite(learning_rate) and learning_rate <= 0:
        return "The learning rate of the last step is 0, so no curvature is too large for it."
    found = stepping(trial.optimizer, Snapshot(float(learning_rate), numbers, step, slots, shared))
    if isinstance(found, str):
        return found
    return StepRule(
        found.rate,
        found.recurrence.limit,
        found.root,
        radius=found.radius,
        note=" ".join(filter(None, [found.note, *_conditions(trial, numbers, found.rate)])),
    )


def _conditions(trial: Trial, numbers: Mapping[str, float], rate: float) -> list[str]:
    """What else was given to the optimizer, and what that means for the limit."""
    found = []
    if numbers.get("weight_decay"):
        decay = rate * numbers["weight_decay"]
        found.append(f"Weight decay of {decay:.3g} in a step lowers the limit.")
    found.extend(
        f"It holds for gradients that {kind} leaves as they are: clipping bounds every step."
        for kind in clipping_of(trial)
    )
    return found
