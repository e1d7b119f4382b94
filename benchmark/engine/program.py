"""The compiled function that trains many trials of one structure at once."""

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from keras import ops

from benchmark import backend
from benchmark.backend import keras_internals
from benchmark.engine.batches import Layout, Plan, Steps, idle, most_updates, side_by_side, together
from benchmark.engine.gradients import batch_gradients, objective_step, piece_gradients, summed
from benchmark.engine.surroundings import Memory, memory_of
from benchmark.engine.task import Array, Task
from benchmark.engine.tiles import Shape, StackedRows, Values, over_tiles, where
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer

Tensor = Any
Tensors = list[Any]


class TrainingProgram:
    """One epoch of several trials side by side, compiled once for a structure.

    A *structure* is what shapes the computation: model, loss, shapes of the data,
    optimizer class with its constants, kind of clipping and layout of the mini-batches. All
    else is a value with leading axes over the trials: weights, hyperparameters, optimizer and
    model state, batches, learning rates. So a new trial is a new row and compiles nothing.

    The trials of a tile are mapped over one function of one trial; tiles follow each other
    in a loop. The arithmetic for a row does not depend on the row's place or on the other
    rows, so that a trial's result is bitwise the same beside any neighbours.

    Args:
        task: model, loss and data; the data are put on the device once.
        optimizer: one of the structure, not built yet.
        shape: how many trials, and how they are laid out.
        layout: the shapes of mini-batches.
    """

    def __init__(
        self,
        task: Task,
        optimizer: Any,
        shape: Shape,
        layout: Layout,
    ) -> None:
        self.shape, self.layout = shape, layout
        self.length = most_updates(layout, len(task.parts["train"].x))
        self._task = task
        self._optimizer = optimizer
        self._optimizer.build(task.model.trainable_variables)
        identities = [id(variable) for variable in self._optimizer.variables]
        rate = keras_internals.learning_rate(self._optimizer)
        self._rate_index = identities.index(id(rate)) if id(rate) in identities else None
        self._takes_objective = isinstance(optimizer, ObjectiveOptimizer)
        self.count_index = (
            identities.index(id(optimizer.gradient_evaluations)) if self._takes_objective else None
        )
        """Which variable of the optimizer counts evaluations, if any does."""
        model = task.model
        self.weights = [np.asarray(v.value) for v in model.trainable_variables]
        """Weights of any trial, for their shapes."""
        self.states = [np.asarray(v.value) for v in self._optimizer.variables]
        """Optimizer state of any trial."""
        self.model_states = [np.asarray(v.value) for v in model.non_trainable_variables]
        """What the model of any trial keeps besides its weights."""
        self._dtype = str(self.weights[0].dtype)
        train = task.parts["train"]
        self._data = (ops.convert_to_tensor(train.x), ops.convert_to_tensor(train.y))
        self._is_warm = False
        self._train = backend.compile(over_tiles(self._epoch, parts=3))
        self._evaluated = (
            backend.compile(self._evaluation_weights)
            if getattr(optimizer, "has_evaluation_weights", False)
            else None
        )

    def memory(self, state: Sequence[Array]) -> Memory:
        """What the optimizer of one trial remembers, see :func:`stepping.memory_of`.

        Args:
            state: the variables of the optimizer, those of that trial.
        """
        return memory_of(self._optimizer, state)

    @property
    def values(self) -> Values:
        """Weights, optimizer state and model state of any trial."""
        return self.weights, self.states, self.model_states

    @property
    def data(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets of the training part, on the device."""
        return self._data

    @property
    def compilations(self) -> int:
        """How often anything has been compiled so far."""
        return self._train.compilations + (self._evaluated.compilations if self._evaluated else 0)

    @property
    def dtype(self) -> str:
        """The type of weights, shares and rates."""
        return self._dtype

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

    def rounds(self, steps: Mapping[int, Steps], rates: Mapping[int, Array]) -> list[list[Plan]]:
        """The plans of all tiles, in as many calls as the longest epoch needs.

        Args:
            steps: the epoch of the trial in each taken slot.
            rates: its learning rates, one an update.
        """
        width = self.shape.width
        by_tile = []
        for tile in range(self.shape.tiles):
            inside = {slot - tile * width: slot for slot in steps if slot // width == tile}
            by_tile.append(
                together(
                    {index: steps[slot] for index, slot in inside.items()},
                    {index: rates[slot] for index, slot in inside.items()},
                    width,
                    self.layout,
                    self.length,
                    self._dtype,
                )
            )
        nothing = idle(width, self.layout, self.length, self._dtype)
        return [list(plans) for plans in zip_longest(*by_tile, fillvalue=nothing)]

    def train(
        self, carried: Sequence[Tensors], tiles: int, rounds: Sequence[Sequence[Plan]]
    ) -> list[Tensors]:
        """Train the trials on the mini-batches of an epoch.

        Args:
            carried: weights, optimizer states and model states of all slots.
            tiles: how many tiles from the first are computed.
            rounds: plans of all tiles, one after the other.
        """
        trained = [list(part) for part in carried]
        for plans in rounds:
            trained = self._train(*trained, np.int32(tiles), side_by_side(plans), self._data)
        return [list(part) for part in trained]

    def evaluation_weights(self, carried: Sequence[Tensors]) -> Tensors:
        """Return the weights at which the trials are evaluated, those themselves as a rule.

        Args:
            carried: weights, optimizer states and model states of all slots.
        """
        weights, states, _ = carried
        return list(self._evaluated(states, weights)) if self._evaluated else list(weights)

    def warm_up(self) -> None:
        """Compile everything once, so that the clocks of training do not show it."""
        if self._is_warm:
            return
        shape = self.shape
        carried = StackedRows.repeated(shape, self.values).parts
        nothing = idle(shape.width, self.layout, self.length, self._dtype)
        self.evaluation_weights(self.train(carried, 0, [[nothing] * shape.tiles]))
        self._is_warm = True

    # What is compiled. Everything below is pure.

    def _evaluation_weights(self, states: Tensors, weights: Tensors) -> Tensors:
        """The same for every slot, for these are not worth a loop over tiles."""
        slots = self.shape.slots
        flat = [[ops.reshape(t, (slots, *t.shape[2:])) for t in part] for part in (states, weights)]
        evaluated = backend.vectorize(self._optimizer.evaluation_weights)(*flat)
        return [
            ops.reshape(tensor, old.shape) for tensor, old in zip(evaluated, weights, strict=True)
        ]

    def _epoch(self, carried: Sequence[Tensors], plan: Sequence[Tensor], data: Any) -> list[Any]:
        """Train the trials of one tile."""
        rows, held, shares, active, rates, ends, count, *tail = plan
        gradient = piece_gradients(self._task, self.layout, *data)
        update = backend.vectorize(self._update)
        minimize = self._minimize(*data)
        weights, states, model_states = carried

        def body(step: Tensor, *flat: Tensor) -> tuple[Any, ...]:
            now = _unflattened(flat, (weights, states, model_states))
            if self._takes_objective:
                new = minimize(*now, rows[step], active[step], rates[step])
                return (step + 1, *_flattened(new))
            if self.layout.is_single:
                piece = (array[step] for array in (rows, held, shares))
                slopes = gradient(now[0], now[2], *piece)
            else:
                begin = ops.where(step > 0, ends[ops.maximum(step - 1, 0)], 0)
                pieces = (rows, held, shares)
                slopes = summed(gradient, now[0], now[2], pieces, begin, ends[step])
            taken = (active[step], rates[step])
            return (step + 1, *_flattened(update(*now, *slopes, *taken)))

        start = (ops.zeros_like(count), *_flattened((weights, states, model_states)))
        flat = ops.while_loop(lambda step, *_: step < count, body, start)[1:]
        now = _unflattened(flat, (weights, states, model_states))
        if self.layout.tail and self._takes_objective:
            return [list(part) for part in minimize(*now, *tail)]
        if self.layout.tail:
            tail_rows, tail_active, tail_rates = tail
            slopes = batch_gradients(self._task, *data)(now[0], now[2], tail_rows)
            now = [list(part) for part in update(*now, *slopes, tail_active, tail_rates)]
        return now

    def _update(
        self,
        weights: Tensors,
        states: Tensors,
        model_states: Tensors,
        gradients: Tensors,
        new_model_states: Tensors,
        active: Tensor,
        rate: Tensor,
    ) -> list[Tensors]:
        """Make one step of one trial, where it is due."""
        given = self._with_rate(states, rate)
        stepped, moved = self._optimizer.stateless_apply(given, gradients, weights)
        return [
            where(active, stepped, weights),
            where(active, moved, states),
            where(active, new_model_states, model_states),
        ]

    def _minimize(self, x: Tensor, y: Tensor) -> Callable[..., list[Tensors]]:
        """One step of each trial with the objective of its whole mini-batch, where it is due."""

        def of_batch(
            weights: Tensors,
            states: Tensors,
            model_states: Tensors,
            rows: Tensor,
            active: Tensor,
            rate: Tensor,
        ) -> list[Tensors]:
            old = (weights, states, model_states)
            batch = (ops.take(x, rows, axis=0), ops.take(y, rows, axis=0))
            given = (weights, self._with_rate(states, rate), model_states)
            new = objective_step(self._task, self._optimizer, given, batch)
            return [where(active, after, before) for after, before in zip(new, old, strict=True)]

        # TensorFlow cannot batch all that second derivatives consist of, such as slices into
        # the gradient of a convolution.
        return backend.vectorize(of_batch, loops=True)

    def _with_rate(self, states: Tensors, rate: Tensor) -> Tensors:
        """The optimizer's state with the learning rate of this update, where it has one."""
        given = list(states)
        if self._rate_index is not None:
            default = given[self._rate_index]
            given[self._rate_index] = ops.where(
                ops.isnan(rate), default, ops.cast(rate, default.dtype)
            )
        return given


def _flattened(parts: Sequence[Tensors]) -> list[Tensor]:
    return [tensor for part in parts for tensor in part]


def _unflattened(flat: Sequence[Tensor], like: Sequence[Tensors]) -> list[Tensors]:
    taken = iter(flat)
    return [[next(taken) for _ in part] for part in like]
