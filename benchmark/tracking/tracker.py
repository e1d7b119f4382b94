"""The tracker: finished trials go to MLflow from one background thread, never waited for."""

import contextlib
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

from benchmark.tracking.client import reason
from benchmark.tracking.dataset import TrackedDataset
from benchmark.tracking.location import TrackingError
from benchmark.tracking.mirror import RunMirror
from benchmark.tracking.models import LoggedModel
from benchmark.tracking.outbox import Item, Outbox, Unsent
from benchmark.tracking.overview import RunOverview, TrackedStudy
from benchmark.trial import Report, Status, Trial, TrialResult
from benchmark.urls import masked, without_secrets

ATTEMPTS = 3
"""How often an item is offered to a store that answers but fails on it."""
CAUSE_LENGTH = 300
SILENT_SECONDS = 2.0
"""How long the end of a run waits for MLflow before it says so."""
GATHER_SECONDS = 0.2
"""How long trials gather before they share a transaction. Nobody notices the delay."""
PROGRESS_SECONDS = 5.0
"""How long a trial is trained before it is shown, and between two looks at it. To show the trials
that take less would double what the tracker does."""
PROGRESS = "the running trials"


class Tracker:
    """Mirrors the finished trials of one run to MLflow.

    Every method but :meth:`close` returns at once: what is to be sent waits in memory for
    a daemon thread, which also imports MLflow (seconds) and creates the SQLite store.
    While the store does not answer, nothing is lost and nothing slows down: the tracker
    tries again after ``backoff[0]`` seconds, then waits twice as long each time, up to
    ``backoff[1]``. It reports the first outage and its end through ``notify``; later ones
    are silent. An item that a store refuses three times although it answers is set aside
    and reported once. It is tried again at the end, and :meth:`close` counts it.

    Sending is idempotent: trials found complete under the parent run are passed over,
    half-written ones are replaced. So a resumed run continues its parent, and
    :meth:`mirror` fills a store from the results folder alone.

    Args:
        uri: the store, see :func:`benchmark.tracking.resolve_tracking_uri`.
        experiment: the experiment's name: the study.
        run_name: the parent run's name: the run of the study.
        notify: is called with a sentence, from the background thread.
        identity: what tells the parent run from every other, also from one of the same name
            made elsewhere; by default the name, as for folders that have no identity.
        artifact_root: the folder of artifacts where the store is a database; by default
            ``mlartifacts`` beside a SQLite file. A server decides for itself.
        backoff: first and longest pause between attempts, in seconds. The default is our
            own choice: a restarted server is noticed soon, a dead one costs nothing.

    Example:
        >>> tracker = Tracker("sqlite:////nowhere/mlflow.db", "digits", "run 1", print)
        >>> tracker.close(timeout=0.0)  # Not started, and nothing was to be sent.
        Unsent(trials=0, others=())
    """

    def __init__(
        self,
        uri: str,
        experiment: str,
        run_name: str,
        notify: Callable[[str], None],
        *,
        identity: str | None = None,
        artifact_root: Path | None = None,
        backoff: tuple[float, float] = (0.5, 30.0),
    ) -> None:
        self._uri = uri
        self._experiment = experiment
        self._run_name = run_name
        self._identity = identity or run_name
        self._notify = notify
        self._artifact_root = artifact_root
        self._backoff = backoff
        self._outbox: Outbox[RunMirror] = Outbox(ATTEMPTS)
        self._told: set[str] = set()
        self._has_failed = False
        self._thread: threading.Thread | None = None
        self._running: dict[int, tuple[float, Trial, Sequence[Report]]] = {}

    def start(
        self,
        study_text: str,
        tags: Mapping[str, str] | None = None,
        dataset: TrackedDataset | None = None,
        resume_from: Path | None = None,
        study: TrackedStudy | None = None,
    ) -> None:
        """Start the thread, which finds or creates the experiment and the parent run.

        Args:
            study_text: the study file, logged as ``study.toml``.
            tags: tags of the parent run; ``mlflow.note.content`` is shown as its description.
            dataset: shown as input of the parent and of each trial.
            resume_from: the folder of a resumed run, whose trials are sent where missing.
            study: what arranges the pages of the run; without it no views are prepared.

        Raises:
            RuntimeError: it was started before.
        """
        if self._thread is not None:
            raise RuntimeError("a Tracker must be started once. Make a new one for another run.")
        mirror = RunMirror(
            self._uri,
            experiment=self._experiment,
            run_name=self._run_name,
            identity=self._identity,
            tags=tags or {},
            study=study or TrackedStudy(),
            dataset=dataset,
            artifact_root=self._artifact_root,
        )
        first = [Item("the study file", partial(RunMirror.log_study, text=study_text))]
        if study is not None:
            first.append(Item("the prepared views", RunMirror.log_views, is_passing=True))
        if resume_from is not None:
            send = partial(self._send_folder, folder=resume_from)
            held = partial(_numbers, resume_from)
            first.append(Item("the earlier trials", send, folder=held))
        self._outbox.put_first(first)
        self._thread = threading.Thread(
            target=self._work, args=(mirror,), name="mlflow-tracker", daemon=True
        )
        self._thread.start()
        threading.Thread(target=self._look, name="mlflow-progress", daemon=True).start()

    def trial_started(self, trial: Trial, reports: Sequence[Report]) -> None:
        """Take note of a trial, which is shown while it is trained if that takes long.

        Args:
            trial: the trial.
            reports: its reports, to which the caller goes on appending.
        """
        self._running[trial.number] = (time.monotonic(), trial, reports)

    def log_trial(self, result: TrialResult, reports: Sequence[Report]) -> None:
        """Queue a finished trial as a child run.

        Args:
            result: how it ended.
            reports: its reports, one an epoch.
        """
        self._running.pop(result.trial.number, None)
        self._outbox.put(_trial_item(result, reports))

    def trial_finished(self, result: TrialResult, reports: Sequence[Report]) -> None:
        """Do as :meth:`log_trial`: the name under which the execution loop calls observers."""
        self.log_trial(result, reports)

    def mirror(self, records: Iterable[tuple[TrialResult, Sequence[Report]]]) -> None:
        """Queue the trials of a run folder, as ``benchmark.results.read_records`` yields them.

        Args:
            records: each finished trial with its reports.
        """
        for result, reports in records:
            self.log_trial(result, reports)

    def finish(
        self,
        artifacts: Sequence[Path] = (),
        models: Sequence[LoggedModel] = (),
        status: Status = Status.COMPLETED,
        overview: RunOverview | None = None,
    ) -> None:
        """Queue what stands at the end of a run: files, models and the parent's status.

        The parent's end comes last of all. Where the store refused anything, the parent ends as
        interrupted (``KILLED``): a run that is ``FINISHED`` there has its models and its report.

        Args:
            artifacts: files and folders, for instance the report and its figures.
            models: the best model of each compared optimizer.
            status: how the run ended; ``INTERRUPTED`` after Ctrl-C.
            overview: what the run found.
        """
        self._running.clear()
        for path in artifacts:
            self._outbox.put(Item(path.name, partial(RunMirror.log_artifact, path=path)))
        for entry in models:
            what = f"the best model of {entry.label}"
            self._outbox.put(Item(what, partial(RunMirror.log_model, entry=entry)))
        if overview is not None:
            show = partial(RunMirror.log_overview, overview=overview)
            self._outbox.put(Item("the overview of the run", show))
        end = partial(self._send_end, status=status)
        self._outbox.put(Item("the end of the run", end, last=True))

    def close(self, timeout: float, tell: Callable[[str], None] = lambda _: None) -> Unsent:
        """Wait until all is sent, and end the thread.

        Where the store does not answer, one more attempt is made and the wait is over.

        Args:
            timeout: how long to wait without progress, in seconds. A slow store that
                takes one item after the other makes progress.
            tell: is called with a sentence if that takes more than a moment.

        Returns:
            What was not sent. Trials of a resumed folder count as not sent until the
            store was asked for them. All of it is in the results folder: ``track``
            sends it later.
        """
        self._outbox.close()
        if self._thread is not None:
            self._thread.join(min(timeout, SILENT_SECONDS))
            if self._thread.is_alive():
                tell(f"MLflow is still receiving {self._outbox.unsent()} …")
            _join(self._thread, timeout, self._outbox)
        return self._outbox.unsent()

    def _work(self, mirror: RunMirror) -> None:
        """Send what waits until the tracker is closed."""
        delay = self._backoff[0]
        while (item := self._outbox.first()) is not None:
            items = [item]
            try:
                mirror.connect()
                items = self._outbox.trials(mirror.trials_at_once) or [item]
                if len(items) == 1:
                    item.send(mirror)
                else:
                    mirror.log_trials([waiting.finished for waiting in items])
            except Exception as error:  # No failure of the mirror may end the thread.
                if len(items) > 1:
                    # Sending each alone shows which one fails.
                    for waiting in items:
                        waiting.alone = True
                    mirror.disconnect()
                    continue
                if not self._goes_on_after(item, error, mirror):
                    return
                self._outbox.pause(delay)
                delay = min(2 * delay, self._backoff[1])
            else:
                delay = self._backoff[0]
                self._sent(items)
                if mirror.trials_at_once > 1 and item.trial is not None:
                    self._outbox.pause(GATHER_SECONDS)

    def _sent(self, items: Sequence[Item[RunMirror]]) -> None:
        for item in items:
            self._outbox.done(item)
        if items[0].trial is not None and not self._outbox.holds_trials():
            self._outbox.put_first([Item("the live metrics", RunMirror.flush)])
        if "down" in self._told:
            self._announce("up", f"MLflow at {masked(self._uri)} answers again.")

    def _goes_on_after(self, item: Item[RunMirror], error: Exception, mirror: RunMirror) -> bool:
        """Ask the store something else, to learn whether it or the item is at fault."""
        is_reachable = mirror.is_reachable()
        # Only the store knows what was half-written, so ask it again.
        mirror.disconnect()
        if is_reachable:
            if self._outbox.set_aside(item):
                text = without_secrets(str(error), self._uri)
                cause = textwrap.shorten(text, CAUSE_LENGTH, placeholder=" …")
                cause = cause or type(error).__name__
                self._announce(
                    "refused", f"MLflow failed on {item.what}, which is set aside: {cause}"
                )
            return True
        store = f"MLflow at {masked(self._uri)}"
        if isinstance(error, TrackingError):
            self._announce("down", f"{store} cannot be used: {error}")
        else:
            # The sentence must hold for a study, which goes on, and for `track`, which ends.
            self._announce(
                "down",
                f"{store} does not answer ({reason(error)}); nothing is lost, the run folder "
                "keeps every trial.",
            )
        # The first attempt of a short run may end when all else has ended; it is not the last one.
        is_first, self._has_failed = not self._has_failed, True
        return is_first or not self._outbox.is_closed

    def _announce(self, topic: str, sentence: str) -> None:
        if topic in self._told:
            return
        self._told.add(topic)
        # A broken terminal must not end the mirroring.
        with contextlib.suppress(Exception):
            self._notify(sentence)

    def _look(self) -> None:
        """Queue the running trials from time to time."""
        while not self._outbox.is_closed:
            self._outbox.pause(PROGRESS_SECONDS)
            before = time.monotonic() - PROGRESS_SECONDS
            is_due = any(begun < before for begun, _, _ in list(self._running.values()))
            if is_due and not self._outbox.holds(PROGRESS):
                self._outbox.put(Item(PROGRESS, self._send_running, is_passing=True))

    def _send_running(self, mirror: RunMirror) -> None:
        before = time.monotonic() - PROGRESS_SECONDS
        running = list(self._running.values())
        mirror.log_running(
            [(trial, tuple(reports)) for begun, trial, reports in running if begun < before]
        )

    def _send_end(self, mirror: RunMirror, status: Status) -> None:
        mirror.finish(status=Status.INTERRUPTED if self._outbox.failed() else status)

    def _send_folder(self, mirror: RunMirror, folder: Path) -> None:
        read_records = import_module("benchmark.results").read_records
        missing = [
            _trial_item(result, reports)
            for result, reports in read_records(folder)
            if not mirror.has(result.trial.number)
        ]
        # Before whatever waits, so that the end of the run stays the end.
        self._outbox.put_first(missing)


def _join(thread: threading.Thread, patience: float, outbox: Outbox[RunMirror]) -> None:
    """Wait for a thread to end, but not longer than ``patience`` since its last progress."""
    begin = time.monotonic()
    while thread.is_alive():
        left = max(begin, outbox.moved) + patience - time.monotonic()
        if left <= 0:
            return
        thread.join(left)


def _numbers(folder: Path) -> set[int]:
    read_records = import_module("benchmark.results").read_records
    return {result.trial.number for result, _ in read_records(folder)}


def _trial_item(result: TrialResult, reports: Sequence[Report]) -> Item[RunMirror]:
    number = result.trial.number
    # Weights may be large, and the queue may have to hold every trial of a study.
    light = replace(result, weights=())
    now = int(1000 * time.time())
    finished = (light, tuple(reports), now)
    send = partial(RunMirror.log_trials, finished=[finished])
    return Item(f"trial {number}", send, trial=number, finished=finished)
