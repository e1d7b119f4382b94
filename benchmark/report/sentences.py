"""The report in words: the answer with its uncertainty, and what to beware of."""

import math

from benchmark.report.formatting import counted, interval, listed, number, shortened, words
from benchmark.report.material import Material
from benchmark.report.rates import rate_sentences, rates
from benchmark.statistics import Comparison, Interval, LabelSummary, edge_warnings

FEW_REPLICATES = 5


def answer(material: Material) -> list[str]:
    """Return the answer to the study's question, in a few sentences.

    Args:
        material: the run.
    """
    ranked = ranking(material)
    if not len(material.trials):
        return ["No trial has finished yet, so there is no answer."]
    if material.swept:
        found = rates(material)
        return rate_sentences(found) if found else [_SWEPT]
    if not ranked:
        return [
            f"None of the {counted(len(material.search), 'trial')} ran to its end with a finite "
            f"{words(material.objective)}, so there is no answer."
        ]
    name = words(material.judged_name)
    best = ranked[0]
    measured = _measured(material, best)
    if not measured.count:
        return [
            f"{best.label} reached the best {words(material.objective)}, {number(best.best)}, "
            f"in {counted(best.trials, 'trial')}.",
            "Nothing was trained again with other random numbers, so nothing says how far "
            "chance alone would move these numbers.",
        ]
    value = f"a {name} of {number(measured.mean)}{_in_brackets(measured)}"
    if len(ranked) == 1:
        runs = counted(measured.count, "replicate")
        return [f"{best.label} reached {value} over {runs} of its best setting."]
    return [_verdict(material, ranked, value), *_pairs_sentence(material, best)]


_SWEPT = (
    "The trials are of different problems, so no optimizer is best over all of them; the figures "
    "show each against what was varied."
)


def _in_brackets(measured: Interval) -> str:
    return f" (95 % interval {interval(measured)})" if measured.is_known else ""


def ranking(material: Material) -> list[LabelSummary]:
    """Return the labels with a result, the best first: by their replicates where there are any.

    Args:
        material: the run.
    """
    sign = 1 if material.direction == "minimize" else -1

    def key(row: LabelSummary) -> tuple[bool, float]:
        mean = _measured(material, row).mean
        return math.isnan(mean), sign * (row.best if math.isnan(mean) else mean)

    return sorted((row for row in material.summaries if not math.isnan(row.best)), key=key)


def _measured(material: Material, row: LabelSummary) -> Interval:
    return row.replicates if material.judged == "objective" else row.test


def _verdict(material: Material, ranked: list[LabelSummary], value: str) -> str:
    """Say who came first, and from whom it is shown to differ.

    A label whose interval of differences includes 0, or that has none, is tied.
    """
    best = ranked[0].label
    tied = [
        row.label for row in ranked[1:] if _pair(material, best, row.label).better not in {best}
    ]
    others = [row.label for row in ranked[1:] if row.label not in tied]
    if not tied:
        against = shortened([_reached(material, row) for row in ranked[1:]])
        return (
            f"At its best setting found, {best} is better than {listed(others)}: it reached "
            f"{value}, against {against}."
        )
    shown = f" It is better than {listed(others)}." if others else ""
    reached = shortened([_reached(material, row) for row in ranked[1:] if row.label in tied])
    return f"{best} came first with {value}, but no difference from {reached} is shown.{shown}"


def _reached(material: Material, row: LabelSummary) -> str:
    measured = _measured(material, row)
    if not measured.count:
        return row.label
    return f"{row.label} with {number(measured.mean)}{_in_brackets(measured)}"


def _pair(material: Material, first: str, second: str) -> Comparison:
    return next(
        pair for pair in material.comparisons if {pair.first, pair.second} == {first, second}
    )


def _pairs_sentence(material: Material, best: LabelSummary) -> list[str]:
    pairs = [pair for pair in material.comparisons if best.label in (pair.first, pair.second)]
    least = min(pair.difference.count for pair in pairs)
    if least < 2:
        return ["There are too few replicates in common to compare all optimizers."]
    # Two searches of one study have been seen to give opposite verdicts, each with an
    # interval off zero: the replicates repeat the training, not the search.
    return [
        f"Compared pair by pair over {least} replicates that share their random numbers. This is "
        "about the best settings found: the intervals cover initial weights and batch order, not "
        "the search, which may find others with another seed or budget."
    ]


def comparison_sentence(pair: Comparison) -> str:
    """Return what a comparison of two labels shows.

    Args:
        pair: the comparison.
    """
    if pair.better:
        return f"{pair.better} is better"
    if not pair.difference.is_known:
        return "too few replicates in common"
    return "no difference shown"


def caveats(material: Material) -> list[str]:
    """Return what limits the answer, the gravest first.

    Args:
        material: the run.
    """
    return [
        *_run_caveats(material),
        *_status_caveats(material),
        *_replicate_caveats(material),
        *_space_caveats(material),
        *_penalty_caveats(material),
        *_data_caveats(material),
        *_cost_caveats(material),
    ]


