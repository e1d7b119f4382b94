"""What a sweep shows: the best trial of each optimizer on each of the problems."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from benchmark.report.formatting import number, words
from benchmark.statistics import best_of, configuration_of, direction_of

MOST_PROBLEMS = 8
"""More would not stand side by side; the figures show each trial against what was swept."""
SYMBOLS = {"condition_number": "κ"}


@dataclass(frozen=True, slots=True)
class Best:
    """The best trial of a label on one problem.

    Args:
        objective: what it reached; NaN where no trial ran to its end.
        trial: its number, or -1.
        settings: its hyperparameters besides those of the problem, in words.
    """

    objective: float
    trial: int
    settings: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """The best objectives of a study that trains on several problems.

    Args:
        objective: the metric.
        better: ``"lower"`` or ``"higher"``.
        problems: the options that tell each problem from the others, in words.
        best: by label the best trial on each problem.
    """

    objective: str
    better: str
    problems: list[str]
    best: dict[str, list[Best]]

    @property
    def caption(self) -> str:
        """What the numbers are."""
        return (
            f"The best {words(self.objective)} of each optimizer on each problem "
            f"({self.better} is better)."
        )


def sweep_of(trials: pd.DataFrame, swept: Sequence[str]) -> Sweep | None:
    """Return the best objectives by problem, if there are few problems.

    Args:
        trials: the table ``trials`` of a run.
        swept: the options of the problem that differ between trials, as a verdict names them.

    Example:
        >>> trials = pd.DataFrame({"label": "sgd", "phase": "search", "status": "completed",
        ...     "number": [0, 1], "objective": [0.1, 0.4], "direction": "minimize",
        ...     "objective_name": "train_loss", "problem.dimension": [2.0, 3.0]})
        >>> [best.objective for best in sweep_of(trials, ["dimension"]).best["sgd"]]
        [0.1, 0.4]
    """
    if not swept:
        return None
    columns = [f"problem.{name}" for name in swept]
    problems = trials[columns].dropna().drop_duplicates().sort_values(columns)
    if not 1 < len(problems) <= MOST_PROBLEMS:
        return None
    rows = [
        (problem_title(swept, problem), trials[(trials[columns] == problem).all(axis=1)])
        for problem in problems.to_numpy(float).tolist()
    ]
    labels = dict.fromkeys(trials["label"])
    return Sweep(
        str(trials["objective_name"].iloc[0]),
        "lower" if direction_of(trials) == "minimize" else "higher",
        [title for title, _ in rows],
        {
            str(label): [
                _best(of_problem[of_problem["label"] == label], swept) for _, of_problem in rows
            ]
            for label in labels
        },
    )


def problem_title(swept: Sequence[str], values: Sequence[float]) -> str:
    """Return the options that tell a problem from the others of a sweep, in words.

    Args:
        swept: their names.
        values: theirs.

    Example:
        >>> problem_title(["condition_number", "dimension"], [30.0, 2.0])
        'κ = 30, dimension = 2'
    """
    options = zip(swept, values, strict=True)
    return ", ".join(
        f"{SYMBOLS.get(name, words(name))} = {number(value)}" for name, value in options
    )


def _best(trials: pd.DataFrame, swept: Sequence[str]) -> Best:
    best = best_of(trials)
    if best is None:
        return Best(float("nan"), -1, "")
    settings = {name: value for name, value in configuration_of(best).items() if name not in swept}
    shown = ", ".join(f"{name} {number(value)}" for name, value in settings.items())
    return Best(float(best["objective"]), int(best["number"]), shown)
