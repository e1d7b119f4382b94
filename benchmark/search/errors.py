"""The error that every part of the search raises."""


class SearchError(RuntimeError):
    """The search cannot go on: its storage, its space or its resumption is at fault."""
