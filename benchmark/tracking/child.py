"""What is sent of one trial: names, values and times, as plain Python values."""

import hashlib
import math
import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, assert_never

from benchmark.tracking.mlflow_internals import NAME_LENGTH, PARAM_LENGTH, TAG_LENGTH
from benchmark.trial import (
    CurvatureRequest,
    DatasetProblem,
    Report,
    Settings,
    Status,
    Trial,
    TrialResult,
)

RunStatus = Literal["FINISHED", "FAILED", "KILLED", "RUNNING"]
NAMED_NON_FINITE = 10

DETAILS = {"exact", "products", "gradient_square", "gradient_noise_trace"}
"""Quantities of curvature that say how others were found."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric.

    Args:
        key: the metric's name, as MLflow allows it.
        value: a finite number, or NaN.
        step: the epoch.
    """

    key: str
    value: float
    step: int


@dataclass(frozen=True, slots=True)
class ChildRun:
    """One trial as a child run of MLflow.

    Args:
        name: the name people see, ``adam 12``.
        tags: optimizer, label, status, seeds and more.
        params: hyperparameters and structural options.
        points: curves, curvature and final values.
        status: how the run ended.
        start_time: milliseconds since the epoch of Unix time.
        end_time: the same.
    """

    name: str
    tags: dict[str, str]
    params: dict[str, str]
    points: tuple[Point, ...]
    status: RunStatus
    start_time: int
    end_time: int


def run_status(status: Status) -> RunStatus:
    """Return how a final status reads in MLflow, which knows only three.

    Args:
        status: the status.

    Raises:
        ValueError: the status is not final.
    """
    match status:
        case Status.COMPLETED | Status.CONVERGED:
            return "FINISHED"
        case Status.DIVERGED | Status.FAILED:
            return "FAILED"
        case Status.PRUNED | Status.INTERRUPTED:
            return "KILLED"
        case Status.RUNNING:
            raise ValueError(f"status must be final. Received {status!r}.")
        case _:
            assert_never(status)


def child_run(
    result: TrialResult,
    reports: Sequence[Report],
    end_time: int,
    logarithmic: Collection[str] = (),
) -> ChildRun:
    """Describe a finished trial for MLflow.

    Metrics: each metric of each report and ``curvature/<quantity>`` with the epoch as
    step; with the last epoch as step the metrics that only the result has
    (``test_loss`` …), ``objective``, ``steps``, ``samples``, ``gradient_evaluations``,
    ``seconds/<clock>``, and the losses and metrics after the best epoch, ``best_epoch/<metric>``.
    The name of a trial without a result tells how it ended. SQL cannot hold an infinity, and
    MLflow would write 1.8e308, which ruins every chart: what is not finite is sent as NaN (a
    gap) and named with its true value in the tag ``non_finite``.

    Args:
        result: how the trial ended.
        reports: its reports, one an epoch.
        end_time: when it ended, in milliseconds since the epoch of Unix time.
        logarithmic: hyperparameters whose logarithm is a parameter too: MLflow has linear axes.

    Example:
        >>> none = Settings()
        >>> trial = Trial(12, "search", DatasetProblem("digits"), "linear", none, "adam",
        ...     "adam", Settings(learning_rate=0.01), none, epochs=1, seed=0)
        >>> result = TrialResult(trial, Status.COMPLETED, "", 0.5, 1, 9, 9, 9, none, none)
        >>> report = Report(12, 1, 9, 9, 9, Settings(validation_loss=0.5))
        >>> run = child_run(result, [report], end_time=1000)
        >>> run.name, run.params["learning_rate"], run.points[0]
        ('adam 12', '0.01', Point(key='validation_loss', value=0.5, step=1))
    """
    values = [*_curve_values(reports), *_final_values(result, reports)]
    finite = [finite_point(key, value, step) for key, value, step in values]
    seconds = sum(value for value in result.seconds.values() if math.isfinite(value))
    return ChildRun(
        name=_name(result.trial, result.status),
        tags={**_tags(result.trial, result.status, result.reason), **_non_finite_tag(values)},
        params=_params(result.trial, logarithmic),
        points=tuple(finite),
        status=run_status(result.status),
        start_time=end_time - int(1000 * seconds),
        end_time=end_time,
    )


