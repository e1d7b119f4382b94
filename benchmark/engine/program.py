"""The compiled functions that train and judge many trials of one structure at once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from benchmark import backend
from benchmark.engine.batches import CHUNK_STEPS, IDLE, UPDATE, Chunk, idle
from benchmark.engine.task import Array, Task, mean_metric
from benchmark.optimizers import build_optimizer

Tensor = Any
Tensors = list[Any]


class Program:
    """One epoch of several trials side by side, compiled once for a structure.

    A *structure* is what shapes the computation: model, loss, shapes of the data,
    optimizer class and kind of clipping. All else is a value with a leading axis over
    the slots: weights, hyperparameters, optimizer state, batches. So a new trial is a
    new row and compiles nothing.

    The slots are mapped over one function of one trial. Its arithmetic for a row does
    not depend on the row's place or on the other rows, so that a trial's result is
    bitwise the same beside any neighbours.

    Args:
        task: model, loss and data; the data are put on the device once.
        optimizer: a name in ``benchmark.optimizers.OPTIMIZERS``.
        clipping: the kind of clipping, with any threshold, or nothing.
        slots: how many trials, ≥ 1.
        size: rows of a micro-batch, see :mod:`benchmark.engine.batches`.

    Raises:
        NotImplementedError: the model keeps a state besides its weights.
    """

    def __init__(
        self, task: Task, optimizer: str, clipping: Mapping[str, float], slots: int, size: int
    ) -> None:
        if task.model.non_trainable_variables:
            raise NotImplementedError(
                "a model must have no state besides its weights in the vectorized engine. "
                f"Received {task.model.name} with {task.model.non_trainable_variables[0].path}. "
                "Train it with the sequential engine."
            )
        self.slots, self.size = slots, size
        # An epoch of batches below ``size`` has more steps; it takes more than one chunk.
        self.length = min(CHUNK_STEPS, 2 * -(-len(task.parts["train"].x) // size))
        self._task = task
        self._optimizer = build_optimizer(optimizer, {}, clipping)
        self._optimizer.build(task.model.trainable_variables)
        self._start = [np.asarray(variable.value) for variable in task.model.trainable_variables]
        self._state = [np.asarray(variable.value) for variable in self._optimizer.variables]
        self._parts = {
            name: (ops.convert_to_tensor(part.x), ops.convert_to_tensor(part.y))
            for name, part in task.parts.items()
        }
        self._load = backend.compile(_replaced)
        self._train = backend.compile(self._steps)
        self._evaluate = backend.compile(self._evaluations)
        self._test = backend.compile(self._means)

    @property
    def compilations(self) -> int:
        """How often anything has been compiled so far."""
        compiled = (self._load, self._train, self._evaluate, self._test)
        return sum(function.compilations for function in compiled)

    def optimizer_state(self, numbers: Mapping[str, float]) -> list[Array]:
        """The variables of the optimizer before the first step, hyperparameters among them.

        Args:
            numbers: hyperparameters by name.

        Raises:
            ValueError: an unknown name, or a value out of its range.
        """
        self._optimizer.set_hyperparameters(numbers)
        return [np.asarray(variable.value) for variable in self._optimizer.variables]

    def empty(self) -> tuple[Tensors, Tensors]:
        """Weights and optimizer states of slots that nobody has taken yet."""
        stacked = [ops.convert_to_tensor(a) for a in self._stack([*self._start, *self._state])]
        return stacked[: len(self._start)], stacked[len(self._start) :]

    def load(
        self, weights: Tensors, states: Tensors, rows: Mapping[int, tuple[list[Array], list[Array]]]
    ) -> tuple[Tensors, Tensors]:
        """Put trials into slots.

        Args:
            weights, states: those of all slots.
            rows: initial weights and optimizer state by slot.
        """
        taken = np.zeros(self.slots, bool)
        taken[list(rows)] = True
        old, new = [*weights, *states], self._stack([*self._start, *self._state])
        for place, (start, state) in rows.items():
            for stacked, row in zip(new, [*start, *state], strict=True):
                stacked[place] = row
        loaded = list(self._load(taken, old, new))
        return loaded[: len(weights)], loaded[len(weights) :]

    def train(
        self, weights: Tensors, states: Tensors, chunks: Sequence[Chunk]
    ) -> tuple[Tensors, Tensors]:
        """Train the slots on the micro-batches of an epoch.

        Args:
            weights, states: those of all slots.
            chunks: what each slot does in each step.
        """
        x, y = self._parts["train"]
        sums = [ops.zeros_like(weight) for weight in weights]
        for chunk in chunks:
            steps = (chunk.rows, chunk.shares, chunk.kinds, chunk.count)
            weights, states, sums = self._train(weights, states, sums, *steps, x, y)
        return list(weights), list(states)

    def evaluate(self, weights: Tensors, before: Tensors) -> list[dict[str, float]]:
        """Return the metrics of every slot, in the order of the sequential engine.

        Args:
            weights: those of all slots.
            before: those at the start of the epoch.
        """
        judged = [part for name, part in self._parts.items() if name != "test"]
        values = np.asarray(self._evaluate(weights, before, judged))
        names = [
            key for name in self._parts if name != "test" for key in self._metric_names(name)
        ]
        return _by_slot([*names, "gradient_norm", "update_norm"], values)

    def test(self, weights: Tensors) -> list[dict[str, float]]:
        """Return the metrics of the test part for every slot, or nothing without one."""
        if "test" not in self._parts:
            return [{} for _ in range(self.slots)]
        values = np.asarray(self._test(weights, *self._parts["test"]))
        return _by_slot(self._metric_names("test"), values)

    def warm_up(self) -> None:
        """Compile everything, so that the clocks of training do not show it."""
        weights, states = self.load(*self.empty(), {})
        weights, states = self.train(weights, states, [idle(self.slots, self.size, self.length)])
        self.evaluate(weights, weights)
        self.test(weights)

    def _metric_names(self, part: str) -> list[str]:
        return [f"{part}_loss", *([f"{part}_{self._task.metric}"] if self._task.metric else [])]

    def _stack(self, values: Sequence[Array]) -> list[Array]:
        return [np.stack([value] * self.slots) for value in values]

    # What is compiled. Everything below is pure.

    def _steps(
        self,
        weights: Tensors,
        states: Tensors,
        sums: Tensors,
        rows: Tensor,
        shares: Tensor,
        kinds: Tensor,
        count: Tensor,
        x: Tensor,
        y: Tensor,
    ) -> tuple[Tensors, Tensors, Tensors]:
        step_of_all = backend.vectorize(self._step, (0, 0, 0, 0, 0, 0, None, None))

        def body(step: Tensor, *carried: Tensors) -> tuple[Any, ...]:
            taken = [ops.take(array, step, axis=0) for array in (rows, shares, kinds)]
            return (step + 1, *step_of_all(*carried, *taken, x, y))

        _, weights, states, sums = ops.while_loop(
            lambda step, *_: step < count,
            body,
            (ops.zeros_like(count), list(weights), list(states), list(sums)),
        )
        return weights, states, sums

    def _step(
        self,
        weights: Tensors,
        states: Tensors,
        sums: Tensors,
        rows: Tensor,
        shares: Tensor,
        kind: Tensor,
        x: Tensor,
        y: Tensor,
    ) -> tuple[Tensors, Tensors, Tensors]:
        """Add the gradient of one micro-batch of one trial, and update where it is due."""
        batch_x, batch_y = ops.take(x, rows, axis=0), ops.take(y, rows, axis=0)

        def loss(parameters: Tensors) -> Tensor:
            outputs = self._outputs(parameters, batch_x, training=True)
            return self._task.loss(batch_y, outputs, sample_weight=shares)

        _, gradients = backend.value_and_grad(loss)(weights)
        updates, idles = ops.equal(kind, UPDATE), ops.equal(kind, IDLE)
        # `where`, never a product with the mask: 0 · inf is NaN.
        total = [
            ops.where(idles, old, old + new) for old, new in zip(sums, gradients, strict=True)
        ]
        stepped, moved = self._optimizer.stateless_apply(states, total, weights)
        return (
            _where(updates, stepped, weights),
            _where(updates, moved, states),
            [ops.where(updates, ops.zeros_like(one), one) for one in total],
        )

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
        outputs = self._outputs(weights, x, training=False)
        # Keras's one-hot targets are float64 on JAX.
        loss = ops.cast(self._task.loss(y, outputs), weights[0].dtype)
        return [loss, *([mean_metric(self._task.metric, y, outputs)] if self._task.metric else [])]

    def _outputs(self, weights: Tensors, x: Tensor, training: bool) -> Tensor:
        return self._task.model.stateless_call(list(weights), [], x, training=training)[0]


def _replaced(taken: Tensor, old: Tensors, new: Tensors) -> Tensors:
    """Where a slot is taken anew its row is the new one."""

    def one(taken: Tensor, old: Tensors, new: Tensors) -> Tensors:
        return _where(taken, new, old)

    return backend.vectorize(one)(taken, list(old), list(new))


def _where(condition: Tensor, new: Tensors, old: Tensors) -> Tensors:
    return [ops.where(condition, one, other) for one, other in zip(new, old, strict=True)]


def _by_slot(names: Sequence[str], values: Array) -> list[dict[str, float]]:
    return [dict(zip(names, map(float, row), strict=True)) for row in values]

