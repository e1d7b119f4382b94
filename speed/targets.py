"""The speed that must be reached, and whether it was."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from speed.measurement import Measured, Measurement, Spread, ratio
from speed.proof import TOLERANCE
from speed.rows import ENDS_ONLY

Figure = tuple[Spread, str] | None
"""A measured figure and a remark, or nothing where a part of it was not measured."""
Find = Callable[[Measured], Figure]


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table of targets: a bound (≥ or ≤), a better aim, and the figure."""

    name: str
    sign: str
    bound: float
    aim: float | None
    unit: str
    find: Find

    def verdict(self, spread: Spread | None) -> str:
        """How the median stands to the two bounds.

        Example:
            >>> target = Target("speed", "≥", 60, 150, "×", lambda _: None)
            >>> [target.verdict(Spread(x, x, x)) for x in (200.0, 60.0, 59.9)]
            ['aim met', 'met', 'not met']
            >>> target.verdict(None)
            'not measured'
        """
        if spread is None:
            return "not measured"
        sign = 1 if self.sign == "≥" else -1
        if self.aim is not None and sign * spread.median >= sign * self.aim:
            return "aim met"
        return "met" if sign * spread.median >= sign * self.bound else "not met"


def figures(measured: Measured) -> list[tuple[Target, Spread | None, str]]:
    """Each target of what was measured, with its figure and a remark."""
    targets = CURVATURE_TARGETS if any(n.startswith("curvature_") for n in measured) else TARGETS
    return [(target, *(target.find(measured) or (None, ""))) for target in targets]


def matching(measured: Measured, pattern: str) -> list[Measurement]:
    """Measurements with values whose names match, the fastest first; no wrong eigenvalues."""
    right = (
        m
        for name, m in measured.items()
        if fnmatch(name, pattern) and m.values and m.facts.get("relative_error", 0) <= TOLERANCE
    )
    return sorted(right, key=lambda m: m.median)


def share_of_rate(m: Measurement, measured: Measured, *flops: str) -> Spread | None:
    """FLOPs of a trial / (its seconds × the machine's matrix-product rate), in percent."""
    rate = measured.get("matrix_product")
    if not rate or not rate.values or not m.values or any(name not in m.facts for name in flops):
        return None
    percent = 100 * sum(m.facts[name] for name in flops) / (rate.median * 1e9)
    return Spread.of([percent / seconds for seconds in m.values])


def _times(partners: str, ours: str) -> Find:
    """How many times as fast as the fastest partner the fastest of ours is."""

    def find(measured: Measured) -> Figure:
        for partner in matching(measured, partners)[:1]:
            for fastest in matching(measured, ours)[:1]:
                times = ratio(partner.spread, fastest.spread)
                return times and (times, f"{fastest.title}, against {partner.title}")
        return None

    return find


def _value(pattern: str, fact: str = "", factor: float = 1.0, choose: Any = max) -> Find:
    """The largest (or what is chosen) of the matching values, or of a fact."""

    def figure(m: Measurement) -> tuple[Spread, str]:
        values = m.facts[fact] if fact else m.values
        values = values if isinstance(values, Iterable) else [values]
        return Spread.of([factor * value for value in values]), m.title

    def find(measured: Measured) -> Figure:
        known = [
            m for m in matching(measured, pattern) if not fact or m.facts.get(fact) is not None
        ]
        return choose(map(figure, known), key=lambda pair: pair[0].median, default=None)

    return find


def _share(workload: str) -> Find:
    def find(measured: Measured) -> Figure:
        for m in matching(measured, f"vectorized/{workload}/*"):
            share = share_of_rate(m, measured, "training_flops")
            if share and not m.name.endswith(ENDS_ONLY):
                return share, m.title
        return None

    return find


_study = _times("usual_way/digits_mlp", "whole_study/*")
_scikit_learn = _times("scikit_learn/digits_mlp/*", f"vectorized/digits_mlp/*/{ENDS_ONLY}")
_workers = _times(*(f"vectorized/digits_mlp/tensorflow/workers_{count}" for count in (1, 2)))
_digits, _wide = _share("digits_mlp"), _share("wide_mlp")
_not_training = _value("long_study/*", "not_training", factor=1000)
_growth = _value("growth/*", "growth")
_empty = _value("pruning/*", "empty_percent")
_warm, _cold = (_value(f"command/quickstart/{way}", "ratios") for way in ("warm", "cold"))
_first = _value("command/quickstart/warm", "first_results")
_contours = _value("command/contours/warm", "ratios")
TARGETS = (
    Target("quickstart, warm compile cache, against the bare import", "≤", 2.7, None, "×", _warm),
    Target("quickstart, cold compile cache, against the bare import", "≤", 4.05, None, "×", _cold),
    Target("quickstart: first trial's result on the screen", "≤", 10, None, "s", _first),
    Target("contours, warm compile cache, against the bare import", "≤", 1.7, None, "×", _contours),
    Target("whole study with MLflow and storage, against the usual way", "≥", 60, 150, "×", _study),
    Target("engine alone, against scikit-learn, batch 32", "≥", 5, 12, "×", _scikit_learn),
    Target("engine alone, share of the matrix-product rate, digits MLP", "≥", 15, 30, "%", _digits),
    Target("engine alone, share of the matrix-product rate, wide MLP", "≥", 40, 60, "%", _wide),
    Target("everything that is not training, a trial", "≤", 40, 15, "ms", _not_training),
    Target("a trial in a large study, against a small one", "≤", 1.25, 1.05, "×", _growth),
    Target("engine alone, two workers against one", "≥", 1.6, 1.9, "×", _workers),
    Target("pruning study: epochs computed in empty slots", "≤", 10, 3, "%", _empty),
)
"""The targets for two cores; the bound of a cold cache is that of 30 s where warm takes 20."""
_pyhessian = _times("curvature_pyhessian", "curvature_eigenvalues/*")
_curvlinops = _times("curvature_curvlinops", "curvature_eigenvalues/*")
_product = _value("curvature_product/*", "ratios")
_exact = _value("curvature_exact/*", choose=min)
_memory = _value("curvature_large/*", "peak_growth_gigabytes")
_diagnosis, _monitoring = (
    _value("curvature_diagnosis/tensorflow"),
    _value("curvature_monitoring/*/tensorflow"),
)
CURVATURE_TARGETS = (
    Target("ten largest eigenvalues, against PyHessian", "≥", 10, 20, "×", _pyhessian),
    Target("ten largest eigenvalues, against curvlinops", "≥", 3, 6, "×", _curvlinops),
    Target("a Hessian-vector product, against a gradient", "≤", 4, 2, "×", _product),
    Target("full Hessian of 5000 parameters, without its eigenvalues", "≤", 6, 4, "s", _exact),
    Target("memory of 100 products, 1000000 parameters, beyond Keras's", "≤", 2, 1, "GB", _memory),
    Target("48 diagnoses of quickstart, processor time", "≤", 4.5, None, "s", _diagnosis),
    Target("monitoring the curvature of every trial", "≤", 10, None, "% of training", _monitoring),
)
