"""What the trials of each compared optimizer reached: the main table of a report."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never, cast

import numpy as np
import pandas as pd

from benchmark.errors import without_numbers
from benchmark.statistics.intervals import Interval, mean_interval
from benchmark.trial import Direction, Status

USABLE = tuple(str(status) for status in Status if status.is_usable)
"""The statuses of trials that ran to their own end."""
WITHOUT_RESULT = tuple(str(status) for status in Status if status.meaning == "no result")
"""Those of trials that say nothing of their settings."""


def column_of(status: Status) -> int:
    """Return the place of a status among the columns that count trials; 0 where it has none.

    Args:
        status: a status.
    """
    match status:
        case Status.DIVERGED:
            return 1
        case Status.PRUNED:
            return 2
        case Status.FAILED:
            return 3
        case Status.COMPLETED | Status.CONVERGED | Status.INTERRUPTED | Status.RUNNING:
            return 0
        case _:
            assert_never(status)


COUNTED = tuple(str(status) for status in sorted(Status, key=column_of) if column_of(status))
"""The statuses that tables count in columns of their own, in the order of the columns."""


@dataclass(frozen=True, slots=True)
class LabelSummary:
    """The trials of one label.

    Args:
        label: the entry of ``compare`` in the study.
        optimizer: which optimizer it is.
        trials: finished trials of the search.
        counts: how many of them ended in each status.
        best: the best objective of a usable trial; NaN where there is none.
        best_trial: the number of that trial, or -1.
        median: of the usable trials' objectives.
        quartiles: the 25 % and 75 % quantiles of the usable trials' objectives.
        configuration: the best trial's hyperparameters by name.
        replicates: the objective over the usable replicates of that configuration.
        test: the test metric over them; of no value where nothing was tested.
        replicates_lost: replicates without a usable end, which count as the worst in a verdict.
        architecture: the best trial's options of the model that vary in the search, as text.
    """

    label: str
    optimizer: str
    trials: int
    counts: dict[str, int]
    best: float
    best_trial: int
    median: float
    quartiles: tuple[float, float]
    configuration: dict[str, float]
    replicates: Interval
    test: Interval
    replicates_lost: int = 0
    architecture: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, float | str]:
        """Hyperparameters and searched options of the model of the best trial."""
        return {**self.configuration, **self.architecture}


def summarize(trials: pd.DataFrame, labels: Sequence[str] | None = None) -> list[LabelSummary]:
    """Return one summary for each label.

    Args:
        trials: the table ``trials`` of a run.
        labels: the labels and their order; by default those in the table, as first met.

    Example:
        >>> summarize(pd.DataFrame(columns=["label", "phase", "status"]), ["adam"])[0].trials
        0
    """
    if labels is None:
        labels = list(dict.fromkeys(trials["label"]))
    return [_summary(label, trials[trials["label"] == label]) for label in labels]


@dataclass(frozen=True, slots=True)
class Failure:
    """Trials that failed for one reason.

    Args:
        reason: of the first of them; that of the others may differ in its numbers.
        counts: how many there are of each label.
    """

    reason: str
    counts: dict[str, int]

    @property
    def sentence(self) -> str:
        """The trials and the reason in words.

        Example:
            >>> Failure("ValueError: odd", {"sgd": 1, "adam": 8}).sentence
            '1 trial of sgd and 8 of adam failed: ValueError: odd'
        """
        (first, count), *others = self.counts.items()
        parts = [f"{count} {'trial' if count == 1 else 'trials'} of {first}"]
        parts += [f"{count} of {label}" for label, count in others]
        last = f" and {parts.pop()}" if others else ""
        return f"{', '.join(parts)}{last} failed: {self.reason}"


def failures(trials: pd.DataFrame) -> list[Failure]:
    """Return the reasons for which trials failed, the most frequent first.

    Args:
        trials: the table ``trials`` of a run.

    Example:
        >>> failures(pd.DataFrame({"number": [0], "label": ["sgd"], "status": ["completed"],
        ...                        "reason": ["all epochs were trained"]}))
        []
    """
    failed = trials[trials["status"] == Status.FAILED].sort_values("number")
    groups: dict[str, list[tuple[str, str]]] = {}
    for label, reason in zip(failed["label"], failed["reason"], strict=True):
        groups.setdefault(without_numbers(str(reason)), []).append((str(label), str(reason)))
    ranked = sorted(groups.values(), key=len, reverse=True)
    return [Failure(group[0][1], dict(Counter(label for label, _ in group))) for group in ranked]


def direction_of(trials: pd.DataFrame) -> Direction:
    """Return ``"minimize"`` or ``"maximize"``, the direction of a run's objective.

    Args:
        trials: the table ``trials`` of a run; an empty one counts as minimized.
    """
    direction = str(trials["direction"].iloc[0]) if len(trials) else "minimize"
    if direction not in ("minimize", "maximize"):
        raise ValueError(f"direction must be minimize or maximize. Received {direction!r}.")
    return cast("Direction", direction)


def column_on_test(trials: pd.DataFrame) -> str:
    """Return the column with the objective's counterpart on the test part, or ``""``.

    Hyperparameters are chosen by the validation part, so that only the test part says
    what to expect of new data.

    Args:
        trials: the table ``trials`` of a run.

    Example:
        >>> column_on_test(pd.DataFrame({"objective_name": ["validation_loss"],
        ...                           "metric.test_loss": [0.1]}))
        'metric.test_loss'
    """
    if not len(trials):
        return ""
    name = "metric." + str(trials["objective_name"].iloc[0]).replace("validation_", "test_", 1)
    is_test = name.startswith("metric.test_") and name in trials
    return name if is_test and np.isfinite(trials[name]).any() else ""


def usable(trials: pd.DataFrame, phase: str) -> pd.DataFrame:
    """Return the trials of a phase that ran to their own end with a finite objective.

    Args:
        trials: the table ``trials`` of a run.
        phase: ``"search"`` or ``"replicate"``.
    """
    ended = trials[(trials["phase"] == phase) & trials["status"].isin(USABLE)]
    return ended[np.isfinite(ended["objective"])] if len(ended) else ended


def replicate_table(trials: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the replicates of each label, a row an index and a column a label.

    A replicate that diverged, failed or has no finite value is the worst there can be: ∞
    where smaller is better, else −∞. One that was interrupted says nothing, and is NaN.

    Args:
        trials: the table ``trials`` of a run.
        column: ``"objective"`` or ``"metric.<name>"``.
    """
    ended = trials[(trials["phase"] == "replicate") & ~trials["status"].isin(WITHOUT_RESULT)]
    if not len(ended):
        return pd.DataFrame()
    worst = math.inf if direction_of(trials) == "minimize" else -math.inf
    is_good = ended["status"].isin(USABLE) & np.isfinite(ended["objective"])
    is_good &= np.isfinite(ended[column])
    values = ended[column].where(is_good, worst).rename("value")
    named = ended[["replicate", "label"]].assign(value=values)
    return named.drop_duplicates(["replicate", "label"], keep="last").pivot(
        index="replicate", columns="label", values="value"
    )


