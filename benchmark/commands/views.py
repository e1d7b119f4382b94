"""Tables for the terminal, and the same facts as JSON."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmark.commands.terminal import command, printable_json

if TYPE_CHECKING:
    from benchmark.commands.doctor import Check
    from benchmark.results import RunTables
    from benchmark.statistics import Interval, LabelSummary, Verdict


NONE = "–"
"""What stands in a table where there is no value."""
MOST_REASONS = 5
"""Reasons of failed trials that are shown, the most frequent first."""
MOST_PAIRS = 15
"""Of more comparisons the terminal shows those of the label that came first."""

EDITED = "study.toml was edited after the run was started; the trials are of the study before that."


def number(value: float) -> str:
    """A number in four significant digits, or a dash where there is none.

    Example:
        >>> number(0.123456), number(float("inf")), number(12.0), number(float("nan"))
        ('0.1235', 'inf', '12', '–')
    """
    return NONE if math.isnan(value) else f"{value:.4g}"


def listing_table(title: str, rows: Sequence[Mapping[str, str]]) -> RenderableType:
    """Return a table of what ``list`` found.

    Args:
        title: the kind.
        rows: as made by :func:`benchmark.commands.listing.listing`.
    """
    if not rows:
        return Text(f"no {title} yet", style="dim")
    table = Table(title=title, title_justify="left", title_style="bold")
    columns = [column for column in rows[0] if column != "sources"]
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for row in rows:
        table.add_row(*(Text(row[column]) for column in columns))
    return table


def outcome_view(tables: "RunTables", summary: Mapping[str, Any]) -> RenderableType:
    """Return what a finished study shows: the best trials, and what follows from them.

    Args:
        tables: the run.
        summary: what ``summary.json`` holds.
    """
    from benchmark.statistics import verdict

    answer = verdict(tables.trials)
    if answer.swept:
        return sweep_view(tables, answer)
    return Group(summary_table(summary), verdict_view(answer))


def sweep_view(tables: "RunTables", answer: "Verdict") -> RenderableType:
    """Return what a sweep over several problems shows: the best objective of each label on each.

    Args:
        tables: the run.
        answer: the verdict on it, which names what was swept.
    """
    from benchmark.report.run_data import RunData
    from benchmark.report.sentences import answer as sentences_on
    from benchmark.report.sweep import sweep_of

    sentences = Text(" ".join(sentences_on(RunData.read(tables.path))))
    sweep = sweep_of(tables.trials, answer.swept)
    if sweep is None:
        return sentences
    table = Table(title=f"best {sweep.objective}", title_justify="left")
    for column in ("label", *sweep.problems):
        table.add_column(column, overflow="fold")
    for label, of_label in sweep.best.items():
        table.add_row(label, *(number(best.objective) for best in of_label))
    return Group(table, sentences)


def summary_table(summary: Mapping[str, Any]) -> Table:
    """Return the best trial of each label, as a finished study shows it.

    Args:
        summary: what ``summary.json`` holds.
    """
    table = Table(title=f"best {summary['objective']}", title_justify="left")
    for column in ("label", "objective", "trial", "hyperparameters"):
        table.add_column(column, overflow="fold")
    for label, best in _ranked(summary):
        settings = {name: number(value) for name, value in best["hyperparameters"].items()}
        settings |= best.get("model_options", {})
        chosen = ", ".join(f"{name} {value}" for name, value in settings.items())
        table.add_row(label, number(best["objective"]), str(best["trial"]), chosen)
    return table


def _ranked(summary: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The best trial of each label, the best first."""
    sign = -1 if summary.get("direction") == "maximize" else 1
    return sorted(summary["best"].items(), key=lambda item: sign * float(item[1]["objective"]))