def running_child(
    trial: Trial, reports: Sequence[Report], now: int, logarithmic: Collection[str] = ()
) -> ChildRun:
    """Describe a trial that is still trained: its settings, and its curves so far.

    Args:
        trial: the trial.
        reports: its reports until now.
        now: the time, in milliseconds since the epoch of Unix time.
        logarithmic: as for :func:`child_run`.
    """
    return ChildRun(
        name=_name(trial, Status.RUNNING),
        tags=_tags(trial, Status.RUNNING, ""),
        params=_params(trial, logarithmic),
        points=tuple(finite_point(*value) for value in _curve_values(reports)),
        status="RUNNING",
        start_time=now,
        end_time=now,
    )


@lru_cache(maxsize=1024)  # Each epoch of each trial has the same few.
def metric_name(name: str) -> str:
    """Return a name that MLflow accepts: other characters become underscores.

    Allowed are letters, digits, ``_ - . /``, and spaces; a colon is allowed except on Windows,
    and a name must not resolve to another one when read as a path.

    Example:
        >>> metric_name("curvature/λ max"), metric_name("a//b:c"), metric_name("../x")
        ('curvature/λ max', 'a/b_c', 'x')
    """
    allowed = re.sub(r"[^/\w.\- ]", "_", name)
    # "/../x" resolves to "/x" for any number of "..".
    return posixpath.normpath("/" + allowed).lstrip("/")[:NAME_LENGTH].rstrip("/") or "_"


@lru_cache(maxsize=1024)
def curvature_metric(name: str) -> str:
    """Name a quantity of curvature so that MLflow, which groups by prefix, shows few at a time.

    ``curvature`` has what a diagnosis is read by; ``curvature/probe`` what is followed in the
    search, ``curvature/layers`` the quantities of single layers, ``curvature/details`` how the
    others were found and how far they can be trusted.

    Example:
        >>> [curvature_metric(name) for name in ("lambda_max", "probe_lambda_max")]
        ['curvature/lambda_max', 'curvature/probe/lambda_max']
        >>> [curvature_metric(name) for name in ("layer.01.hidden.weight_norm", "products")]
        ['curvature/layers/01.hidden.weight_norm', 'curvature/details/products']
    """
    for prefix, group in (("probe_", "probe"), ("layer.", "layers")):
        if name.startswith(prefix):
            return metric_name(f"curvature/{group}/{name.removeprefix(prefix)}")
    is_detail = name in DETAILS or name.endswith(("_residual", "_error", "tolerance"))
    return metric_name(f"curvature/details/{name}" if is_detail else f"curvature/{name}")


def seed_group(trial: Trial) -> str:
    """Name the group of trials that differ in nothing but their seeds.

    In MLflow's charts "group by → seed_group" then averages over seeds.

    Example:
        >>> trial = Trial(1, "search", DatasetProblem("iris"), "linear", Settings(), "sgd",
        ...     "sgd", Settings(learning_rate=0.1), Settings(), epochs=2, seed=0)
        >>> again = replace(trial, number=7, phase="replicate", replicate=2)
        >>> seed_group(trial) == seed_group(again)
        True
    """
    problem = trial.problem
    if isinstance(problem, DatasetProblem):
        problem = replace(problem, split_seed=0)
    same = replace(
        trial,
        number=0,
        phase="search",
        problem=problem,
        seed=0,
        replicate=0,
        curvature=CurvatureRequest(),
    )
    return f"{trial.label} {hashlib.sha256(repr(same).encode()).hexdigest()[:8]}"


def _curve_values(reports: Sequence[Report]) -> Iterator[tuple[str, float, int]]:
    for report in reports:
        for name, value in report.metrics.items():
            yield metric_name(name), float(value), report.epoch
        for name, value in report.curvature.items():
            yield curvature_metric(name), float(value), report.epoch


