"""The loss on the plane of the two sharpest directions, and the trajectory towards its middle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from benchmark import backend
from benchmark.curvature import Eigenpairs
from benchmark.curvature.results import Plane
from benchmark.inspection.settings import Settings
from benchmark.inspection.subject import Array, Subject, Watch

Tensor = Any
POINTS_AT_ONCE = 32
"""Points of the plane in one call of the compiled program."""
EXAMPLES_AT_ONCE = 1024
MARGIN = 0.15
"""Free space around the trajectory, as a share of its extent."""
SHALLOW = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class LossSlice:
    """The values of a loss on a grid of a plane.

        z[i, j] = f(W + across[j] · u + along[i] · v)

    Args:
        across: steps along u, shape (columns,).
        along: steps along v, shape (rows,).
        values: z, shape (rows, columns).
    """

    across: Array
    along: Array
    values: Array


class SliceProgram:
    """A compiled program that evaluates a loss at many points of a plane.

    Args:
        loss: ``f(parameters, x, y)`` or ``f(parameters, x, y, state)``, the mean over the
            examples, in float64; see :func:`benchmark.curvature.model_loss`.

    Example:
        >>> program = SliceProgram(lambda parameters, x, y: ops.sum(parameters[0] ** 2))
        >>> plane = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
        >>> results = program.slice(
        ...     [np.array([0.0, 0.0, 3.0])], plane, (np.array([0.0, 1.0]), np.array([2.0])),
        ...     np.zeros((1, 1)), np.zeros(1),
        ... )
        >>> results.values.tolist()
        [[13.0, 14.0]]
    """

    def __init__(self, loss: Callable[..., Tensor]) -> None:
        def at_point(point: Any, center: Any, first: Any, second: Any, data: Any) -> Tensor:
            moved = [
                w + point[0] * u + point[1] * v
                for w, u, v in zip(center, first, second, strict=True)
            ]
            return loss(moved, *data)

        mapped = backend.vectorize(at_point, (0, None, None, None, None), loops=True)
        self._compiled = backend.compile(mapped)

    @property
    def compilations(self) -> int:
        """How often the program has been compiled so far."""
        return self._compiled.compilations

    def slice(
        self,
        weights: Sequence[Any],
        plane: Array,
        grid: tuple[Array, Array],
        x: Any,
        y: Any,
        state: Sequence[Any] | None = None,
        watch: Callable[[float], object] = float,
    ) -> LossSlice:
        """Evaluate the loss on a grid.

        Args:
            weights: W, one array a variable.
            plane: u and v as columns, shape (n, 2), in the order of the flat weights.
            grid: ``across`` and ``along``, the steps along u and along v.
            x: the examples.
            y: their targets.
            state: the fourth argument of the loss, or ``None`` if it takes three.
            watch: called with the share of the points that is done.
        """
        across, along = (np.asarray(steps, np.float64) for steps in grid)
        points = np.stack([part.ravel() for part in np.meshgrid(across, along)], axis=1)
        center = [ops.convert_to_tensor(np.asarray(w, np.float64)) for w in weights]
        first, second = (_parts(column, weights) for column in np.asarray(plane, np.float64).T)
        chunks = [*_chunks(x, y, state)]
        values = np.empty(len(points))
        for start in range(0, len(points), POINTS_AT_ONCE):
            block = points[start : start + POINTS_AT_ONCE]
            # The last block is filled with zeros, so that its shape compiles nothing new.
            filled = np.zeros((POINTS_AT_ONCE, 2))
            filled[: len(block)] = block
            total = np.zeros(POINTS_AT_ONCE)
            for weight, data in chunks:
                tensor = ops.convert_to_tensor(filled)
                losses = self._compiled(tensor, center, first, second, data)
                total += weight * np.asarray(ops.convert_to_numpy(losses), np.float64)
            values[start : start + len(block)] = total[: len(block)]
            watch((start + len(block)) / len(points))
        return LossSlice(across, along, values.reshape(along.size, across.size))


def plane_of(
    subject: Subject, settings: Settings, pairs: Eigenpairs | None, watch: Watch
) -> Plane | None:
    """Evaluate the loss around the weights, as far as the trajectory to them reaches.

    Without a trajectory, the plane reaches to where the quadratic model has risen by the loss.

    Args:
        subject: a loss at some weights.
        settings: ``grid`` points along each side.
        pairs: eigenvectors, those of the two largest eigenvalues last; without them there is no
            plane.
        watch: called with the progress.
    """
    if pairs is None or pairs.vectors is None or pairs.vectors.shape[1] < 2:
        return None
    plane = pairs.vectors[:, [-1, -2]]
    values = float(pairs.eigenvalues[-1]), float(pairs.eigenvalues[-2])
    path = projected(subject.trajectory, subject.weights, plane)
    program = SliceProgram(subject.loss)
    here = program.slice(
        subject.weights, plane, (np.zeros(1), np.zeros(1)), subject.x, subject.y, subject.state
    )
    reach = [_reach(float(here.values[0, 0]), value) for value in values]
    grid = tuple(
        _steps(path[:, column], reach[column], settings.grid, has_trajectory=len(path) > 1)
        for column in (0, 1)
    )
    loss_slice = program.slice(
        subject.weights,
        plane,
        (grid[0], grid[1]),
        subject.x,
        subject.y,
        subject.state,
        lambda share: watch("loss around the weights", share),
    )
    return Plane(
        loss_slice.across, loss_slice.along, loss_slice.values, values, subject.epochs, path
    )


def _reach(loss: float, eigenvalue: float) -> float:
    """Return the r for which ½ λ r² equals the loss."""
    size = max(abs(eigenvalue), SHALLOW)
    return float(np.sqrt(2 * max(abs(loss), SHALLOW) / size))


def _steps(path: Array, reach: float, count: int, *, has_trajectory: bool) -> Array:
    ends = np.array([min(path.min(initial=0.0), 0.0), max(path.max(initial=0.0), 0.0)])
    if has_trajectory and np.ptp(ends) > 0:
        # A path that comes from one side needs room on the opposite one too.
        extent = float(np.ptp(ends))
        low = min(ends[0] - MARGIN * extent, -0.4 * extent)
        high = max(ends[1] + MARGIN * extent, 0.4 * extent)
    else:
        low, high = -reach, reach
    return np.linspace(low, high, count)


def projected(points: Sequence[Sequence[Any]], center: Sequence[Any], plane: Array) -> Array:
    """Project weights on a plane.

    Args:
        points: weights, a list of arrays for each point.
        center: W, a point of the plane.
        plane: orthonormal u and v as columns, shape (n, 2).

    Returns:
        For each point P: (uᵀ(P − W), vᵀ(P − W), ‖P − W‖), shape (points, 3). The first two are the
        part of the distance that lies in the plane.

    Example:
        >>> plane = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
        >>> projected([[np.array([3.0, 4.0, 12.0])]], [np.zeros(3)], plane).tolist()
        [[3.0, 4.0, 13.0]]
    """
    origin = _flat(center)
    rows = np.empty((len(points), 3))
    for row, point in enumerate(points):
        difference = _flat(point) - origin
        rows[row] = *(difference @ plane), np.linalg.norm(difference)
    return rows


def _flat(weights: Sequence[Any]) -> Array:
    return np.concatenate([np.asarray(part, np.float64).ravel() for part in weights])


def _parts(vector: Array, weights: Sequence[Any]) -> list[Tensor]:
    """Cut a flat vector into tensors of the shapes of the weights."""
    shapes = [np.shape(part) for part in weights]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    return [
        ops.convert_to_tensor(part.reshape(shape))
        for part, shape in zip(np.split(vector, ends), shapes, strict=True)
    ]


def _chunks(x: Any, y: Any, state: Sequence[Any] | None) -> list[tuple[float, list[Tensor]]]:
    rest = [] if state is None else [[_tensor(entry) for entry in state]]
    chunks: list[tuple[float, list[Tensor]]] = []
    for first in range(0, len(x), EXAMPLES_AT_ONCE):
        rows = slice(first, min(first + EXAMPLES_AT_ONCE, len(x)))
        share = (rows.stop - first) / len(x)
        chunks.append((share, [_tensor(x[rows]), _tensor(y[rows]), *rest]))
    return chunks


def _tensor(value: Any) -> Tensor:
    array = np.asarray(value)
    kind = "float64" if np.issubdtype(array.dtype, np.floating) else None
    return ops.convert_to_tensor(array, dtype=kind)
