"""What MLflow did not receive, as the user is told of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unsent:
    """What was not sent when a tracker was closed; true where there is anything.

    Args:
        trials: how many trials MLflow is not known to have.
        others: what else is missing, by the names that people see.

    Example:
        >>> bool(Unsent()), bool(Unsent(others=("the study file",)))
        (False, True)
        >>> print(Unsent(1, ("the study file", "report.html")))
        1 trial, the study file and report.html
    """

    trials: int = 0
    others: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.trials or self.others)

    def __str__(self) -> str:
        trials = [f"{self.trials} trial{'' if self.trials == 1 else 's'}"] if self.trials else []
        *first, last = [*trials, *self.others] or ["nothing"]
        return f"{', '.join(first)} and {last}" if first else last
