"""MLflow as a mirror for people: finished trials are copied there from a background thread.

Nothing is ever read back from it for statistics; ``results/`` is the only input of those.
Importing this package does not import MLflow: that takes seconds and is left to the thread.
"""

from benchmark.tracking.check import check_tracking
from benchmark.tracking.child import Point, curvature_metric, finite_point
from benchmark.tracking.client import check_database
from benchmark.tracking.dataset import TrackedDataset
from benchmark.tracking.location import (
    default_tracking_uri,
    resolve_tracking_uri,
    ui_command,
    ui_environment,
)
from benchmark.tracking.models import LoggedModel
from benchmark.tracking.outbox import Unsent
from benchmark.tracking.overview import (
    DIAGNOSED,
    MONITORED,
    OptimizerOverview,
    RunOverview,
    TrackedStudy,
)
from benchmark.tracking.tracker import Tracker

__all__ = [
    "DIAGNOSED",
    "MONITORED",
    "LoggedModel",
    "OptimizerOverview",
    "Point",
    "RunOverview",
    "TrackedDataset",
    "TrackedStudy",
    "Tracker",
    "Unsent",
    "check_database",
    "check_tracking",
    "curvature_metric",
    "default_tracking_uri",
    "finite_point",
    "resolve_tracking_uri",
    "ui_command",
    "ui_environment",
]
