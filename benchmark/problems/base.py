"""What every closed-form problem offers."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from keras import ops

from benchmark.problems.catalogue import PROBLEMS
from benchmark.problems.ranges import check_rules

Array = np.ndarray[Any, np.dtype[np.float64]]
Tensor = Any


class Problem(ABC):
    """A function f(θ) = mean over examples x of f(θ; x), with all derivatives in closed form.

    θ is one vector of ``dimension`` numbers. A deterministic function has one dummy example,
    which does not enter its value. ``value`` is written in Keras operations, so that it is
    trained and differentiated like any model; ``gradient`` and ``hessian`` are independent
    NumPy expressions, against which derivatives are checked.
    """

    name: ClassVar[str]
    """The key in :data:`benchmark.problems.PROBLEMS`."""
    options: dict[str, float | int | str]
    """The options that build the same problem again."""
    start: Array
    """The starting point, float64 of shape (dimension,)."""
    minimum: Array
    """A global minimiser, float64 of shape (dimension,)."""
    optimum: float = 0.0
    """The smallest value of f."""
    data: np.ndarray[Any, Any]
    """The examples x, float32 of shape (samples, …)."""
    test_data: np.ndarray[Any, Any] | None = None
    """Examples of which the test loss is taken, or nothing where the function is deterministic."""

    def __init__(self, **options: float | int | str) -> None:
        if entry := PROBLEMS.get(self.name):
            check_rules(self.name, entry.rules, options)
        self.options = options
        self.data = np.zeros((1, 1), np.float32)

    @property
    def dimension(self) -> int:
        """The number of parameters."""
        return int(self.start.size)

    @abstractmethod
    def value(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return f(θ; x) of each example, shape (batch,), in the dtype of ``theta``.

        Args:
            theta: a tensor of shape (dimension,), float32 or float64.
            x: a batch of rows of ``data``, shape (batch, …).
        """

    @abstractmethod
    def gradient(self, theta: Array) -> Array:
        """Return ∇f(θ) over all data in float64, shape (dimension,)."""

    @abstractmethod
    def hessian(self, theta: Array) -> Array:
        """Return ∂²f/∂θ² over all data in float64, shape (dimension, dimension)."""

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={value!r}" for key, value in self.options.items())
        return f"{type(self).__name__}({options})"


def same_for_all(value: Tensor, x: Tensor) -> Tensor:
    """Repeat a deterministic value for each example of the batch ``x``.

    The dummy data are never multiplied in: a value of inf times zero would be NaN.
    """
    return ops.repeat(ops.reshape(value, (1,)), ops.shape(x)[0], axis=0)
