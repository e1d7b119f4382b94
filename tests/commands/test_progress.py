"""What a person sees while a study runs."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from benchmark.commands.progress import DiagnosisForecast, StudyProgress, duration
from benchmark.trial import (
    CurvatureRequest,
    DatasetProblem,
    Report,
    Settings,
    Status,
    Trial,
    TrialResult,
)


def result(number: int, objective: float, status=Status.COMPLETED, label="sgd", phase="search"):
    trial = Trial(
        number=number,
        phase=phase,
        problem=DatasetProblem("iris"),
        model="linear",
        model_options=Settings(),
        label=label,
        optimizer="sgd",
        hyperparameters=Settings(learning_rate=0.1),
        options=Settings(),
        epochs=1,
        seed=0,
    )
    return TrialResult(trial, status, "", objective, 1, 1, 1, 1, Settings(), Settings())


def progress(mode="plain", direction="minimize"):
    console = Console(file=io.StringIO(), width=200)
    shown = StudyProgress(console, {"sgd": 3, "adam": 2}, direction, "validation_loss", mode)
    return shown, console


@pytest.fixture(autouse=True)
def no_interval(monkeypatch):
    monkeypatch.setattr("benchmark.commands.progress.PLAIN_INTERVAL", 0.0)


def text(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_plain_lines_count_trials_and_name_the_best_of_each_label():
    shown, console = progress()
    with shown:
        shown.trial_finished(result(0, 0.5), [])
        shown.trial_finished(result(1, 0.7, label="adam"), [])
        shown.trial_finished(result(2, 0.9), [])
    lines = text(console)
    assert lines[0].startswith("1/5 trials, best validation_loss: sgd 0.5,")
    assert lines[-1].startswith("3/5 trials, best validation_loss: sgd 0.5, adam 0.7,")
    assert "trials/s" in lines[-1] and "left" in lines[-1]


def test_the_first_trial_is_shown_at_once_and_further_ones_now_and_then(monkeypatch):
    monkeypatch.setattr("benchmark.commands.progress.PLAIN_INTERVAL", 1e9)
    shown, console = progress()
    with shown:
        shown.trial_finished(result(0, 0.5), [])
        shown.trial_finished(result(1, 0.7), [])
    assert [line.split(",")[0] for line in text(console)] == ["1/5 trials"]


def test_the_best_is_the_largest_where_the_objective_is_maximized():
    shown, console = progress(direction="maximize")
    with shown:
        shown.trial_finished(result(0, 0.5), [])
        shown.trial_finished(result(1, 0.9), [])
    assert "sgd 0.9" in text(console)[-1]


@pytest.mark.parametrize(
    "other",
    [
        result(1, float("inf"), Status.DIVERGED),
        result(1, 0.1, Status.PRUNED),
        result(1, 0.1, phase="replicate"),
    ],
    ids=["diverged", "pruned", "replicate"],
)
def test_only_search_trials_that_ran_to_their_end_can_be_best(other):
    shown, console = progress()
    with shown:
        shown.trial_finished(result(0, 0.5), [])
        shown.trial_finished(other, [])
    assert text(console)[-1].startswith("2/5 trials, best validation_loss: sgd 0.5,")


def test_a_line_names_the_best_few_of_many_labels_the_best_first():
    labels = ["sgd", "adam", "lion", "muon", "soap", "lamb"]
    console = Console(file=io.StringIO(), width=200)
    shown = StudyProgress(console, dict.fromkeys(labels, 1), "minimize", "loss", "plain")
    with shown:
        for place, label in enumerate(labels):
            shown.trial_finished(result(place, 0.9 - 0.1 * place, label=label), [])
    assert text(console)[-1].startswith(
        "6/6 trials, best loss: lamb 0.4, soap 0.5, muon 0.6, lion 0.7, 2 more,"
    )


def test_no_time_left_is_foretold_from_the_first_trial_of_many():
    console = Console(file=io.StringIO(), width=200)
    shown = StudyProgress(console, {"sgd": 20}, "minimize", "loss", "plain")
    with shown:
        shown.trial_finished(result(0, 0.5), [])
        shown.trial_finished(result(1, 0.5), [])
    assert "left" not in text(console)[0] and "left" in text(console)[1]


def test_quiet_prints_nothing():
    shown, console = progress(mode="quiet")
    with shown:
        shown.trial_finished(result(0, 0.5), [])
    assert text(console) == []


def test_restored_trials_count_as_done_but_not_for_the_rate(monkeypatch):
    clock = iter([100.0, 110.0, 110.0])
    monkeypatch.setattr("benchmark.commands.progress.time.monotonic", lambda: next(clock, 110.0))
    shown, console = progress()
    shown.restore([result(0, 0.5), result(1, 0.4)])
    shown.trial_finished(result(2, 0.3), [])
    # One trial in ten seconds, two are left.
    assert text(console)[-1] == (
        "3/5 trials, best validation_loss: sgd 0.3, 0.10 trials/s, 20 s left"
    )


def test_live_bars_show_every_label():
    console = Console(file=io.StringIO(), width=160, force_terminal=True)
    totals = {"sgd": 1, "adam": 1}
    shown = StudyProgress(console, totals, "minimize", "validation_loss", "live")
    with shown:
        shown.trial_finished(result(0, 0.5), [])
    last = "\n".join(text(console))
    assert "sgd" in last and "adam" in last and "best validation_loss 0.5" in last
    assert "1/1" in last and "0/1" in last


def test_durations():
    assert [duration(s) for s in (0.4, 59, 61, 7199)] == [
        "0 s",
        "59 s",
        "1 min 1 s",
        "1 h 59 min",
    ]


def test_the_first_diagnosis_tells_how_long_the_others_take():
    told: list[str] = []
    forecast = DiagnosisForecast(6, told.append)
    forecast.trial_finished(result(0, 0.5), [])
    assert told == []
    diagnosed = result(1, 0.5)
    request = CurvatureRequest(epochs=(0, 1))
    diagnosed = replace(
        diagnosed,
        trial=replace(diagnosed.trial, curvature=request),
        seconds=Settings(curvature=20.0),
    )
    reports = [Report(1, epoch, 0, 0, 0, Settings(), spectrum=(1.0,)) for epoch in (0, 1)]
    for _ in range(2):
        forecast.trial_finished(diagnosed, reports)
    [sentence] = told
    assert "took 10 s. The remaining 4 take about 40 s of one core" in sentence
