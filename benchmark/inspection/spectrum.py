"""The spectrum at one point: its extremes, sums and density, and what the whole matrix costs."""

import time
from functools import partial

import numpy as np

from benchmark.curvature import (
    Curvature,
    CurvatureOperator,
    Eigenpairs,
    Estimate,
    SpectralDensity,
    SymmetricOperator,
    effective_rank,
    estimate_moments,
    exact_hessian,
    exact_plan,
    extreme_eigenvalues,
    spectral_density,
)
from benchmark.curvature.exact import top_eigenpairs
from benchmark.curvature.operators import epsilon_of
from benchmark.curvature.results import DensityCurve, Extreme, Sum
from benchmark.curvature.symlog import DENSITY_DECADES, edges, linear_until, symlog
from benchmark.inspection.settings import MATRICES, Settings
from benchmark.inspection.subject import Array, Watch

TOLERANCE, MOST_PRODUCTS = 1e-6, 600
"""Relative tolerance; after this many products values are marked if they did not converge."""
BLOCK = 2
"""Vectors multiplied at once. With a single one, the method may end before it finds the second copy
of a double eigenvalue, which the symmetries of a network cause; it may still miss a third copy."""
PROBES, STEPS = 10, 60
MOMENT_PRODUCTS = 60
BAND = (
    f"The band of the density shows the uncertainty from its {PROBES} random probes. {STEPS} "
    "products of each probe cannot separate eigenvalues that are close together, as many near zero "
    "may be; these are smoothed into one, which the band does not show."
)
"""The coverage of the band is measured in tests/inspection/test_density.py."""


