"""The speed that must be reached, and whether it was."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from speed.measurement import Measured, Measurement, Spread, ratio, spread_of
from speed.proof import TOLERANCE
from speed.rows import ENDS_ONLY

Figure = tuple[Spread, str] | None
"""A measured figure and a remark, or nothing where a part of it was not measured."""


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table of targets.

    Args:
        name: what is measured.
        unit: of the figures.
        at_least: what must be reached; with ``smaller_is_better`` the most it may be.
        aim: what should be reached.
        find: returns the measured figure.
        smaller_is_better: whether figures below the bounds are good.
    """

    name: str
    unit: str
    at_least: float
    aim: float
    find: Callable[[Measured], Figure]
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
    """A target, the measured figure or nothing, and what that was made of."""

    target: Target
    spread: Spread | None
    remark: str

    @property
    def sentence(self) -> str:
        """``"aim met"``, ``"met"``, ``"not met"`` or ``"not measured"``."""
        return self.target.verdict(self.spread)

    def document(self) -> dict[str, Any]:
        """The verdict as plain values for JSON."""
        target, spread = self.target, self.spread
        keys = ("name", "unit", "at_least", "aim", "smaller_is_better")
        return {
            **{key: getattr(target, key) for key in keys},
            "measured": spread
            and {"median": spread.median, "low": spread.low, "high": spread.high},
            "verdict": self.sentence,
            "remark": self.remark,
        }


def is_of_curvature(measured: Measured) -> bool:
    """Whether a run measured curvature."""
    return any(name.startswith("curvature_") for name in measured)


def verdicts(measured: Measured) -> list[Verdict]:
    """Compare what was measured with every target of its kind."""
    targets = CURVATURE_TARGETS if is_of_curvature(measured) else TARGETS
    return [Verdict(target, *(target.find(measured) or (None, ""))) for target in targets]


def share_of_rate(measurement: Measurement, measured: Measured, *flops: str) -> Spread | None:
    """The share of the machine's matrix-product rate that an engine alone reaches, in percent.

    FLOPs of a trial / (seconds a trial × rate), where the rate is the median of the run.

    Args:
        measurement: in seconds a trial.
        measured: all measurements, the rate among them.
        flops: which counts in its facts are added up.
    """
    rate, facts = _spread(measured, "matrix_product"), measurement.facts
    if rate is None or not measurement.values or any(name not in facts for name in flops):
        return None
    percent = 100 * sum(facts[name] for name in flops) / (rate.median * 1e9)
    return Spread.of([percent / seconds for seconds in measurement.values])


def _spread(measured: Measured, name: str) -> Spread | None:
    return spread_of(measured.get(name))


def _median(measurement: Measurement) -> float:
    assert measurement.spread is not None, "measurements without values are left out before"
    return measurement.spread.median


def _starting(measured: Measured, prefix: str) -> Iterator[Measurement]:
    """What was measured under names that begin so, but no eigenvalues that missed 1e-4."""
    for name, measurement in measured.items():
        is_right = measurement.facts.get("relative_error", 0.0) <= TOLERANCE
        if name.startswith(prefix) and measurement.values and is_right:
            yield measurement


def _times(
    partners: Iterable[Measurement],
    ours: Iterable[Measurement],
    remark: Callable[[Measurement, Measurement], str],
) -> Figure:
    """How many times as fast as the fastest partner the fastest of ours is."""
    partner, fastest = (min(ways, key=_median, default=None) for ways in (partners, ours))
    times = ratio(spread_of(partner), spread_of(fastest))
    if times is None or partner is None or fastest is None:
        return None
    return times, remark(partner, fastest)


def _whole_study(measured: Measured) -> Figure:
    def remark(usual: Measurement, ours: Measurement) -> str:
        return f"{ours.facts['trials']} trials against {usual.facts['trials']} of the usual way"

    usual = _starting(measured, "usual_way/digits_mlp")
    return _times(usual, _starting(measured, "whole_study/"), remark)


def _against_scikit_learn(measured: Measured) -> Figure:
    alone = list(_starting(measured, "vectorized/digits_mlp/"))
    # Trials that are evaluated at their ends only are as much work as scikit-learn's.
    same_work = [m for m in alone if m.name.endswith(ENDS_ONLY)]
    same_work = same_work or [m for m in alone if m.name.endswith("batch_32")]
    # Where several processes gain nothing, one is what its user would take.
    partners = _starting(measured, "scikit_learn/digits_mlp/")
    return _times(partners, same_work, lambda _, ours: ours.title)


def _share(workload: str) -> Callable[[Measured], Figure]:
    def find(measured: Measured) -> Figure:
        ways = [
            m
            for m in _starting(measured, f"vectorized/{workload}/")
            if "/batch_" not in m.name and "training_flops" in m.facts
        ]
        best = min(ways, key=_median, default=None)
        share = share_of_rate(best, measured, "training_flops") if best else None
        return (share, best.title) if share and best else None

    return find


def _overhead(measured: Measured) -> Figure:
    overhead = next(_starting(measured, "overhead/"), None)
    if overhead is None:
        return None
    trials = overhead.facts["trials"]
    remark = f"{trials} trials, hidden behind nothing"
    study = _spread(measured, f"growth/digits_mlp/{trials}")
    alone = _spread(measured, "vectorized/digits_mlp/tensorflow")
    if study and alone:
        more = 1000 * (study.median - alone.median)
        share = 100 * _median(overhead) / study.median
        remark += (
            f"; that is {share:.0f} % of a trial's cost in a whole study, "
            f"which costs {more:.0f} ms more than the engine alone"
        )
    return Spread.of([1000 * seconds for seconds in overhead.values]), remark


