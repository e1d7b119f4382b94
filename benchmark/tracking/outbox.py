"""What waits to be sent to MLflow, and what was not received."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar


@dataclass(frozen=True, slots=True)
class Unsent:
    """What was not sent when a tracker was closed; true where there is anything.

    Args:
        trials: how many trials MLflow is not known to have.
        others: what else is missing, by the names that people see.

    Example:
        >>> bool(Unsent()), bool(Unsent(others=("the study file",)))
        (False, True)
        >>> print(Unsent(1, ("the study file", "report.html")))
        1 trial, the study file and report.html
    """

    trials: int = 0
    others: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.trials or self.others)

    def __str__(self) -> str:
        trials = [f"{self.trials} trial{'' if self.trials == 1 else 's'}"] if self.trials else []
        *first, last = [*trials, *self.others] or ["nothing"]
        return f"{', '.join(first)} and {last}" if first else last


Target = TypeVar("Target")


@dataclass(slots=True, eq=False)
class Item(Generic[Target]):
    """Something to be sent.

    Args:
        what: its name, for people.
        send: sends it to the target; blocks, and raises when it could not.
        trial: the trial's number, if it is one.
        folder: returns the numbers of the trials that it stands for, if it is many.
        finished: what can be sent together with other trials, if it is one.
        alone: whether it must be sent for itself.
        last: whether it comes after all others, those set aside included.
        is_passing: whether nobody misses it later: what a running trial has reached, or a page.
        attempts: how often it failed though the target answered.
    """

    what: str
    send: Callable[[Target], None]
    trial: int | None = None
    folder: Callable[[], Collection[int]] | None = None
    finished: Any = None
    alone: bool = False
    last: bool = False
    is_passing: bool = False
    attempts: int = 0


class Outbox(Generic[Target]):
    """A queue whose first item stays until it is done, so that a failure loses nothing.

    One thread calls :meth:`first`, :meth:`done` and :meth:`set_aside`; any may call the rest.

    Args:
        attempts: after how many failures of its own an item is set aside.

    Example:
        >>> outbox = Outbox(attempts=1)
        >>> outbox.put(Item("trial 3", print, trial=3))
        >>> outbox.set_aside(outbox.first())
        True
        >>> outbox.close()
        >>> outbox.first().what  # At the end it has one more chance.
        'trial 3'
        >>> outbox.unsent()
        Unsent(trials=1, others=())
    """

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts
        self._queue: deque[Item[Target]] = deque()
        self._aside: list[Item[Target]] = []
        self._changed = threading.Condition()
        self._had_last_chance = False
        self._closed = False
        self._moved = time.monotonic()

    @property
    def moved(self) -> float:
        """When the queue last moved on, on the clock ``time.monotonic``."""
        return self._moved

    @property
    def is_closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed

    def put(self, item: Item[Target]) -> None:
        """Append an item."""
        with self._changed:
            self._queue.append(item)
            self._changed.notify_all()

    def put_first(self, items: Iterable[Item[Target]]) -> None:
        """Insert items before the first one, in their order."""
        with self._changed:
            self._queue.extendleft(reversed(list(items)))
            self._changed.notify_all()

    def first(self) -> Item[Target] | None:
        """Wait for an item and return it; nothing once closed and empty."""
        with self._changed:
            while not self._queue or self._must_wait(self._queue[0]):
                if not self._closed:
                    self._changed.wait()
                elif self._aside and not self._had_last_chance:
                    self._had_last_chance = True
                    self._queue.extendleft(reversed(self._aside))
                    self._aside.clear()
                else:
                    return None
            return self._queue[0]

    def _must_wait(self, item: Item[Target]) -> bool:
        return item.last and bool(self._aside) and not self._had_last_chance

    def trials(self, limit: int) -> list[Item[Target]]:
        """Return the trials at the head of the queue that may be sent together."""
        with self._changed:
            head = itertools.islice(self._queue, limit)
            return list(itertools.takewhile(lambda item: item.finished and not item.alone, head))

    def done(self, item: Item[Target]) -> None:
        """Remove an item."""
        with self._changed:
            self._queue.remove(item)
            self._moved = time.monotonic()

    def set_aside(self, item: Item[Target]) -> bool:
        """Count a failure of an item; returns whether it was set aside for it."""
        with self._changed:
            item.attempts += 1
            if item.attempts < self._attempts:
                return False
            self._queue.remove(item)
            self._aside.append(item)
            self._moved = time.monotonic()
            return True

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond :meth:`close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    def holds(self, what: str) -> bool:
        """Whether an item of a name waits or is set aside."""
        with self._changed:
            return any(item.what == what for item in (*self._queue, *self._aside))

    def close(self) -> None:
        """Let the sending thread end when it has sent all."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def failed(self) -> bool:
        """Whether anything is set aside."""
        with self._changed:
            return any(not item.is_passing for item in self._aside)

    def holds_trials(self) -> bool:
        """Whether a trial waits, those set aside not counted."""
        with self._changed:
            return any(item.trial is not None for item in self._queue)

    def unsent(self) -> Unsent:
        """What was not sent; each trial is counted once, however often it waits."""
        with self._changed:
            left = [item for item in (*self._queue, *self._aside) if not item.is_passing]
        trials = {item.trial for item in left if item.trial is not None}
        names: dict[str, None] = {}  # As a set that keeps the order.
        for item in left:
            if item.folder is not None:
                try:
                    trials.update(item.folder())
                    continue
                except Exception:  # Damaged, which may be why it was not sent: then by its name.
                    names[item.what] = None
            elif item.trial is None:
                names[item.what] = None
        return Unsent(len(trials), tuple(names))
