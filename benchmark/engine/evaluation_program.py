"""The compiled functions that evaluate many trials of one model at once."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.engine.batches import whole_lines
from benchmark.engine.task import Array, Part, Task, metric_named, metric_of_rows
from benchmark.engine.tiles import Shape

Tensor = Any
Tensors = list[Any]
CHUNK_ROWS = 256
"""Most examples that pass through the models of a tile at once.

On one CPU core the numbers of four digits networks over 256 examples stay in its cache.
"""


class EvaluationProgram:
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
        self._slopes = backend.compile(self._gradient_norms)
        self._test = backend.compile(self._means)
        self._is_warm = False

    @property
    def compilations(self) -> int:
        """How often anything has been compiled so far."""
        return sum(program.compilations for program in (self._evaluate, self._slopes, self._test))

    def evaluate(
        self, weights: Tensors, model_states: Tensors, before: Tensors, slots: Sequence[int]
    ) -> dict[int, dict[str, float]]:
        """Return loss, metric and update norm by slot, and coordinates.

        Args:
            weights: those at which the trials of all slots are evaluated.
            model_states: what the models keep besides.
            before: the same at the start of the epoch.
            slots: that are evaluated; tiles behind the last of them are not computed.
        """
        evaluated = [part for name, part in self._parts.items() if name != "test"]
        tiles = self._tiles(slots)
        values = self._evaluate(weights, model_states, before, tiles, evaluated)
        names = [key for name in self._parts if name != "test" for key in self._metric_names(name)]
        names += ["update_norm", *self._task.coordinates]
        return _by_slot(names, values, slots)

    def gradient_norms(
        self, weights: Tensors, model_states: Tensors, slots: Sequence[int]
    ) -> dict[int, float]:
        """Return the norm of the gradient of the whole training loss by slot.

        Loss and metric never come from here: a trial whose norm is due would else have
        others, in the last bit, than beside trials whose norm is not.

        Args:
            weights: those at which the trials of all slots are evaluated.
            model_states: what the models keep besides.
            slots: of which it is wanted; tiles behind the last of them are not computed.
        """
        norms = self._slopes(weights, model_states, self._tiles(slots), self._parts["train"])
        metrics = _by_slot(["gradient_norm"], norms, slots)
        return {slot: values["gradient_norm"] for slot, values in metrics.items()}

    def test(
        self, weights: Tensors, model_states: Tensors, slots: Sequence[int]
    ) -> dict[int, dict[str, float]]:
        """Return the metrics of the test part by slot, or nothing of each without one."""
        if "test" not in self._parts:
            return {slot: {} for slot in slots}
        values = self._test(weights, model_states, self._tiles(slots), self._parts["test"])
        return _by_slot(self._metric_names("test"), values, slots)

    def warm_up(self) -> None:
        """Compile everything once, so that the clocks of evaluating do not show it."""
        if self._is_warm:
            return
        model, repeated = self._task.model, self.shape.repeated
        weights, states = (
            [ops.convert_to_tensor(repeated(np.asarray(variable.value))) for variable in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        )
        self.evaluate(weights, states, weights, [])
        self.gradient_norms(weights, states, [])
        self.test(weights, states, [])
        self._is_warm = True

    def _tiles(self, slots: Sequence[int]) -> np.int32:
        """How many tiles from the first hold some slots."""
        return np.int32(self.shape.tiles_of(max(slots, default=-1) + 1))

    def _metric_names(self, part: str) -> list[str]:
        return [f"{part}_loss", *([f"{part}_{self._task.metric}"] if self._task.metric else [])]

    # What is compiled. Everything below is pure.

    def _evaluations(
        self, weights: Tensors, states: Tensors, before: Tensors, tiles: Tensor, parts: Any
    ) -> Tensor:
        count = len(parts) * (2 if self._task.metric else 1) + 1 + len(self._task.coordinates)

        def of_tile(tile: Tensor) -> Tensor:
            now, state, old = (
                [tensor[tile] for tensor in group] for group in (weights, states, before)
            )
            return self._evaluation(now, state, old, parts)

        return self._by_tile(of_tile, tiles, count)

    def _gradient_norms(
        self, weights: Tensors, states: Tensors, tiles: Tensor, part: Any
    ) -> Tensor:
        def of_tile(tile: Tensor) -> Tensor:
            now, state = ([tensor[tile] for tensor in group] for group in (weights, states))
            norms = ops.sqrt(_squares(self._slope(now, state, part)))
            return ops.expand_dims(ops.cast(norms, "float64"), -1)

        return self._by_tile(of_tile, tiles, 1)

    def _evaluation(self, weights: Tensors, states: Tensors, before: Tensors, parts: Any) -> Tensor:
        """The metrics of the trials of a tile, in float64, in which the update norm is taken."""
        values = [value for part in parts for value in self._values(weights, states, part)]
        moves = sum(
            _square(ops.cast(new, "float64") - ops.cast(old, "float64"))
            for new, old in zip(weights, before, strict=True)
        )
        values.append(ops.sqrt(moves))
        values += [weights[0][:, index] for index, _ in enumerate(self._task.coordinates)]
        return ops.stack([ops.cast(value, "float64") for value in values], axis=-1)

    def _means(self, weights: Tensors, states: Tensors, tiles: Tensor, part: Any) -> Tensor:
        def of_tile(tile: Tensor) -> Tensor:
            now, state = ([tensor[tile] for tensor in group] for group in (weights, states))
            values = self._values(now, state, part)
            return ops.stack([ops.cast(value, "float64") for value in values], axis=-1)

        return self._by_tile(of_tile, tiles, 2 if self._task.metric else 1)

    def _by_tile(self, of_tile: Any, tiles: Tensor, count: int) -> Tensor:
        """Stack what each tile gives: float64 of shape (tiles, width, count)."""
        shape = self.shape

        def body(tile: Tensor, stacked: Tensor) -> tuple[Tensor, Tensor]:
            start = ops.stack([tile, 0, 0])
            return tile + 1, ops.slice_update(stacked, start, ops.expand_dims(of_tile(tile), 0))

        empty = ops.zeros((shape.tiles, shape.width, count), "float64")
        return ops.while_loop(lambda tile, _: tile < tiles, body, (ops.zeros_like(tiles), empty))[1]

    def _slope(self, weights: Tensors, states: Tensors, part: Any) -> Tensors:
        """The gradient of the mean loss of each trial over a part."""

        def of_one(
            weights: Tensors, states: Tensors, x: Tensor, y: Tensor, shares: Tensor
        ) -> Tensors:
            def loss(parameters: Tensors) -> Tensor:
                return loss_of_chunk(self._task, parameters, states, x, y, shares)[0]

            return list(backend.value_and_grad(loss)(weights)[1])

        zeros = [ops.zeros_like(tensor) for tensor in weights]
        return self._added(of_one, weights, states, part, zeros)

    def _values(self, weights: Tensors, states: Tensors, part: Any) -> Tensors:
        """Loss and metric of each trial over a part."""

        def of_one(
            weights: Tensors, states: Tensors, x: Tensor, y: Tensor, shares: Tensor
        ) -> Tensors:
            return self._sums(weights, states, x, y, shares)

        zero = ops.zeros((self.shape.width,), weights[0].dtype)
        if not self._task.metric:
            return self._added(of_one, weights, states, part, [zero])
        metric = metric_named(self._task.metric)
        count = metric.count(self._task.model.output_shape[-1])
        if not count:
            return self._added(of_one, weights, states, part, [zero, zero])
        several = ops.zeros((self.shape.width, count), weights[0].dtype)
        loss, means = self._added(of_one, weights, states, part, [zero, several])
        return [loss, metric.of_means(ops, means)]

    def _added(
        self, of_one: Any, weights: Tensors, states: Tensors, part: Any, zeros: Tensors
    ) -> Tensors:
        """Add up over the chunks of a part what ``of_one`` gives for each trial."""
        mapped = backend.vectorize(of_one, (0, 0, None, None, None))
        if part[0].shape[0] == 1:
            return list(mapped(weights, states, *(array[0] for array in part)))

        def body(chunk: Tensor, *sums: Tensor) -> tuple[Any, ...]:
            added = mapped(weights, states, *(a[chunk] for a in part))
            return (chunk + 1, *(old + new for old, new in zip(sums, added, strict=True)))

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
        rows = ops.cast(metric_of_rows(self._task.metric, y, outputs), shares.dtype)
        if len(rows.shape) == 1:
            return [loss, ops.sum(rows * shares)]
        return [loss, ops.sum(rows * shares[:, None], axis=0)]


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
    return sum(
        ops.sum(ops.square(tensor), axis=tuple(range(1, len(tensor.shape)))) for tensor in tensors
    )


def _square(tensor: Tensor) -> Tensor:
    """The sum of squares of each trial over one tensor.

    As a product of matrices: how XLA adds up within a larger loop depends on how many tiles the
    loop has, and so on the number of workers.
    """
    rows = ops.reshape(tensor, (tensor.shape[0], 1, -1))
    return ops.matmul(rows, ops.transpose(rows, (0, 2, 1)))[:, 0, 0]


def _by_slot(
    names: Sequence[str], values: Tensor, slots: Sequence[int]
) -> dict[int, dict[str, float]]:
    table: Array = np.asarray(values).reshape(-1, len(names))
    return {slot: dict(zip(names, map(float, table[slot]), strict=True)) for slot in slots}
