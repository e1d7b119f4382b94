"""What can go wrong with the processes that train."""

from benchmark.errors import UserError


class DistributedError(UserError):
    """Ray or its workers cannot be had; the sentence says why and what helps."""
