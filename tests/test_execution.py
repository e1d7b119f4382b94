"""The loop, with an engine and a search that are played from tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from benchmark.execution import Execution
from benchmark.trial import (
    DatasetProblem,
    Phase,
    Report,
    Settings,
    Status,
    Trial,
    TrialResult,
)

PROBLEM = DatasetProblem("digits", metric="accuracy", loss="sparse_categorical_crossentropy")


def make_trial(number: int, phase: Phase = "search", label: str = "sgd") -> Trial:
    return Trial(
        number=number,
        phase=phase,
        problem=PROBLEM,
        model="linear",
        model_options=Settings(),
        label=label,
        optimizer="sgd",
        hyperparameters=Settings(learning_rate=0.1),
        options=Settings(),
        epochs=3,
        seed=0,
    )


@dataclass
class PlayedEngine:
    """Trials of three epochs whose loss is 10 − number − epoch; two slots."""

    capacity: int = 2
    running: dict[int, int] = field(default_factory=dict)
    trials: dict[int, Trial] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def start(self, trial: Trial) -> None:
        assert len(self.running) < self.capacity
        self.running[trial.number] = 0
        self.trials[trial.number] = trial
        self.log.append(f"start {trial.number}")

    def advance(self) -> list[Report]:
        reports = []
        for number in self.running:
            self.running[number] += 1
            epoch = self.running[number]
            status = Status.COMPLETED if epoch == 3 else Status.RUNNING
            metrics = Settings(validation_loss=10.0 - number - epoch)
            reports.append(Report(number, epoch, epoch, epoch, epoch, metrics, status))
        return reports

    def close(self) -> None:
        self.log.append("close")

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        epoch = self.running.pop(number)
        self.log.append(f"stop {number} {status.value}")
        trial = self.trials[number]
        objective = 10.0 - number - epoch
        return TrialResult(
            trial,
            status,
            reason,
            objective,
            epoch,
            epoch,
            epoch,
            epoch,
            Settings(),
            Settings(),
            (object(),),  # type: ignore[arg-type]
        )


@dataclass
class PlayedSearch:
    """Proposes trials 0 … count − 1 and prunes those named, after their first epoch."""

    count: int
    pruned: Sequence[int] = ()
    asked: int = 0
    told: list[TrialResult] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def ask(self) -> Trial | None:
        self.asked += 1
        self.log.append(f"ask {self.asked - 1}")
        return make_trial(self.asked - 1) if self.asked <= self.count else None

    def position(self, number: int) -> int:
        return number

    def drop(self, label: str) -> None:
        self.log.append(f"drop {label}")

    def report(self, report: Report) -> bool:
        return report.trial_number in self.pruned

    def tell(self, result: TrialResult) -> None:
        self.told.append(result)
        self.log.append(f"tell {result.trial.number}")

    @contextmanager
    def together(self) -> Iterator[None]:
        yield
        self.log.append("safe")


@dataclass
class PlayedWriter:
    """Notes what it is asked to keep."""

    log: list[str] = field(default_factory=list)
    saved: set[int] = field(default_factory=set)

    def append_all(self, records: Sequence[tuple[TrialResult, Sequence[Report]]]) -> None:
        for result, reports in records:
            self.log.append(f"append {result.trial.number} with {len(reports)} reports")

    def save_weights(self, number: int, weights: Sequence[object]) -> None:
        self.saved.add(number)

    def discard_weights(self, number: int) -> None:
        self.saved.discard(number)


def test_every_trial_is_recorded_and_told_once():
    search, writer = PlayedSearch(5), PlayedWriter()
    execution = Execution(PlayedEngine(), search, writer)
    assert execution.run_search()
    assert sorted(execution.results) == [0, 1, 2, 3, 4]
    assert sorted(result.trial.number for result in search.told) == [0, 1, 2, 3, 4]
    assert writer.log == [f"append {number} with 3 reports" for number in range(5)]


def test_a_pruned_trial_hands_its_slot_on_at_once():
    engine, search = PlayedEngine(), PlayedSearch(4, pruned=[0])
    execution = Execution(engine, search, PlayedWriter())
    assert execution.run_search()
    assert execution.results[0].status is Status.PRUNED
    assert engine.log[:4] == ["start 0", "start 1", "stop 0 pruned", "start 2"]


def test_what_ends_together_is_safe_before_its_slots_are_handed_on():
    log: list[str] = []
    engine, search, writer = PlayedEngine(log=log), PlayedSearch(4, log=log), PlayedWriter(log=log)
    Execution(engine, search, writer).run_search()
    assert log[:6] == ["ask 0", "ask 1", "safe", "start 0", "start 1", "safe"]
    assert log[log.index("stop 0 completed") : log.index("start 3") + 1] == [
        "stop 0 completed",
        "tell 0",
        "stop 1 completed",
        "tell 1",
        "append 0 with 3 reports",
        "append 1 with 3 reports",
        "ask 2",
        "ask 3",
        "safe",
        "start 2",
        "start 3",
    ]


def test_an_engine_may_report_of_some_running_trials_at_a_time():
    class Blocks(PlayedEngine):
        """Trains one trial a call, in turn."""

        def advance(self) -> list[Report]:
            number = min(
                self.running, key=lambda trial_number: (self.running[trial_number], trial_number)
            )
            others = {
                trial_number: epoch
                for trial_number, epoch in self.running.items()
                if trial_number != number
            }
            self.running = {number: self.running[number]}
            reports = super().advance()
            self.running |= others
            return reports

    execution = Execution(Blocks(), PlayedSearch(5), writer := PlayedWriter())
    assert execution.run_search()
    assert sorted(writer.log) == [f"append {number} with 3 reports" for number in range(5)]


def test_only_the_weights_of_the_best_trial_are_kept():
    writer = PlayedWriter()
    execution = Execution(PlayedEngine(), PlayedSearch(5), writer)
    execution.run_search()
    assert execution.best["sgd"].trial.number == 4
    assert writer.saved == {4}
    assert not any(result.weights for result in execution.results.values())


def test_of_equal_objectives_the_earlier_number_is_best():
    def result(number: int) -> TrialResult:
        return TrialResult(
            make_trial(number), Status.COMPLETED, "", 1.0, 3, 3, 3, 3, Settings(), Settings()
        )

    execution = Execution(
        PlayedEngine(), PlayedSearch(0), PlayedWriter(), finished=[result(5), result(2), result(7)]
    )
    assert execution.best["sgd"].trial.number == 2


def test_an_interruption_leaves_trials_in_flight_unrecorded():
    engine, search, writer = PlayedEngine(), PlayedSearch(5), PlayedWriter()
    advances = iter([False, False, True])
    execution = Execution(engine, search, writer, stop_requested=lambda: next(advances))
    assert not execution.run_search()
    assert writer.log == [] and search.told == []
    assert engine.log[-2:] == ["stop 0 interrupted", "stop 1 interrupted"]


def test_an_observer_is_told_after_the_record_is_written():
    writer = PlayedWriter()
    seen: list[int] = []

    class Observer:
        def trial_finished(self, result: TrialResult, reports: Sequence[Report]) -> None:
            assert f"append {result.trial.number} with 3 reports" in writer.log
            seen.append(result.trial.number)

    class Watcher:
        def trial_started(self, trial: Trial, reports: Sequence[Report]) -> None:
            followed[trial.number] = reports

    followed: dict[int, Sequence[Report]] = {}
    observers, watchers = [Observer()], [Watcher()]
    Execution(PlayedEngine(), PlayedSearch(3), writer, observers, watchers=watchers).run_search()
    assert seen == [0, 1, 2]
    # Each list has grown while its trial was trained.
    assert {number: len(reports) for number, reports in followed.items()} == dict.fromkeys(seen, 3)


@pytest.mark.parametrize("done", [0, 1])
def test_replicates_with_a_result_are_not_trained_again(done):
    trials = [make_trial(number, "replicate") for number in range(3)]
    finished = [
        TrialResult(trial, Status.COMPLETED, "", 1.0, 3, 3, 3, 3, Settings(), Settings())
        for trial in trials[:done]
    ]
    engine = PlayedEngine()
    execution = Execution(engine, PlayedSearch(0), PlayedWriter(), finished=finished)
    assert execution.run_replicates(trials)
    assert engine.log.count("start 0") == 1 - done
    assert sorted(execution.results) == [0, 1, 2]
    assert execution.best == {}


def test_of_trials_that_end_together_only_the_best_is_kept():
    saved: list[int] = []

    class Writer(PlayedWriter):
        def save_weights(self, number: int, weights: Sequence[object]) -> None:
            saved.append(number)
            super().save_weights(number, weights)

    writer = Writer()
    Execution(PlayedEngine(capacity=4), PlayedSearch(8), writer).run_search()
    assert saved == [3, 7]
    assert writer.saved == {7}
