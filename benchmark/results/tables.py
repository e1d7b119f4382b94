"""Records as tables: the columns of the Parquet files of a run."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import pandas as pd

from benchmark.results.checking import is_count
from benchmark.results.records import Record
from benchmark.trial import (
    ClosedFormProblem,
    Direction,
    Phase,
    Problem,
    Settings,
    Status,
    TrialResult,
)

Row = tuple[Any, ...]
TABLES = ("trials", "curves", "curvature", "spectra", "findings")
_INTEGERS = {
    "trials": ("number", "seed", "replicate", "epochs", "steps", "samples", "gradient_evaluations"),
    "curves": ("trial", "epoch", "step", "samples", "gradient_evaluations"),
    "curvature": ("trial", "epoch"),
    "spectra": ("trial", "epoch", "index"),
    "findings": ("trial", "epoch"),
}
_STRINGS = {
    "trials": (
        "phase",
        "label",
        "optimizer",
        "dataset",
        "model",
        "status",
        "reason",
        "objective_name",
        "direction",
    ),
    "curves": ("metric",),
    "curvature": ("quantity",),
    "spectra": (),
    "findings": ("topic", "sentence"),
}
COLUMNS = {
    "trials": (
        "number",
        "phase",
        "label",
        "optimizer",
        "dataset",
        "model",
        "seed",
        "replicate",
        "status",
        "reason",
        "objective",
        "objective_name",
        "direction",
        "epochs",
        "steps",
        "samples",
        "gradient_evaluations",
    ),
    "curves": ("trial", "epoch", "step", "samples", "gradient_evaluations", "metric", "value"),
    "curvature": ("trial", "epoch", "quantity", "value"),
    "spectra": ("trial", "epoch", "index", "eigenvalue"),
    "findings": ("trial", "epoch", "topic", "sentence"),
}
"""The columns that every run has; ``trials`` adds ``hp.*``, ``metric.*``, ``problem.*``,
``option.*``, ``model.*`` and ``seconds.*`` as its records need them."""
GROUPS = ("hp.", "metric.", "problem.", "option.", "model.", "seconds.")


def build_tables(records: Iterable[Record]) -> dict[str, pd.DataFrame]:
    """Return the five tables of a run, sorted, so that equal records give equal tables.

    Args:
        records: results with their reports, in any order.

    Returns:
        ``trials`` (a row a trial), ``curves`` (a row a metric and epoch), ``curvature``
        (a row a quantity and epoch), ``spectra`` (a row an eigenvalue) and ``findings`` (a row
        a topic and epoch).
    """
    trials: list[dict[str, Any]] = []
    rows: dict[str, list[Row]] = {name: [] for name in TABLES if name != "trials"}
    for result, reports in sorted(records, key=lambda record: record[0].trial.number):
        trials.append(_trial_row(result))
        for report in sorted(reports, key=lambda report: report.epoch):
            at = (report.trial_number, report.epoch)
            counts = (report.step, report.samples, report.gradient_evaluations)
            rows["curves"] += [(*at, *counts, *item) for item in report.metrics.items()]
            rows["curvature"] += [(*at, *item) for item in report.curvature.items()]
            rows["findings"] += [(*at, *item) for item in report.findings.items()]
            rows["spectra"] += [(*at, *item) for item in enumerate(report.spectrum)]
    names = {key for row in trials for key in row}
    more = [key for group in GROUPS for key in sorted(names) if key.startswith(group)]
    columns = [*COLUMNS["trials"], *more]
    return {
        "trials": _typed("trials", pd.DataFrame(trials, columns=columns)),
        **{
            name: _typed(name, pd.DataFrame(some, columns=list(COLUMNS[name])))
            for name, some in rows.items()
        },
    }


def are_tables(tables: Mapping[str, pd.DataFrame]) -> bool:
    """Return whether tables that were read back are what :func:`build_tables` made.

    Args:
        tables: by name.
    """
    for name, table in tables.items():
        columns = [str(column) for column in table.columns]
        known = [column for column in columns if not column.startswith(GROUPS)]
        # The order of the groups is left open: earlier releases had fewer.
        if known != list(COLUMNS[name]) or (name != "trials" and known != columns):
            return False
        if not all(_is_of_type(table[column], _type(name, column)) for column in columns):
            return False
    trials = tables["trials"]
    others = [table["trial"] for name, table in tables.items() if name != "trials"]
    return (
        bool(trials["number"].is_unique)
        and all(is_count(int(number)) for number in trials["number"])
        and set(trials["status"]) <= {status.value for status in Status if status.is_final}
        and set(trials["direction"]) <= set(get_args(Direction))
        and set(trials["phase"]) <= set(get_args(Phase))
        and not trials["objective"].isna().any()
        and all(set(column) <= set(trials["number"]) for column in others)
    )


def _is_of_type(column: "pd.Series[Any]", kind: str) -> bool:
    if kind == "str":
        return all(isinstance(value, str) for value in column)
    return str(column.dtype) == kind


def _trial_row(result: TrialResult) -> dict[str, Any]:
    trial = result.trial
    return {
        "number": trial.number,
        "phase": trial.phase,
        "label": trial.label,
        "optimizer": trial.optimizer,
        "dataset": trial.problem.name,
        "model": trial.model,
        "seed": trial.seed,
        "replicate": trial.replicate,
        "status": result.status.value,
        "reason": result.reason,
        "objective": result.objective,
        "objective_name": trial.objective,
        "direction": trial.direction,
        "epochs": result.epochs,
        "steps": result.step,
        "samples": result.samples,
        "gradient_evaluations": result.gradient_evaluations,
        **_named("hp.", trial.hyperparameters),
        **_named("metric.", result.metrics),
        **_named("problem.", _problem_options(trial.problem)),
        **{key: _text(value) for key, value in _named("option.", trial.options).items()},
        **{key: _text(value) for key, value in _named("model.", trial.model_options).items()},
        **_named("seconds.", result.seconds),
    }


def _problem_options(problem: Problem) -> Settings:
    return problem.options if isinstance(problem, ClosedFormProblem) else Settings()


def _named(prefix: str, settings: Settings) -> dict[str, Any]:
    return {prefix + name: value for name, value in settings.items()}


def _text(value: Any) -> str:
    """A structural option as text: options of one name may differ in type between models."""
    return value if isinstance(value, str) else json.dumps(value)


def _typed(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose column types do not depend on the values."""
    types = {column: _type(name, column) for column in table.columns}
    # A missing text is "nan" in pandas 2 and missing in pandas 3: an empty one is equal in both.
    missing = {column: "" for column, kind in types.items() if kind == "str"}
    return table.fillna(missing).astype(types)


def _type(name: str, column: str) -> str:
    if column in _INTEGERS[name]:
        return "int64"
    if column in _STRINGS[name] or column.startswith(("option.", "model.")):
        return "str"
    return "float64"
