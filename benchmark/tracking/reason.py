"""Why a store does not answer, in a few words instead of a library's whole story."""

import re
import socket
import ssl
from collections.abc import Iterator

from benchmark.tracking.location import TrackingError

_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "connection refused"),
    (socket.gaierror, "name not known"),
    (TimeoutError, "timed out"),
    (ConnectionError, "connection broken off"),
    (ssl.SSLError, "no secure connection"),
)
"""Ordered: the first is the most telling, and the fourth is a parent of the first."""
_HTTP_ERROR = re.compile(r"error code (\d{3})|^HTTP Error (\d{3})")


def reason(error: BaseException) -> str:
    """Return why a store could not be reached: a few plain words, or the exception's type.

    Libraries wrap the cause many times (socket, urllib3, requests, MLflow) and print all
    of it, addresses and memory locations included; the innermost one says what happened.

    Args:
        error: what was raised.

    Example:
        >>> reason(ConnectionRefusedError(111, "Connection refused"))
        'connection refused'
        >>> reason(LookupError("<object at 0x7f>"))
        'LookupError'
    """
    found = list(_unwrapped(error))
    for one in found:
        if isinstance(one, TrackingError):  # A sentence of our own, with the remedy.
            return str(one)
    for kind, words in _WORDS:
        if any(isinstance(one, kind) for one in found):
            return words
    # requests and urllib3 have timeouts of their own that are no TimeoutError.
    if any("Timeout" in type(one).__name__ for one in found):
        return "timed out"
    for one in found:
        if isinstance(one, OSError) and isinstance(one.errno, int) and one.strerror:
            return f"{one.strerror[0].lower()}{one.strerror[1:]}"
    # MLflow's sentence of a server's failure, and urllib's.
    status = _HTTP_ERROR.search(str(error))
    return f"HTTP status {status[1] or status[2]}" if status else type(error).__name__


def _unwrapped(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps, however it does."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        # urllib and urllib3 keep the cause as an attribute, requests among the arguments.
        wrapped = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        waiting += [inner for inner in wrapped if isinstance(inner, BaseException)]
