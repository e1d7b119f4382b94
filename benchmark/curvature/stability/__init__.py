"""Up to which η·λmax the steps of an optimizer are stable on a quadratic, and why not at all.

Nothing here imports Keras: what an optimizer remembers comes in as NumPy arrays, and is read in
float64.
"""

from benchmark.curvature.stability.recurrence import (
    AveragedIterates,
    Momentum,
    Recurrence,
)
from benchmark.curvature.stability.snapshot import Root, Snapshot, Stepping
from benchmark.curvature.stability.table import (
    STABILITY,
    limit_without_state,
    missing_row,
    stepping,
)

__all__ = [
    "STABILITY",
    "AveragedIterates",
    "Momentum",
    "Recurrence",
    "Root",
    "Snapshot",
    "Stepping",
    "limit_without_state",
    "missing_row",
    "stepping",
]
