"""The seconds that trials take, by what is done for them."""

import time

from benchmark.engine.slots import Slot


class Clock:
    """Adds the seconds spent inside to one clock of some slots, in equal shares.

    Args:
        name: ``compile``, ``train``, ``evaluate`` or ``curvature``.
        slots: the trials that were worked on together.
    """

    def __init__(self, name: str, *slots: Slot) -> None:
        self._slots, self._name = slots, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self._start
        for slot in self._slots:
            slot.seconds[self._name] += seconds / len(self._slots)