def _final_values(
    result: TrialResult, reports: Sequence[Report]
) -> Iterator[tuple[str, float, int]]:
    drawn = {name for report in reports for name in report.metrics}
    final = {name: value for name, value in result.metrics.items() if name not in drawn}
    numbers = {
        "objective": result.objective,
        "steps": result.step,
        "samples": result.samples,
        "gradient_evaluations": result.gradient_evaluations,
    }
    clocks = {f"seconds/{clock}": value for clock, value in result.seconds.items()}
    for name, value in (final | numbers | clocks | _at_best_epoch(result.trial, reports)).items():
        yield metric_name(name), float(value), result.epochs


def _at_best_epoch(trial: Trial, reports: Sequence[Report]) -> dict[str, float]:
    """The losses and metrics after the epoch at which the objective was best."""
    objectives = [
        (float(report.metrics.get(trial.objective, math.nan)), report) for report in reports
    ]
    finite = [pair for pair in objectives if math.isfinite(pair[0])]
    if not finite:
        return {}
    better = min if trial.direction == "minimize" else max
    _, best = better(finite, key=lambda pair: pair[0])
    values = {
        f"best_epoch/{name}": value
        for name, value in best.metrics.items()
        if name.startswith(("train_", "validation_")) and math.isfinite(float(value))
    }
    return {"best_epoch/epoch": best.epoch, **values}


def finite_point(key: str, value: float, step: int) -> Point:
    """Return a value of a metric; what is not finite is a gap.

    Args:
        key: the metric's name.
        value: its value.
        step: the epoch.

    Example:
        >>> finite_point("objective", float("inf"), 3)
        Point(key='objective', value=nan, step=3)
    """
    return Point(key, value if math.isfinite(value) else math.nan, step)


def _non_finite_tag(values: Sequence[tuple[str, float, int]]) -> dict[str, str]:
    bad = [
        f"{key} = {value} after epoch {step}"
        for key, value, step in values
        if not math.isfinite(value)
    ]
    more = [f"and {len(bad) - NAMED_NON_FINITE} more"] if len(bad) > NAMED_NON_FINITE else []
    return {"non_finite": "; ".join(bad[:NAMED_NON_FINITE] + more)} if bad else {}


def _name(trial: Trial, status: Status) -> str:
    # Legends and lists of MLflow show the name alone.
    ending = "" if status.is_usable else f" ({status})"
    return f"{trial.label} {trial.number}{ending}"


def _tags(trial: Trial, status: Status, reason: str) -> dict[str, str]:
    tags = {
        "kind": "trial",
        "trial": trial.number,
        "label": trial.label,
        "optimizer": trial.optimizer,
        "status": status.value,
        "reason": reason or status.sentence,
        "phase": trial.phase,
        "seed": trial.seed,
        "replicate": trial.replicate,
        "seed_group": seed_group(trial),
        "objective": trial.objective,
        "direction": trial.direction,
    }
    return {name: str(value)[:TAG_LENGTH] for name, value in tags.items()}


def log10_name(name: str) -> str:
    """Return the parameter that holds the logarithm of a hyperparameter.

    Example:
        >>> log10_name("learning_rate")
        'log10_learning_rate'
    """
    return f"log10_{name}"


def _params(trial: Trial, logarithmic: Collection[str]) -> dict[str, str]:
    options = getattr(trial.problem, "options", Settings())
    named: dict[str, Any] = {
        "optimizer": trial.optimizer,
        "problem": trial.problem.name,
        **{f"problem.{name}": value for name, value in options.items()},
        **({"model": trial.model} if trial.model else {}),
        **{f"model.{name}": value for name, value in trial.model_options.items()},
        "epochs": trial.epochs,
        **trial.options,
        **trial.hyperparameters,
        **{
            log10_name(name): f"{math.log10(value):.4g}"
            for name, value in trial.hyperparameters.items()
            if name in logarithmic and value > 0
        },
    }
    return {metric_name(name): str(value)[:PARAM_LENGTH] for name, value in named.items()}
