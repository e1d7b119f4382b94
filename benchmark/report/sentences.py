"""The report in words: the answer with its uncertainty, and what to beware of."""

import math
from typing import assert_never

from benchmark.report.formatting import counted, listed, number
from benchmark.report.rates import rate_sentences, rates
from benchmark.report.run_data import RunData
from benchmark.report.verdicts import verdict_sentences
from benchmark.statistics import LabelSummary, edge_warnings, failures
from benchmark.trial import Status

FEW_REPLICATES = 5


def answer(run_data: RunData) -> list[str]:
    """Return the answer to the study's question, in a few sentences.

    Args:
        run_data: the run.
    """
    if run_data.swept and len(run_data.trials):
        measured = rates(run_data)
        if measured:
            return rate_sentences(measured)
    return verdict_sentences(run_data.verdict)


def ranking(run_data: RunData) -> list[LabelSummary]:
    """Return the labels with a result, the best first as in the answer.

    Args:
        run_data: the run.
    """
    by_label = {row.label: row for row in run_data.summaries}
    return [by_label[standing.label] for standing in run_data.verdict.standings]


def caveats(run_data: RunData) -> list[str]:
    """Return what limits the answer, the gravest first.

    Args:
        run_data: the run.
    """
    return [
        *_run_caveats(run_data),
        *_status_caveats(run_data),
        *_replicate_caveats(run_data),
        *_space_caveats(run_data),
        *_penalty_caveats(run_data),
        *_data_caveats(run_data),
        *_cost_caveats(run_data),
    ]


def _run_caveats(run_data: RunData) -> list[str]:
    sentences = []
    if run_data.run.study_edits:
        sentences.append(
            "study.toml was edited after the run was started; this report describes the study as "
            "it was then."
        )
    if not run_data.run.is_trained:
        sentences.append("The run is not finished: every number here may still change.")
    missing = [row.label for row in run_data.summaries if math.isnan(row.best)]
    if missing and len(run_data.trials):
        sentences.append(f"No trial of {listed(missing)} ran to its end with a finite value.")
    counts = {row.label: row.trials for row in run_data.summaries}
    if len(set(counts.values())) > 1:
        each = listed([f"{label} {count}" for label, count in counts.items()])
        sentences.append(f"The optimizers did not get the same number of trials ({each}).")
    return sentences


def _status_caveats(run_data: RunData) -> list[str]:
    sentences = []
    for status in reversed(Status):  # the gravest first
        sentence = _left_out(status)
        counts = [
            f"{row.counts[status]} of {row.trials} trials of {row.label}"
            for row in run_data.summaries
            if row.counts.get(status)
        ]
        if counts and sentence:
            sentences.append(f"{listed(counts)} {sentence}.")
    sentences += [failure.sentence for failure in failures(run_data.trials)]
    lost = [
        f"{row.replicates_lost} of {row.label}" for row in run_data.summaries if row.replicates_lost
    ]
    if run_data.compared != "objective":
        lost += [
            f"{row.replicates.count - row.test.count} of {row.label} (no finite test metric)"
            for row in run_data.summaries
            if row.test.count < row.replicates.count
        ]
    if lost:
        sentences.append(
            f"Replicates without a usable end: {listed(lost)}. The verdict counts them as worse "
            "than any other; the means in the table leave them out, and so make these optimizers "
            "look better than they are."
        )
    return sentences


def _left_out(status: Status) -> str:
    """What the numbers of the page make of trials that ended so; empty where that is no caveat."""
    match status:
        case Status.DIVERGED:
            return "diverged; the medians leave them out"
        case Status.PRUNED:
            return "were pruned before their end; best and median leave them out"
        case Status.COMPLETED | Status.CONVERGED | Status.RUNNING:
            return ""
        case Status.FAILED | Status.INTERRUPTED:  # failures have sentences with their reasons
            return ""
        case _:
            assert_never(status)


