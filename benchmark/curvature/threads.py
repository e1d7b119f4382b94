"""One thread for the linear algebra of spectra, so that they round alike on any machine."""

from contextlib import ContextDecorator
from functools import cache
from threading import Lock
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
from scipy.linalg import eigh_tridiagonal
from threadpoolctl import OpenBLASController, ThreadpoolController


class OneThread(ContextDecorator):
    """While it is open, BLAS and LAPACK of NumPy and SciPy compute with one thread.

    How a product or a decomposition is shared between threads decides how its sums are
    rounded. Several threads of Python may open it at once: the number is restored when the last
    of them has left.

    Example:
        >>> with OneThread():
        ...     np.linalg.eigvalsh(np.eye(2)).tolist()
        [1.0, 1.0]
    """

    _lock: ClassVar = Lock()
    _open: ClassVar[int] = 0
    _limit: ClassVar[Any] = None

    def __enter__(self) -> Self:
        with OneThread._lock:
            if OneThread._open == 0:
                _take_control()
                OneThread._limit = _controller().limit(limits=1, user_api="blas")
            OneThread._open += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with OneThread._lock:
            OneThread._open -= 1
            if OneThread._open == 0:
                _take_control()
                OneThread._limit.restore_original_limits()
                _take_control()


@cache
def _controller() -> ThreadpoolController:
    """The libraries of both packages, which are loaded by their first use at the latest."""
    eigh_tridiagonal(np.ones(2), np.ones(1))
    return ThreadpoolController()


def _take_control() -> None:
    """Let this thread set the number, which threadpoolctl keeps to whoever set it before.

    From any other thread a limit is passed over without a word.
    """
    OpenBLASController.clear_controlling_thread(force=True)
