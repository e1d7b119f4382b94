"""From a subject to its report: diagnosis, eigenvalues, sums, density, trajectory and plane."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.curvature import (
    AsymmetryError,
    Curvature,
    CurvatureOperator,
    GaussNewtonProgram,
    HessianProgram,
    StepRule,
    Surroundings,
    check_products,
    check_rows,
    diagnose,
)
from benchmark.curvature.results import CurvatureReport
from benchmark.inspection.plane import plane_of
from benchmark.inspection.settings import MATRICES, InspectionError, Settings
from benchmark.inspection.spectrum import (
    BAND,
    cost_of,
    extreme_pairs,
    shown_extremes,
    sums_and_density,
)
from benchmark.inspection.subject import Array, Subject, Watch

NOISE_BATCHES, NOISE_BYTES = 32, 2**28
"""The most mini-batches that measure the noise, and the most memory for their gradients."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A subject with its compiled products."""

    subject: Subject
    settings: Settings
    program: Any

    def operator(self, weights: list[Array] | None = None) -> CurvatureOperator:
        """Return the matrix at given weights, by default those of the subject."""
        subject = self.subject
        at = subject.weights if weights is None else weights
        operator: CurvatureOperator = self.program.at(at, subject.x, subject.y, subject.state)
        return operator


def examine(
    subject: Subject, settings: Settings, watch: Watch, announce: Callable[[str], object] = len
) -> CurvatureReport:
    """Measure the curvature of a subject.

    Args:
        subject: a loss at some weights.
        settings: what to measure.
        watch: called at each stage.
        announce: called with the cost before the work begins.

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
    curvature = _diagnosed(point, operator)
    if not len(curvature.eigenvalues):
        raise FloatingPointError(curvature.findings["definiteness"])
    is_exact = bool(curvature.quantities.get("exact"))
    watch("eigenvalues", 0.0)
    pairs = extreme_pairs(operator, settings, is_exact=is_exact)
    sums, density = sums_and_density(operator, settings, curvature, watch, is_exact=is_exact)
    epochs, spectra = _along_the_trajectory(point, watch)
    plane = plane_of(subject, settings, pairs, watch) if settings.grid else None
    count = int(min(settings.eigenvalues, subject.size))
    return CurvatureReport(
        title=subject.title,
        source=subject.source,
        matrix=MATRICES[settings.matrix],
        size=subject.size,
        facts=[("parameters", str(subject.size)), *subject.facts],
        notes=subject.notes,
        verdict=_verdict(curvature, settings),
        definiteness=curvature.definiteness,
        sentences=[
            *_sentences(curvature, settings),
            *subject.sentences,
            *([] if density is None else [BAND]),
            *([] if is_exact else doubts),
        ],
        quantities={"loss": operator.value(), **curvature.quantities},
        eigenvalues=curvature.eigenvalues,
        is_exact=is_exact,
        extremes=shown_extremes(curvature, pairs, settings, is_exact=is_exact),
        largest=count,
        sums=sums,
        density=density,
        epochs=epochs,
        spectra=spectra,
        plane=plane,
    )


def _checked(subject: Subject, operator: CurvatureOperator) -> list[str]:
    """Refuse a loss that is no function of weights and single examples.

    Returns:
        A sentence if products are not symmetric. For a whole matrix the diagnosis says by how
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
    point: Point, operator: CurvatureOperator, trajectory_rule: StepRule | str | None = None
) -> Curvature:
    """Return the diagnosis at the end, or at an epoch if the rule of that epoch is given.

    The latter leaves out the measured step and the noise of the gradient.
    """
    settings, subject = point.settings, point.subject
    around = Surroundings(rule=trajectory_rule)
    if trajectory_rule is None:
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
    """Return gradients of disjoint mini-batches if there are at least two and memory for them."""
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
                subject.weights, subject.x[batch], subject.y[batch], subject.state
            ).gradient()
            for batch in rows
        ]
    )


def _along_the_trajectory(point: Point, watch: Watch) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return quantities and eigenvalues at epochs of the trajectory, on a logarithmic scale."""
    subject, wanted = point.subject, point.settings.epochs
    quantities: list[tuple[int, str, float]] = []
    spectra: list[tuple[int, int, float]] = []
    chosen = _spread(len(subject.epochs), wanted)
    for step, index in enumerate(chosen):
        watch("curvature by epoch", step / len(chosen))
        curvature = _diagnosed(
            point, point.operator(subject.trajectory[index]), subject.trajectory_rules[index]
        )
        epoch = subject.epochs[index]
        quantities += [(epoch, name, value) for name, value in curvature.quantities.items()]
        spectra += [(epoch, i, float(value)) for i, value in enumerate(curvature.eigenvalues)]
    return (
        pd.DataFrame(quantities, columns=["epoch", "quantity", "value"]),
        pd.DataFrame(spectra, columns=["epoch", "index", "eigenvalue"]),
    )


def _spread(count: int, wanted: int) -> list[int]:
    """Return indices from the first to the last, denser at the start.

    Example:
        >>> _spread(21, 5), _spread(3, 8), _spread(10, 0)
        ([0, 1, 4, 9, 20], [0, 1, 2], [])
    """
    if not wanted or not count:
        return []
    indices = np.geomspace(1, count, min(wanted, count)) - 1
    return sorted({round(float(index)) for index in indices})


def _verdict(curvature: Curvature, settings: Settings) -> str:
    # The Gauss-Newton matrix is never negative: it cannot tell a saddle from a minimum.
    is_hessian = settings.matrix == "hessian" or curvature.verdict == "not a critical point"
    return curvature.verdict if is_hessian else "undetermined"


def _sentences(curvature: Curvature, settings: Settings) -> list[str]:
    if settings.matrix == "hessian":
        return list(curvature.sentences)
    sentences = [
        text.replace("Hessian", MATRICES["gauss_newton"])
        for topic, text in curvature.findings.items()
        if topic != "critical_point" or curvature.verdict == "not a critical point"
    ]
    return [
        *sentences,
        "The Gauss-Newton matrix leaves out the curvature of the outputs. If the loss is convex in "
        "the outputs, it has no negative eigenvalue and cannot tell a saddle from a minimum. λ, α* "
        "and the sentences about steps are those of a loss whose Hessian is this matrix.",
    ]
