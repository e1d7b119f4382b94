"""The tables of the report, as plain text cells."""

from collections.abc import Mapping
from typing import Any

from benchmark.report.formatting import interval, listed, number, words
from benchmark.report.rendering import Cell, Table
from benchmark.report.run_data import RunData
from benchmark.report.sentences import ranking
from benchmark.report.verdicts import comparison_sentence
from benchmark.results import model_file
from benchmark.statistics import COUNTED, Interval, LabelSummary

_NAMES = {
    "created": "started (UTC)",
    "git_commit": "git commit",
    "git_changed": "git: files changed since",
    "memory_gibibytes": "memory (GiB)",
}


def label_rows(run_data: RunData) -> list[dict[str, Any]]:
    """Return the main table, a row a label, the best first as in the answer.

    Args:
        run_data: the run.

    Returns:
        The rows; none before a trial has ended, and none where trials are of different problems,
        for the best of those is that of the easiest problem.
    """
    if run_data.swept or not len(run_data.trials):
        return []
    ranked = ranking(run_data)
    placed = {row.label for row in ranked}
    rest = [row for row in run_data.summaries if row.label not in placed]
    return [_label_row(run_data, row) for row in [*ranked, *rest]]


def interval_methods(run_data: RunData) -> list[str]:
    """Say how the intervals of the main table were found, once for all labels alike.

    Args:
        run_data: the run.
    """
    by_method: dict[str, list[str]] = {}
    for row in run_data.summaries:
        if row.replicates.count > 1:
            by_method.setdefault(row.replicates.method, []).append(row.label)
    if len(by_method) == 1:
        return [f"Intervals: {method}." for method in by_method]
    return [f"Interval of {listed(labels)}: {method}." for method, labels in by_method.items()]


def _label_row(run_data: RunData, row: LabelSummary) -> dict[str, Any]:
    settings = [f"{key} {number(value)}" for key, value in row.configuration.items()]
    settings += [f"{key} {value}" for key, value in row.architecture.items()]
    return {
        "label": row.label,
        "optimizer": row.optimizer,
        "colour": run_data.styles[row.label].colour,
        "trials": row.trials,
        "best": number(row.best),
        "median": number(row.median),
        "quartiles": f"{number(row.quartiles[0])} to {number(row.quartiles[1])}"
        if row.quartiles[0] == row.quartiles[0]
        else "–",
        "counts": {status: row.counts.get(status, 0) for status in COUNTED},
        "replicates": _measured(row.replicates, row.replicates_lost),
        "test": _measured(row.test, row.replicates_lost + row.replicates.count - row.test.count),
        "settings": settings,
        "best_trial": row.best_trial,
        "model": _model(run_data, row.label),
    }


def _model(run_data: RunData, label: str) -> str:
    """Where in the run folder the model of a label's best trial is; empty where there is none."""
    path = run_data.run.path
    file = model_file(path, label)
    return file.relative_to(path).as_posix() if file.is_file() else ""


def _measured(value: Interval, lost: int) -> dict[str, Any]:
    return {
        "mean": number(value.mean),
        "interval": interval(value),
        "count": value.count,
        "lost": lost,
        "method": value.method,
    }


def comparison_rows(run_data: RunData) -> list[dict[str, Any]]:
    """Return the table of comparisons, a row a pair of labels.

    Args:
        run_data: the run.

    Returns:
        The rows; ``is_leading`` is of the pairs of the label that came first. There are none where
        no pair has a verdict and all for one reason, which the answer gives.
    """
    if no_comparison(run_data):
        return []
    first = [row.label for row in ranking(run_data)][:1]
    return [
        {
            "is_leading": bool({pair.first, pair.second} & set(first)),
            "pair": f"{pair.first} − {pair.second}",
            "difference": number(pair.difference.mean),
            "interval": interval(pair.difference),
            "p_value": number(pair.p_value, 2),
            "adjusted": number(pair.adjusted, 2),
            "method": pair.difference.method,
            "verdict": comparison_sentence(pair),
            "is_shown": bool(pair.better),
        }
        for pair in run_data.comparisons
    ]


