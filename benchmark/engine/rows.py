"""The values of the trials of a block: weights, optimizer state and model state, a row each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from keras import ops

from benchmark.engine.slots import Slot
from benchmark.engine.task import Array
from benchmark.engine.tiles import Shape

Tensors = list[Any]
Values = tuple[list[Array], list[Array], list[Array]]
"""Weights, optimizer state and model state of one trial."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A trial with the values of its slot.

    Args:
        slot: the trial.
        values: weights, optimizer state and model state.
    """

    slot: Slot
    values: Values


@dataclass(frozen=True, slots=True, eq=False)
class StackedRows:
    """The rows of all slots of a block, stacked in tensors that begin with tile and column.

    Args:
        shape: of the block.
        weights: of the trials.
        states: of their optimizers.
        model_states: what their models keep besides.
    """

    shape: Shape
    weights: Tensors
    states: Tensors
    model_states: Tensors

    @classmethod
    def repeated(cls, shape: Shape, row: Sequence[Sequence[Array]]) -> Self:
        """The same values in every slot."""
        return cls(
            shape, *([ops.convert_to_tensor(shape.repeated(one)) for one in part] for part in row)
        )

    @property
    def parts(self) -> tuple[Tensors, Tensors, Tensors]:
        """Weights, optimizer states and model states."""
        return self.weights, self.states, self.model_states

    def values(self, place: int) -> Values:
        """Copy the values in one place."""
        weights, states, model_states = (self.shape.row(part, place) for part in self.parts)
        return weights, states, model_states

    def arranged(self, sources: Sequence[int | Row]) -> Self:
        """Return the rows in another order.

        Args:
            sources: what comes into each place from the first on: a row from outside, or the
                place from which it moves. Further places keep what they hold.
        """
        parts = (
            [self._arranged(tensor, sources, part, index) for index, tensor in enumerate(tensors)]
            for part, tensors in enumerate(self.parts)
        )
        return type(self)(self.shape, *parts)

    def _arranged(self, tensor: Any, sources: Sequence[int | Row], part: int, index: int) -> Any:
        old = np.asarray(tensor)
        new = old.copy()
        for place, source in enumerate(sources):
            new[self.shape.place(place)] = (
                source.values[part][index]
                if isinstance(source, Row)
                else old[self.shape.place(source)]
            )
        return ops.convert_to_tensor(new)
