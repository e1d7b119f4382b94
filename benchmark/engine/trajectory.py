"""A recorded trial trained again, with its weights after each epoch."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from benchmark.engine.sequential import SequentialEngine
from benchmark.engine.task import Array
from benchmark.trial import CurvatureRequest, Report, Status, Trial

KEPT_NUMBERS = 2**26
"""About how many numbers a course keeps, 256 MiB of them: beyond, it skips epochs."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """How the weights of a trial moved.

    Args:
        epochs: after which epochs weights were kept, ascending; 0 is the starting point.
        weights: the variables of ``task.kept_variables`` after each of them.
        reports: of all epochs.
    """

    epochs: list[int] = field(default_factory=list)
    weights: list[tuple[Array, ...]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)


def retrain(
    trial: Trial, epochs: int | None = None, watch: Callable[[int], object] = int
) -> Course:
    """Train a trial again with the reference engine and keep its weights.

    A result depends on the trial alone, so this is the recorded trial up to the rounding of
    another engine. Weights that are not finite are not kept, nor what comes after them.

    Args:
        trial: what is trained; its curvature is not measured.
        epochs: after how many to stop: those that a pruned trial had. All by default.
        watch: told of each epoch.

    Raises:
        RuntimeError: the trial fails.
    """
    last = trial.epochs if epochs is None else min(epochs, trial.epochs)
    course, engine = Course(), SequentialEngine()
    engine.start(replace(trial, curvature=CurvatureRequest(), evaluation_epochs=None))
    first = engine.current_weights()
    numbers = sum(array.size for array in first)
    stride = max(1, -(-last * numbers // KEPT_NUMBERS))
    _keep(course, 0, first)
    status = Status.RUNNING
    while status is Status.RUNNING and (not course.reports or course.reports[-1].epoch < last):
        reports = engine.advance()
        course.reports.extend(reports)
        status = reports[-1].status
        if status is Status.FAILED:
            raise RuntimeError(reports[-1].reason)
        epoch = reports[-1].epoch
        watch(epoch)
        weights = engine.current_weights()
        if not all(np.isfinite(array).all() for array in weights):
            break
        if epoch and (epoch % stride == 0 or epoch == last or status.is_final):
            _keep(course, epoch, weights)
    engine.close()
    return course


def _keep(course: Course, epoch: int, weights: list[Array]) -> None:
    if weights:
        course.epochs.append(epoch)
        course.weights.append(tuple(weights))