def run_view(tables: "RunTables") -> RenderableType:
    """Return what ``show`` shows of a run.

    Args:
        tables: the run.
    """
    from benchmark.statistics import COUNTED, summarize, verdict

    verdict_of_run = verdict(tables.trials)
    # The best of trials on different problems is that of the easiest problem.
    names = () if verdict_of_run.swept else BEST_COLUMNS
    table = Table(title=tables.name, title_justify="left", title_style="bold")
    for column in ("label", "trials", *names, ", ".join(COUNTED)):
        table.add_column(column)
    for summary in summarize(tables.trials):
        counts = ", ".join(str(summary.counts.get(status, 0)) for status in COUNTED)
        best = _best_cells(summary) if names else ()
        table.add_row(summary.label, str(summary.trials), *best, counts)
    state = Text(f"{completeness(tables.path) or 'finished'}; {tables.path}")
    edited = [Text(EDITED)] if tables.study_edits else []
    answer = (
        sweep_view(tables, verdict_of_run) if verdict_of_run.swept else verdict_view(verdict_of_run)
    )
    return Group(table, answer, *map(Text, failure_lines(tables)), state, *edited)


BEST_COLUMNS = ("best", "of trial", "median", "quartiles", "replicates")


def _best_cells(summary: "LabelSummary") -> tuple[str, ...]:
    """What the trials of a label reached, a cell for each of ``BEST_COLUMNS``."""
    has_best = summary.best_trial >= 0
    return (
        number(summary.best),
        str(summary.best_trial) if has_best else NONE,
        number(summary.median),
        " to ".join(number(value) for value in summary.quartiles) if has_best else NONE,
        _replicates_cell(summary.replicates, summary.replicates_lost),
    )


def completeness(path: Path) -> str:
    """Return what a run lacks and how to go on; nothing where it is finished.

    Args:
        path: the run folder.
    """
    from benchmark.results import is_finished, is_trained

    if is_finished(path):
        return ""
    resume = command("study", "--resume", path)
    if is_trained(path):
        return f"trained, but models, report or MLflow may be missing: complete it with {resume}"
    return f"unfinished: go on with {resume}"


def failure_lines(tables: "RunTables") -> list[str]:
    """Say which trials failed and why, a line a reason.

    Args:
        tables: the run.
    """
    from benchmark.statistics import failures

    reasons = failures(tables.trials)
    lines = [failure.sentence for failure in reasons[:MOST_REASONS]]
    if len(reasons) > MOST_REASONS:
        lines.append(
            f"{len(reasons) - MOST_REASONS} other reasons are in {tables.path}/trials.parquet."
        )
    return lines


def _replicates_cell(mean: "Interval", lost: int) -> str:
    """The mean of the replicates, with its interval and with how many were lost."""
    ends = f" [{number(mean.low)}, {number(mean.high)}]" if mean.is_known else ""
    value = f"{number(mean.mean)}{ends}" if mean.count else "–"
    return f"{value}, {lost} of {mean.count + lost} lost" if lost else value


def verdict_view(answer: "Verdict") -> RenderableType:
    """Return who came first, in words, and the comparisons that it rests on.

    Args:
        answer: the verdict on a run.
    """
    from benchmark.report.verdicts import comparison_sentence, verdict_sentences

    sentences = Text(" ".join(verdict_sentences(answer)))
    if answer.swept or all(not pair.difference.count for pair in answer.comparisons):
        return sentences
    pairs = answer.comparisons
    if len(pairs) > MOST_PAIRS:
        pairs = tuple(answer.pairs_of(answer.standings[0].label)) if answer.standings else ()
    table = Table(title=f"differences in {answer.metric}", title_justify="left")
    for column in ("pair", "difference", "95 % interval", "p", "adjusted p", "result"):
        table.add_column(column, overflow="fold")
    for pair in pairs:
        mean = pair.difference
        cells = (
            f"{pair.first} - {pair.second}",
            _known(mean.mean),
            f"{number(mean.low)} to {number(mean.high)}" if mean.is_known else "–",
            _known(pair.p_value),
            _known(pair.adjusted),
            comparison_sentence(pair),
        )
        table.add_row(*(Text(cell) for cell in cells))
    rest = len(answer.comparisons) - len(pairs)
    notes = [Text(f"The report and --json have the other {rest} pairs.")] if rest else []
    return Group(table, *notes, sentences)


