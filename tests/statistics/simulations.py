"""How often intervals hold and verdicts are false, by simulation in NumPy.

The rules of verdicts are written here a second time, for many studies at once; tests hold
``benchmark.statistics`` to them. `python -m tests.statistics.simulations` prints the tables of
``docs/statistics.md``.
"""

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from benchmark.statistics import expected_best_band

Array = np.ndarray[Any, np.dtype[Any]]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]
COUNTS = (3, 4, 5, 7, 10, 20, 30, 50, 100)


def lognormal(sigma: float) -> tuple[Draw, float]:
    """A sampler of exp(N(0, σ²)), and its mean."""
    return lambda rng, shape: rng.lognormal(0, sigma, shape), math.exp(sigma**2 / 2)


def accuracy(rows: int, share: float) -> tuple[Draw, float]:
    """A sampler of accuracies over some test rows, and its mean."""
    return lambda rng, shape: rng.binomial(rows, share, shape) / rows, share


SAMPLES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "lognormal, σ = 0.25": lognormal(0.25),
    "lognormal, σ = 0.5": lognormal(0.5),
    "lognormal, σ = 1": lognormal(1.0),
    "accuracy of 0.9, 36 rows": accuracy(36, 0.9),
    "accuracy of 0.8, 100 rows": accuracy(100, 0.8),
    "accuracy of 0.97, 36 rows": accuracy(36, 0.97),
}


def study(values: Any, direction: str = "minimize") -> pd.DataFrame:
    """A run with a search trial and replicates for each label; ∞ and −∞ diverged.

    Args:
        values: the replicates of each label, shape (labels, replicates), or a dictionary.
    """
    if not isinstance(values, dict):
        values = {f"o{index}": row for index, row in enumerate(values)}
    rows: list[dict[str, Any]] = []
    for label, replicates in values.items():
        for index, value in enumerate([0.5, *replicates]):
            rows.append(
                {"number": len(rows), "phase": "replicate" if index else "search", "label": label,
                 "optimizer": label, "replicate": index, "objective": float(value),
                 "status": "completed" if np.isfinite(value) else "diverged",
                 "objective_name": "validation_loss", "direction": direction}
            )  # fmt: skip
    return pd.DataFrame(rows)


def coverage(sample: str, count: int, studies: int = 40_000, seed: int = 0) -> tuple[float, float]:
    """The share of t intervals that hold the mean, and of samples that have an interval."""
    draw, truth = SAMPLES[sample]
    values = draw(np.random.default_rng([seed, count]), (studies, count))
    values = values[np.ptp(values, axis=1) > 1e-9]
    half = stats.t.ppf(0.975, count - 1) * values.std(axis=1, ddof=1) / math.sqrt(count)
    share = np.mean(np.abs(values.mean(axis=1) - truth) <= half)
    return float(share), len(values) / studies


def bootstrap_coverage(sample: str, count: int, method: Any, studies: int = 1000) -> float:
    """The same of a bootstrap of SciPy."""
    draw, truth = SAMPLES[sample]
    rng = np.random.default_rng([1, count])
    values = draw(rng, (studies, count))
    interval = stats.bootstrap(
        (values,), np.mean, axis=1, n_resamples=999, method=method, batch=50, rng=rng
    ).confidence_interval
    return float(np.mean((interval.low <= truth) & (truth <= interval.high)))


