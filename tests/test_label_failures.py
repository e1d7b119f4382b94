"""A label whose first trials all fail for one reason gets no more, whichever ends first."""

import random
from collections.abc import Callable
from contextlib import nullcontext

import pytest
from typer.testing import CliRunner

from benchmark.execution import FIRST, Execution
from benchmark.results import read_run
from benchmark.run import app
from benchmark.session.session import Session
from benchmark.trial import Report, Settings, Status, Trial, TrialResult
from tests import small_study
from tests.test_execution import PlayedWriter, make_trial

LABELS = ("good", "bad")
TRIALS = 30
REASON = "ValueError: 3 is odd (mine.py:7)"
Fate = Callable[[str, int], tuple[Status, str]]


class Engine:
    """Ends its trials in an order of its own, each by a fate that its position decides."""

    def __init__(self, capacity: int, fate: Fate, seed: int) -> None:
        self.capacity = capacity
        self._fate = fate
        self._random = random.Random(seed)
        self.running: dict[int, Trial] = {}

    def start(self, trial: Trial) -> None:
        assert len(self.running) < self.capacity
        self.running[trial.number] = trial

    def advance(self) -> list[Report]:
        numbers = self._random.sample(sorted(self.running), min(3, len(self.running)))
        return [self._report(number) for number in numbers]

    def _report(self, number: int) -> Report:
        status, reason = self._fate(self.running[number].label, number // len(LABELS))
        return Report(number, 1, 1, 1, 1, Settings(validation_loss=1.0), status, reason)

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        trial = self.running.pop(number)
        objective = 1.0 + number if status.is_usable else float("inf")
        return TrialResult(trial, status, reason, objective, 1, 1, 1, 1, Settings(), Settings(), ())

    def close(self) -> None:
        """Nothing computes."""


class Search:
    """Numbers trials as the search of a study does."""

    def __init__(self, finished=()) -> None:
        self.waiting = [
            number for number in range(TRIALS * len(LABELS)) if number not in set(finished)
        ]
        self.told: list[int] = []

    def ask(self) -> Trial | None:
        if not self.waiting:
            return None
        number = self.waiting.pop(0)
        return make_trial(number, label=LABELS[number % len(LABELS)])

    def position(self, number: int) -> int:
        return number // len(LABELS)

    def drop(self, label: str) -> None:
        self.waiting = [n for n in self.waiting if LABELS[n % len(LABELS)] != label]

    def report(self, report: Report) -> bool:
        return False

    def tell(self, result: TrialResult) -> None:
        self.told.append(result.trial.number)

    def together(self):
        return nullcontext()


def run(
    fate: Fate, capacity: int, seed: int, finished=()
) -> tuple[Execution, Search, list[tuple[str, str]]]:
    search = Search([result.trial.number for result in finished])
    stopped: list[tuple[str, str]] = []
    execution = Execution(
        Engine(capacity, fate, seed),
        search,
        PlayedWriter(),
        finished=finished,
        label_stopped=lambda *told: stopped.append(told),
    )
    assert execution.run_search()
    assert sorted(search.told) == sorted(
        set(execution.results) - {r.trial.number for r in finished}
    )
    return execution, search, stopped


def positions(execution: Execution, label: str) -> list[int]:
    numbers = [n for n, result in execution.results.items() if result.trial.label == label]
    return sorted(number // len(LABELS) for number in numbers)


def fails_always(label: str, position: int) -> tuple[Status, str]:
    bad = (Status.FAILED, REASON.replace("3", str(position)))
    return bad if label == "bad" else (Status.COMPLETED, "")


@pytest.mark.parametrize("capacity", [1, 4, 16, 40])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_trials_are_recorded_whoever_ends_first(capacity, seed):
    execution, _, stopped = run(fails_always, capacity, seed)
    assert positions(execution, "bad") == list(range(FIRST))
    assert positions(execution, "good") == list(range(TRIALS))
    assert [label for label, _ in stopped] == ["bad"]
    assert "is odd (mine.py:7)" in execution.stopped["bad"]


@pytest.mark.parametrize(
    "last_fate",
    [
        (Status.COMPLETED, ""),
        (Status.DIVERGED, "the training loss passed its bound"),
        (Status.PRUNED, ""),
        (Status.FAILED, "MemoryError: no room"),
    ],
    ids=lambda fate: fate[0].value,
)
@pytest.mark.parametrize("capacity", [1, 16, 40])
def test_one_other_end_among_the_first_keeps_all(last_fate, capacity):
    def fate(label: str, position: int) -> tuple[Status, str]:
        return last_fate if position == FIRST - 1 else fails_always(label, position)

    execution, _, stopped = run(fate, capacity, 0)
    assert positions(execution, "bad") == list(range(TRIALS))
    assert stopped == []


def test_all_diverged_trials_are_no_failure():
    execution, _, stopped = run(lambda label, position: (Status.DIVERGED, "one"), 16, 0)
    assert len(execution.results) == TRIALS * len(LABELS)
    assert stopped == []


def test_trials_beyond_the_first_that_would_work_do_not_count():
    def fate(label: str, position: int) -> tuple[Status, str]:
        return (Status.COMPLETED, "") if position >= FIRST else fails_always(label, position)

    for capacity, seed in ((1, 0), (4, 1)):
        execution, _, stopped = run(fate, capacity, seed)
        assert positions(execution, "bad") == list(range(FIRST))
        assert len(stopped) == 1


def test_all_labels_may_be_stopped():
    execution, search, stopped = run(lambda label, position: (Status.FAILED, REASON), 16, 0)
    assert [positions(execution, label) for label in LABELS] == [list(range(FIRST))] * 2
    assert sorted(stopped) == [("bad", REASON), ("good", REASON)]
    assert search.waiting == []


@pytest.mark.parametrize("recorded", [2 * FIRST, 11])
def test_a_resumed_run_decides_as_if_it_had_never_stopped(recorded):
    whole, _, _ = run(fails_always, 1, 0)
    before = [whole.results[number] for number in range(recorded)]
    resumed, _, stopped = run(fails_always, 4, 0, before)
    assert {n: r.status for n, r in resumed.results.items()} == {
        n: r.status for n, r in whole.results.items()
    }
    assert [label for label, _ in stopped] == ["bad"]


RULES = """
import keras

class Raises(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        raise ValueError("a rule that <b>never</b> works")
"""
SETTINGS = ("budget.trials=10", "budget.replicates=1", 'curvature.trials="none"')


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an optimizer that raises, and the small study that compares it."""
    path = tmp_path_factory.mktemp("failing")
    (path / "rules_that_raise.py").write_text(RULES, encoding="utf-8")
    text = small_study.TEXT.replace('"adam"]', '"rules_that_raise:Raises"]')
    text = text.replace("[search.adam]", '[search."rules_that_raise:Raises"]')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.syspath_prepend(path)
        patch.setattr(small_study, "TEXT", text)
        yield path


def test_a_study_stops_the_label_and_says_why(folder):
    outcome = small_study.run_session(folder, *SETTINGS)
    label, location = "rules_that_raise:Raises", "(rules_that_raise.py:6)"
    assert outcome.finished
    assert list(outcome.summary["stopped"]) == [label]
    trials = read_run(outcome.path).trials
    assert trials["label"].value_counts().to_dict() == {"momentum": 11, label: FIRST}
    reasons = set(trials[trials["label"] == label]["reason"])
    assert reasons == {f"ValueError: a rule that <b>never</b> works {location}"}
    shown = CliRunner().invoke(app, ["show", str(outcome.path)]).output
    assert f"{FIRST} trials of {label} failed: ValueError: a rule that" in shown
    assert " nan" not in shown and " -1 " not in shown
    report = (outcome.path / "report.html").read_text(encoding="utf-8")
    assert f"{FIRST} trials of {label} failed: ValueError: a rule that &lt;b&gt;never" in report


def test_a_killed_study_in_which_all_fails_is_resumed_to_the_same_end(folder):
    changes = (*SETTINGS, 'compare=["rules_that_raise:Raises"]')
    text = small_study.TEXT
    begin, end = text.index("[search.momentum]"), text.index('[search."rules')
    small_study.TEXT = text[:begin] + text[end:]
    try:
        session = small_study.open_session(folder, *changes)
    finally:
        small_study.TEXT = text
    asked = iter([False] * 5)
    part = session.run([], lambda: next(asked, True), small_study.engine())
    assert not part.finished
    assert 0 < part.summary["trials"] < FIRST
    told: list[str] = []
    resumed = Session.resume(part.path, small_study.session_settings(folder)).run(
        [], lambda: False, small_study.engine(), told.append
    )
    assert resumed.finished
    assert told == ["rules_that_raise:Raises"]
    assert resumed.summary["by_status"] == {"failed": FIRST}
    again = CliRunner().invoke(app, ["study", "--resume", str(resumed.path)])
    assert again.exit_code == 1
    assert f"{FIRST} trials of rules_that_raise:Raises failed: ValueError" in again.output
    assert "Every trial failed. Correct the cause and begin a new run." in again.output
