"""What every part of a report is made from: a run's tables, its study, its labels."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark.report.formatting import listed, number, words
from benchmark.report.sweep import Sweep, sweep_of
from benchmark.report.theme import Style, axis_of, styles
from benchmark.results import RunTables, read_run
from benchmark.statistics import (
    Comparison,
    LabelSummary,
    Verdict,
    best_of,
    column_on_test,
    direction_of,
    summarize,
    usable,
    verdict,
)
from benchmark.study.loading import parse_study
from benchmark.study.schema import Study


@dataclass(frozen=True, eq=False)
class RunData:
    """A run and its study; what follows from them is computed when it is first needed.

    Args:
        run: the tables of the run.
        study: its frozen study file.
    """

    run: RunTables
    study: Study

    @classmethod
    def read(cls, path: Path) -> "RunData":
        """Read a run folder.

        Args:
            path: the run folder.

        Raises:
            FileNotFoundError: the folder is no run.
            StudyError: the frozen study file is no study.
        """
        run = read_run(path)
        source = f"{run.name}/study.toml"
        return cls(run, parse_study(run.study_text, source, path.resolve().parent.name))

    @cached_property
    def labels(self) -> list[str]:
        """The compared labels, in the order of the study file."""
        return [entry.label for entry in self.study.compare]

    @cached_property
    def styles(self) -> dict[str, Style]:
        """Colour, dash and symbol of each label."""
        return styles(self.labels)

    @cached_property
    def spaces(self) -> dict[str, dict[str, dict[str, Any]]]:
        """By label and hyperparameter its dimension, as plain values."""
        return {
            label: {
                name: dimension.model_dump() for name, dimension in self.study.space(label).items()
            }
            for label in self.labels
        }

    @cached_property
    def trials(self) -> pd.DataFrame:
        """All finished trials."""
        return self.run.trials

    @cached_property
    def search(self) -> pd.DataFrame:
        """The finished trials of the search."""
        return self.trials[self.trials["phase"] == "search"]

    @cached_property
    def summaries(self) -> list[LabelSummary]:
        """The main table, a row a label."""
        return summarize(self.trials, self.labels)

    @cached_property
    def direction(self) -> str:
        """``"minimize"`` or ``"maximize"``."""
        return direction_of(self.trials)

    @cached_property
    def objective(self) -> str:
        """The name of the metric that the search optimizes."""
        if len(self.trials):
            return str(self.trials["objective_name"].iloc[0])
        return self.study.problem.objective or "validation_loss"

    @cached_property
    def compared(self) -> str:
        """The column by which labels are compared: on the test part where there is one."""
        return column_on_test(self.trials) or "objective"

    @cached_property
    def compared_name(self) -> str:
        """The name of the metric in :attr:`compared`."""
        return (
            self.compared.removeprefix("metric.")
            if self.compared != "objective"
            else self.objective
        )

    @cached_property
    def verdict(self) -> Verdict:
        """Who came first, and from whom it is shown to differ."""
        return verdict(self.trials, self.labels)

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Every pair of labels, on their replicates."""
        return self.verdict.comparisons

    @cached_property
    def swept(self) -> list[str]:
        """The options of the problem that the study varies from trial to trial."""
        return [name for name in self.all_searched() if f"problem.{name}" in self.trials]

    @cached_property
    def sweep(self) -> Sweep | None:
        """The best trials by problem, where the study sweeps over a few problems."""
        return sweep_of(self.trials, self.swept)

    def searched(self, label: str) -> list[str]:
        """Return the hyperparameters of a label that were searched, not fixed.

        Args:
            label: the label.
        """
        return [
            name
            for name, dimension in self.spaces[label].items()
            if dimension["value"] is None and f"hp.{name}" in self.trials
        ]

    def all_searched(self) -> list[str]:
        """Return the hyperparameters searched for any label, as first met."""
        names = [name for label in self.labels for name in self.searched(label)]
        return list(dict.fromkeys(names))

    def hyperparameter_axis(self, name: str) -> dict[str, Any]:
        """Return the axis of a hyperparameter, on the scale it was searched on.

        Numbers to choose from are spread on a logarithmic scale where they span more than
        a factor of four, as powers of two do, with a tick at each.

        Args:
            name: the hyperparameter.
        """
        choices = {
            float(choice)
            for space in self.spaces.values()
            for choice in (space.get(name, {}).get("choices") or ())
        }
        if not choices:
            scale = "log" if self.is_log(name) else "linear"
            return axis_of(self.search[f"hp.{name}"], scale)
        ticks = sorted(choices)
        is_log = ticks[0] > 0 and ticks[-1] / ticks[0] > 4
        axis = axis_of(ticks, "log" if is_log else "linear", 0.12)
        return {**axis, "tickvals": ticks, "ticktext": [number(tick) for tick in ticks]}

    def is_log(self, name: str) -> bool:
        """Return whether a hyperparameter is searched on a logarithmic scale.

        Args:
            name: the hyperparameter.
        """
        dimensions = [space[name] for space in self.spaces.values() if name in space]
        return any(bool(dimension["log"]) for dimension in dimensions)

    def shown_trials(self, label: str) -> tuple[pd.DataFrame, str]:
        """Return the trials whose curves are shown for a label, and what they are.

        Args:
            label: the label.

        Returns:
            Its usable replicates; without any, its best trial; without that, no row.
        """
        trials = self.trials[self.trials["label"] == label]
        repeated = usable(trials, "replicate")
        if len(repeated):
            return repeated, "replicates"
        best = best_of(trials)
        return (
            (trials.iloc[:0], "")
            if best is None
            else (trials[trials["number"] == best["number"]], "best")
        )

    def of_first_trial(self, table: pd.DataFrame, label: str) -> pd.DataFrame:
        """Return the rows of a label's first trial in a table, of a shown one where there is any.

        Args:
            table: a table of the run with the column ``trial``.
            label: the label.
        """
        of_label = self.trials[self.trials["label"] == label]["number"]
        for numbers in (self.shown_trials(label)[0]["number"], of_label):
            rows = table[table["trial"].isin(numbers)]
            if len(rows):
                return rows[rows["trial"] == rows["trial"].min()]
        return table.iloc[:0]

    def named_trial(self, label: str, trial: int) -> str:
        """Return a trial with its label, and the problem where the study varies that.

        Args:
            label: its label.
            trial: its number.
        """
        row = self.trials[self.trials["number"] == trial]
        options = [
            f"{words(name)} {number(float(row[f'problem.{name}'].iloc[0]))}" for name in self.swept
        ]
        return f"trial {trial} of {label}{f' ({listed(options)})' if options else ''}"

    def worst_finite(self) -> float:
        """Return the worst finite objective of the search, NaN where there is none."""
        values = self.search["objective"].to_numpy(float)
        values = values[np.isfinite(values)]
        if not values.size:
            return float("nan")
        return float(values.max() if self.direction == "minimize" else values.min())