def sweep_tables(run_data: RunData) -> list[Table]:
    """Return the best objectives by problem, and their settings, of a study that sweeps over few.

    Args:
        run_data: the run.
    """
    sweep = run_data.sweep
    if sweep is None:
        return []
    values: list[tuple[Cell, ...]] = [
        (label, *(best.objective for best in of_label)) for label, of_label in sweep.best.items()
    ]
    settings: list[tuple[Cell, ...]] = [
        (label, problem, best.objective, str(best.trial), best.settings)
        for label, of_label in sweep.best.items()
        for problem, best in zip(sweep.problems, of_label, strict=True)
        if best.trial >= 0
    ]
    return [
        Table(sweep.caption, ("optimizer", *sweep.problems), values, name="sweep"),
        Table(
            "The settings of the best trial of each optimizer on each problem.",
            ("optimizer", "problem", words(sweep.objective), "trial", "settings"),
            settings,
            folded="The settings of the best trials",
            text_columns=2,
            name="sweep-settings",
        ),
    ]


_UNSHOWN = ("study", "sequence")


def no_comparison(run_data: RunData) -> str:
    """Return why no pair has a verdict; empty if some have one, or if the reasons differ.

    Args:
        run_data: the run.
    """
    if run_data.swept:
        return "the trials are of different problems"
    reasons = {pair.reason for pair in run_data.comparisons}
    return reasons.pop() if len(reasons) == 1 else ""


def environment_rows(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the environment as names and values.

    Args:
        environment: what ``environment.json`` holds.

    Example:
        >>> environment_rows({"cores": 2, "versions": {"numpy": "2.4.0"}})
        [('cores', '2'), ('versions', 'numpy 2.4.0')]
    """
    return [
        (_NAMES.get(key, words(key)), str(value)[:19] if key == "created" else _text(value))
        for key, value in environment.items()
        if key not in _UNSHOWN and value not in ("", [], {}, None)
    ]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return str(value)


def problem_rows(run_data: RunData) -> list[tuple[str, str]]:
    """Return what was trained, as names and values.

    Args:
        run_data: the run.
    """
    study, problem = run_data.study, run_data.study.problem
    rows = [("problem", problem.dataset or problem.function)]
    if problem.dataset:
        options = [f"{words(key)} {_text(value)}" for key, value in problem.model.options.items()]
        split = problem.split
        rows += [
            ("model", ", ".join([problem.model.name, *options])),
            (
                "split",
                f"{split.train:g} train, {split.validation:g} validation, {split.test:g} test",
            ),
            ("scaling", _of_labels({label: study.scaling(label) for label in run_data.labels})),
        ]
    elif problem.options:
        rows.append(
            ("options", ", ".join(f"{words(key)} {_text(v)}" for key, v in problem.options.items()))
        )
    budget = study.budget
    schedules = {label: study.schedule(label) for label in run_data.labels}
    return [
        *rows,
        ("objective", f"{run_data.direction} {words(run_data.objective)}"),
        (
            "training",
            f"{study.training.epochs} epochs, {words(study.training.batch_sampling)} sampling, "
            f"learning rate: {_of_labels(schedules)}",
        ),
        (
            "search",
            f"{budget.trials} trials an optimizer, {words(budget.sampler)} sampler, "
            f"{words(budget.pruner)} pruner".replace("none pruner", "no pruner"),
        ),
        ("replicates", str(budget.replicates)),
        ("seed", str(study.seed)),
    ]


def _of_labels(values: Mapping[str, str]) -> str:
    """A setting in words: the value of all labels, or that of each where they differ."""
    if len(set(values.values())) == 1:
        return words(next(iter(values.values())))
    return ", ".join(f"{words(value)} for {label}" for label, value in values.items())
