"""The driver's side: one engine to the loop, several processes behind it."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from benchmark.distributed.cluster import Cluster
from benchmark.distributed.machine import DistributedError, cores
from benchmark.distributed.remote import Remote
from benchmark.engine.memory import TooLargeError
from benchmark.errors import failure_reason
from benchmark.trial import Report, Status, Trial, TrialResult

START_SECONDS = 300.0
"""How long workers may take to start: importing a framework takes seconds, on busy or slow
machines minutes."""
MOST_DEATHS = 3
"""Workers that may die under a trial, without a new report between, before it has failed."""


class DistributedEngine:
    """Divides the running trials between engines in processes of their own.

    Each worker is a :class:`~benchmark.engine.VectorizedEngine` in a process with one thread,
    pinned to its core, or in one that holds a GPU. A trial's result depends on the trial
    alone, so it is the same on any worker and for any number of them.

    All workers compute while the caller handles the reports of one: :meth:`advance` first
    sends every idle worker a call that carries what has been started and stopped meanwhile,
    then waits for the worker whose turn it is. Turns go round, so the same trials give the
    same order of reports every time. A trial's end comes with its result, so :meth:`stop`
    never waits.

    When a worker's process dies, its trials are begun again on a new one, and reports that
    were handed out are not repeated; trials under which workers die ``MOST_DEATHS`` times in a
    row have failed, as have those on a worker that raised an exception.

    Seconds of a trial are its share of the calls that trained it, as its worker counts them.

    Args:
        workers: how many processes, ≥ 1. More than there are cores share them in turn.
        capacity: how many trials run at once on all workers together, ≥ ``workers``.
        backend: the framework of the workers.
        gpus: how many GPUs this machine has; with any, each worker must get one.
        notify: shows a sentence to the user.
        start_seconds: how long the workers may take to start.
        known: results and reports of trials that need not be trained.

    Raises:
        ValueError: a number is out of its range.
        DistributedError: Ray or the workers do not start.
    """

    def __init__(
        self,
        workers: int,
        capacity: int,
        backend: str,
        gpus: int = 0,
        notify: Callable[[str], None] = lambda _: None,
        start_seconds: float = START_SECONDS,
        known: Iterable[tuple[TrialResult, Sequence[Report]]] = (),
    ) -> None:
        _check(workers, capacity, gpus)
        self.capacity = capacity
        self._notify = notify
        self._told: set[str] = set()
        self._start_seconds = start_seconds
        self._turn = 0
        self._cluster = Cluster(workers, min(gpus, workers))
        self._slots = -(-capacity // workers)
        recorded = list(known)
        self._arguments = [
            (*self._worker_arguments(backend, index, workers, is_on_gpu=gpus > 0), recorded)
            for index in range(workers)
        ]
        self._remotes: list[Remote] = []
        try:
            actors = [self._cluster.spawn(*arguments) for arguments in self._arguments]
            processes = self._greet(actors)
        except BaseException:
            self.close()
            raise
        self._remotes = [
            Remote(index, actor, process)
            for index, (actor, process) in enumerate(zip(actors, processes, strict=True))
        ]

    @property
    def processes(self) -> list[int]:
        """The identifiers of the workers' processes."""
        return [remote.process for remote in self._remotes]

    def start(self, trial: Trial) -> None:
        """Give a trial to the worker with the fewest; it begins with the next ``advance``.

        Among equals one that has trained the trial's entry before is chosen, whose
        program is compiled.

        Raises:
            RuntimeError: all slots are taken, or the trial is running.
        """
        taken = sum(len(remote.trials) for remote in self._remotes)
        if taken >= self.capacity or any(
            trial.number in running.trials for running in self._remotes
        ):
            raise RuntimeError(
                f"a slot must be free and the trial not be running. Received trial "
                f"{trial.number} while {taken} of {self.capacity} slots are taken. "
                "Stop a trial first."
            )
        remote = min(
            self._remotes,
            key=lambda r: (len(r.trials), trial.label not in r.labels, r.index),
        )
        remote.add(trial)

    def advance(self) -> list[Report]:
        """Have all workers train, and return the reports of the next one in turn.

        Returns:
            The reports in the order of the worker's engine; none where a worker repeats
            what another one reported before it died.

        Raises:
            DistributedError: a worker died and no other one starts in its place.
            TooLargeError: a trial does not fit into the memory of a worker.
        """
        for remote in self._remotes:
            remote.send()
        for _ in self._remotes:
            remote = self._remotes[self._turn]
            self._turn = (self._turn + 1) % len(self._remotes)
            if remote.call is not None:
                return self._receive(remote)
        return []

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        """Free the slot of a trial.

        Raises:
            KeyError: the trial is not running here.
            ValueError: the status is usable, but the trial has not come to its own end,
                so that nobody has evaluated it on the test part.
        """
        remote = next((r for r in self._remotes if number in r.trials), None)
        if remote is None:
            raise KeyError(f"a stopped trial must be running. Received {number}.")
        result = remote.trials[number].result
        if status.is_usable and (result is None or result.status is not status):
            raise ValueError(
                f"a trial must be stopped as {status.value} by itself only. "
                f"Received trial {number}, which has not ended so."
            )
        progress = remote.remove(number, status, reason)
        if result is not None and result.status is status:
            return replace(result, reason=reason)
        return progress.slot.result(status, reason)

    def close(self) -> None:
        """End the workers and Ray; a second call does nothing."""
        self._remotes = []
        self._cluster.stop()

    def _worker_arguments(
        self, backend: str, index: int, workers: int, *, is_on_gpu: bool
    ) -> tuple[Any, ...]:
        if is_on_gpu:
            return (backend, self._slots, None, None, 1, None)
        available = cores()
        core = available[index % len(available)] if self._cluster.is_local else None
        neighbours = workers if self._cluster.is_local else 1
        return (backend, self._slots, core, 1, neighbours, len(available))

    def _greet(self, actors: list[Any]) -> list[int]:
        """Wait until new workers are ready; returns their processes."""
        try:
            processes = ray.get(
                [actor.process.remote() for actor in actors], timeout=self._start_seconds
            )
        except GetTimeoutError:
            raise DistributedError(
                f"{len(self._arguments)} workers must start within {self._start_seconds:g} s. "
                f"Received no answer of {len(actors)} that were begun, at Ray's address "
                f"{self._cluster.address}. Take fewer with --workers, or leave it out."
            ) from None
        except RayError as error:
            raise DistributedError(
                f"workers must be able to start. Received {_sentence(error)}. "
                "Leave out --workers to train in this process."
            ) from error
        for process in processes:
            self._cluster.remember(process)
        return list(processes)

    def _receive(self, remote: Remote) -> list[Report]:
        try:
            reply = ray.get(remote.call)
            for text in reply.notices:
                self._tell(text)
            return remote.take(reply)
        except RayTaskError as error:  # the worker lives, but its engine is in disorder
            if isinstance(error.cause, TooLargeError):  # it would fit into no other worker either
                raise TooLargeError(str(error.cause)) from None
            reason = _sentence(error)
            reports = [progress.fail(reason) for progress in remote.in_flight()]
            self._notify(f"Worker {remote.index + 1} failed and is replaced: {reason}")
            with contextlib.suppress(RayError):
                ray.kill(remote.actor)
        except RayError:
            reports = self._count_deaths(remote)
        self._replace(remote)
        return reports

    def _tell(self, text: str) -> None:
        """Say what a worker noticed, once for all of them."""
        if text not in self._told:
            self._told.add(text)
            self._notify(text)

    def _count_deaths(self, remote: Remote) -> list[Report]:
        going, reports = remote.in_flight(), []
        for progress in going:
            progress.deaths += 1
            if progress.deaths >= MOST_DEATHS:
                reason = f"the worker that trained the trial died {MOST_DEATHS} times in a row"
                reports.append(progress.fail(reason))
        again = len(going) - len(reports)
        self._notify(
            f"Worker {remote.index + 1} (process {remote.process}) died. "
            f"A new one trains {again} of its {len(going)} trials again from their start; "
            f"{len(reports)} failed."
        )
        return reports

    def _replace(self, remote: Remote) -> None:
        actor = self._cluster.spawn(*self._arguments[remote.index])
        (process,) = self._greet([actor])
        remote.replace_with(actor, process)


def _check(workers: int, capacity: int, gpus: int) -> None:
    if workers < 1:
        raise ValueError(f"workers must be >= 1. Received {workers}.")
    if capacity < workers:
        raise ValueError(
            f"capacity must be >= the number of workers, {workers}. Received {capacity}."
        )
    if 0 < gpus < workers:
        raise DistributedError(
            f"--workers must be <= {gpus}, the number of GPUs, each of which a worker holds. "
            f"Received {workers}. Take --workers auto."
        )


def _sentence(error: RayError) -> str:
    """What a worker said, or Ray about it."""
    if isinstance(error, RayTaskError) and error.cause is not None:
        return failure_reason(error.cause)
    # The last line: what Ray writes before it is the worker's traceback.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else 'no message'}"