def _run_caveats(material: Material) -> list[str]:
    found = []
    if not material.run.is_finished:
        found.append("The run is not finished: every number here may still change.")
    missing = [row.label for row in material.summaries if math.isnan(row.best)]
    if missing and len(material.trials):
        found.append(f"No trial of {listed(missing)} ran to its end with a finite value.")
    counts = {row.label: row.trials for row in material.summaries}
    if len(set(counts.values())) > 1:
        each = listed([f"{label} {count}" for label, count in counts.items()])
        found.append(f"The optimizers did not get the same number of trials ({each}).")
    return found


def _status_caveats(material: Material) -> list[str]:
    sentences = {
        "diverged": "diverged; the medians leave them out",
        "pruned": "were pruned before their end; best and median leave them out",
        "failed": "failed with an exception; see the reasons in trials.parquet",
    }
    found = []
    for status, sentence in sentences.items():
        counts = [
            f"{row.counts[status]} of {row.trials} trials of {row.label}"
            for row in material.summaries
            if row.counts.get(status)
        ]
        if counts:
            found.append(f"{listed(counts)} {sentence}.")
    lost = [
        f"{row.replicates_lost} of {row.label}" for row in material.summaries if row.replicates_lost
    ]
    if material.judged != "objective":
        lost += [
            f"{row.replicates.count - row.test.count} of {row.label} (no finite test metric)"
            for row in material.summaries
            if row.test.count < row.replicates.count
        ]
    if lost:
        found.append(
            f"Replicates without a usable end: {listed(lost)}. The means leave them out, so they "
            "flatter these optimizers."
        )
    return found


def _replicate_caveats(material: Material) -> list[str]:
    counts = [row.replicates.count for row in material.summaries if not math.isnan(row.best)]
    found = []
    if counts and min(counts) < FEW_REPLICATES:
        found.append(
            f"{_only(min(counts))} of the best settings: intervals are wide or missing. "
            f"{FEW_REPLICATES} or more are advisable."
        )
    if len(material.labels) > 2 and any(pair.difference.is_known for pair in material.comparisons):
        found.append(
            f"{len(material.comparisons)} pairs are compared, each at 95 % by itself: with many "
            "pairs, some differences are shown by chance."
        )
    return found


def _only(count: int) -> str:
    return f"Only {counted(count, 'replicate')}" if count else "No replicates"


def _space_caveats(material: Material) -> list[str]:
    found = []
    for label in material.labels:
        fixed = _fixed(material, label)
        if fixed:
            found.append(f"Fixed, not searched, for {label}: {listed(fixed)}.")
    found += [
        f"The best {edge.name} of {edge.label}, {number(edge.value)}, lies at the "
        f"{edge.end} end of its range ({number(edge.limit)}): a wider range might be better."
        for edge in edge_warnings(material.trials, material.spaces)
        if edge.name not in material.swept
    ]
    return found


def _penalty_caveats(material: Material) -> list[str]:
    given = [name for name in ("l1", "l2") if f"hp.{name}" in material.trials]
    if not given:
        return []
    return [
        f"Trained with the penalty of {listed(given)}; every loss and gradient norm here is that "
        "of the loss without it, so that trials of different coefficients compare. Curvature is "
        "that of the loss with it."
    ]


def _fixed(material: Material, label: str) -> list[str]:
    """Hyperparameters of a label with one value in all trials, with that value."""
    own = material.search[material.search["label"] == label]
    searched = material.searched(label)
    fixed = []
    for column in own.columns[own.columns.str.startswith("hp.")]:
        values = own[column].dropna().unique()
        name = str(column).removeprefix("hp.")
        if len(values) == 1 and name not in searched:
            fixed.append(f"{name} {number(float(values[0]))}")
    return fixed


def _data_caveats(material: Material) -> list[str]:
    if material.study.problem.function:
        return ["The problem is a closed-form function: nothing here is about generalization."]
    found = [
        "One dataset and one split: the intervals cover other initial weights and batch orders, "
        "not other data."
    ]
    if material.judged != "objective":
        found.insert(
            0,
            "Each trial was evaluated on the test part once, after training; no setting was "
            "chosen by it.",
        )
    return found


def _cost_caveats(material: Material) -> list[str]:
    """What it cost to follow the curvature in the search, where that is known."""
    trials, curvature = material.trials, material.study.curvature
    needed = {"seconds.curvature", "seconds.train"}
    found = _diagnosis_caveats(material)
    # A trial of the search that was diagnosed too has one clock for both.
    is_apart = curvature.is_tracked and curvature.trials in ("none", "replicate")
    if not is_apart or not needed <= set(trials.columns):
        return found
    search = material.search
    trained = float(search["seconds.train"].sum())
    if not trained:
        return found
    share = float(search["seconds.curvature"].sum()) / trained
    return [
        f"Following the curvature of every trial of the search took {share:.0%} of the time that "
        "it took to train them.",
        *found,
    ]


def _diagnosis_caveats(material: Material) -> list[str]:
    """What diagnosing took, beside the training of the same trials."""
    measured = material.run.findings["trial"].unique()
    trials = material.trials[material.trials["number"].isin(measured)]
    if not len(trials) or "seconds.curvature" not in trials or "seconds.train" not in trials:
        return []
    spent, trained = (float(trials[f"seconds.{name}"].sum()) for name in ("curvature", "train"))
    return [
        f"Diagnosing the curvature of {counted(len(trials), 'trial')} took {number(spent)} s, "
        f"training them {number(trained)} s."
    ]
