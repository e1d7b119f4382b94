"""From a subject to its curvature_report: diagnosis, eigenvalues, sums, density, way and plane."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.curvature import (
    AsymmetryError,
    Curvature,
    CurvatureOperator,
    Estimate,
    GaussNewtonProgram,
    HessianProgram,
    StepRule,
    Surroundings,
    check_products,
    check_rows,
    diagnose,
    effective_rank,
    estimate_moments,
    spectral_density,
)
from benchmark.curvature.results import CurvatureReport, Sum
from benchmark.inspection.plane import plane_of
from benchmark.inspection.quantities import (
    cost_of,
    density_curve,
    extreme_pairs,
    shown_extremes,
)
from benchmark.inspection.settings import MATRICES, InspectionError, Settings
from benchmark.inspection.subject import Array, Subject, Watch

NOISE_BATCHES, NOISE_BYTES = 32, 2**28
"""The largest number of mini-batches that show the noise; their gradients take no more memory."""
PROBES, STEPS = 10, 60
MOMENT_PRODUCTS = 60
BAND = (
    f"The band of the density is of the chance of its {PROBES} probes. Eigenvalues that lie closer "
    f"together than {STEPS} products of each can tell apart, as many near zero may, are smoothed "
    "as one, which the band does not show."
)
"""Its coverage is measured in tests/inspection/test_density.py."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A subject with its compiled products."""

    subject: Subject
    settings: Settings
    program: Any

    def operator(self, weights: list[Array] | None = None) -> CurvatureOperator:
        """The matrix at some weights, those of the subject by default."""
        subject = self.subject
        at = subject.weights if weights is None else weights
        found: CurvatureOperator = self.program.at(at, subject.x, subject.y, subject.state)
        return found


def examine(
    subject: Subject, settings: Settings, watch: Watch, announce: Callable[[str], object] = len
) -> CurvatureReport:
    """Measure the curvature of a subject.

    Args:
        subject: a loss at some weights.
        settings: what is asked for.
        watch: told of each stage.
        announce: told what it costs before that is computed.

    Raises:
        InspectionError: a product or a loss is not finite, or the loss cannot be differentiated.
    """
    try:
        return _examined(subject, settings, watch, announce)
    except FloatingPointError as error:
        raise InspectionError(
            f"{error} In {subject.source}: the loss or its curvature overflows at these weights. "
            "Name another trial or model."
        ) from None
    except MemoryError:
        raise InspectionError(
            f"the numbers must fit into memory. Received {subject.size} parameters. Ask for fewer "
            "--eigenvalues, a smaller --exact-limit and --no-density."
        ) from None


def _examined(
    subject: Subject, settings: Settings, watch: Watch, announce: Callable[[str], object]
) -> CurvatureReport:
    kind = {"hessian": HessianProgram, "gauss_newton": GaussNewtonProgram}[settings.matrix]
    point = Point(subject, settings, kind(subject.loss))
    watch("cost", 0.0)
    operator = point.operator()
    points = 1 + len(_spread(len(subject.epochs), settings.epochs))
    announce(cost_of(operator, settings, points))
    doubts = _checked(subject, operator)
    watch("diagnosis", 0.0)
    found = _diagnosed(point, operator)
    if not len(found.eigenvalues):
        raise FloatingPointError(found.findings["definiteness"])
    is_exact = bool(found.quantities.get("exact"))
    watch("eigenvalues", 0.0)
    pairs = extreme_pairs(operator, settings, is_exact=is_exact)
    watch("sums over the spectrum", 0.0)
    sums = _exact_sums(found.eigenvalues) if is_exact else _sums(operator, settings)
    density = None
    if settings.density and subject.size > 1:
        watch("density", 0.0)
        seen = spectral_density(operator, PROBES, STEPS, settings.seed)
        density = density_curve(seen, found.eigenvalues)
        if not is_exact:
            sums.append(_sum("effective rank, (Σ|λ|)² / Σλ²", seen.effective_rank()))
    epochs, spectra = _along_the_way(point, watch)
    plane = plane_of(subject, settings, pairs, watch) if settings.grid else None
    count = int(min(settings.eigenvalues, subject.size))
    return CurvatureReport(
        title=subject.title,
        source=subject.source,
        matrix=MATRICES[settings.matrix],
        size=subject.size,
        facts=[("parameters", str(subject.size)), *subject.facts],
        notes=subject.notes,
        verdict=_verdict(found, settings),
        definiteness=found.definiteness,
        sentences=[
            *_sentences(found, settings),
            *subject.sentences,
            *([] if density is None else [BAND]),
            *([] if is_exact else doubts),
        ],
        quantities={"loss": operator.value(), **found.quantities},
        eigenvalues=found.eigenvalues,
        is_exact=is_exact,
        extremes=shown_extremes(found, pairs, settings, is_exact=is_exact),
        largest=count,
        sums=sums,
        density=density,
        epochs=epochs,
        spectra=spectra,
        plane=plane,
    )


def _checked(subject: Subject, operator: CurvatureOperator) -> list[str]:
    """Refuse what is no function of weights and single examples, whatever its layers are called.

    Returns:
        A sentence where products are not symmetric; of a whole matrix the diagnosis says by how
        much.
    """
    try:
        check_rows(subject.loss, subject.weights, subject.x, subject.y, subject.state)
        check_products(operator)
    except AsymmetryError as error:
        return [f"Eigenvalues are uncertain: {error}"]
    except ValueError as error:
        raise InspectionError(f"{error} In {subject.source}.") from None
    return []


