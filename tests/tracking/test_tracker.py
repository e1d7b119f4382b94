"""The thread, with a scripted store: no trial is lost, repeated or waited for."""

import email.message
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.tracking import LoggedModel, Tracker, Unsent, tracker
from benchmark.tracking.client import reason
from benchmark.tracking.outbox import Item, Outbox
from benchmark.trial import Status

Make = Callable[..., Any]


class ScriptedStore:
    """Stands for RunMirror; fails as a list of outcomes says, one outcome an operation."""

    trials_at_once = 1

    def __init__(self, outcomes: list[str]) -> None:
        self.batches: list[list[int]] = []
        self.outcomes: Iterator[str] = iter(outcomes)
        self.written: list[int] = []
        self.reachable = True
        self.refused: set[int] = set()

    def connect(self) -> None:
        self._next()

    def disconnect(self) -> None:
        pass

    def is_reachable(self) -> bool:
        return self.reachable

    def has(self, number: int) -> bool:
        return number in self.written

    def log_trials(self, finished: Any) -> None:
        numbers = [result.trial.number for result, _, _ in finished]
        self.batches.append(numbers)
        if self.refused & {*numbers}:
            raise ValueError("this one never")
        self._next()
        self.written += [number for number in dict.fromkeys(numbers) if not self.has(number)]

    def nothing(self, **_: Any) -> None:
        pass

    log_study = flush = finish = log_artifact = log_model = nothing

    def _next(self) -> None:
        outcome = next(self.outcomes, "works")
        self.reachable = outcome != "down"
        if outcome != "works":
            raise ConnectionError(outcome)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], ScriptedStore]:
    """Put a scripted store in the place of MLflow."""
    return lambda outcomes: _install(monkeypatch, outcomes)


def _install(monkeypatch: pytest.MonkeyPatch, outcomes: list[str]) -> ScriptedStore:
    store = ScriptedStore(outcomes)

    class Mirror:
        """Has the methods that the tracker's items name."""

        def __new__(cls, *_: Any, **__: Any) -> Any:
            return store

    for name in ("log_study", "log_trials", "flush", "finish", "log_artifact", "log_model"):
        setattr(Mirror, name, _forward(name))
    monkeypatch.setattr(tracker, "RunMirror", Mirror)
    return store


def _forward(name: str) -> Callable[..., None]:
    return lambda store, **arguments: getattr(store, name)(**arguments)


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    return condition()


@given(
    outcomes=st.lists(st.sampled_from(["works", "down"]), max_size=12),
    numbers=st.lists(st.integers(0, 5), max_size=8),
    at_once=st.integers(1, 4),
)
@settings(max_examples=40, deadline=None)  # Threads: a single example may wait for its turn.
def test_every_trial_arrives_once_and_in_order_whatever_outages(
    make: Make, outcomes: list[str], numbers: list[int], at_once: int
) -> None:
    told: list[str] = []
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(tracker, "GATHER_SECONDS", 0.0)
        store = _install(monkeypatch, outcomes)
        store.trials_at_once = at_once
        mirror = Tracker("http://h:1", "study", "run", told.append, backoff=(0.0, 0.0))
        mirror.start("")
        for number in [*numbers, 99]:
            mirror.log_trial(*make(number))
        wanted = list(dict.fromkeys([*numbers, 99]))
        # When the last one is there, no trial waits, so that no outage can leave one behind.
        assert _until(lambda: 99 in store.written)
        assert mirror.close(timeout=10.0) == Unsent()
    assert store.written == wanted
    assert len([sentence for sentence in told if "does not answer" in sentence]) <= 1
    assert len([sentence for sentence in told if "answers again" in sentence]) <= 1


def test_outage_and_return_are_told_once(
    make: Make, scripted: Callable[[list[str]], ScriptedStore]
) -> None:
    outages = ["down"] * 4 + ["works"] * 3 + ["down"] * 3
    store = scripted(outages)
    told: list[str] = []
    mirror = Tracker("http://me:pw@h:1", "study", "run", told.append, backoff=(0.0, 0.0))
    mirror.start("")
    for number in range(6):
        mirror.log_trial(*make(number))
    assert _until(lambda: len(store.written) == 6)
    assert mirror.close(timeout=10.0) == Unsent()
    assert told == [
        "MLflow at http://me:***@h:1 does not answer (connection broken off); nothing is lost, "
        "the run folder keeps every trial.",
        "MLflow at http://me:***@h:1 answers again.",
    ]


def test_refused_trial_is_told_set_aside_and_counted(
    make: Make, scripted: Callable[[list[str]], ScriptedStore]
) -> None:
    store = scripted([])
    store.refused = {1}
    told: list[str] = []
    mirror = Tracker("http://h:1", "study", "run", told.append, backoff=(0.0, 0.0))
    mirror.start("")
    for number in range(3):
        mirror.log_trial(*make(number))
    assert mirror.close(timeout=10.0) == Unsent(1)
    assert store.written == [0, 2]
    assert told == ["MLflow failed on trial 1, which is set aside: this one never"]


