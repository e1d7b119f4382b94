"""A verdict in words, for the report and for the terminal."""

import math

from benchmark.report.formatting import counted, interval, listed, number, shortened, words
from benchmark.statistics import Comparison, Interval, Standing, Verdict

RANKS_NEED = 6
"""The signed ranks of five pairs have a p-value of 2 / 2⁵ = 6 % at least."""
_ENDS = {"not finite": "ended without a finite value"}
"""How a replicate was lost, where the name of its status does not say it."""
_SWEPT = (
    "The trials are of different problems, so no optimizer is best over all of them; the figures "
    "of the report show each against what was varied."
)


def verdict_sentences(verdict: Verdict) -> list[str]:
    """Return what a run answers, in a few sentences.

    Args:
        verdict: on the run.

    Example:
        >>> verdict_sentences(Verdict(0, "", "", (), ()))
        ['No trial has finished yet, so there is no answer.']
    """
    if not verdict.trials:
        return ["No trial has finished yet, so there is no answer."]
    if verdict.swept:
        return [_SWEPT]
    if not verdict.standings:
        return [
            f"None of the {counted(verdict.trials, 'trial')} ran to its end with a finite "
            f"{words(verdict.objective)}, so there is no answer."
        ]
    leading = verdict.standings[0]
    if not leading.replicates:
        return [
            f"{leading.label} reached the best {words(verdict.objective)}, {number(leading.best)}, "
            f"in {counted(leading.trials, 'trial')}.",
            "Nothing was trained again with other random numbers, so nothing says how far "
            "chance alone would move these numbers.",
        ]
    if len(verdict.standings) == 1:
        runs = counted(leading.replicates, "replicate")
        return [
            f"{leading.label} reached {_value(verdict, leading)} over {runs} of its best setting."
        ]
    return [_headline(verdict), *_without_verdict(verdict), *_method(verdict)]


def comparison_sentence(pair: Comparison) -> str:
    """Return what a comparison of two labels shows.

    Args:
        pair: the comparison.

    Example:
        >>> nothing = Interval(0.0, math.nan, math.nan, 2)
        >>> comparison_sentence(Comparison("sgd", "adam", nothing, reason="all are equal"))
        'no verdict: all are equal'
    """
    if pair.better:
        return f"{pair.better} is better"
    return f"no verdict: {pair.reason}" if pair.reason else "no difference shown"


def lost_replicates(standing: Standing) -> str:
    """Return how many replicates of a label were lost, and how; empty where none was.

    Args:
        standing: of the label.

    Example:
        >>> mean = Interval(0.5, 0.4, 0.6, 2)
        >>> lost_replicates(Standing("sgd", 9, 0.3, math.inf, mean, {"diverged": 2, "failed": 1}))
        '2 of 5 replicates diverged and 1 failed'
    """
    ends = [
        f"{count} {_ENDS.get(status, words(status))}" for status, count in standing.lost.items()
    ]
    if not ends:
        return ""
    count, end = ends[0].split(" ", 1)
    total = counted(standing.replicates, "replicate")
    return listed([f"{count} of {total} {end}", *ends[1:]])


def _headline(verdict: Verdict) -> str:
    """Say who came first, and from whom it is shown to differ."""
    first, beaten = verdict.first, [standing.label for standing in verdict.beaten]
    if first is None:
        lost = [
            f"{standing.label}: {lost_replicates(standing)}"
            for standing in verdict.standings
            if standing.lost
        ]
        leading = verdict.standings[0].label
        shown = f" {leading} is better than {listed(beaten)}." if beaten else ""
        return (
            "No optimizer came first: every best setting lost half of its replicates or more "
            f"({'; '.join(lost)}).{shown}"
        )
    if not verdict.tied:
        against = shortened([_reached(verdict, standing) for standing in verdict.standings[1:]])
        return (
            f"At its best setting found, {first.label} is better than {listed(beaten)}: it reached "
            f"{_value(verdict, first)}, against {against}."
        )
    shown = f" It is better than {listed(beaten)}." if beaten else ""
    reached = shortened([_reached(verdict, standing) for standing in verdict.tied])
    return (
        f"{first.label} came first with {_value(verdict, first)}, but no difference from {reached} "
        f"is shown.{shown}"
    )


def _value(verdict: Verdict, standing: Standing) -> str:
    """What a label reached, as the object of a sentence."""
    name = words(verdict.metric)
    if not verdict.is_by_median:
        return f"a {name} of {number(standing.value)}{_in_brackets(standing.mean)}"
    lost = lost_replicates(standing)
    in_brackets = f" ({lost})" if lost else ""
    if math.isinf(standing.value):
        return f"no finite median of the {name}{in_brackets}"
    return f"a median {name} of {number(standing.value)}{in_brackets}"


def _reached(verdict: Verdict, standing: Standing) -> str:
    """A label with what it reached, as an item of a list."""
    if not standing.replicates:
        return standing.label
    if not verdict.is_by_median:
        return f"{standing.label} with {number(standing.value)}{_in_brackets(standing.mean)}"
    lost = lost_replicates(standing)
    value = "" if math.isinf(standing.value) else f" with {number(standing.value)}"
    return f"{standing.label}{value}{f' ({lost})' if lost else ''}"


def _in_brackets(mean: Interval) -> str:
    return f" (95 % interval {interval(mean)})" if mean.is_known else ""


def _without_verdict(verdict: Verdict) -> list[str]:
    """Say from which labels the leading one cannot be told apart, and why."""
    leading = verdict.standings[0].label
    by_reason: dict[str, list[str]] = {}
    for pair in verdict.pairs_of(leading):
        if pair.reason:
            label = pair.second if pair.first == leading else pair.first
            by_reason.setdefault(pair.reason, []).append(label)
    return [
        f"There is no verdict between {leading} and {shortened(labels)}: {reason}."
        for reason, labels in by_reason.items()
    ]


def _method(verdict: Verdict) -> list[str]:
    tested = [pair for pair in verdict.pairs_of(verdict.standings[0].label) if not pair.reason]
    if not tested:
        return []
    least = min(pair.difference.count for pair in tested)
    # Two searches of one study have been seen to give opposite verdicts, each with an
    # interval off zero: the replicates repeat the training, not the search.
    sentences = [
        f"Compared pair by pair over {least} replicates that share their random numbers, with "
        "Holm's correction for all pairs: where optimizers do not differ, one is called better in "
        f"at most {100 * (1 - verdict.level):.0f} % of studies.",
        "This is about the best settings found: the replicates repeat initial weights and batch "
        "order, not the search, which may find others with another seed or budget.",
    ]
    if any(pair.lost for pair in tested):
        few = min(pair.difference.count for pair in tested if pair.lost) < RANKS_NEED
        limit = f"; of fewer than {RANKS_NEED} pairs they cannot show any" if few else ""
        sentences.append(
            "A replicate that was lost counts as worse than any other. Where there is one, the "
            f"signed ranks of the differences are tested instead of their mean{limit}."
        )
    return sentences
