"""What the driver keeps of a worker, without any process behind it."""

from typing import Any

import numpy as np
import pytest

from benchmark.distributed.remote import Remote
from benchmark.distributed.worker import Reply
from benchmark.trial import Report, Settings, Status
from tests.engine.trials import make_trial


class Call:
    def __init__(self) -> None:
        self.sent: list[Any] = []

    def remote(self, starts: Any, stops: Any) -> int:
        self.sent.append(([trial.number for trial in starts], list(stops)))
        return len(self.sent)


class Actor:
    def __init__(self) -> None:
        self.exchange = Call()


def remote_with(*numbers: int) -> tuple[Remote, list[Any]]:
    actor = Actor()
    remote = Remote(0, actor, process=1)
    for number in numbers:
        remote.add(make_trial(number))
    return remote, actor.exchange.sent


def report(number: int, epoch: int, status: Status = Status.RUNNING) -> Report:
    metrics = Settings(train_loss=1.0 / (1 + epoch), validation_loss=2.0 / (1 + epoch))
    return Report(number, epoch, 3 * epoch, 90 * epoch, 3 * epoch, metrics, status)


def test_starts_and_stops_travel_with_the_next_call_once():
    remote, sent = remote_with(0, 1)
    remote.send()
    remote.send()  # one call at a time
    assert sent == [([0, 1], [])]
    remote.take(Reply([report(0, 1), report(1, 1)]))
    remote.remove(0, Status.PRUNED, "slow")
    remote.add(make_trial(2))
    remote.send()
    assert sent[1:] == [([2], [(0, Status.PRUNED, "slow")])]


def test_a_trial_stopped_before_it_was_sent_is_never_begun():
    remote, sent = remote_with(0, 1)
    remote.remove(0, Status.INTERRUPTED, "")
    remote.send()
    assert sent == [([1], [])]


def test_a_worker_whose_trials_have_all_ended_is_not_called():
    remote, sent = remote_with(0)
    remote.send()
    result = remote.trials[0].slot.result(Status.COMPLETED, "done", [np.ones(2)])
    assert remote.take(Reply([report(0, 1, Status.COMPLETED)], {0: result}))
    remote.send()
    assert len(sent) == 1
    # Nothing is left to be told of a trial that ended by itself.
    remote.remove(0, Status.COMPLETED, "done")
    assert remote.stops == []


def test_reports_of_a_trial_stopped_and_begun_again_meanwhile_are_dropped():
    remote, sent = remote_with(0)
    remote.send()
    remote.remove(0, Status.INTERRUPTED, "")
    remote.add(make_trial(0))
    ended = remote.trials[0].slot.result(Status.COMPLETED, "done")
    assert remote.take(Reply([report(0, 1, Status.COMPLETED)], {0: ended})) == []
    assert remote.trials[0].result is None and remote.trials[0].slot.epoch == 0
    remote.send()
    assert sent[1] == ([0], [(0, Status.INTERRUPTED, "")])


def test_a_replaced_worker_repeats_nothing_that_was_reported():
    remote, _ = remote_with(0, 1)
    remote.send()
    remote.take(Reply([report(0, 0), report(0, 1), report(1, 0), report(1, 1)]))
    remote.send()
    for trial in remote.in_flight():
        trial.deaths += 1
    another = Actor()
    remote.replace_with(another, process=2)
    remote.send()
    assert another.exchange.sent == [([0, 1], [])]
    assert remote.take(Reply([report(0, 0), report(0, 1), report(1, 0)])) == []
    assert remote.trials[0].deaths == 1
    remote.send()
    news = remote.take(Reply([report(0, 2), report(1, 1), report(1, 2)]))
    assert [(new_report.trial_number, new_report.epoch) for new_report in news] == [(0, 2), (1, 2)]
    assert remote.trials[0].deaths == 0, "a new report shows that the trial gets on"


def test_an_early_stop_is_answered_from_the_last_report():
    remote, _ = remote_with(0)
    remote.send()
    remote.take(Reply([report(0, 0), report(0, 1)], seconds={0: {"train": 0.5}}))
    result = remote.remove(0, Status.PRUNED, "slow").slot.result(Status.PRUNED, "slow")
    assert (result.epochs, result.step, result.samples) == (1, 3, 90)
    assert result.objective == result.metrics["validation_loss"] == 1.0
    assert result.seconds == {"train": 0.5} and result.weights == ()


def test_what_does_not_fit_into_a_worker_is_refused_and_fails_no_trial(monkeypatch):
    ray = pytest.importorskip("ray")
    from benchmark.distributed.engine import DistributedEngine
    from benchmark.engine.memory import TooLargeError

    def get(_: Any) -> Any:
        raise ray.exceptions.RayTaskError(
            "exchange", "", TooLargeError("a trial must fit into memory.")
        ).as_instanceof_cause()

    monkeypatch.setattr(ray, "get", get)
    remote, _ = remote_with(0)
    remote.send()
    engine = object.__new__(DistributedEngine)  # without its processes
    engine._remotes, engine._turn = [remote], 0
    with pytest.raises(TooLargeError, match=r"^a trial must fit into memory\.$"):
        engine.advance()
    assert remote.trials[0].result is None
