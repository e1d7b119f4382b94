"""The curvature at one point as plain values, which its page is made from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    """The curvature of a loss at given weights; n is the number of parameters.

    Args:
        quantities: numbers by name. A name is absent where its value is not known.

            - ``exact``: 1 if the full Hessian was formed, 0 for Lanczos' method.
            - ``products``: Hessian-vector products made.
            - ``lambda_max``, ``lambda_min``: the algebraically largest and smallest eigenvalue,
              or the outermost Ritz values, which lie inside the spectrum.
            - ``lambda_max_residual``, ``lambda_min_residual`` (Lanczos): an eigenvalue lies
              within this distance of the Ritz value, including rounding.
            - ``lambda_abs_max``: max |λ|; ``lambda_abs_min`` (exact): min |λ|, or if that is not
              resolved ``lambda_abs_min_upper_bound``: an eigenvalue is at most that large.
            - ``tolerance``: n × machine epsilon × ``lambda_abs_max``, within which an
              eigenvalue counts as zero.
            - ``condition_number``: κ = max |λ| / min |λ|, or if min |λ| is not resolved
              ``condition_number_lower_bound``.
            - ``negative``, ``zero``, ``positive`` (exact): counts of eigenvalues, or
              ``negative_at_least``, ``positive_at_least``.
            - ``asymmetry`` (exact): of the products, see ``ExactSpectrum``.
            - ``gradient_norm``: ‖g‖; ``gradient_tolerance``: up to this it counts as zero.
            - ``optimal_step``: α* = gᵀg / gᵀHg, with ``predicted_decrease`` and
              ``measured_decrease``, see :mod:`benchmark.curvature.steps`.
            - ``scaled_sharpness``: η·λmax, with ``stability_limit``, see the same.
            - ``alignment_top_1``, ``alignment_top_10``: the share of ‖g‖² along the sharpest
              eigenvectors, see :mod:`benchmark.curvature.gradient`.
            - ``gradient_noise_scale`` and its parts, see :mod:`benchmark.curvature.gradient`.
        eigenvalues: all of them, or the Ritz values; ascending.
        definiteness: ``"positive definite"``, ``"positive semidefinite"``, ``"negative
            definite"``, ``"negative semidefinite"``, ``"indefinite"``, ``"zero"`` or
            ``"undetermined"``.
        verdict: ``"minimum"``, ``"maximum"``, ``"saddle"``, ``"degenerate"``, ``"not a critical
            point"`` or ``"undetermined"``.
        findings: sentences by topic: what is exact, bounded or unknown.
    """

    quantities: dict[str, float]
    eigenvalues: Array = field(repr=False)
    definiteness: str
    verdict: str
    findings: dict[str, str]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The findings without their topics."""
        return tuple(self.findings.values())


@dataclass(frozen=True, slots=True)
class Extreme:
    """An eigenvalue at an end of a spectrum.

    Args:
        value: the eigenvalue.
        bound: an eigenvalue lies within this distance; 0 if all were computed.
        converged: whether it reached the tolerance asked for.
    """

    value: float
    bound: float
    converged: bool = True


@dataclass(frozen=True, slots=True)
class Sum:
    """A quantity over all eigenvalues.

    Args:
        name: the quantity in words.
        value: an estimate, or the exact value.
        standard_error: of the estimate; 0 if it is exact.
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
        places: positions on that axis, ascending.
        unit: the half-width of the linear middle of the axis.
        estimate: eigenvalues for each unit of the axis, which is a decade outside the middle.
        low, high: a 95 % band at each position.
        width: the standard deviation of the smoothing normal curve, in units of the axis.
    """

    places: Array
    unit: float
    estimate: Array
    low: Array
    high: Array
    width: float


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A loss on the plane of the two sharpest directions, and the trajectory to its middle.

    Args:
        across, along: steps along the first and the second direction.
        values: the loss, a row for each of ``along``.
        eigenvalues: those of the two directions.
        epochs: those of the trajectory; empty without one.
        path: a row for each epoch: its position across and along, and its distance from the middle.
    """

    across: Array
    along: Array
    values: Array
    eigenvalues: tuple[float, float]
    epochs: Sequence[int] = ()
    path: Array = field(default_factory=lambda: np.empty((0, 3)))


@dataclass(frozen=True, slots=True, eq=False)
class CurvatureReport:
    """All results about the curvature at one point.

    Args:
        title: what was examined.
        source: the run, or the file of the model.
        matrix: ``"Hessian"`` or ``"Gauss-Newton matrix"``.
        size: the number of parameters.
        facts: names and values of what was examined.
        notes: sentences on the origin of the weights.
        verdict: that of the diagnosis.
        definiteness: that of the matrix.
        sentences: the findings.
        quantities: numbers by name.
        eigenvalues: all eigenvalues if ``is_exact``, otherwise Ritz values; ascending.
        is_exact: whether these are all eigenvalues.
        extremes: the largest eigenvalues, descending, then the smallest, ascending.
        largest: how many of the extremes are at the upper end.
        sums: trace, Frobenius norm, effective rank.
        density: the density of the spectrum, if it was asked for.
        epochs: ``epoch``, ``quantity``, ``value`` along the trajectory.
        spectra: ``epoch``, ``index``, ``eigenvalue`` along the trajectory.
        plane: the loss around the point, if it was asked for.
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
