"""The quantities that are followed in every trial of the search, and what to say of each."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from benchmark.report.formatting import listed, number
from benchmark.report.material import Material
from benchmark.report.tracked import KAPPA, RELATIVE, SHARPNESS, known, probe_words
from benchmark.statistics import USABLE

MOST_NAMED = 3
"""Up to so many labels have their medians named in a caption."""
ALL_DIRECTIONS = ", and the number itself where these reach every direction."


@dataclass(frozen=True, slots=True)
class Measure:
    """A followed quantity and what to say of it.

    Args:
        name: its column in the table.
        figure: the name of its figure.
        title: of its axis.
        caption: from the run and the rows that are drawn, what it is and what to see.
        line: a value to mark, or nothing.
    """

    name: str
    figure: str
    title: str
    caption: Callable[[Material, pd.DataFrame], str]
    line: float | None = None


def _sharpness(material: Material, table: pd.DataFrame) -> str:
    beyond = (
        ALL_DIRECTIONS
        if material.study.problem.function
        else " and, since so few examples are sharper than all of them, good for comparing trials."
    )
    return (
        f"Sharpness: the largest eigenvalue λmax of the Hessian {probe_words(material)}. A line "
        f"that rises is training that moves to where the loss bends more{_from_to(table)}. The "
        f"value is a lower bound from six products with the Hessian{beyond}"
        + (" The trials are of different problems." if material.swept else "")
    )


def _from_to(table: pd.DataFrame) -> str:
    """How the median of each label went from the first to the last epoch."""
    found = []
    for label, own in known(table[table["status"].isin(USABLE)], SHARPNESS).groupby(
        "label", sort=False
    ):
        median = own.groupby("epoch")[SHARPNESS].median()
        if len(median) > 1:
            ends = number(float(median.iloc[0]), 3), number(float(median.iloc[-1]), 3)
            found.append(f"{label} {ends[0]} to {ends[1]}")
    return f" (medians, first to last: {listed(found)})" if 0 < len(found) <= MOST_NAMED else ""


def _stability(material: Material, table: pd.DataFrame) -> str:
    drawn = known(table, RELATIVE)
    largest = drawn.groupby("trial")[RELATIVE].max()
    above = largest[largest > 1].index
    lost = drawn[drawn["trial"].isin(above) & (drawn["status"] == "diverged")]["trial"].nunique()
    missing = [label for label in material.labels if not (drawn["label"] == label).any()]
    missing = [label for label in missing if (table["label"] == label).any()]
    return (
        "The edge of stability: η·λmax, the learning rate times the sharpness above, over the "
        "largest value at which the optimizer is stable on a quadratic (2 for gradient descent). "
        f"Beyond the line at 1 each step overshoots more: {len(above)} of {len(largest)} trials "
        f"were measured there at some epoch, and {lost} of them diverged. Clipping, or a loss "
        "that flattens, can hold a trial there; as λmax is a lower bound, more may have been."
        + _not_drawn(missing)
    )


def _not_drawn(labels: list[str]) -> str:
    if not labels:
        return ""
    return (
        f" Not drawn: {listed(labels)}, with no limit of λmax alone. What limits an optimizer that "
        "divides by a matrix P is λmax of P⁻¹H, which is not followed in every trial, only "
        "measured in those that are diagnosed."
    )


def _kappa(material: Material, table: pd.DataFrame) -> str:  # noqa: ARG001
    beyond = (
        ALL_DIRECTIONS
        if material.study.problem.function
        else ", for six products do not resolve the small eigenvalues: κ is mostly far larger."
    )
    return (
        "Condition number κ, the largest over the smallest |λ| of the same Hessian. The higher, "
        "the longer the flattest direction takes at a step that the sharpest one allows. The "
        f"value is a lower bound{beyond}"
    )


MEASURES = (
    Measure(SHARPNESS, "tracked-sharpness", "λmax", _sharpness),
    Measure(RELATIVE, "tracked-stability", "η·λmax / limit", _stability, 1.0),
    Measure(KAPPA, "tracked-condition", "lower bound of κ", _kappa),
)