def steps(first: Array, second: Array) -> Array:
    """The step of each study's metric where its values are evenly spaced, else 0."""
    gaps = np.diff(np.sort(np.concatenate([first, second], axis=-1), axis=-1), axis=-1)
    gaps = np.where(gaps > 1e-6, gaps, np.inf)
    least = gaps.min(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        multiples = np.where(np.isinf(gaps), 0, gaps) / least
    is_stepped = (np.abs(multiples - np.round(multiples)) < 1e-3).all(axis=-1)
    return np.where(is_stepped & np.isfinite(least[..., 0]), least[..., 0], 0.0)


def paired_p_values(first: Array, second: Array, corrected: bool = True) -> Array:
    """The p-values of the paired t-test, 1 where the differences are equal.

    Args:
        first, second: values of shape (…, replicates).
        corrected: for the step of the metric; without it equal differences that are not 0
            count as certain, as they did.
    """
    differences = first - second
    count = differences.shape[-1]
    mean, error = differences.mean(axis=-1), differences.std(axis=-1, ddof=1) / math.sqrt(count)
    is_equal = np.ptp(differences, axis=-1) < 1e-7
    slack = steps(first, second) / (2 * count) if corrected else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = 2 * stats.t.sf((np.abs(mean) - slack) / error, count - 1)
    without = 1.0 if corrected else np.where(np.abs(mean) > 1e-9, 0.0, 1.0)
    return np.where(is_equal, without, np.minimum(p_values, 1.0))


def holm(p_values: Array) -> Array:
    """Adjusted p-values along the last axis, by the definition, pair by pair."""
    order = np.argsort(p_values, axis=-1)
    sorted_ = np.take_along_axis(p_values, order, -1)
    count = p_values.shape[-1]
    for rank in range(count):
        scaled = np.minimum(sorted_[..., rank] * (count - rank), 1.0)
        sorted_[..., rank] = np.maximum(scaled, sorted_[..., rank - 1] if rank else 0.0)
    adjusted = np.empty_like(p_values)
    np.put_along_axis(adjusted, order, sorted_, -1)
    return adjusted


def false_verdicts(
    sample: str, labels: int, count: int, studies: int = 4000, seed: int = 0
) -> dict[str, float]:
    """The share of studies of identical optimizers that call one better than another.

    Returns:
        By rule: of the label that came first without correction; by Holm's correction over its
        own pairs; over all pairs; and of any pair, by the last.
    """
    values = SAMPLES[sample][0](
        np.random.default_rng([seed, labels, count]), (studies, labels, count)
    )
    first, second = np.triu_indices(labels, 1)
    p_values = paired_p_values(values[:, first], values[:, second])
    plain = paired_p_values(values[:, first], values[:, second], corrected=False)
    leading = values.mean(axis=-1).argmin(axis=-1)[:, None]
    is_own = (first == leading) | (second == leading)
    leading_p_values = p_values[is_own].reshape(studies, labels - 1)
    adjusted = holm(p_values)
    return {
        "none": float(((plain < 0.05) & is_own).any(axis=1).mean()),
        "own": float((holm(leading_p_values) <= 0.05).any(axis=1).mean()),
        "all": float(((adjusted <= 0.05) & is_own).any(axis=1).mean()),
        "any": float((adjusted <= 0.05).any(axis=1).mean()),
    }


def false_positives(count: int, studies: int = 20_000, corrected: bool = True) -> float:
    """The largest share of false verdicts between two optimizers over accuracies of few rows."""
    shares = []
    for rows in (5, 10, 20, 36, 50, 100, 200):
        for share in (0.5, 0.8, 0.9, 0.95, 0.98):
            rng = np.random.default_rng([2, count, rows, int(100 * share)])
            first, second = rng.binomial(rows, share, (2, studies, count)) / rows
            shares.append(float((paired_p_values(first, second, corrected) <= 0.05).mean()))
    return max(shares)


def band_coverage(count: int, budgets: list[int], studies: int = 200) -> list[float]:
    """How often the band of the expected best of k trials holds it, for uniform objectives."""
    held = np.zeros(len(budgets))
    truth = 1 / (np.array(budgets) + 1)  # E[min of k] of U(0, 1)
    for study in range(studies):
        values = np.random.default_rng([3, count, study]).random(count)
        low, high = expected_best_band(values, budgets, resamples=500, seed=study)
        held += (low <= truth) & (truth <= high)
    return [float(share) for share in held / studies]


def print_table(head: list[str], rows: list[list[str]]) -> None:
    """Print a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    sys.stdout.write("".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n")


def main() -> None:
    """Print the tables."""

    def percent(share: float) -> str:
        return f"{100 * share:.1f} %"

    rows = []
    for sample in SAMPLES:
        coverages = [coverage(sample, count) for count in COUNTS]
        rows.append([sample, *(percent(share) for share, _ in coverages)])
    print_table(["Student t", *(f"n = {count}" for count in COUNTS)], rows)
    rows = [
        [sample, method, *(percent(bootstrap_coverage(sample, n, method)) for n in (5, 20, 100))]
        for sample in list(SAMPLES)[:3]
        for method in ("percentile", "BCa")
    ]
    print_table(["bootstrap", "method", "n = 5", "n = 20", "n = 100"], rows)
    rows = []
    for sample in ("normal", "lognormal, σ = 0.5", "accuracy of 0.9, 36 rows"):
        for labels in (2, 4, 20):
            false = false_verdicts(sample, labels, 5)
            rows.append([sample, str(labels), *(percent(share) for share in false.values())])
    head = ["metric", "optimizers", "uncorrected", "Holm, own pairs", "Holm, all pairs"]
    print_table([*head, "any pair"], rows)
    rows = [
        [str(n), percent(false_positives(n, corrected=False)), percent(false_positives(n))]
        for n in range(2, 11)
    ]
    print_table(["n", "uncorrected", "corrected"], rows)
    rows = []
    for n in (10, 20, 40, 100):
        held = band_coverage(n, [1, n // 5, n // 2, n])
        rows.append([str(n), *(percent(share) for share in held)])
    print_table(["trials n", "k = 1", "k = n / 5", "k = n / 2", "k = n"], rows)


if __name__ == "__main__":
    main()