def best_of(trials: pd.DataFrame) -> "pd.Series | None":
    """Return the best usable trial of the search, of equal ones the earliest.

    Args:
        trials: the table ``trials`` of a run, or of one label.
    """
    ranked = usable(trials, "search")
    if not len(ranked):
        return None
    order = ranked.sort_values(
        ["objective", "number"], ascending=[direction_of(trials) == "minimize", True]
    )
    return order.iloc[0]


def configuration_of(trial: "pd.Series") -> dict[str, float]:
    """Return the hyperparameters that a trial has, by name.

    Args:
        trial: a row of the table ``trials``.
    """
    named = {str(key): value for key, value in trial.items() if str(key).startswith("hp.")}
    return {key[3:]: float(value) for key, value in named.items() if np.isfinite(value)}


def _summary(label: str, trials: pd.DataFrame) -> LabelSummary:
    search = trials[trials["phase"] == "search"]
    ranked, repeated = usable(trials, "search"), usable(trials, "replicate")
    objectives = ranked["objective"].to_numpy(float) if len(ranked) else np.full(1, np.nan)
    has_ended = (trials["phase"] == "replicate") & ~trials["status"].isin(WITHOUT_RESULT)
    best = best_of(trials)
    column = column_on_test(trials)
    tested = repeated[column].to_numpy(float) if column else np.empty(0)
    return LabelSummary(
        label=label,
        optimizer=str(trials["optimizer"].iloc[0]) if len(trials) else label,
        trials=len(search),
        counts={str(key): int(value) for key, value in search["status"].value_counts().items()},
        best=float(best["objective"]) if best is not None else np.nan,
        best_trial=int(best["number"]) if best is not None else -1,
        median=float(np.median(objectives)),
        quartiles=(float(np.quantile(objectives, 0.25)), float(np.quantile(objectives, 0.75))),
        configuration=configuration_of(best) if best is not None else {},
        replicates=mean_interval(repeated["objective"] if len(repeated) else []),
        test=mean_interval(tested[np.isfinite(tested)]),
        replicates_lost=int(has_ended.sum()) - len(repeated),
        architecture=_architecture(search, best) if best is not None else {},
    )


def _architecture(search: pd.DataFrame, best: "pd.Series") -> dict[str, str]:
    """The options of the model that differ between the trials of a search, of the best one."""
    names = [name for name in map(str, search) if name.startswith("model.")]
    return {name: str(best[name]) for name in names if search[name].nunique() > 1}
