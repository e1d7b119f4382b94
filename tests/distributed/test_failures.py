"""Workers that die again and again, raise, or never start."""

import os
import signal
import uuid

import pytest

pytest.importorskip("ray")

from benchmark import backend
from benchmark.distributed import DistributedEngine, DistributedError
from benchmark.distributed.engine import MOST_DEATHS
from benchmark.trial import Report, Status
from tests.distributed.processes import left_over
from tests.engine.trials import make_trial, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def engine(told):
    engine = DistributedEngine(1, 3, backend.name(), notify=told.append)
    yield engine
    engine.close()


def test_trials_under_which_workers_die_again_and_again_have_failed(engine, told):
    told.clear()
    for number in (0, 1):
        engine.start(make_trial(number, epochs=10**6))
    seen: list[Report] = []
    for death in range(MOST_DEATHS):
        assert not seen, death
        (process,) = engine.processes
        os.kill(process, signal.SIGKILL)
        seen += engine.advance()
    assert [report.trial_number for report in seen] == [0, 1]
    assert {report.status for report in seen} == {Status.FAILED}
    assert "died 3 times in a row" in seen[0].reason
    assert [text.endswith("2 failed.") for text in told] == [False, False, True]
    for report in seen:
        result = engine.stop(report.trial_number, report.status, report.reason)
        assert (result.status, result.objective) == (Status.FAILED, float("inf"))
    assert run(engine, make_trial(2))[0].status is Status.COMPLETED


def test_an_exception_in_a_worker_fails_its_trials_with_the_sentence(engine, told):
    told.clear()
    for number in (0, 1):
        engine.start(make_trial(number))
    # The worker's engine refuses a trial that is running already.
    engine._remotes[0].starts.append(make_trial(0))
    reports = engine.advance()
    assert {(report.trial_number, report.status) for report in reports} == {
        (0, Status.FAILED),
        (1, Status.FAILED),
    }
    assert "RuntimeError: a slot must be free and the trial not be running" in reports[0].reason
    assert len(told) == 1 and told[0].startswith("Worker 1 failed and is replaced")
    for report in reports:
        engine.stop(report.trial_number, report.status, report.reason)
    assert run(engine, make_trial(2))[0].status is Status.COMPLETED


def test_workers_that_do_not_start_are_a_sentence_and_nothing_is_left(engine, monkeypatch):
    engine.close()
    mark = uuid.uuid4().hex
    monkeypatch.setenv("KAPPABENCH_TEST", mark)
    with pytest.raises(DistributedError, match=r"2 workers must start within 0\.01 s"):
        DistributedEngine(2, 2, backend.name(), start_seconds=0.01)
    assert left_over(mark, 1) == {}
    with pytest.raises(DistributedError, match="must be one of tensorflow, jax"):
        DistributedEngine(1, 1, "no_such_backend")
    assert left_over(mark, 1) == {}


def test_numbers_out_of_range_are_refused_before_anything_starts():
    with pytest.raises(ValueError, match="workers must be >= 1"):
        DistributedEngine(0, 1, "tensorflow")
    with pytest.raises(ValueError, match="capacity must be >= the number of workers, 3"):
        DistributedEngine(3, 2, "tensorflow")
    with pytest.raises(DistributedError, match="<= 2, the number of GPUs"):
        DistributedEngine(3, 3, "tensorflow", gpus=2)
