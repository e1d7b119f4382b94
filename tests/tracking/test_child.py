import math
import posixpath
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.tracking.child import ChildRun, child_run, metric_name, seed_group
from benchmark.trial import ClosedFormProblem, Settings, Status

Make = Callable[..., Any]


def _child(record: tuple[Any, Any]) -> ChildRun:
    result, reports = record
    return child_run(result, reports, end_time=0)


@given(st.text(max_size=300))
def test_metric_names_obey_the_rules_of_mlflow(name: str) -> None:
    made = metric_name(name)
    # The rules as mlflow.utils.validation states them, Windows included.
    assert re.fullmatch(r"[/\w.\- ]+", made)
    assert posixpath.normpath(made) == made
    assert made != "."
    assert not made.startswith(("..", "/"))
    assert len(made) <= 250


@given(st.from_regex(r"[a-z]\w{0,20}(/[a-z]\w{0,20})?", fullmatch=True))
def test_allowed_names_are_kept(name: str) -> None:
    assert metric_name(name) == name


def test_curves_have_the_epoch_as_step(make: Make) -> None:
    result, reports = make(3, epochs=2, curvature={"lambda_max": 4.0})
    points = {(p.key, p.step): p.value for p in child_run(result, reports, end_time=0).points}
    assert [points["validation_loss", epoch] for epoch in range(3)] == [1 / 4, 1 / 5, 1 / 6]
    assert [points["curvature/lambda_max", epoch] for epoch in range(3)] == [4.0, 4.0, 4.0]
    assert points["test_loss", 2] == 0.25
    assert points["objective", 2] == 1 / 6
    assert points["gradient_evaluations", 2] == 20.0
    assert points["seconds/train", 2] == 1.5


def test_logarithms_and_the_best_epoch_are_there_too(make: Make) -> None:
    result, reports = make(1, epochs=3)
    losses = (3.0, 1.0, 2.0, 4.0)
    reports = [
        replace(report, metrics=Settings(validation_loss=loss, train_loss=loss / 2))
        for report, loss in zip(reports, losses, strict=True)
    ]
    child = child_run(result, reports, 0, logarithmic={"learning_rate", "momentum"})
    points = {(point.key, point.step): point.value for point in child.points}
    assert points["best_epoch/epoch", 3] == 1
    assert (points["best_epoch/validation_loss", 3], points["best_epoch/train_loss", 3]) == (1, 0.5)
    assert float(child.params["log10_learning_rate"]) == pytest.approx(math.log10(0.002), rel=1e-3)
    assert "log10_momentum" not in child.params


@pytest.mark.parametrize("status", [Status.PRUNED, Status.DIVERGED, Status.FAILED])
def test_the_name_of_a_trial_without_a_result_says_how_it_ended(make: Make, status: Status) -> None:
    assert _child(make(3)).name == "adam 3"
    assert _child(make(3, status=status)).name == f"adam 3 ({status})"


def test_no_metric_has_two_values_at_one_step(make: Make) -> None:
    keys = [(point.key, point.step) for point in _child(make(1)).points]
    assert len(keys) == len(set(keys))


def test_what_is_not_finite_becomes_nan_and_is_named(make: Make) -> None:
    result, reports = make(1, status=Status.DIVERGED, epochs=1, metrics={"train_loss": -math.inf})
    child = child_run(result, reports, 0)
    values = {(point.key, point.step): point.value for point in child.points}
    assert math.isnan(values["objective", 1])
    assert math.isnan(values["train_loss", 0])
    assert child.tags["non_finite"] == (
        "train_loss = -inf after epoch 0; train_loss = -inf after epoch 1; "
        "objective = inf after epoch 1"
    )


def test_long_lists_of_non_finite_values_are_cut(make: Make) -> None:
    result, reports = make(1, epochs=99, metrics={"train_loss": math.nan})
    assert child_run(result, reports, end_time=0).tags["non_finite"].endswith("; and 90 more")


@pytest.mark.parametrize(
    ("status", "run_status"),
    [
        (Status.COMPLETED, "FINISHED"),
        (Status.CONVERGED, "FINISHED"),
        (Status.DIVERGED, "FAILED"),
        (Status.FAILED, "FAILED"),
        (Status.PRUNED, "KILLED"),
        (Status.INTERRUPTED, "KILLED"),
    ],
)
def test_status_is_translated_and_kept_as_tag(make: Make, status: Status, run_status: str) -> None:
    child = _child(make(1, status=status))
    assert child.status == run_status
    assert child.tags["status"] == status.value
    assert child.tags["reason"] == status.sentence


def test_params_and_tags_name_the_trial(make: Make) -> None:
    result, reports = make(4, label="adam slow", phase="replicate", replicate=2)
    child = child_run(result, reports, 5000)
    assert child.name == "adam slow 4"
    assert child.params == {
        "optimizer": "adam",
        "problem": "digits",
        "model": "multilayer_perceptron",
        "model.hidden": "(64,)",
        "epochs": "3",
        "sampling": "shuffle",
        "learning_rate": "0.005",
        "batch_size": "32",
    }
    expected = {"trial": "4", "label": "adam slow", "optimizer": "adam", "phase": "replicate"}
    expected |= {"seed": "7", "replicate": "2", "seed_group": seed_group(result.trial)}
    assert expected.items() <= child.tags.items()
    # 1.5 s of training and 0.5 s of compiling.
    assert (child.start_time, child.end_time) == (3000, 5000)


def test_closed_form_problems_have_their_options_as_params(make: Make) -> None:
    result, reports = make(1)
    problem = ClosedFormProblem("quadratic", Settings(condition_number=100.0))
    trial = replace(result.trial, problem=problem, model="", model_options=Settings())
    params = child_run(replace(result, trial=trial), reports, end_time=0).params
    assert params["problem"] == "quadratic"
    assert params["problem.condition_number"] == "100.0"
    assert "model" not in params


def test_seed_group_joins_seeds_and_parts_settings(make: Make) -> None:
    trial = make(1)[0].trial
    same = [
        replace(trial, number=9, phase="replicate", replicate=3),
        replace(trial, seed=8, problem=replace(trial.problem, split_seed=5)),
    ]
    other = [
        replace(trial, label="other"),
        replace(trial, hyperparameters=Settings(learning_rate=0.5, batch_size=32)),
        replace(trial, epochs=99),
    ]
    assert {seed_group(member) for member in same} == {seed_group(trial)}
    assert len({seed_group(member) for member in [trial, *other]}) == 4
