"""A mapping of bounded size, for compiled programs."""

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")
MOST_MODELS = 16
"""Models whose programs are kept, of judging and of curvature."""


class Recent(Generic[Value]):
    """A mapping that keeps the most recently used entries.

    Args:
        most: how many.

    Example:
        >>> recent = Recent(2)
        >>> [recent.get(key, lambda key=key: key.upper()) for key in "abac"]
        ['A', 'B', 'A', 'C']
        >>> recent.get("b", lambda: "made anew")     # the oldest was dropped
        'made anew'
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[Hashable, Value] = OrderedDict()

    def __iter__(self) -> Iterator[Hashable]:
        """The keys, from the one used longest ago."""
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the entry of a key, made where there is none."""
        if key not in self._entries:
            self._entries[key] = make()
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
            # The parts of a model refer to each other, and are rarely looked for among much else.
            gc.collect()
        return self._entries[key]

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()