def extreme_pairs(
    operator: SymmetricOperator, settings: Settings, *, is_exact: bool
) -> Eigenpairs | None:
    """Return extreme eigenvalues with vectors; nothing if there is only one parameter.

    Args:
        operator: n × n.
        settings: how many eigenvalues are asked for.
        is_exact: whether the matrix is formed anyway; then the two of the plane are enough.
    """
    if is_exact:
        return _from_matrix(operator)
    size = operator.shape[0]
    largest = min(settings.eigenvalues, size)
    return extreme_eigenvalues(
        operator,
        largest,
        min(settings.eigenvalues // 2, size - largest),
        tolerance=TOLERANCE,
        max_products=MOST_PRODUCTS,
        block_size=BLOCK,
        vectors=True,
        seed=settings.seed,
    )


def _from_matrix(operator: SymmetricOperator) -> Eigenpairs | None:
    """Return the two sharpest directions of a matrix that is formed anyway."""
    size = operator.shape[0]
    if size < 2:
        return None
    matrix, _ = exact_hessian(operator)
    scale = float(np.linalg.norm(matrix))  # at least max |λ|
    values, vectors = top_eigenpairs(matrix, 2)
    return Eigenpairs(
        eigenvalues=values,
        residuals=np.zeros(2),
        joint_residual=0.0,
        rounding=size * epsilon_of(operator) * scale,
        converged=np.ones(2, bool),
        vectors=vectors,
        products=size,
        restarts=0,
    )


def shown_extremes(
    curvature: Curvature, pairs: Eigenpairs | None, settings: Settings, *, is_exact: bool
) -> list[Extreme]:
    """Return the largest, descending, then the smallest, ascending, each with its bound.

    Args:
        curvature: the diagnosis, with all eigenvalues if they are exact.
        pairs: the result of :func:`extreme_pairs`.
        settings: how many eigenvalues are asked for.
        is_exact: whether the diagnosis has all eigenvalues.
    """
    count = settings.eigenvalues
    if is_exact:
        values = curvature.eigenvalues
        bound = curvature.quantities["tolerance"] + curvature.quantities.get("asymmetry", 0.0)
        upper = values[::-1][:count]
        lower = values[: max(0, min(count // 2, values.size - upper.size))]
        return [Extreme(float(value), float(bound)) for value in (*upper, *lower)]
    assert pairs is not None, "a large matrix has pairs"
    rows = list(zip(pairs.eigenvalues, pairs.bounds, pairs.converged, strict=True))
    upper_rows = rows[-count:][::-1]
    lower_rows = rows[: len(rows) - len(upper_rows)]
    return [Extreme(float(a), float(b), bool(c)) for a, b, c in (*upper_rows, *lower_rows)]


def cost_of(operator: CurvatureOperator, settings: Settings, points: int) -> str:
    """Say what the whole matrix costs, and whether it will be formed.

    Args:
        operator: n × n. A block of products is computed twice. The first time compiles it, which
            is needed anyway; the second time is measured.
        settings: they give the limit.
        points: the number of weights at which curvature is measured.
    """
    size, limit = operator.shape[0], settings.exact_limit
    plan = exact_plan(size)
    matrix = MATRICES[settings.matrix]
    if not settings.wants_exact(size):
        return (
            f"The {matrix} of {size} parameters is not formed, because the limit is {limit}: "
            f"{settings.lanczos_steps} Lanczos steps find the ends of its spectrum. "
            f"{plan.sentence} --exact-limit {size} asks for all of them."
        )
    if not plan.fits:
        return (
            f"The {matrix} of {size} parameters does not fit: {plan.sentence} "
            f"{settings.lanczos_steps} Lanczos steps stand in for it."
        )
    block = np.zeros((size, min(size, operator.block_size)))
    operator.matmat(block)
    begun = time.perf_counter()
    operator.matmat(block)
    seconds = plan.seconds(time.perf_counter() - begun, operator.block_size)
    where = f" at {points} points of the trajectory" if points > 1 else ""
    return (
        f"The whole {matrix} is formed{where}. {plan.sentence} By the time of one block of "
        f"products, that is about {max(seconds, 0.1):.1g} s each time."
    )


def sums_and_density(
    operator: CurvatureOperator,
    settings: Settings,
    curvature: Curvature,
    watch: Watch,
    *,
    is_exact: bool,
) -> tuple[list[Sum], DensityCurve | None]:
    """Return the sums over all eigenvalues, and the density if it is asked for.

    Args:
        operator: n × n.
        settings: what to measure.
        curvature: the diagnosis.
        watch: called at each stage.
        is_exact: whether the diagnosis has all eigenvalues.
    """
    watch("sums over the spectrum", 0.0)
    sums = _exact_sums(curvature.eigenvalues) if is_exact else _sums(operator, settings)
    if not settings.density or operator.shape[0] < 2:
        return sums, None
    watch("density", 0.0)
    density = spectral_density(operator, PROBES, STEPS, settings.seed)
    if not is_exact:
        sums.append(_sum("effective rank, (Σ|λ|)² / Σλ²", density.effective_rank()))
    return sums, density_curve(density, curvature.eigenvalues)


def _exact_sums(values: Array) -> list[Sum]:
    numbers = {
        "trace": float(values.sum()),
        "Frobenius norm": float(np.linalg.norm(values)),
        "effective rank, (Σ|λ|)² / Σλ²": effective_rank(values),
    }
    return [Sum(name, value, 0.0, value, value) for name, value in numbers.items()]


def _sums(operator: CurvatureOperator, settings: Settings) -> list[Sum]:
    moments = estimate_moments(operator, MOMENT_PRODUCTS, seed=settings.seed)
    sums = [_sum("trace", moments.trace), _sum("Frobenius norm", moments.frobenius_norm)]
    if settings.matrix == "gauss_newton":
        sums.append(_sum("effective rank, (Σλ)² / Σλ²", moments.effective_rank))
    return sums


def _sum(name: str, estimate: Estimate) -> Sum:
    return Sum(name, estimate.value, estimate.standard_error, *estimate.interval())


WIDTH = 0.12
"""The standard deviation of the smoothing curve, in decades."""
POINTS = 241


def density_curve(density: SpectralDensity, values: Array) -> DensityCurve:
    """Smooth a spectrum on the axis s(λ) = sign(λ) log₁₀(1 + |λ| / unit).

        φ(s) = Σᵢ N(s; s(λᵢ), σ²)

    This is a sum over eigenvalues, which the probes estimate with an error. The 95 % interval at
    each position covers that error in about nine of ten cases, because single eigenvalues make it
    skew. It does not cover what the nodes of a probe cannot resolve, which near zero may be
    several decades of the axis.

    Args:
        density: the spectrum as estimated by probes.
        values: eigenvalues or Ritz values, for the ends of the axis.
    """
    nodes = density.nodes[density.weights > 0]
    both = np.concatenate([np.ravel(nodes), np.ravel(values)])
    unit = linear_until(both, DENSITY_DECADES)
    ends = edges(both, unit)
    positions = np.linspace(ends[0] - 4 * WIDTH, ends[-1] + 4 * WIDTH, POINTS)
    estimate, low, high = np.empty((3, POINTS))
    for index, position in enumerate(positions):
        mean = density.mean(partial(_normal, position=position, unit=unit))
        band = mean.interval()
        estimate[index] = density.size * mean.value
        low[index], high[index] = (density.size * end for end in band)
    return DensityCurve(positions, unit, estimate, np.maximum(low, 0.0), high, WIDTH)


def _normal(eigenvalues: Array, *, position: float, unit: float) -> Array:
    distance = symlog(eigenvalues, unit) - position
    return np.exp(-((distance / WIDTH) ** 2) / 2) / (WIDTH * np.sqrt(2 * np.pi))
