"""The curvature at one point as plain values: what its page is made from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Extreme:
    """An eigenvalue at an end of a spectrum.

    Args:
        value: the eigenvalue.
        bound: an eigenvalue lies within this of it; 0 where all were computed.
        converged: whether it reached the tolerance asked for.
    """

    value: float
    bound: float
    converged: bool = True


@dataclass(frozen=True, slots=True)
class Sum:
    """A quantity over all eigenvalues.

    Args:
        name: what it is, in words.
        value: an estimate, or the exact value.
        standard_error: of it; 0 where it is exact.
        low, high: a 95 % interval.
    """

    name: str
    value: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class DensityCurve:
    """The density of a spectrum on a symmetric logarithmic axis.

    Args:
        places: on that axis, ascending.
        unit: the half-width of its linear middle.
        estimate: eigenvalues for each unit of the axis, which is a decade outside the middle.
        low, high: a 95 % band at each place.
        width: the deviation of the normal curve that smooths it, in units of the axis.
    """

    places: Array
    unit: float
    estimate: Array
    low: Array
    high: Array
    width: float


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A loss on the plane of the two sharpest directions, and the way to its middle.

    Args:
        across, along: steps along the first and the second direction.
        values: the loss, a row for each of ``along``.
        eigenvalues: of the two directions.
        epochs: of the way; none where there is no way.
        path: a row an epoch: its place across and along, and its distance from the middle.
    """

    across: Array
    along: Array
    values: Array
    eigenvalues: tuple[float, float]
    epochs: Sequence[int] = ()
    path: Array = field(default_factory=lambda: np.empty((0, 3)))


@dataclass(frozen=True, slots=True, eq=False)
class CurvatureReport:
    """All that is known of the curvature at one point.

    Args:
        title: what was examined.
        source: where it comes from: the run, or the file of the model.
        matrix: ``"Hessian"`` or ``"Gauss-Newton matrix"``.
        size: the number of parameters.
        facts: names and values of what was examined.
        notes: sentences on how the weights were got.
        verdict: of the diagnosis.
        definiteness: of the matrix.
        sentences: the findings.
        quantities: numbers by name.
        eigenvalues: all of them where ``is_exact``, else Ritz values; ascending.
        is_exact: whether these are all.
        extremes: the largest eigenvalues, descending, then the smallest, ascending.
        largest: how many of the extremes are of the upper end.
        sums: trace, Frobenius norm, effective rank.
        density: where it was asked for.
        epochs: ``epoch``, ``quantity``, ``value`` along the way.
        spectra: ``epoch``, ``index``, ``eigenvalue`` along the way.
        plane: the loss around the point, where it was asked for.
    """

    title: str
    source: str
    matrix: str
    size: int
    facts: list[tuple[str, str]]
    notes: list[str]
    verdict: str
    definiteness: str
    sentences: list[str]
    quantities: dict[str, float]
    eigenvalues: Array
    is_exact: bool
    extremes: list[Extreme]
    largest: int
    sums: list[Sum]
    density: DensityCurve | None = None
    epochs: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["epoch", "quantity", "value"])
    )
    spectra: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["epoch", "index", "eigenvalue"])
    )
    plane: Plane | None = None
