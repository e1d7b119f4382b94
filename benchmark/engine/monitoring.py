"""The compiled function that monitors the curvature of many trials of one model at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from benchmark import backend
from benchmark.curvature import Subspace, join, split
from benchmark.engine.evaluation import values_of
from benchmark.engine.evaluation_program import chunks_of, loss_of_chunk
from benchmark.engine.regularization import UNPENALISED, Regularization
from benchmark.engine.task import Array, Part, Task, state_of
from benchmark.engine.tiles import Shape
from benchmark.optimizers.penalties import penalty
from benchmark.trial import Trial, named_seed

Tensor = Any
Tensors = list[Any]
PRODUCTS = 6
"""Hessian-vector products of a measurement, an even number: as many from v as from g.

On the digits network six found a λmax that was 1 % too small, four 4 to 12 % (medians of 24 trials
at six epochs each, against sixteen products; 128 rows).
"""
DEPENDENT = 1e-5
"""What is left of a direction, in its own length, is rounding of float32 below this."""
COLUMNS = 8192
"""Weights over which inner products are added up at a time. As float64 they fit into the cache of a
core: in a network of 300,000 weights a measurement takes 50 ms instead of 80 on JAX."""


@dataclass(frozen=True, slots=True, eq=False)
class MonitoredPoint:
    """Where the curvature of a trial is followed, or what was found there.

    Args:
        weights: at which the trial is evaluated.
        states: what its model keeps besides.
        direction: what the last measurement found, a flat float32 vector; nothing before.
        regularization: whose penalties are part of the loss.
    """

    weights: Sequence[Array]
    states: Sequence[Array]
    direction: Array | None
    regularization: Regularization = UNPENALISED

    @property
    def inputs(self) -> list[Array]:
        """What its loss takes besides weights and data: the state, and the coefficients."""
        return [
            *self.states,
            *(coefficient.astype("float32") for coefficient in self.regularization.coefficients),
        ]


class MonitoringProgram:
    """Ends of the Hessian's spectrum and the best step of several trials side by side.

    H and g are those of the training loss, with its penalties, over a fixed *probe*, some drawn
    rows of the training part, with the model in inference mode. The products of H with an
    orthonormal basis of

        span{v, g, H v, H g, H² v, H² g, …}        ``PRODUCTS`` directions in all

    give what :class:`~benchmark.curvature.Subspace` says. v is the sharpest direction that the
    last measurement of the same trial found, so that few products follow a λmax that moves
    slowly; at the first measurement it is drawn, alike for all trials. g makes α* exact,
    and lies mostly in the sharpest directions itself.

    Weights, directions and products are float32; their inner products float64. The arithmetic
    for a trial does not depend on its place or its neighbours.

    Args:
        task: model, loss and data.
        shape: how many trials at most, and how they are laid out.
        rows: of the probe, ≥ 1; all of the training part where it has no more.
        seed: draws the probe and the first v.

    References:
        Knyazev, Toward the optimal preconditioned eigensolver (LOBPCG), 2001, warm starts of a
        Krylov space; Gur-Ari et al., Gradient descent happens in a tiny subspace, 2018.
    """

    def __init__(self, task: Task, shape: Shape, rows: int, seed: int) -> None:
        self.shape = shape
        self._task = task
        train = task.parts["train"]
        generator = np.random.default_rng(seed)
        drawn = np.sort(generator.permutation(len(train.x))[:rows])
        self._data = chunks_of(Part(train.x[drawn], train.y[drawn]))
        variables = task.model.trainable_variables
        self._size = sum(int(np.prod(variable.shape)) for variable in variables)
        self._start = generator.standard_normal(self._size).astype("float32")
        self._steps = min(PRODUCTS, self._size)
        self._measure = backend.compile(self._measurements)
        self._is_warm = False

    @property
    def compilations(self) -> int:
        """How often it has been compiled so far."""
        return self._measure.compilations

    def measure(self, trials: Sequence[MonitoredPoint]) -> list[tuple[dict[str, float], Array]]:
        """Return the quantities of each trial, and the direction to start from next time.

        Args:
            trials: as many as there are slots at most.
        """
        if not trials:
            return []
        tiles = self.shape.tiles_of(len(trials))
        # Slots without a trial repeat the last one.
        filled = [trials[min(slot, len(trials) - 1)] for slot in range(self.shape.slots)]
        weights, states = (
            [self._stacked(rows) for rows in zip(*kind, strict=True)]
            for kind in ([point.weights for point in filled], [point.inputs for point in filled])
        )
        begin = self._stacked([self._direction(point) for point in filled])
        numbers, bases = self._measure(weights, states, begin, np.int32(tiles), self._data)
        tables, spans = np.asarray(numbers), np.asarray(bases)
        return [
            self._read(tables[index], spans[index], self._direction(point))
            for index, point in zip(map(self.shape.place, range(len(trials))), trials, strict=True)
        ]

    def warm_up(self) -> None:
        """Compile once, so that the clocks of training do not show it."""
        if self._is_warm:
            return
        model = self._task.model
        here = MonitoredPoint(values_of(model), state_of(model), None)
        weights, states = (
            [self.shape.repeated(array) for array in arrays]
            for arrays in (here.weights, here.inputs)
        )
        begin = self.shape.repeated(self._start)
        backend.wait_for(self._measure(weights, states, begin, np.int32(0), self._data))
        self._is_warm = True

    def _direction(self, trial: MonitoredPoint) -> Array:
        return self._start if trial.direction is None else trial.direction

    def _stacked(self, rows: Sequence[Array]) -> Array:
        stacked = np.stack(rows)
        return stacked.reshape(self.shape.tiles, self.shape.width, *stacked.shape[1:])

    def _read(self, numbers: Array, basis: Array, before: Array) -> tuple[dict[str, float], Array]:
        """Make quantities of the inner products of one trial, and its next direction."""
        v, w = slice(self._steps), slice(self._steps, 2 * self._steps)
        parts = (numbers[v, v], numbers[v, w], numbers[w, w], numbers[v, -1])
        subspace = Subspace(*parts, self._size, 2.0**-23)
        quantities, top = subspace.read()
        if not quantities:
            return {}, before
        # No product of matrices: how that sums may depend on where an array lies in memory.
        return quantities, np.einsum("i,ij->j", top.astype("float32"), basis)

    # What is compiled. Everything below is pure.

    def _measurements(
        self, weights: Tensors, states: Tensors, begin: Tensor, tiles: Tensor, data: Any
    ) -> tuple[Tensor, Tensor]:
        """Inner products of directions, products and gradient of each slot, and directions."""
        shape, steps = self.shape, self._steps

        def body(tile: Tensor, numbers: Tensor, bases: Tensor) -> tuple[Tensor, ...]:
            now, state = ([tensor[tile] for tensor in group] for group in (weights, states))
            products, basis = self._measured(now, state, begin[tile], data)
            return (
                tile + 1,
                ops.slice_update(numbers, ops.stack([tile, 0, 0, 0]), products[None]),
                ops.slice_update(bases, ops.stack([tile, 0, 0, 0]), basis[None]),
            )

        rows = 2 * steps + 1
        numbers = ops.zeros((shape.tiles, shape.width, rows, rows), "float64")
        bases = ops.zeros((shape.tiles, shape.width, steps, self._size), begin.dtype)
        start = (ops.zeros_like(tiles), numbers, bases)
        computed = ops.while_loop(lambda tile, *_: tile < tiles, body, start)
        return computed[1], computed[2]

    def _measured(
        self, weights: Tensors, states: Tensors, begin: Tensor, data: Any
    ) -> tuple[Tensor, Tensor]:
        steps = self._steps
        gradient = self._gradient(weights, states, data)
        empty = ops.zeros((self.shape.width, steps, self._size), begin.dtype)
        # What the directions are made of: v, g, and the product of each.
        sources = ops.concatenate([begin[:, None], gradient[:, None], empty], axis=1)

        def body(step: Tensor, now: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            basis, sources = now
            direction = _orthogonal(ops.take(sources, step, axis=1), basis)
            product = self._product(weights, states, direction, data)
            return _with_row(basis, step, direction), _with_row(sources, step + 2, product)

        basis, sources = backend.repeat(body, (empty, sources), steps)
        rows = ops.concatenate([basis, sources[:, 2:], sources[:, 1:2]], axis=1)
        return inner_products(rows), basis

    def _gradient(self, weights: Tensors, states: Tensors, data: Any) -> Tensor:
        def of_one(weights: Tensors, states: Tensors, *chunk: Tensor) -> Tensor:
            return join(backend.value_and_grad(self._loss)(weights, states, *chunk)[1])

        # Alone, a model may hold operations that cannot be mapped.
        alone = self.shape.slots == 1
        mapped = backend.vectorize(of_one, (0, 0, None, None, None), loops=alone)
        return self._added(lambda *chunk: mapped(weights, states, *chunk), data)

    def _product(self, weights: Tensors, states: Tensors, vector: Tensor, data: Any) -> Tensor:
        def of_one(weights: Tensors, states: Tensors, vector: Tensor, *chunk: Tensor) -> Tensor:
            product = backend.hessian_vector_product(self._loss)
            return join(product(weights, split(vector, weights), states, *chunk))

        alone = self.shape.slots == 1  # as above
        mapped = backend.vectorize(of_one, (0, 0, 0, None, None, None), loops=alone)
        return self._added(lambda *chunk: mapped(weights, states, vector, *chunk), data)

    def _added(self, of_chunk: Any, data: Any) -> Tensor:
        """Add up over the chunks of the probe."""
        if data[0].shape[0] == 1:
            return of_chunk(*(array[0] for array in data))

        def body(chunk: Tensor, now: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (now[0] + of_chunk(*(array[chunk] for array in data)),)

        zeros = ops.zeros((self.shape.width, self._size), "float32")
        return backend.repeat(body, (zeros,), int(data[0].shape[0]))[0]

    def _loss(self, weights: Tensors, states: Tensors, *chunk: Tensor) -> Tensor:
        *kept_states, l1, l2 = states
        loss = loss_of_chunk(self._task, weights, kept_states, *chunk)[0]
        share = ops.cast(ops.sum(chunk[-1]), loss.dtype)
        return loss + share * penalty(weights, {"l1": l1, "l2": l2})


def probe_seed(trial: Trial) -> int:
    """What draws the probe: the same for every trial of a split, whatever it is trained with."""
    return named_seed(getattr(trial.problem, "split_seed", 0), "probe")


def rows_seed(trial: Trial) -> int:
    """What draws the rows of a diagnosis: the same for every trial of a split, see above."""
    return named_seed(getattr(trial.problem, "split_seed", 0), "diagnosis")


def _orthogonal(vectors: Tensor, basis: Tensor) -> Tensor:
    """Unit vectors orthogonal to a basis, or zeros where nothing is left but rounding.

    Args:
        vectors: of shape (width, n).
        basis: of shape (width, steps, n), orthonormal rows, or zeros.
    """
    across = ops.transpose(basis, (0, 2, 1))
    length = ops.sqrt(ops.sum(ops.square(vectors), axis=-1))
    rest = vectors
    # Twice is enough (Parlett, 1998, §6.9).
    for _ in range(2):
        shares = ops.matmul(rest[:, None], across)
        rest = rest - ops.matmul(shares, basis)[:, 0]
    left = ops.sqrt(ops.sum(ops.square(rest), axis=-1))
    is_new = ops.logical_and(left > DEPENDENT * length, length > 0)
    unit = rest / ops.where(is_new, left, ops.ones_like(left))[:, None]
    return ops.where(is_new[:, None], unit, ops.zeros_like(unit))


def inner_products(rows: Tensor) -> Tensor:
    """Every inner product of two rows, in float64 for what is left of large sums.

    Args:
        rows: float32, of shape (width, m, n).

    Returns:
        Of shape (width, m, m).
    """
    width, count, size = rows.shape

    def of_columns(columns: Tensor) -> Tensor:
        columns = ops.cast(columns, "float64")
        # As a product of matrices, since XLA adds up a float64 row number by number on a processor.
        return ops.matmul(columns, ops.transpose(columns, (0, 2, 1)))

    whole = size // COLUMNS
    if whole == 0:
        return of_columns(rows)

    def body(part: Tensor, now: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        columns = ops.slice(rows, ops.stack([0, 0, part * COLUMNS]), (width, count, COLUMNS))
        return (now[0] + of_columns(columns),)

    zeros = ops.zeros((width, count, count), "float64")
    total = backend.repeat(body, (zeros,), whole)[0]
    rest = rows[:, :, whole * COLUMNS :]
    return total + of_columns(rest) if rest.shape[-1] else total


def _with_row(tensor: Tensor, index: Tensor, row: Tensor) -> Tensor:
    return ops.slice_update(tensor, ops.stack([0, index, 0]), row[:, None])