def _diagnosed(
    point: Point, operator: CurvatureOperator, way_rule: StepRule | str | None = None
) -> Curvature:
    """The diagnosis at the end, or without what that alone needs where the rule is of the way."""
    settings, subject = point.settings, point.subject
    around = Surroundings(rule=way_rule)
    if way_rule is None:
        around = Surroundings(
            loss_at=lambda shift: _moved(point, shift).value(),
            rule=subject.rule,
            batch_gradients=_batch_gradients(point),
            batch_size=max(1, subject.batch_size),
        )
    return diagnose(
        operator,  # type: ignore[arg-type]  # any curvature operator will do
        exact_limit=settings.exact_limit,
        lanczos_steps=settings.lanczos_steps,
        seed=settings.seed,
        surroundings=around,
    )


def _moved(point: Point, shift: Array) -> CurvatureOperator:
    ends = np.cumsum([array.size for array in point.subject.weights])[:-1]
    parts = np.split(np.asarray(shift, np.float64), ends)
    weights = [
        np.asarray(array, np.float64) + part.reshape(array.shape)
        for array, part in zip(point.subject.weights, parts, strict=True)
    ]
    return point.operator(weights)


def _batch_gradients(point: Point) -> Array | None:
    """Gradients of disjoint mini-batches, where there are two at least and memory for them."""
    subject = point.subject
    size = subject.batch_size
    count = min(NOISE_BATCHES, len(subject.x) // size if size else 0)
    if count < 2 or 8 * count * subject.size > NOISE_BYTES:
        return None
    order = np.random.default_rng(point.settings.seed).permutation(len(subject.x))
    rows = [order[size * index : size * (index + 1)] for index in range(count)]
    return np.stack(
        [
            point.program.at(
                subject.weights, subject.x[some], subject.y[some], subject.state
            ).gradient()
            for some in rows
        ]
    )


def _exact_sums(values: Array) -> list[Sum]:
    numbers = {
        "trace": float(values.sum()),
        "Frobenius norm": float(np.linalg.norm(values)),
        "effective rank, (Σ|λ|)² / Σλ²": effective_rank(values),
    }
    return [Sum(name, value, 0.0, value, value) for name, value in numbers.items()]


def _sums(operator: CurvatureOperator, settings: Settings) -> list[Sum]:
    moments = estimate_moments(operator, MOMENT_PRODUCTS, seed=settings.seed)
    found = [_sum("trace", moments.trace), _sum("Frobenius norm", moments.frobenius_norm)]
    if settings.matrix == "gauss_newton":
        found.append(_sum("effective rank, (Σλ)² / Σλ²", moments.effective_rank))
    return found


def _sum(name: str, one: Estimate) -> Sum:
    return Sum(name, one.value, one.standard_error, *one.interval())


def _along_the_way(point: Point, watch: Watch) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Quantities and eigenvalues at some epochs of the way, spread by their logarithm."""
    subject, wanted = point.subject, point.settings.epochs
    quantities: list[tuple[int, str, float]] = []
    spectra: list[tuple[int, int, float]] = []
    chosen = _spread(len(subject.epochs), wanted)
    for done, index in enumerate(chosen):
        watch("curvature by epoch", done / len(chosen))
        found = _diagnosed(point, point.operator(subject.way[index]), subject.way_rules[index])
        epoch = subject.epochs[index]
        quantities += [(epoch, name, value) for name, value in found.quantities.items()]
        spectra += [(epoch, i, float(value)) for i, value in enumerate(found.eigenvalues)]
    return (
        pd.DataFrame(quantities, columns=["epoch", "quantity", "value"]),
        pd.DataFrame(spectra, columns=["epoch", "index", "eigenvalue"]),
    )


def _spread(count: int, wanted: int) -> list[int]:
    """Indices from the first to the last, denser at the start.

    Example:
        >>> _spread(21, 5), _spread(3, 8), _spread(10, 0)
        ([0, 1, 4, 9, 20], [0, 1, 2], [])
    """
    if not wanted or not count:
        return []
    places = np.geomspace(1, count, min(wanted, count)) - 1
    return sorted({round(float(place)) for place in places})


def _verdict(found: Curvature, settings: Settings) -> str:
    # The Gauss-Newton matrix is never negative: it cannot tell a saddle from a minimum.
    is_hessian = settings.matrix == "hessian" or found.verdict == "not a critical point"
    return found.verdict if is_hessian else "undetermined"


def _sentences(found: Curvature, settings: Settings) -> list[str]:
    if settings.matrix == "hessian":
        return list(found.sentences)
    sentences = [
        text.replace("Hessian", MATRICES["gauss_newton"])
        for topic, text in found.findings.items()
        if topic != "critical_point" or found.verdict == "not a critical point"
    ]
    return [
        *sentences,
        "The Gauss-Newton matrix leaves out how the outputs themselves bend: with a loss that is "
        "convex in them it is never negative, and cannot tell a saddle from a minimum. λ, α* and "
        "the sentences about steps are those of a loss whose Hessian is this matrix.",
    ]
