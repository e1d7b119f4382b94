"""How a trial's optimizer steps, as its curvature is to be read."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmark.curvature import StepRule
from benchmark.engine.slots import Slot, optimizer_constants, optimizer_numbers
from benchmark.theory import stability_limit

SECOND_MOMENT = "second_moment"
"""What an optimizer with a step for each weight keeps for it."""


def step_rule(slot: Slot, second_moments: Sequence[np.ndarray[Any, Any]]) -> StepRule | None:
    """Return what decides whether the steps of a running trial are stable.

    Args:
        slot: the trial.
        second_moments: Adam's running means of the squared gradient, one array a weight.

    Returns:
        The rule of the last step, or at the start of the next; nothing for optimizers whose limit
        is not known, and for Adam before its first step.
    """
    trial = slot.trial
    numbers = {**optimizer_constants(trial), **optimizer_numbers(trial)}
    limit = stability_limit(trial.optimizer, numbers)
    rate = slot.base_learning_rate if np.isnan(slot.learning_rate) else slot.learning_rate
    if limit is None or not rate > 0:
        return None
    if trial.optimizer != "adam":
        return StepRule(rate, limit)
    if not second_moments or not slot.step:
        return None
    moments = np.concatenate([np.ravel(one) for one in second_moments]).astype(np.float64)
    # αₜ m / (√v + ε) with αₜ = α √(1 − β₂ᵗ) / (1 − β₁ᵗ) is α m / p.
    first, second = (1 - numbers[name] ** slot.step for name in ("beta_1", "beta_2"))
    scale = first / np.sqrt(second)
    return StepRule(rate, limit, scale * (np.sqrt(moments) + numbers["epsilon"]))
