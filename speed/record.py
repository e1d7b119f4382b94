"""One run of the speed command: what was measured, where, when and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from speed.curvature.targets import CURVATURE_TARGETS, is_of_curvature
from speed.measurement import Measured
from speed.targets import Verdict, verdicts


@dataclass(frozen=True, slots=True)
class Record:
    """What a run found.

    Args:
        machine: as :func:`speed.machine.machine` found it.
        command: the command line.
        is_full: whether the sizes were those that the targets are stated for.
        is_finished: whether everything asked for was measured.
        measured: measurements by name.
        seconds: the run took.
    """

    machine: Mapping[str, Any]
    command: str
    is_full: bool
    is_finished: bool
    measured: Measured
    seconds: float

    @property
    def verdicts(self) -> list[Verdict]:
        """Every target and what was found."""
        return verdicts(
            self.measured, CURVATURE_TARGETS if is_of_curvature(self.measured) else None
        )

    def document(self) -> dict[str, Any]:
        """The run as plain values for JSON."""
        return {
            "machine": dict(self.machine),
            "command": self.command,
            "sizes": "full" if self.is_full else "quick",
            "finished": self.is_finished,
            "seconds": self.seconds,
            "measurements": [one.document() for one in self.measured.values()],
            "targets": [_target_document(one) for one in self.verdicts],
        }


def _target_document(one: Verdict) -> dict[str, Any]:
    spread = one.spread
    return {
        "name": one.target.name,
        "unit": one.target.unit,
        "at_least": one.target.at_least,
        "aim": one.target.aim,
        "smaller_is_better": one.target.smaller_is_better,
        "measured": (
            {"median": spread.median, "low": spread.low, "high": spread.high} if spread else None
        ),
        "verdict": one.sentence,
        "remark": one.remark,
    }
