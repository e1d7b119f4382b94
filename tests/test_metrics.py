"""The table of metrics, and what is read off it; the engine's tests compute them."""

import math

import pytest

from benchmark.metrics import METRICS, direction_of, metrics_of
from benchmark.report.formatting import words
from benchmark.study.schema import LOSSES


@pytest.mark.parametrize("name", METRICS)
def test_an_entry_is_consistent(name: str) -> None:
    metric = METRICS[name]
    assert metric.task in LOSSES, f"task of {name} in benchmark/metrics.py"
    assert metric.low < metric.target <= metric.high, f"target of {name} in benchmark/metrics.py"
    best = metric.high if metric.direction == "maximize" else metric.low
    assert math.isfinite(best), f"{name} must have a best value in benchmark/metrics.py"
    assert words(f"validation_{name}") == f"validation {metric.title}"


def test_every_task_has_a_metric_and_the_default_is_the_first() -> None:
    assert [metrics_of(task)[0] for task in LOSSES] == ["accuracy", "mean_absolute_error"]


@pytest.mark.parametrize(
    ("objective", "direction"),
    [
        ("validation_loss", "minimize"),
        ("train_loss", "minimize"),
        ("validation_accuracy", "maximize"),
        ("train_mean_absolute_error", "minimize"),
        ("gradient_norm", "minimize"),
    ],
)
def test_direction_of_objectives(objective: str, direction: str) -> None:
    assert direction_of(objective) == direction


@pytest.mark.parametrize("objective", ["validation_acuracy", "test_loss", ""])
def test_unknown_objective_is_refused(objective: str) -> None:
    with pytest.raises(ValueError, match=f"Received '{objective}' at problem.objective"):
        direction_of(objective)
