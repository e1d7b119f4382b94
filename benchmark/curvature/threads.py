"""One thread for the linear algebra of spectra, so that they round alike on every machine."""

from contextlib import ContextDecorator
from functools import cache
from threading import Lock
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
from scipy.linalg import eigh_tridiagonal
from threadpoolctl import OpenBLASController, ThreadpoolController


class OneThread(ContextDecorator):
    """A context in which BLAS and LAPACK of NumPy and SciPy compute with one thread.

    The way a product or a decomposition is split between threads decides how its sums are
    rounded. Several Python threads may enter at once; the last one to leave restores the number.

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
    """The BLAS libraries of NumPy and SciPy; a first use makes sure that both are loaded."""
    eigh_tridiagonal(np.ones(2), np.ones(1))
    return ThreadpoolController()


def _take_control() -> None:
    """Let this thread set the number of threads.

    threadpoolctl reserves that to the thread that set it first, and silently ignores all others.
    """
    OpenBLASController.clear_controlling_thread(force=True)
