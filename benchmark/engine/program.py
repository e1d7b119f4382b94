"""The compiled functions that train many trials of one structure at once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from benchmark import backend
from benchmark.engine.batches import CHUNK_STEPS, IDLE, UPDATE, Chunk, idle
from benchmark.engine.task import Array, Task
from benchmark.optimizers import build_optimizer

Tensor = Any
Tensors = list[Any]


class TrainingProgram:
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
        train = task.parts["train"]
        self._data = (ops.convert_to_tensor(train.x), ops.convert_to_tensor(train.y))
        self._is_warm = False
        self._load = backend.compile(_replaced)
        self._train = backend.compile(self._steps)

    @property
    def compilations(self) -> int:
        """How often anything has been compiled so far."""
        return self._load.compilations + self._train.compilations

    def optimizer_state(self, numbers: Mapping[str, float]) -> list[Array]:
        """The variables of the optimizer before the first step, hyperparameters among them.

        Args:
            numbers: hyperparameters by name.

        Raises:
            ValueError: an unknown name, or a value out of its range.
        """
        self._optimizer.set_hyperparameters(numbers)
        # Copies: the variables are set anew for the next trial before these are loaded.
        return [np.asarray(variable.value).copy() for variable in self._optimizer.variables]

    def empty(self) -> tuple[Tensors, Tensors]:
        """Weights and optimizer states of slots that nobody has taken yet."""
        stacked = [ops.convert_to_tensor(a) for a in self._stack([*self._start, *self._state])]
        return stacked[: len(self._start)], stacked[len(self._start) :]

    def load(
        self, weights: Tensors, states: Tensors, rows: Mapping[int, tuple[list[Array], list[Array]]]
    ) -> tuple[Tensors, Tensors]:
        """Put trials into slots.

        Args:
            weights: those of all slots.
            states: the optimizer states of all slots.
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
            weights: those of all slots.
            states: the optimizer states of all slots.
            chunks: what each slot does in each step.
        """
        sums = [ops.zeros_like(weight) for weight in weights]
        for chunk in chunks:
            steps = (chunk.rows, chunk.shares, chunk.kinds, chunk.count)
            weights, states, sums = self._train(weights, states, sums, *steps, *self._data)
        return list(weights), list(states)

    def warm_up(self) -> None:
        """Compile everything once, so that the clocks of training do not show it."""
        if self._is_warm:
            return
        self._is_warm = True
        weights, states = self.load(*self.empty(), {})
        self.train(weights, states, [idle(self.slots, self.size, self.length)])

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
            outputs, _ = self._task.model.stateless_call(parameters, [], batch_x, training=True)
            return self._task.loss(batch_y, outputs, sample_weight=shares)

        _, gradients = backend.value_and_grad(loss)(weights)
        updates, idles = ops.equal(kind, UPDATE), ops.equal(kind, IDLE)
        # `where`, never a product with the mask: 0 · inf is NaN.
        total = [ops.where(idles, old, old + new) for old, new in zip(sums, gradients, strict=True)]
        stepped, moved = self._optimizer.stateless_apply(states, total, weights)
        return (
            _where(updates, stepped, weights),
            _where(updates, moved, states),
            [ops.where(updates, ops.zeros_like(one), one) for one in total],
        )


def _replaced(taken: Tensor, old: Tensors, new: Tensors) -> Tensors:
    """Where a slot is taken anew its row is the new one."""

    def one(taken: Tensor, old: Tensors, new: Tensors) -> Tensors:
        return _where(taken, new, old)

    return backend.vectorize(one)(taken, list(old), list(new))


def _where(condition: Tensor, new: Tensors, old: Tensors) -> Tensors:
    return [ops.where(condition, one, other) for one, other in zip(new, old, strict=True)]