def _growth(measured: Measured) -> Figure:
    """Cost of one more trial in the largest study against that in the base study.

    The seconds of a study of one trial are what every study costs; they are taken off, for
    spread over few trials they would make the small study look dear.
    """
    studies = sorted(_starting(measured, "growth/"), key=lambda study: study.facts["trials"])
    if len(studies) < 3:
        return None
    fixed, base, last = _median(studies[0]), studies[1], studies[-1]

    def marginal(study: Measurement) -> Spread | None:
        trials = study.facts["trials"]
        values = [(value * trials - fixed) / (trials - 1) for value in study.values]
        return Spread.of(values) if min(values) > 0 else None

    figure = ratio(marginal(last), marginal(base))
    remark = f"{last.facts['trials']} trials against {base.facts['trials']}, fixed cost taken off"
    return (figure, remark) if figure else None


def _workers(measured: Measured) -> Figure:
    ways = (f"vectorized/digits_mlp/tensorflow/workers_{count}" for count in (1, 2))
    single, double = ([m for m in measured.values() if m.name == way and m.values] for way in ways)
    return _times(single, double, lambda *_: "TensorFlow, batches 16 to 128")


def _empty_slots(measured: Measured) -> Figure:
    study = next((m for name, m in measured.items() if name.startswith("pruning/")), None)
    used, computed = (study and study.facts.get("slot_epochs")) or (0, 0)
    if study is None or not computed:
        return None
    pruned = study.facts["statuses"].get("pruned", 0)
    remark = f"{pruned} of {study.facts['trials']} trials pruned"
    return Spread.of([100 * (1 - used / computed)]), remark


def _against(competitor: str) -> Callable[[Measured], Figure]:
    def remark(partner: Measurement, ours: Measurement) -> str:
        error = partner.facts["relative_error"]
        return f"{ours.title}; the other's relative error is {error:.1e}"

    def find(measured: Measured) -> Figure:
        partner = [m for m in measured.values() if m.name == f"curvature_{competitor}" and m.values]
        return _times(partner, _starting(measured, "curvature_eigenvalues/"), remark)

    return find


def _product(measured: Measured) -> Figure:
    """The worst framework counts."""
    shares = []
    for product in _starting(measured, "curvature_product/"):
        gradient = _spread(measured, product.name.replace("product", "gradient"))
        if share := ratio(product.spread, gradient):
            shares.append((share, product.title))
    return max(shares, key=lambda share: share[0].median, default=None)


def _exact(measured: Measured) -> Figure:
    formed = min(_starting(measured, "curvature_exact/"), key=_median, default=None)
    if formed is None or formed.spread is None:
        return None
    solved = _spread(measured, formed.name.replace("exact", "exact_eigenvalues"))
    beside = f"; its eigenvalues take {solved.median:.1f} s more" if solved else ""
    return formed.spread, formed.title + beside


def _large(measured: Measured) -> Figure:
    """The worst framework counts."""
    grown = [
        (m.facts["peak_growth_gigabytes"], f"{m.title}, {_median(m):.0f} s")
        for m in _starting(measured, "curvature_large/")
    ]
    gigabytes, remark = max(grown, default=(None, ""))
    return None if gigabytes is None else (Spread.of([gigabytes]), remark)


_ALONE, _EIGENVALUES = "engine alone", "ten largest eigenvalues to 1e-4, digits MLP"
_SHARE = f"{_ALONE}, share of the matrix-product rate"
_STUDY = "whole study with MLflow, storage and results, against the usual way"
_SKLEARN = f"{_ALONE} against scikit-learn MLPClassifier, batch 32, all cores"
_GROWTH = "cost of a trial in a large study against a small one, random sampler"
_MEMORY = "memory of 100 products with 1000000 parameters, beyond that of the framework"
_EIGSH = f"{_EIGENVALUES}, against curvlinops with SciPy eigsh"
TARGETS = (
    Target(_STUDY, "×", 60, 150, _whole_study),
    Target(_SKLEARN, "×", 5, 12, _against_scikit_learn),
    Target(f"{_SHARE}, digits MLP", "%", 15, 30, _share("digits_mlp")),
    Target(f"{_SHARE}, wide MLP", "%", 40, 60, _share("wide_mlp")),
    Target("everything that is not training, a trial", "ms", 40, 15, _overhead, True),
    Target(_GROWTH, "×", 1.25, 1.05, _growth, True),
    Target(f"two workers against one, {_ALONE}, digits MLP", "×", 1.6, 1.9, _workers),
    Target("pruning study: epochs computed in empty or dead slots", "%", 10, 3, _empty_slots, True),
)
"""The targets for two cores; ratios of one run, compiling left out and shown beside."""
CURVATURE_TARGETS = (
    Target(f"{_EIGENVALUES}, against PyHessian", "×", 10, 20, _against("pyhessian")),
    Target(_EIGSH, "×", 3, 6, _against("curvlinops")),
    Target("one compiled Hessian-vector product against one gradient", "×", 4, 2, _product, True),
    Target("full Hessian of 5000 parameters, without its eigenvalues", "s", 6, 4, _exact, True),
    Target(_MEMORY, "GB", 2, 1, _large, True),
)
