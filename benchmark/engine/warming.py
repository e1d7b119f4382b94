"""Compiling side by side, before the clocks of training start."""

import os
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

from benchmark.engine.clock import Clock
from benchmark.engine.slots import Slot


class Warming:
    """What must be compiled before some trials can advance.

    XLA compiles one program on one core, without Python's lock, so programs of several
    structures are compiled in threads.
    """

    def __init__(self) -> None:
        self._tasks: dict[Hashable, tuple[Callable[[], None], list[Slot]]] = {}

    def add(self, key: Hashable, task: Callable[[], None], slot: Slot) -> None:
        """Note what a trial needs.

        Args:
            key: names the task; it is run once, whoever needs it.
            task: compiles something, or returns at once where that is done.
            slot: the trial.
        """
        self._tasks.setdefault(key, (task, []))[1].append(slot)

    def run(self) -> dict[int, BaseException]:
        """Compile all that was noted.

        Returns:
            What was raised, by the number of each trial whose program could not be compiled.
        """
        tasks, self._tasks = list(self._tasks.values()), {}
        slots = {id(slot): slot for _, waiting in tasks for slot in waiting}
        failed: dict[int, BaseException] = {}
        with Clock("compile", *slots.values()), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            futures = [(pool.submit(task), waiting) for task, waiting in tasks]
        for future, waiting in futures:
            error = future.exception()
            if isinstance(error, Exception | SystemExit):
                failed.update({slot.trial.number: error for slot in waiting})
            elif error is not None:
                raise error
        return failed
