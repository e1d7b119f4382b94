"""A row of the table that drives the tests of the rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.optimizers import load_optimizer

Array = np.ndarray[Any, Any]
Gradient = Callable[[Array, int], Array]


@dataclass(frozen=True)
class Case:
    """An optimizer with settings that are not its defaults, its oracle and its Keras twin.

    Args:
        name: of the row.
        optimizer: its name in ``OPTIMIZERS``.
        numbers: numeric hyperparameters; also the arguments of ``points``.
        points: the oracle: weights after each step.
        twin: Keras's own class with its arguments, if it has one.
        evaluated: an oracle of the weights at which the model is evaluated, after each step, where
            these are not those that are trained.
        options: structural arguments.
        twin_rtol: how far the twin's float64 may be from ours.
    """

    name: str
    optimizer: str
    numbers: dict[str, float]
    points: Callable[..., list[Array]]
    twin: tuple[str, dict[str, Any]] | None
    options: dict[str, Any] = field(default_factory=dict)
    evaluated: Callable[[Array, Gradient, int], list[Array]] | None = None
    twin_rtol: float = 1e-11  # 20 steps of float64 rounding, in another order of operations

    def build(self, **changes: Any) -> Any:
        """Ours, with changed or further arguments."""
        return load_optimizer(self.optimizer)(**{**self.numbers, **self.options, **changes})

    def build_twin(self, **further: Any) -> Any:
        """Keras's, with further arguments; skips the test where there is none."""
        if self.twin is None:
            pytest.skip(f"Keras has no class that takes the steps of {self.name}")
        name, arguments = self.twin
        return getattr(keras.optimizers, name)(**{**arguments, **further})
