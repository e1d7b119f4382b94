"""The loss on the plane of the two sharpest directions."""

import numpy as np

from benchmark.curvature import Eigenpairs
from benchmark.curvature.slices import SliceProgram, projected
from benchmark.inspection.settings import Settings
from benchmark.inspection.subject import Array, Subject, Watch
from benchmark.report.portrait import Plane

MARGIN = 0.15
"""What is left free around the way, as a share of its extent."""
SHALLOW = 1e-12


def plane_of(
    subject: Subject, settings: Settings, pairs: Eigenpairs | None, watch: Watch
) -> Plane | None:
    """Evaluate the loss around the weights, as far as the way to them reaches.

    Without a way, the plane reaches to where the quadratic model has risen by the loss.

    Args:
        subject: a loss at some weights.
        settings: ``grid`` points along each side.
        pairs: eigenvectors, the two largest eigenvalues last; nothing of them, no plane.
        watch: told how far it is.
    """
    if pairs is None or pairs.vectors is None or pairs.vectors.shape[1] < 2:
        return None
    plane = pairs.vectors[:, [-1, -2]]
    values = float(pairs.eigenvalues[-1]), float(pairs.eigenvalues[-2])
    path = projected(subject.way, subject.weights, plane)
    program = SliceProgram(subject.loss)
    here = program.slice(
        subject.weights, plane, (np.zeros(1), np.zeros(1)), subject.x, subject.y, subject.state
    )
    reach = [_reach(float(here.values[0, 0]), value) for value in values]
    grid = tuple(
        _steps(path[:, column], reach[column], settings.grid, has_way=len(path) > 1)
        for column in (0, 1)
    )
    found = program.slice(
        subject.weights,
        plane,
        (grid[0], grid[1]),
        subject.x,
        subject.y,
        subject.state,
        lambda share: watch("loss around the weights", share),
    )
    return Plane(found.across, found.along, found.values, values, subject.epochs, path)


def _reach(loss: float, eigenvalue: float) -> float:
    """How far ½ λ r² takes to rise by the loss."""
    size = max(abs(eigenvalue), SHALLOW)
    return float(np.sqrt(2 * max(abs(loss), SHALLOW) / size))


def _steps(way: Array, reach: float, count: int, *, has_way: bool) -> Array:
    ends = np.array([min(way.min(initial=0.0), 0.0), max(way.max(initial=0.0), 0.0)])
    if has_way and np.ptp(ends) > 0:
        # A way that comes from one side shows little of the other: at least half as much.
        extent = float(np.ptp(ends))
        low = min(ends[0] - MARGIN * extent, -0.4 * extent)
        high = max(ends[1] + MARGIN * extent, 0.4 * extent)
    else:
        low, high = -reach, reach
    return np.linspace(low, high, count)
