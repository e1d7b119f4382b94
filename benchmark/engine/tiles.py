"""How the values of the trials of a block lie in tensors, and the loop over them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from keras import ops

from benchmark import backend
from benchmark.engine.slots import Slot
from benchmark.engine.task import Array

Tensor = Any
Tensors = list[Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """The slots of a block: ``tiles`` rows of ``width`` slots each.

    The trials of a tile are computed side by side, operation by operation; tiles follow
    each other, and those without a trial are left out. So a wide tile makes the most of a
    device with many cores, and narrow ones waste nothing on a processor.

    Args:
        tiles: how many, ≥ 1.
        width: slots of each, ≥ 1.

    Example:
        >>> shape = Shape(tiles=2, width=3)
        >>> shape.slots, shape.place(4), shape.tiles_of(4)
        (6, (1, 1), 2)
    """

    tiles: int
    width: int

    @property
    def slots(self) -> int:
        """All of them."""
        return self.tiles * self.width

    def place(self, slot: int) -> tuple[int, int]:
        """Tile and place within it of a slot."""
        return divmod(slot, self.width)

    def tiles_of(self, trials: int) -> int:
        """How many tiles a number of trials needs."""
        return -(-trials // self.width)

    def repeated(self, row: Array) -> Array:
        """The same row in every slot."""
        return np.broadcast_to(row, (self.tiles, self.width, *row.shape))

    def row(self, stacked: Sequence[Tensor], slot: int) -> list[Array]:
        """Copy what stacked tensors hold for one slot."""
        tile, column = self.place(slot)
        return [np.array(tensor[tile, column]) for tensor in stacked]


@dataclass(frozen=True, slots=True)
class SlotEpochs:
    """Epochs of slots: those that trained a trial, and all that were computed."""

    used: int = 0
    computed: int = 0

    def __add__(self, other: "SlotEpochs") -> "SlotEpochs":
        return SlotEpochs(self.used + other.used, self.computed + other.computed)


def default_shape(capacity: int, most_width: int | None = None) -> Shape:
    """The shape of blocks that suits the device.

    On a processor four trials side by side take 10 % longer than eight, each, and leave
    fewer places empty. There are at least as many blocks as threads, and where there are
    trials enough twice as many, so that a thread finds one while the caller looks at another.
    On a graphics card a tile is a whole block.

    Args:
        capacity: how many trials run at once.
        most_width: most slots of a tile.
    """
    threads = backend.computing_threads()
    if not backend.devices()[0].startswith("cpu"):
        half = -(-capacity // 2)
        return Shape(tiles=1, width=min(half, most_width or half))
    width = min(4, most_width or 4)
    at_most = -(-capacity // (threads * width))
    tiles = min(at_most, max(2, capacity // (2 * threads * width)))
    return Shape(tiles=max(1, min(4, tiles)), width=width)


def over_tiles(f: Callable[..., Any], parts: int) -> Callable[..., list[Tensors]]:
    """Return ``g(*carried, tiles, inputs, shared)`` that applies ``f`` to tile after tile.

    Args:
        f: ``f(carried, inputs, shared) -> new``, each member of ``carried`` and ``new`` a
            list of tensors of one tile, with a leading axis over its slots.
        parts: how many lists ``carried`` holds; its tensors, and those of ``inputs``, begin
            with an axis over the tiles.
    """

    def over_all(*arguments: Any) -> list[Tensors]:
        carried = [list(part) for part in arguments[:parts]]
        tiles, inputs, shared = arguments[parts:]
        sizes = [len(part) for part in carried]
        flat = [tensor for part in carried for tensor in part]

        def body(tile: Tensor, *now: Tensor) -> tuple[Any, ...]:
            tile_values = _split([tensor[tile] for tensor in now], sizes)
            new = f(tile_values, [tensor[tile] for tensor in inputs], shared)
            rows = [tensor for part in new for tensor in part]
            return (
                tile + 1,
                *(_with_tile(old, tile, row) for old, row in zip(now, rows, strict=True)),
            )

        start = (ops.zeros_like(tiles), *flat)
        return _split(ops.while_loop(lambda tile, *_: tile < tiles, body, start)[1:], sizes)

    return over_all


def where(condition: Tensor, new: Sequence[Tensor], old: Sequence[Tensor]) -> Tensors:
    """Take each new tensor where the condition holds; never a product with it: 0 · ∞ is NaN."""
    return [ops.where(condition, after, before) for after, before in zip(new, old, strict=True)]


def _with_tile(tensor: Tensor, tile: Tensor, row: Tensor) -> Tensor:
    start = [tile, *(0 for _ in tensor.shape[1:])]
    return ops.slice_update(tensor, ops.stack(start), ops.expand_dims(row, 0))


def _split(flat: Sequence[Tensor], sizes: Sequence[int]) -> list[Tensors]:
    taken = iter(flat)
    return [[next(taken) for _ in range(size)] for size in sizes]


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
            shape,
            *([ops.convert_to_tensor(shape.repeated(array)) for array in part] for part in row),
        )

    @property
    def parts(self) -> tuple[Tensors, Tensors, Tensors]:
        """Weights, optimizer states and model states."""
        return self.weights, self.states, self.model_states

    def values(self, slot: int) -> Values:
        """Copy the values in one place."""
        weights, states, model_states = (self.shape.row(part, slot) for part in self.parts)
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
        for slot, source in enumerate(sources):
            new[self.shape.place(slot)] = (
                source.values[part][index]
                if isinstance(source, Row)
                else old[self.shape.place(source)]
            )
        return ops.convert_to_tensor(new)
