"""The error that every part of the search raises."""

from benchmark.errors import UserError


class SearchError(UserError, RuntimeError):
    """The search cannot go on: its storage, its space or its resumption is at fault."""
