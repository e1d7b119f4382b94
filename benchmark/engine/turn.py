"""What a thread computes, and what became of it."""

from concurrent.futures import Future
from dataclasses import dataclass, field

from benchmark.engine.alone import Alone
from benchmark.engine.block import Block
from benchmark.trial import Report

Home = Block | Alone
"""Where a trial is trained."""


@dataclass(slots=True, eq=False)
class Turn:
    """An epoch that a thread computes, or has computed.

    Args:
        home: whose.
        reports: what it will return.
        stopped: the trials that were stopped meanwhile, whose reports nobody wants.
    """

    home: Home
    reports: Future[list[Report]]
    stopped: set[int] = field(default_factory=set)

    def wanted(self) -> list[Report]:
        """Wait for the reports; raises what the computation raised."""
        return [one for one in self.reports.result() if one.trial_number not in self.stopped]
