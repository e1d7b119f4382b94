"""What MLflow shows of a run beside its trials: the verdict, and what each optimizer reached."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.search import SearchSettings
from benchmark.study.dimension import MODEL_PREFIX
from benchmark.study.schema import Study
from benchmark.tracking import (
    DIAGNOSED,
    MONITORED,
    OptimizerOverview,
    Point,
    RunOverview,
    TrackedStudy,
    curvature_metric,
    finite_point,
)
from benchmark.urls import without_secrets

if TYPE_CHECKING:
    from benchmark.report.run_data import RunData
    from benchmark.statistics import Interval, LabelSummary, Spread


def tracked_study(study: Study, settings: SearchSettings) -> TrackedStudy:
    """Return what arranges the pages of a study's run.

    Args:
        study: the study.
        settings: its resolved objective and metric.
    """
    labels = [entry.label for entry in study.compare]
    parts = ("train",) if study.problem.function else ("validation", "train")
    followed = [f"{part}_{name}" for name in ("loss", settings.metric) if name for part in parts]
    return TrackedStudy(
        params=_params(study),
        objective=settings.objective,
        direction=settings.direction,
        metrics=tuple(dict.fromkeys([settings.objective, *followed])),
        searched={label: _searched(study, label) for label in labels},
        logarithmic=frozenset(
            name
            for label in labels
            for name, dimension in study.space(label).items()
            if dimension.log and not name.startswith(MODEL_PREFIX)  # no number of an optimizer
        ),
        replicates=study.budget.replicates,
        is_diagnosed=study.curvature.trials in ("replicate", "all"),
    )


def _searched(study: Study, label: str) -> tuple[str, ...]:
    """The hyperparameters of a label that are searched, the usual ones first."""
    first = ("learning_rate", "momentum", "beta_1", "batch_size")
    names = [name for name, dimension in study.space(label).items() if not dimension.is_fixed]
    return (*(name for name in first if name in names), *(n for n in names if n not in first))


def _params(study: Study) -> dict[str, str]:
    """The settings of the whole study, by the names that trials have for theirs."""
    problem, budget = study.problem, study.budget
    options = {f"problem.{name}": value for name, value in problem.options.items()}
    model = {} if problem.function else {"model": problem.model.name}
    model |= {f"model.{name}": value for name, value in problem.model.options.items()}
    settings = {
        "problem": problem.dataset or problem.function,
        **options,
        **({} if problem.function else model),
        "epochs": study.training.epochs,
        "seed": study.seed,
        "trials": budget.trials,
        "replicates": budget.replicates,
        "sampler": budget.sampler,
        "pruner": budget.pruner,
    }
    return {name: str(value) for name, value in settings.items()}


def run_overview(path: Path) -> RunOverview:
    """Return what a trained run found, from its folder alone.

    Args:
        path: the run folder, whose tables are written.
    """
    from benchmark.report.run_data import RunData

    run_data = RunData.read(path)
    reached = {row.label: _reached(run_data, row) for row in run_data.summaries}
    optimizers = {
        row.label: _optimizer_overview(run_data, row, reached[row.label])
        for row in run_data.summaries
    }
    points = [
        finite_point(f"{name}/{label}", value, 0)
        for label, numbers in reached.items()
        for name, value in numbers.items()
        if name != "best_objective"  # the run has had it since the first trial
    ]
    description = without_secrets(_description(run_data, reached))
    return RunOverview(description, tuple(points), optimizers)


def _reached(run_data: "RunData", row: "LabelSummary") -> dict[str, float]:
    """The final values of a label by name; those that are not known are left out."""
    compared, mean = _compared(run_data, row)
    numbers = {
        "best_objective": row.best,
        f"{compared}_mean": mean.mean,
        f"{compared}_interval_low": mean.low,
        f"{compared}_interval_high": mean.high,
    }
    by_quantity = _curvature(run_data, row.label)
    numbers |= {name: spreads[-1].mean for name, spreads in by_quantity.items()}
    return {name: float(value) for name, value in numbers.items() if not math.isnan(value)}


def _compared(run_data: "RunData", row: "LabelSummary") -> tuple[str, "Interval"]:
    """The metric by which labels are compared, and its mean over the replicates of one."""
    is_tested = run_data.compared != "objective"
    return run_data.compared_name, row.test if is_tested else row.replicates


def _curvature(run_data: "RunData", label: str) -> dict[str, "list[Spread]"]:
    """The diagnosed curvature over the replicates, or the monitored one of the best trial."""
    from benchmark.statistics import best_of, spreads

    trials, _ = run_data.shown_trials(label)
    best = best_of(run_data.trials[run_data.trials["label"] == label])
    numbers = {
        DIAGNOSED: list(trials["number"]),
        MONITORED: [] if best is None else [best["number"]],
    }
    table = run_data.run.curvature
    for quantities, shown in numbers.items():
        rows = table[table["trial"].isin(shown) & table["quantity"].isin(quantities)]
        if len(rows):
            by_quantity = spreads(rows, "quantity", len(shown))
            return {name: by_quantity[name] for name in quantities if name in by_quantity}
    return {}


def _optimizer_overview(
    run_data: "RunData", row: "LabelSummary", numbers: Mapping[str, float]
) -> OptimizerOverview:
    from benchmark.statistics import spreads

    trials, _ = run_data.shown_trials(row.label)
    curves = run_data.run.curves
    by_metric = spreads(curves[curves["trial"].isin(trials["number"])], "metric", len(trials))
    by_metric = {
        name: values
        for name, values in by_metric.items()
        if name.startswith(("train_", "validation_"))
    }
    by_metric |= {
        curvature_metric(name): values for name, values in _curvature(run_data, row.label).items()
    }
    drawn = [point for name, values in by_metric.items() for point in _ends(name, values)]
    last = max((point.step for point in drawn), default=0)
    finals = [
        finite_point(name, value, last)
        for name, value in numbers.items()
        if name not in (*DIAGNOSED, *MONITORED)  # the last point of its curve
    ]
    return OptimizerOverview(
        _setting(run_data, row),
        run_data.styles[row.label].colour,
        {
            "optimizer": row.optimizer,
            **{k: f"{v:.6g}" for k, v in row.configuration.items()},
            **row.architecture,
        },
        (*drawn, *finals),
    )


def _ends(name: str, values: "Iterable[Spread]") -> list[Point]:
    return [
        finite_point(f"{name}/{end}", getattr(spread, end), spread.epoch)
        for spread in values
        for end in ("mean", "low", "high")
    ]


def _setting(run_data: "RunData", row: "LabelSummary") -> str:
    """Which trials the curves of a label are of."""
    from benchmark.report.formatting import counted, number

    _, kind = run_data.shown_trials(row.label)
    if not kind:
        return f"No trial of {escaped(row.label)} ran to its end."
    numbers = {key: number(value) for key, value in row.configuration.items()}
    setting = ", ".join(f"{k} {v}" for k, v in {**numbers, **row.architecture}.items())
    over = (
        f"{counted(row.replicates.count, 'replicate')}: mean, low (lowest) and high (highest)"
        if kind == "replicates"
        else "the best trial itself, which was not trained again"
    )
    return f"Best setting, of trial {row.best_trial}: {escaped(setting)}. Curves over {over}."


def _description(run_data: "RunData", reached: Mapping[str, Mapping[str, float]]) -> str:
    """The question, the verdict, a table of the optimizers and the caveats; Markdown."""
    from benchmark.report.sentences import answer, caveats

    first, *others = answer(run_data)
    parts = [
        escaped(run_data.study.question),
        f"**{escaped(first)}** {escaped(' '.join(others))}".rstrip(),
        _table(run_data, reached),
        "\n".join(f"- {escaped(sentence)}" for sentence in caveats(run_data)),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(run_data: "RunData", reached: Mapping[str, Mapping[str, float]]) -> str:
    from benchmark.report.formatting import interval, number, words

    compared = words(run_data.compared_name)
    head = ("optimizer", f"best {words(run_data.objective)}", f"mean {compared}", "95 % interval")
    rows: list[Sequence[str]] = [(*head, "λmax", "κ"), ("---",) * 6]
    for row in run_data.summaries:
        numbers = reached[row.label]
        _, mean = _compared(run_data, row)
        largest = numbers.get("lambda_max", numbers.get("probe_lambda_max", math.nan))
        rows.append(
            (
                row.label,
                number(row.best),
                number(mean.mean),
                interval(mean),
                number(largest),
                _condition(numbers),
            )
        )
    return "\n".join(f"| {' | '.join(map(escaped, row))} |" for row in rows)


def _condition(numbers: Mapping[str, float]) -> str:
    """κ, or its lower bound, which is marked as one."""
    from benchmark.report.formatting import number

    if "condition_number" in numbers:
        return number(numbers["condition_number"])
    for name in ("condition_number_lower_bound", "probe_condition_number_lower_bound"):
        if name in numbers:
            return f"≥ {number(numbers[name])}"
    return "–"


def escaped(text: str) -> str:
    r"""Return a text that Markdown shows as it is.

    Example:
        >>> escaped("a_b | <c>")
        'a\\_b \\| \\<c>'
    """
    return re.sub(r"([\\`*_\[\]<|])", r"\\\1", text)