def test_what_waits_goes_together_but_for_what_is_refused(
    make: Make, scripted: Callable[[list[str]], ScriptedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = scripted([])
    store.trials_at_once, store.refused = 3, {4}
    begin = threading.Event()
    monkeypatch.setattr(store, "connect", lambda: begin.wait(60.0))
    told: list[str] = []
    mirror = Tracker("sqlite:////x.db", "study", "run", told.append, backoff=(0.0, 0.0))
    mirror.start("")
    for number in range(9):
        mirror.log_trial(*make(number))
    begin.set()
    assert mirror.close(timeout=10.0) == Unsent(1)
    assert store.written == [0, 1, 2, 3, 5, 6, 7, 8]
    assert store.batches[:2] == [[0, 1, 2], [3, 4, 5]]
    # Each for itself, three attempts with the refused one, and together again.
    assert store.batches[2:-1] == [[3], [4], [4], [4], [5], [6, 7, 8]]
    assert told == ["MLflow failed on trial 4, which is set aside: this one never"]


def test_nothing_waits_while_the_store_hangs(
    make: Make, scripted: Callable[[list[str]], ScriptedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = scripted([])
    hang = threading.Event()
    monkeypatch.setattr(store, "connect", lambda: hang.wait(60.0))
    record = make(1, epochs=100)
    mirror = Tracker("http://h:1", "study", "run", lambda _: None)
    begin = time.perf_counter()
    mirror.start("text")
    for _ in range(1000):
        mirror.log_trial(*record)
    mirror.finish()
    queued = time.perf_counter() - begin
    unsent = mirror.close(timeout=0.1)
    closed = time.perf_counter() - begin - queued
    hang.set()
    # One trial, though queued a thousand times.
    assert unsent == Unsent(1, ("the study file", "the end of the run"))
    # 1000 trials take 10 ms here; a hundred times as much still shows that nobody waited 60 s.
    assert queued < 1.0
    assert closed < 2.0


def test_close_gives_up_at_once_where_the_store_is_down(
    make: Make, scripted: Callable[[list[str]], ScriptedStore]
) -> None:
    scripted(["down"] * 1000)
    mirror = Tracker("http://h:1", "study", "run", lambda _: None, backoff=(60.0, 60.0))
    mirror.start("")
    mirror.log_trial(*make(1))
    mirror.log_trial(*make(2))
    begin = time.perf_counter()
    assert mirror.close(timeout=30.0) == Unsent(2, ("the study file",))
    # Well under the 60 s of backoff that close interrupts and the 30 s that it may wait.
    assert time.perf_counter() - begin < 5.0


def test_close_waits_as_long_as_a_slow_store_makes_progress(
    make: Make, scripted: Callable[[list[str]], ScriptedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = scripted([])
    monkeypatch.setattr(store, "connect", lambda: time.sleep(0.1))
    mirror = Tracker("http://h:1", "study", "run", lambda _: None)
    mirror.start("")
    for number in range(15):
        mirror.log_trial(*make(number))
    begin = time.monotonic()
    # 17 items of 0.1 s each: all of them take longer than the patience with one.
    assert mirror.close(timeout=1.0) == Unsent()
    assert time.monotonic() - begin > 1.2
    assert store.written == list(range(15))


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        (0, ["report", "model", Status.COMPLETED]),
        # Set aside after three attempts, and sent before the end after all.
        (3, ["report", "model", Status.COMPLETED]),
        (4, ["report", Status.INTERRUPTED]),
    ],
)
def test_a_run_ends_as_finished_only_with_all_that_belongs_to_it(
    scripted: Callable[[list[str]], ScriptedStore],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fails: int,
    expected: list[Any],
) -> None:
    store = scripted([])
    sent: list[Any] = []
    attempts = iter([True] * fails)

    def log_model(**arguments: Any) -> None:
        if next(attempts, False):
            raise ValueError("no room")
        sent.append("model")

    monkeypatch.setattr(store, "log_model", log_model)
    monkeypatch.setattr(store, "log_artifact", lambda **_: sent.append("report"))
    monkeypatch.setattr(store, "finish", lambda **end: sent.extend(end.values()))
    mirror = Tracker("http://h:1", "study", "run", lambda _: None, backoff=(0.0, 0.0))
    mirror.start("")
    model = LoggedModel("adam", None, np.zeros(1), 2, ("x",))
    mirror.finish([tmp_path / "report.html"], [model])
    unsent = mirror.close(timeout=10.0)
    assert sent == expected
    assert bool(unsent) == (fails == 4)


def test_what_is_not_sent_of_a_folder_and_of_the_end_is_counted(
    make: Make,
    scripted: Callable[[list[str]], ScriptedStore],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    import benchmark.results

    records = {tmp_path: [make(number) for number in range(3)]}
    monkeypatch.setattr(benchmark.results, "read_records", records.__getitem__, raising=False)
    scripted(["down"] * 1000)
    mirror = Tracker("http://h:1", "study", "run", lambda _: None)
    mirror.start("", resume_from=tmp_path)
    mirror.log_trial(*make(2))  # Is in the folder as well.
    mirror.log_trial(*make(3))
    mirror.finish([tmp_path / "report.html"], [LoggedModel("adam", None, np.zeros(1), 2, ("x",))])
    unsent = mirror.close(timeout=10.0)
    named = ("the study file", "report.html", "the best model of adam", "the end of the run")
    assert unsent == Unsent(4, named)
    assert str(unsent) == (
        "4 trials, the study file, report.html, the best model of adam and the end of the run"
    )


def test_a_folder_that_cannot_be_read_is_missing_by_its_name(
    scripted: Callable[[list[str]], ScriptedStore], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import benchmark.results

    def damaged(folder: Path) -> None:
        raise ValueError(f"{folder} is damaged")

    monkeypatch.setattr(benchmark.results, "read_records", damaged, raising=False)
    scripted([])
    told: list[str] = []
    mirror = Tracker("http://h:1", "study", "run", told.append, backoff=(0.0, 0.0))
    mirror.start("", resume_from=tmp_path)
    assert mirror.close(timeout=10.0) == Unsent(others=("the earlier trials",))
    assert told == [
        f"MLflow failed on the earlier trials, which is set aside: {tmp_path} is damaged"
    ]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:1", "connection refused"),
        ("http://no-such-host.invalid:5000", "name not known"),
    ],
)
def test_a_reason_is_found_below_what_the_libraries_wrap_around_it(
    monkeypatch: pytest.MonkeyPatch, address: str, words: str
) -> None:
    import requests

    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(requests.ConnectionError) as caught:
        requests.get(address, timeout=10.0)
    # As MLflow does it: a text of hundreds of characters around what happened.
    wrapped = RuntimeError(f"API request failed with exception {caught.value}")
    wrapped.__context__ = caught.value
    assert reason(wrapped) == words


def test_a_reason_is_short_whatever_was_raised() -> None:
    import requests

    assert reason(requests.ReadTimeout("Read timed out. (read timeout=1)")) == "timed out"
    assert reason(NotADirectoryError(20, "Not a directory", "/x")) == "not a directory"
    assert reason(RuntimeError("API request failed with error code 503 != 200")) == (
        "HTTP status 503"
    )
    no_headers = email.message.Message()
    answer = urllib.error.HTTPError("http://h:1", 502, "Bad Gateway", no_headers, None)
    assert reason(answer) == "HTTP status 502"
    answer.close()
    assert reason(RuntimeError("<object at 0x7f>")) == "RuntimeError"


def test_a_failing_notify_does_not_stop_the_mirror(
    make: Make, scripted: Callable[[list[str]], ScriptedStore]
) -> None:
    def broken(sentence: str) -> None:
        raise OSError("no terminal")

    store = scripted(["down"])
    mirror = Tracker("http://h:1", "study", "run", broken, backoff=(0.0, 0.0))
    mirror.start("")
    mirror.log_trial(*make(1))
    assert _until(lambda: store.written == [1])
    assert mirror.close(timeout=10.0) == Unsent()


def test_weights_are_not_held_in_the_queue(make: Make) -> None:
    import gc
    import weakref
    from dataclasses import replace

    result, reports = make(1)
    weights = np.zeros(3)
    held = weakref.ref(weights)
    mirror = Tracker("http://h:1", "study", "run", lambda _: None)
    mirror.log_trial(replace(result, weights=(weights,)), reports)
    del weights
    gc.collect()
    assert held() is None


def test_starting_twice_is_refused(scripted: Callable[[list[str]], ScriptedStore]) -> None:
    scripted([])
    mirror = Tracker("http://h:1", "study", "run", lambda _: None)
    mirror.start("")
    with pytest.raises(RuntimeError, match="must be started once"):
        mirror.start("")
    assert mirror.close(timeout=10.0) == Unsent()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=20))
def test_outbox_keeps_the_order_of_a_list(operations: list[tuple[bool, int]]) -> None:
    outbox: Outbox[None] = Outbox(attempts=1)
    expected: list[str] = []
    for at_front, name in operations:
        item: Item[None] = Item(str(name), lambda _: None)
        if at_front:
            outbox.put_first([item])
            expected.insert(0, str(name))
        else:
            outbox.put(item)
            expected.append(str(name))
    outbox.close()
    taken = []
    while (first := outbox.first()) is not None:
        taken.append(first.what)
        outbox.done(first)
    assert taken == expected


def test_importing_the_package_imports_neither_mlflow_nor_pandas() -> None:
    code = (
        "import sys, benchmark.tracking;"
        "print(sorted({'mlflow', 'pandas', 'keras', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
