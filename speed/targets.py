"""The speed that must be reached, and whether it was."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from speed.measurement import Measured, Measurement, Spread, ratio
from speed.ours.names import ENDS_ONLY

Unit = Literal["×", "%", "ms", "s", "GB"]


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table of targets.

    Args:
        name: what is measured.
        unit: of the figures.
        at_least: what must be reached; with ``smaller_is_better`` the most it may be.
        aim: what should be reached.
        find: the measured figure and a remark, or nothing where a part was not measured.
        smaller_is_better: whether figures below the bounds are good.
    """

    name: str
    unit: Unit
    at_least: float
    aim: float
    find: Callable[[Measured], tuple[Spread, str] | None]
    smaller_is_better: bool = False

    def verdict(self, spread: Spread | None) -> str:
        """Say how the median stands to the two bounds.

        Example:
            >>> target = Target("speed", "×", 60, 150, lambda _: None)
            >>> [target.verdict(Spread(x, x, x)) for x in (200.0, 60.0, 59.9)]
            ['aim met', 'met', 'not met']
            >>> target.verdict(None)
            'not measured'
        """
        if spread is None:
            return "not measured"
        sign = -1 if self.smaller_is_better else 1
        if sign * spread.median >= sign * self.aim:
            return "aim met"
        return "met" if sign * spread.median >= sign * self.at_least else "not met"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and what was found.

    Args:
        target: the target.
        spread: the measured figure, or nothing.
        remark: what it was made of.
    """

    target: Target
    spread: Spread | None
    remark: str

    @property
    def sentence(self) -> str:
        """``"aim met"``, ``"met"``, ``"not met"`` or ``"not measured"``."""
        return self.target.verdict(self.spread)


def verdicts(measured: Measured, targets: "Sequence[Target] | None" = None) -> list[Verdict]:
    """Compare what was measured with every target.

    Args:
        measured: measurements by name.
        targets: those of training by default.
    """
    found = []
    for target in TARGETS if targets is None else targets:
        spread, remark = target.find(measured) or (None, "")
        found.append(Verdict(target, spread, remark))
    return found


def _spread(measured: Measured, name: str) -> Spread | None:
    one = measured.get(name)
    return one.spread if one else None


def _alone(measured: Measured, ending: str = "") -> Iterator[Measurement]:
    """Every measured way to run the engine alone on the digits MLP, workers or not."""
    for name, one in measured.items():
        parts = name.split("/")
        if parts[:2] != ["vectorized", "digits_mlp"] or not one.values:
            continue
        if (parts[-1] if parts[-1].startswith(("batch_", ENDS_ONLY)) else "") == ending:
            yield one


def _whole_study(measured: Measured) -> tuple[Spread, str] | None:
    ours = next((one for name, one in measured.items() if name.startswith("whole_study/")), None)
    usual = measured.get("usual_way/digits_mlp")
    found = ratio(usual.spread if usual else None, ours.spread if ours else None)
    if found is None or ours is None or usual is None:
        return None
    return found, f"{ours.facts['trials']} trials against {usual.facts['trials']} of the usual way"


def _against_scikit_learn(measured: Measured) -> tuple[Spread, str] | None:
    partners = [_spread(measured, f"scikit_learn/digits_mlp/{way}") for way in ("one", "all")]
    known = [one for one in partners if one]
    # Trials that are evaluated at their ends only are as much work as scikit-learn's.
    same_work = list(_alone(measured, ENDS_ONLY)) or _alone(measured, "batch_32")
    ours = min(same_work, key=_median, default=None)
    # Where several processes gain nothing, one is what its user would take.
    partner = min(known, key=lambda one: one.median, default=None)
    found = ratio(partner, ours.spread if ours else None)
    return (found, ours.title) if found and ours else None


def _share(workload: str) -> Callable[[Measured], tuple[Spread, str] | None]:
    def find(measured: Measured) -> tuple[Spread, str] | None:
        ways = [
            one
            for name, one in measured.items()
            if _is_way(name, workload) and one.values and "training_flops" in one.facts
        ]
        best = min(ways, key=_median, default=None)
        found = share_of_rate(best, measured, "training_flops") if best else None
        return (found, best.title) if found and best else None

    return find


def _is_way(name: str, workload: str) -> bool:
    return name.startswith(f"vectorized/{workload}/") and "/batch_" not in name


def share_of_rate(one: Measurement, measured: Measured, *flops: str) -> Spread | None:
    """The share of the machine's matrix-product rate that an engine alone reaches, in percent.

    FLOPs of a trial / (seconds a trial × rate), where the rate is the median of the run.

    Args:
        one: a measurement in seconds a trial.
        measured: all measurements, the rate among them.
        flops: which counts in its facts are added up.
    """
    rate = _spread(measured, "matrix_product")
    if rate is None or one.spread is None or any(name not in one.facts for name in flops):
        return None
    work = sum(one.facts[name] for name in flops)
    return Spread.of([100 * work / (seconds * rate.median * 1e9) for seconds in one.values])


def _overhead(measured: Measured) -> tuple[Spread, str] | None:
    one = next((m for name, m in measured.items() if name.startswith("overhead/")), None)
    if one is None or one.spread is None:
        return None
    trials = one.facts["trials"]
    remark = f"{trials} trials, hidden behind nothing"
    study = _spread(measured, f"growth/digits_mlp/{trials}")
    alone = _spread(measured, "vectorized/digits_mlp/tensorflow")
    if study and alone:
        more = 1000 * (study.median - alone.median)
        share = 100 * one.spread.median / study.median
        remark += (
            f"; that is {share:.0f} % of a trial's cost in a whole study, "
            f"which costs {more:.0f} ms more than the engine alone"
        )
    return one.spread.times(1000), remark


def _growth(measured: Measured) -> tuple[Spread, str] | None:
    """Cost of one more trial in the largest study against that in the base study.

    The seconds of a study of one trial are what every study costs; they are taken off, for
    spread over few trials they would make the small study look dear.
    """
    found = sorted(
        (one for name, one in measured.items() if name.startswith("growth/") and one.values),
        key=lambda one: one.facts["trials"],
    )
    if len(found) < 3:
        return None
    first, base, last = found[0], found[1], found[-1]
    figure = ratio(_marginal(last, first), _marginal(base, first))
    remark = f"{last.facts['trials']} trials against {base.facts['trials']}, fixed cost taken off"
    return (figure, remark) if figure else None


def _marginal(one: Measurement, first: Measurement) -> Spread | None:
    trials = one.facts["trials"]
    fixed = first.spread.median if first.spread else 0.0
    values = [(value * trials - fixed) / (trials - 1) for value in one.values]
    return Spread.of(values) if min(values) > 0 else None


def _workers(measured: Measured) -> tuple[Spread, str] | None:
    prefix = "vectorized/digits_mlp/tensorflow/workers_"
    one, two = _spread(measured, f"{prefix}1"), _spread(measured, f"{prefix}2")
    found = ratio(one, two)
    return (found, "TensorFlow, batches 16 to 128") if found else None


def _empty_slots(measured: Measured) -> tuple[Spread, str] | None:
    one = next((m for name, m in measured.items() if name.startswith("pruning/")), None)
    counts = one.facts.get("slot_epochs") if one else None
    if one is None or not counts or not counts[1]:
        return None
    used, computed = counts
    share = 100 * (1 - used / computed)
    pruned = one.facts["statuses"].get("pruned", 0)
    return Spread(share, share, share), f"{pruned} of {one.facts['trials']} trials pruned"


def _median(one: Measurement) -> float:
    assert one.spread is not None, "measurements without values are left out before"
    return one.spread.median


TARGETS = (
    Target(
        "whole study with MLflow, storage and results, against the usual way",
        "×",
        60,
        150,
        _whole_study,
    ),
    Target(
        "engine alone against scikit-learn MLPClassifier, batch 32, all cores",
        "×",
        5,
        12,
        _against_scikit_learn,
    ),
    Target(
        "engine alone, share of the matrix-product rate, digits MLP",
        "%",
        15,
        30,
        _share("digits_mlp"),
    ),
    Target(
        "engine alone, share of the matrix-product rate, wide MLP", "%", 40, 60, _share("wide_mlp")
    ),
    Target(
        "everything that is not training, a trial", "ms", 40, 15, _overhead, smaller_is_better=True
    ),
    Target(
        "cost of a trial in a large study against a small one, random sampler",
        "×",
        1.25,
        1.05,
        _growth,
        smaller_is_better=True,
    ),
    Target("two workers against one, engine alone, digits MLP", "×", 1.6, 1.9, _workers),
    Target(
        "pruning study: epochs computed in empty or dead slots",
        "%",
        10,
        3,
        _empty_slots,
        smaller_is_better=True,
    ),
)
"""The targets for two cores; ratios of one run, compiling left out and shown beside."""
