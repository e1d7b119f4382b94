"""The compiled functions that judge many trials of one model at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from benchmark import backend
from benchmark.engine.program import Tensor, Tensors
from benchmark.engine.task import Array, Task, mean_metric


class JudgingProgram:
    """Loss, metric and gradient norm of several trials side by side, over whole parts.

    Every optimizer that trains the model shares it, since only the weights come in.

    Args:
        task: model, loss, metric and data; the data are put on the device once.
        slots: how many trials, ≥ 1.
    """

    def __init__(self, task: Task, slots: int) -> None:
        self.slots = slots
        self._task = task
        self._parts = {
            name: (ops.convert_to_tensor(part.x), ops.convert_to_tensor(part.y))
            for name, part in task.parts.items()
        }
        self._evaluate = backend.compile(self._evaluations)
        self._test = backend.compile(self._means)
        self._is_warm = False

    @property
    def compilations(self) -> int:
        """How often anything has been compiled so far."""
        return self._evaluate.compilations + self._test.compilations

    def evaluate(self, weights: Tensors, before: Tensors) -> list[dict[str, float]]:
        """Return loss, metric, gradient norm and update norm of every slot.

        Args:
            weights: those of all slots.
            before: those at the start of the epoch.
        """
        judged = [part for name, part in self._parts.items() if name != "test"]
        values = np.asarray(self._evaluate(weights, before, judged))
        names = [key for name in self._parts if name != "test" for key in self._metric_names(name)]
        return _by_slot([*names, "gradient_norm", "update_norm"], values)

    def test(self, weights: Tensors) -> list[dict[str, float]]:
        """Return the metrics of the test part for every slot, or nothing without one."""
        if "test" not in self._parts:
            return [{} for _ in range(self.slots)]
        values = np.asarray(self._test(weights, *self._parts["test"]))
        return _by_slot(self._metric_names("test"), values)

    def warm_up(self) -> None:
        """Compile everything once, so that the clocks of judging do not show it."""
        if self._is_warm:
            return
        self._is_warm = True
        values = [np.asarray(variable.value) for variable in self._task.model.trainable_variables]
        weights = [ops.convert_to_tensor(np.stack([value] * self.slots)) for value in values]
        self.evaluate(weights, weights)
        self.test(weights)

    def _metric_names(self, part: str) -> list[str]:
        return [f"{part}_loss", *([f"{part}_{self._task.metric}"] if self._task.metric else [])]

    # What is compiled. Everything below is pure.

    def _evaluations(self, weights: Tensors, before: Tensors, parts: Any) -> Tensor:
        axes = (0, 0, *(None for _ in parts for _ in range(2)))
        flat = [array for part in parts for array in part]
        return backend.vectorize(self._evaluation, axes)(list(weights), list(before), *flat)

    def _evaluation(self, weights: Tensors, before: Tensors, *parts: Tensor) -> Tensor:
        """The metrics of one trial, in float64, in which the update norm is taken."""
        x, y, *others = parts

        def judged(parameters: Tensors) -> tuple[Tensor, Tensors]:
            values = self._losses(parameters, x, y)
            return values[0], values

        (_, found), gradients = backend.value_and_grad(judged, has_aux=True)(weights)
        values = list(found)
        if others:
            values += self._losses(weights, *others)
        squares = sum(ops.sum(ops.square(gradient)) for gradient in gradients)
        moves = sum(
            ops.sum(ops.square(ops.cast(new, "float64") - ops.cast(old, "float64")))
            for new, old in zip(weights, before, strict=True)
        )
        values += [ops.sqrt(squares), ops.sqrt(moves)]
        return ops.stack([ops.cast(value, "float64") for value in values])

    def _means(self, weights: Tensors, x: Tensor, y: Tensor) -> Tensor:
        def one(parameters: Tensors, x: Tensor, y: Tensor) -> Tensor:
            values = self._losses(parameters, x, y)
            return ops.stack([ops.cast(value, "float64") for value in values])

        return backend.vectorize(one, (0, None, None))(list(weights), x, y)

    def _losses(self, weights: Tensors, x: Tensor, y: Tensor) -> Tensors:
        """The mean loss over a part, and the metric where there is one."""
        outputs, _ = self._task.model.stateless_call(list(weights), [], x, training=False)
        # Keras's one-hot targets are float64 on JAX.
        loss = ops.cast(self._task.loss(y, outputs), weights[0].dtype)
        return [loss, *([mean_metric(self._task.metric, y, outputs)] if self._task.metric else [])]


def _by_slot(names: Sequence[str], values: Array) -> list[dict[str, float]]:
    return [dict(zip(names, map(float, row), strict=True)) for row in values]
