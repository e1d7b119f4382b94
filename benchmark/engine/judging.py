"""The compiled functions that judge many trials of one model at once."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.engine.layout import whole_lines
from benchmark.engine.task import Array, Part, Task, metric_of_rows
from benchmark.engine.tiles import Shape

Tensor = Any
Tensors = list[Any]
CHUNK_ROWS = 256
"""Most examples that pass through the models of a tile at once.

On one CPU core the numbers of four digits networks over 256 examples stay in its cache.
"""


class JudgingProgram:
    """Loss, metric and gradient norm of several trials side by side, over whole parts.

    Every optimizer that trains the model shares it, since only the weights come in.

    Args:
        task: model, loss, metric and data; the data are put on the device once.
        shape: how many trials, and how they are laid out.
    """

    def __init__(self, task: Task, shape: Shape) -> None:
        self.shape = shape
        self._task = task
        self._parts = {name: chunks_of(part) for name, part in task.parts.items()}
        self._evaluate = backend.compile(self._evaluations)
        self._test = backend.compile(self._means)
        self._is_warm = False

    @property
    def compilations(self) -> int:
        """How often anything has been compiled so far."""
        return self._evaluate.compilations + self._test.compilations

    def evaluate(
        self, weights: Tensors, model_states: Tensors, before: Tensors, tiles: int
    ) -> list[dict[str, float]]:
        """Return loss, metric, gradient norm and update norm of every slot, and coordinates.

        Args:
            weights: those at which the trials of all slots are judged.
            model_states: what the models keep besides.
            before: the same at the start of the epoch.
            tiles: how many tiles from the first are computed; the others get zeros.
        """
        judged = [part for name, part in self._parts.items() if name != "test"]
        values = self._evaluate(weights, model_states, before, np.int32(tiles), judged)
        names = [key for name in self._parts if name != "test" for key in self._metric_names(name)]
        names += ["gradient_norm", "update_norm", *self._task.coordinates]
        return _by_slot(names, values)

    def test(self, weights: Tensors, model_states: Tensors, tiles: int) -> list[dict[str, float]]:
        """Return the metrics of the test part for every slot, or nothing without one."""
        if "test" not in self._parts:
            return [{} for _ in range(self.shape.slots)]
        values = self._test(weights, model_states, np.int32(tiles), self._parts["test"])
        return _by_slot(self._metric_names("test"), values)

    def warm_up(self) -> None:
        """Compile everything once, so that the clocks of judging do not show it."""
        if self._is_warm:
            return
        model, repeated = self._task.model, self.shape.repeated
        weights, states = (
            [ops.convert_to_tensor(repeated(np.asarray(one.value))) for one in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        )
        self.evaluate(weights, states, weights, 0)
        self.test(weights, states, 0)
        self._is_warm = True

    def _metric_names(self, part: str) -> list[str]:
        return [f"{part}_loss", *([f"{part}_{self._task.metric}"] if self._task.metric else [])]

    # What is compiled. Everything below is pure.

    def _evaluations(
        self, weights: Tensors, states: Tensors, before: Tensors, tiles: Tensor, parts: Any
    ) -> Tensor:
        count = len(parts) * (2 if self._task.metric else 1) + 2 + len(self._task.coordinates)

        def of_tile(tile: Tensor) -> Tensor:
            now, state, old = ([one[tile] for one in group] for group in (weights, states, before))
            return self._evaluation(now, state, old, parts)

        return self._by_tile(of_tile, tiles, count)

    def _evaluation(self, weights: Tensors, states: Tensors, before: Tensors, parts: Any) -> Tensor:
        """The metrics of the trials of a tile, in float64, in which the update norm is taken."""
        train, *others = parts
        gradients, values = self._slope(weights, states, train)
        for part in others:
            values += self._values(weights, states, part)
        squares = _squares(gradients)
        moves = _squares(
            [
                ops.cast(new, "float64") - ops.cast(old, "float64")
                for new, old in zip(weights, before, strict=True)
            ]
        )
        values += [ops.sqrt(squares), ops.sqrt(moves)]
        values += [weights[0][:, place] for place, _ in enumerate(self._task.coordinates)]
        return ops.stack([ops.cast(value, "float64") for value in values], axis=-1)

    def _means(self, weights: Tensors, states: Tensors, tiles: Tensor, part: Any) -> Tensor:
        def of_tile(tile: Tensor) -> Tensor:
            now, state = ([one[tile] for one in group] for group in (weights, states))
            values = self._values(now, state, part)
            return ops.stack([ops.cast(value, "float64") for value in values], axis=-1)

        return self._by_tile(of_tile, tiles, 2 if self._task.metric else 1)

    def _by_tile(self, of_tile: Any, tiles: Tensor, count: int) -> Tensor:
        """Stack what each tile gives: float64 of shape (tiles, width, count)."""
        shape = self.shape

        def body(tile: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
            start = ops.stack([tile, 0, 0])
            return tile + 1, ops.slice_update(found, start, ops.expand_dims(of_tile(tile), 0))

        empty = ops.zeros((shape.tiles, shape.width, count), "float64")
        return ops.while_loop(lambda tile, _: tile < tiles, body, (ops.zeros_like(tiles), empty))[1]

    def _slope(self, weights: Tensors, states: Tensors, part: Any) -> tuple[Tensors, Tensors]:
        """The gradient of the mean loss of each trial over a part, loss and metric."""

        def of_one(
            weights: Tensors, states: Tensors, x: Tensor, y: Tensor, shares: Tensor
        ) -> Tensors:
            def judged(parameters: Tensors) -> tuple[Tensor, Tensors]:
                values = self._sums(parameters, states, x, y, shares)
                return values[0], values

            (_, values), gradients = backend.value_and_grad(judged, has_aux=True)(weights)
            return [*gradients, *values]

        found = self._added(of_one, weights, states, part, [*weights])
        return found[: len(weights)], found[len(weights) :]

    def _values(self, weights: Tensors, states: Tensors, part: Any) -> Tensors:
        """Loss and metric of each trial over a part."""

        def of_one(
            weights: Tensors, states: Tensors, x: Tensor, y: Tensor, shares: Tensor
        ) -> Tensors:
            return self._sums(weights, states, x, y, shares)

        return self._added(of_one, weights, states, part, [])

    def _added(
        self, of_one: Any, weights: Tensors, states: Tensors, part: Any, like: Tensors
    ) -> Tensors:
        """Add up over the chunks of a part what ``of_one`` gives for each trial."""
        mapped = backend.vectorize(of_one, (0, 0, None, None, None))
        if part[0].shape[0] == 1:
            return list(mapped(weights, states, *(array[0] for array in part)))

        def body(chunk: Tensor, *sums: Tensor) -> tuple[Any, ...]:
            found = mapped(weights, states, *(a[chunk] for a in part))
            return (chunk + 1, *(old + new for old, new in zip(sums, found, strict=True)))

        values = [ops.zeros((self.shape.width,), weights[0].dtype)] * (
            2 if self._task.metric else 1
        )
        zeros = [ops.zeros_like(tensor) for tensor in like] + values
        chunks = ops.convert_to_tensor(part[0].shape[0], "int32")
        start = (ops.zeros_like(chunks), *zeros)
        return list(ops.while_loop(lambda chunk, *_: chunk < chunks, body, start)[1:])

    def _sums(
        self, weights: Tensors, states: Tensors, x: Tensor, y: Tensor, shares: Tensor
    ) -> Tensors:
        """What a chunk adds to the mean loss, and to the metric where there is one."""
        loss, outputs = loss_of_chunk(self._task, weights, states, x, y, shares)
        if not self._task.metric:
            return [loss]
        rows = metric_of_rows(self._task.metric, y, outputs)
        return [loss, ops.sum(ops.cast(rows, shares.dtype) * shares)]


def loss_of_chunk(
    task: Task,
    weights: Sequence[Tensor],
    states: Sequence[Tensor],
    x: Tensor,
    y: Tensor,
    shares: Any,
) -> tuple[Tensor, Tensor]:
    """What a chunk adds to the mean loss of a part in inference mode, and the model's outputs.

    Args:
        task: model and loss.
        weights: where it is taken.
        states: what the model keeps besides.
        x: inputs of the chunk.
        y: its targets.
        shares: of each row in the mean.
    """
    outputs, _, penalties = task.model.stateless_call(
        list(weights), list(states), x, training=False, return_losses=True
    )
    # Keras's one-hot targets are float64 on JAX, and it divides by the number of rows.
    loss = ops.cast(task.loss(y, outputs, sample_weight=shares), weights[0].dtype)
    loss = loss * x.shape[0]
    if penalties:
        loss += ops.cast(ops.sum(shares), loss.dtype) * sum(penalties)
    return loss, outputs


def chunks_of(part: Part) -> tuple[Tensor, Tensor, Tensor]:
    """A part cut into chunks of equal size, and the share of each row in the mean."""
    count = len(part.x)
    chunks = -(-count // CHUNK_ROWS)
    size = whole_lines(-(-count // chunks))
    # The last chunk is filled up with the last row, whose share is 0 from the second time on.
    rows = np.minimum(np.arange(chunks * size), count - 1).reshape(chunks, size)
    shares = np.where(np.arange(chunks * size) < count, 1.0 / count, 0.0).reshape(chunks, size)
    arrays = (part.x[rows], part.y[rows], shares.astype(keras.config.floatx()))
    return tuple(ops.convert_to_tensor(array) for array in arrays)


def _squares(tensors: Sequence[Tensor]) -> Tensor:
    """The sum of squares of each trial over all tensors."""
    return sum(ops.sum(ops.square(one), axis=tuple(range(1, len(one.shape)))) for one in tensors)


def _by_slot(names: Sequence[str], values: Tensor) -> list[dict[str, float]]:
    table: Array = np.asarray(values).reshape(-1, len(names))
    return [dict(zip(names, map(float, row), strict=True)) for row in table]
