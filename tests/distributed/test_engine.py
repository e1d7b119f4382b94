"""Two real workers: the same results as one engine, whatever happens to them."""

import os
import signal
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("ray")

from benchmark import backend
from benchmark.distributed import DistributedEngine
from benchmark.engine import EngineChoice, VectorizedEngine
from benchmark.trial import CurvatureRequest, Report, Status, Trial, TrialResult
from tests.distributed.processes import is_running
from tests.engine.trials import IRIS, make_trial, run_all
from tests.small_study import open_session, tables_of

# What does not depend on the order in which trials end.
HISTORY = ('budget.sampler="random"', 'budget.pruner="none"')


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def engine(told):
    """One for all tests, since it takes longer to start than any of them."""
    engine = DistributedEngine(2, 5, backend.name(), notify=told.append)
    yield engine
    processes = engine.processes
    assert len(processes) == 2
    engine.close()
    assert not any(map(is_running, processes))
    engine.close()


@pytest.fixture(scope="module")
def alone() -> VectorizedEngine:
    return VectorizedEngine(5)


def trials(epochs: int = 4) -> list[Trial]:
    rates = (0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1e30)
    made = [
        make_trial(
            number,
            "momentum",
            epochs,
            hyperparameters={"learning_rate": rate, "batch_size": 20 + number},
            curvature=CurvatureRequest(epochs=(0, epochs)) if number == 2 else CurvatureRequest(),
        )
        for number, rate in enumerate(rates)
    ]
    return [*made, make_trial(7, problem=replace(IRIS, dataset="no_such"))]


def assert_same(result: TrialResult, expected: TrialResult) -> None:
    assert set(result.seconds) == set(expected.seconds)
    for weight, expected_weight in zip(result.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(weight, expected_weight)
        assert weight.flags.writeable, "no view of memory that is not ours"
    plain = [
        replace(trial_result, seconds=expected.seconds, weights=())
        for trial_result in (result, expected)
    ]
    assert repr(plain[0]) == repr(plain[1])


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no cores to be pinned to")
def test_each_worker_has_a_core_of_its_own_in_turn(engine):
    cores = sorted(os.sched_getaffinity(0))
    pinned = [os.sched_getaffinity(process) for process in engine.processes]
    assert pinned == [{cores[0]}, {cores[1 % len(cores)]}]


def test_every_result_is_bitwise_that_of_one_engine(engine, alone):
    expected = run_all(alone, trials())
    results = run_all(engine, trials())
    assert set(results) == set(expected)
    for number, (result, reports) in expected.items():
        assert repr(results[number][1]) == repr(reports), number
        assert_same(results[number][0], result)
    statuses = Counter(result.status for result, _ in results.values())
    assert statuses == {Status.COMPLETED: 6, Status.DIVERGED: 1, Status.FAILED: 1}


def test_reports_come_in_the_same_order_every_time(engine):
    def order() -> list[tuple[int, int]]:
        engine._turn = 0
        for trial in trials()[:5]:
            engine.start(trial)
        seen: list[Report] = []
        while sum(report.status.is_final for report in seen) < 5:
            seen += engine.advance()
        for report in seen:
            if report.status.is_final:
                engine.stop(report.trial_number, report.status, report.reason)
        return [(report.trial_number, report.epoch) for report in seen]

    assert order() == order()


@pytest.mark.slow
def test_a_study_gives_the_tables_of_one_engine(engine, tmp_path):
    choice = EngineChoice(capacity=5)
    expected = open_session(tmp_path / "one", *HISTORY, engine=choice).run([], lambda: False)
    session = open_session(tmp_path / "two", *HISTORY, engine=choice)
    outcome = session.run([], lambda: False, engine)
    assert outcome.finished
    expected_tables, tables = tables_of(expected.path), tables_of(outcome.path)
    for name, table in expected_tables.items():
        pd.testing.assert_frame_equal(tables[name], table, check_exact=True, obj=name)


def test_a_trial_stopped_early_says_what_its_last_report_said(engine, alone):
    def pruned(given_engine: DistributedEngine | VectorizedEngine) -> TrialResult:
        given_engine.start(make_trial(0, epochs=50))
        reports: list[Report] = []
        while len(reports) < 3:
            reports += given_engine.advance()
        return given_engine.stop(0, Status.PRUNED, "the pruner said so")

    assert_same(pruned(engine), pruned(alone))
    # Its slot is free at once, and the worker is told in time.
    for trial in trials()[:5]:
        engine.start(trial)
    with pytest.raises(RuntimeError, match="5 of 5 slots are taken"):
        engine.start(make_trial(9))
    for trial in trials()[:5]:
        engine.stop(trial.number, Status.INTERRUPTED, "")
    with pytest.raises(KeyError):
        engine.stop(0, Status.INTERRUPTED, "")


def test_nobody_can_declare_an_unfinished_trial_completed(engine):
    engine.start(make_trial(0))
    with pytest.raises(ValueError, match="trial 0, which has not ended so"):
        engine.stop(0, Status.COMPLETED, "")
    engine.stop(0, Status.INTERRUPTED, "")


@pytest.mark.slow  # like `test_failures`: processes start anew
def test_a_killed_worker_is_replaced_and_nothing_is_lost_or_told_twice(engine, alone, told):
    expected = run_all(alone, trials(epochs=6))
    before = engine.processes
    killed = False
    waiting = trials(epochs=6)
    reports: dict[int, list[Report]] = {}
    ended: dict[int, tuple[TrialResult, list[Report]]] = {}
    while waiting or reports:
        while waiting and len(reports) < engine.capacity:
            reports[waiting[0].number] = []
            engine.start(waiting.pop(0))
        for report in engine.advance():
            reports[report.trial_number].append(report)
            if report.status.is_final:
                result = engine.stop(report.trial_number, report.status, report.reason)
                ended[report.trial_number] = (result, reports.pop(report.trial_number))
        if not killed and any(len(seen) > 2 for seen in reports.values()):
            os.kill(before[0], signal.SIGKILL)
            killed = True
    assert killed and engine.processes[0] != before[0] and engine.processes[1] == before[1]
    assert len(told) == 1 and f"process {before[0]}) died" in told[0]
    for number, (result, seen) in expected.items():
        assert repr(ended[number][1]) == repr(seen), number
        assert_same(ended[number][0], result)