def _known(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"


def verdict_document(answer: "Verdict") -> dict[str, Any]:
    """Return a verdict as plain values; what is not known is null.

    Args:
        answer: the verdict on a run.
    """
    from benchmark.report.verdicts import verdict_sentences

    def known(value: float) -> float | None:
        return None if math.isnan(value) else value

    return {
        "answer": verdict_sentences(answer),
        "metric": answer.metric,
        "first": answer.first.label if answer.first else None,
        "better_than": [standing.label for standing in answer.beaten],
        "ranking": [
            {
                "label": standing.label,
                "median" if answer.is_by_median else "mean": known(standing.value),
                "replicates": standing.replicates,
                "lost": standing.lost,
            }
            for standing in answer.standings
        ],
        "comparisons": [
            {
                "first": pair.first,
                "second": pair.second,
                "difference": known(pair.difference.mean),
                "low": known(pair.difference.low),
                "high": known(pair.difference.high),
                "p_value": known(pair.p_value),
                "adjusted_p_value": known(pair.adjusted),
                "better": pair.better or None,
                "reason": pair.reason or None,
                "method": pair.difference.method,
            }
            for pair in answer.comparisons
        ],
    }


def run_document(tables: "RunTables") -> dict[str, Any]:
    """Return a run as plain values: its summary and every trial.

    Args:
        tables: the run.
    """
    from benchmark.statistics import verdict

    return {
        "run": tables.name,
        "path": str(tables.path),
        "finished": tables.is_finished,
        "summary": tables.summary,
        **({"study_edits": tables.study_edits} if tables.study_edits else {}),
        "verdict": verdict_document(verdict(tables.trials)),
        "trials": [
            {key: value for key, value in row.items() if not _is_missing(value)}
            for row in tables.trials.to_dict("records")
        ],
    }


def trial_view(tables: "RunTables", trial: int) -> RenderableType:
    """Return what ``show --trial`` shows: the trial's row and its curves.

    Args:
        tables: the run.
        trial: a trial's number.
    """
    document = trial_document(tables, trial)
    facts = Table(title=f"{tables.name} trial {trial}", title_justify="left", show_header=False)
    for key, value in document["trial"].items():
        facts.add_row(str(key), number(value) if isinstance(value, float) else str(value))
    curves = Table(title="curves", title_justify="left")
    rows: list[dict[str, Any]] = document["curves"]
    # A column for each quantity of each layer would fit no terminal; JSON and Parquet have them.
    every = dict.fromkeys(name for row in rows for name in row)
    names = [name for name in every if not name.startswith("layer.")]
    for name in names:
        curves.add_column(name, justify="right")
    for row in rows:
        curves.add_row(*(number(row[name]) if name in row else "" for name in names))
    findings = Table(title="findings", title_justify="left")
    for name in ("epoch", "topic", "sentence"):
        findings.add_column(name, overflow="fold")
    for finding in document["findings"]:
        findings.add_row(*(Text(str(finding[name])) for name in ("epoch", "topic", "sentence")))
    return Group(facts, curves, *([findings] if document["findings"] else []))


def trial_document(tables: "RunTables", trial: int) -> dict[str, Any]:
    """Return a trial as plain values: its row, a row for each epoch, and the findings.

    Args:
        tables: the run.
        trial: a trial's number.
    """
    (row,) = tables.trials[tables.trials["number"] == trial].to_dict("records")
    epochs: dict[int, dict[str, Any]] = {}
    for table, name in ((tables.curves, "metric"), (tables.curvature, "quantity")):
        for entry in table[table["trial"] == trial].to_dict("records"):
            values = epochs.setdefault(entry["epoch"], {"epoch": entry["epoch"]})
            values[entry[name]] = entry["value"]
    return {
        "trial": {str(key): value for key, value in row.items() if not _is_missing(value)},
        "curves": [epochs[epoch] for epoch in sorted(epochs)],
        "findings": tables.findings[tables.findings["trial"] == trial]
        .drop(columns="trial")
        .to_dict("records"),
    }


def doctor_table(checks: "Sequence[Check]") -> Table:
    """Return the findings of ``doctor``.

    Args:
        checks: what was examined.
    """
    table = Table(show_header=False)
    for check in checks:
        mark = Text("good", style="green") if check.good else Text("bad", style="red")
        table.add_row(mark, check.name, Text(check.detail, overflow="fold"))
    return table


def print_json(document: Any) -> None:
    """Print one JSON document; infinities become strings, because JSON has none.

    Example:
        >>> print_json({"objective": float("inf")})
        {
          "objective": "inf"
        }
    """
    text = json.dumps(_json_ready(document), indent=2, ensure_ascii=False)
    sys.stdout.write(printable_json(text) + "\n")


def _json_ready(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(item) for item in value]
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
