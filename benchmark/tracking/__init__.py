"""MLflow as a mirror for people: finished trials are copied there from a background thread.

Nothing is ever read back from it for statistics; ``results/`` is the only input of those.
Importing this package does not import MLflow: that takes seconds and is left to the thread.
"""

from benchmark.tracking.check import check_tracking
from benchmark.tracking.client import check_database
from benchmark.tracking.location import (
    default_tracking_uri,
    resolve_tracking_uri,
    ui_command,
    ui_environment,
)
from benchmark.tracking.mirror import TrackedDataset
from benchmark.tracking.models import LoggedModel
from benchmark.tracking.outbox import Unsent
from benchmark.tracking.tracker import Tracker

__all__ = [
    "LoggedModel",
    "TrackedDataset",
    "Tracker",
    "Unsent",
    "check_database",
    "check_tracking",
    "default_tracking_uri",
    "resolve_tracking_uri",
    "ui_command",
    "ui_environment",
]
