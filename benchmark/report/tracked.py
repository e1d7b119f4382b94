"""The curvature that was followed in every trial of the search, as one table."""

import math
from typing import Any

import numpy as np
import pandas as pd

from benchmark.optimizers.stability import limit_without_state
from benchmark.report.formatting import counted, listed
from benchmark.report.material import Material
from benchmark.report.theme import axis_of

PREFIX = "probe_"
SHARPNESS, KAPPA = "lambda_max", "condition_number_lower_bound"
SCALED, RELATIVE = "scaled_sharpness", "relative_sharpness"
FACTS = ("label", "phase", "status", "objective", "direction")
"""What the rows say of their trials."""
NAMED_LABELS = 4
"""Up to so many labels each is counted by itself in a caption."""
BEYOND = 100.0
"""An axis leaves out what lies further than this factor beyond nine tenths of its values."""
LEAST_SPAN = 4.0
"""The least factor between the ends of an axis."""
Array = np.ndarray[Any, np.dtype[np.float64]]


def tracked_table(material: Material) -> pd.DataFrame:
    """Return what was followed on the probe, a row a trial of the search and epoch.

    Args:
        material: the run.

    Returns:
        ``trial``, ``epoch``, what the table of trials says of the trial, and the quantities
        ``lambda_max``, ``condition_number_lower_bound``, ``scaled_sharpness`` and
        ``relative_sharpness``: η·λmax, that of the loss without penalties, over the stability
        limit of the optimizer where its hyperparameters give it. A quantity is NaN where it is
        not known; there is no row where nothing was followed.
    """
    names = [SHARPNESS, KAPPA, SCALED]
    measured = material.run.curvature
    measured = measured[measured["quantity"].isin([PREFIX + name for name in names])]
    search = material.search.drop_duplicates("number").set_index("number")
    measured = measured[measured["trial"].isin(search.index)]
    if not len(measured):
        return pd.DataFrame(columns=["trial", "epoch", *FACTS, *names, RELATIVE])
    wide = measured.pivot_table(index=["trial", "epoch"], columns="quantity", values="value")
    wide = wide.rename(columns=lambda name: str(name).removeprefix(PREFIX)).reset_index()
    wide = wide.reindex(columns=["trial", "epoch", *names])
    wide = wide.replace([np.inf, -np.inf], np.nan)
    limits = {trial: _limit(search.loc[trial]) for trial in wide["trial"].unique()}
    wide[RELATIVE] = wide[SCALED] / wide["trial"].map(limits)
    return wide.join(search[list(FACTS)], on="trial")


def _limit(trial: "pd.Series[Any]") -> float:
    """The largest stable η·λmax of a trial, NaN where none is known of the Hessian itself."""
    numbers = {
        str(name).removeprefix("hp."): float(value)
        for name, value in trial.items()
        if str(name).startswith("hp.") and not pd.isna(value)
    }
    try:
        # Others have one of their preconditioned Hessian, which is not followed, or none.
        limit = limit_without_state(str(trial["optimizer"]), numbers)
    except KeyError:
        return math.nan
    return limit if limit is not None and limit > 0 else math.nan


def known(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows in which a quantity can stand on a logarithmic axis.

    Args:
        table: what :func:`tracked_table` returned.
        name: the quantity.
    """
    return table[table[name] > 0]


def axis_around(values: Any) -> dict[str, Any]:
    """Return a logarithmic axis that lone values far from all others do not stretch.

    Args:
        values: positive numbers, at least one.

    Example:
        >>> axis_around([1.0] * 30 + [10.0] * 30 + [1e-13])["ticktext"][0]
        '0.01'
    """
    numbers = np.asarray(values, dtype=float)
    low, high = np.quantile(numbers, [0.05, 0.95])
    ends = [max(numbers.min(), low / BEYOND), min(numbers.max(), high * BEYOND)]
    # Rounding of float32 would fill an axis on which nothing changes.
    missing = max(1.0, LEAST_SPAN / (ends[1] / ends[0])) ** 0.5
    return axis_of([ends[0] / missing, ends[1] * missing], "log")


def clipped(values: Any, axis: dict[str, Any]) -> Array:
    """Return values on an axis, those beyond its ends at them.

    Args:
        values: positive numbers.
        axis: what :func:`axis_around` returned.
    """
    low, high = (10.0**end for end in axis["range"])
    return np.clip(np.asarray(values, dtype=float), low * 1.02, high / 1.02)


def counts(table: pd.DataFrame, labels: list[str]) -> str:
    """Say how many trials there are, and how many of them did not run to their end.

    Args:
        table: what :func:`tracked_table` returned, or some of its rows.
        labels: in the order in which they are named.

    Example:
        >>> ends = ["completed", "pruned"]
        >>> rows = pd.DataFrame({"trial": [0, 1], "label": "sgd", "status": ends})
        >>> counts(rows, ["sgd"])
        '2 trials of sgd (1 pruned)'
    """
    trials = table.drop_duplicates("trial")
    present = [label for label in labels if (trials["label"] == label).any()]
    if len(present) > NAMED_LABELS:
        return f"{_counted(trials)} of {len(present)} optimizers{_ended(trials)}"
    return listed(
        [
            f"{_counted(own)} of {label}{_ended(own)}"
            for label in present
            for own in [trials[trials["label"] == label]]
        ]
    )


def _counted(trials: pd.DataFrame) -> str:
    return counted(len(trials), "trial")


def _ended(trials: pd.DataFrame) -> str:
    found = [
        f"{count} {status}"
        for status in ("pruned", "diverged", "failed", "interrupted")
        if (count := int((trials["status"] == status).sum()))
    ]
    return f" ({', '.join(found)})" if found else ""


def probe_words(material: Material) -> str:
    """Say of which loss the curvature was followed.

    Args:
        material: the run.
    """
    if material.study.problem.function:
        return f"of {material.study.problem.function}"
    examples = material.study.curvature.probe
    return f"of the loss over a probe of {counted(examples, 'training example')}"