def _replicate_caveats(run_data: RunData) -> list[str]:
    counts = [row.replicates.count for row in run_data.summaries if not math.isnan(row.best)]
    sentences = []
    if counts and min(counts) < FEW_REPLICATES:
        sentences.append(
            f"{_only(min(counts))} of the best settings: intervals are wide or missing. "
            f"Use {FEW_REPLICATES} or more."
        )
    tested = sum(not pair.reason for pair in run_data.comparisons)
    if tested > 1:
        sentences.append(
            f"{tested} pairs are compared. Each interval holds at 95 % by itself, so some exclude "
            "0 by chance; the results follow the p-values after Holm's correction."
        )
    return sentences


def _only(count: int) -> str:
    return f"Only {counted(count, 'replicate')}" if count else "No replicates"


def _space_caveats(run_data: RunData) -> list[str]:
    sentences = []
    for label in run_data.labels:
        fixed = _fixed(run_data, label)
        if fixed:
            sentences.append(f"Fixed, not searched, for {label}: {listed(fixed)}.")
    sentences += [
        f"The best {edge.name} of {edge.label}, {number(edge.value)}, lies at the "
        f"{edge.end} end of its range ({number(edge.limit)}): a wider range might be better."
        for edge in edge_warnings(run_data.trials, run_data.spaces)
        if edge.name not in run_data.swept
    ]
    return sentences


def _penalty_caveats(run_data: RunData) -> list[str]:
    given = [name for name in ("l1", "l2") if f"hp.{name}" in run_data.trials]
    if not given:
        return []
    return [
        f"Trained with the penalty {listed(given)}. Every loss and gradient norm here is without "
        "it, so that trials with different coefficients can be compared; curvature is with it."
    ]


def _fixed(run_data: RunData, label: str) -> list[str]:
    """Hyperparameters of a label with one value in all trials, with that value."""
    trials = run_data.search[run_data.search["label"] == label]
    searched = run_data.searched(label)
    fixed = []
    for column in trials.columns[trials.columns.str.startswith("hp.")]:
        values = trials[column].dropna().unique()
        name = str(column).removeprefix("hp.")
        if len(values) == 1 and name not in searched:
            fixed.append(f"{name} {number(float(values[0]))}")
    return fixed


def _data_caveats(run_data: RunData) -> list[str]:
    if run_data.study.problem.function:
        return ["The problem is a closed-form function: nothing here is about generalization."]
    sentences = [
        "One dataset and one split: the intervals cover other initial weights and batch orders, "
        "not other data."
    ]
    if run_data.compared != "objective":
        sentences.insert(
            0,
            "Each trial was evaluated on the test part once, after training; no setting was "
            "chosen by it.",
        )
    return sentences


def _cost_caveats(run_data: RunData) -> list[str]:
    """What measuring the curvature cost, where that is known."""
    trials, curvature = run_data.trials, run_data.study.curvature
    needed = {"seconds.curvature", "seconds.train"}
    diagnosis = _diagnosis_caveats(run_data)
    # A trial of the search that was diagnosed too has one clock for both.
    is_apart = curvature.is_monitored and curvature.trials in ("none", "replicate")
    if not is_apart or not needed <= set(trials.columns):
        return diagnosis
    search = run_data.search
    trained = float(search["seconds.train"].sum())
    if not trained:
        return diagnosis
    share = float(search["seconds.curvature"].sum()) / trained
    return [
        f"Monitoring the curvature of every trial of the search took {share:.0%} of the time of "
        "training them.",
        *diagnosis,
    ]


def _diagnosis_caveats(run_data: RunData) -> list[str]:
    """How long the diagnoses took, and the training of the same trials."""
    measured = run_data.run.findings["trial"].unique()
    trials = run_data.trials[run_data.trials["number"].isin(measured)]
    if not len(trials) or "seconds.curvature" not in trials or "seconds.train" not in trials:
        return []
    spent, trained = (float(trials[f"seconds.{name}"].sum()) for name in ("curvature", "train"))
    return [
        f"Diagnosing the curvature of {counted(len(trials), 'trial')} took {number(spent)} s, "
        f"training them {number(trained)} s."
    ]
