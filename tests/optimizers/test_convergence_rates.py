"""Contraction a step and limits of stability on a quadratic, against their closed forms.

Lessard, Recht, Packard, SIAM J. Optim. 2016, and Cohen et al., ICLR 2021 and 2022.
"""

from typing import Any

import numpy as np
import pytest

from benchmark.optimizers import build_optimizer

SMALLEST, LARGEST = 0.5, 12.5
ROOT = np.sqrt(LARGEST / SMALLEST)  # √κ = 5
CURVATURES = np.array([SMALLEST, 2.0, 7.0, LARGEST])
STEPS = 200
RATES = [
    pytest.param(
        "gradient_descent",
        {"learning_rate": 2 / (LARGEST + SMALLEST), "tolerance": 0.0},
        (ROOT**2 - 1) / (ROOT**2 + 1),
        id="gradient_descent",
    ),
    pytest.param(
        "momentum",
        {
            "learning_rate": (2 / (np.sqrt(LARGEST) + np.sqrt(SMALLEST))) ** 2,
            "momentum": ((ROOT - 1) / (ROOT + 1)) ** 2,
        },
        (ROOT - 1) / (ROOT + 1),
        id="heavy_ball",
    ),
    pytest.param(
        "nesterov",
        {"learning_rate": 1 / LARGEST, "momentum": (ROOT - 1) / (ROOT + 1)},
        1 - 1 / ROOT,
        id="nesterov",
    ),
]


def rotation() -> Any:
    """Coordinates in which no curvature lies along an axis."""
    return np.linalg.qr(np.random.default_rng(3).normal(size=(4, 4)))[0]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("name", "numbers", "rate"), RATES)
def test_contraction_a_step(name: str, numbers: Any, rate: float, follow: Any) -> None:
    axes = rotation()
    hessian = axes @ np.diag(CURVATURES) @ axes.T
    points = follow(build_optimizer(name, numbers), axes.sum(1), lambda w, t: hessian @ w, STEPS)
    distances = np.linalg.norm(points, axis=1)
    measured = (distances[-1] / distances[STEPS // 2 - 1]) ** (2 / STEPS)
    # Heavy ball and Nesterov have a double eigenvalue at the ends of the spectrum, so that
    # distances behave like t·rateᵗ; from t = 100 to 200 the factor t is worth 2^(1/100).
    assert measured == pytest.approx(rate, rel=1e-9 if name == "gradient_descent" else 0.008)
    if name != "gradient_descent":
        assert measured > rate


MOMENTUM, BETA_1 = 0.75, 0.5
LIMITS = [
    # SGD and GradientDescent share their rule; the latter's norms only cost time here.
    pytest.param("sgd", {}, 2.0, 1.0, id="sgd"),
    pytest.param("momentum", {"momentum": MOMENTUM}, 2 + 2 * MOMENTUM, 1.0, id="heavy_ball"),
    pytest.param(
        "nesterov",
        {"momentum": MOMENTUM},
        (2 + 2 * MOMENTUM) / (1 + 2 * MOMENTUM),
        1.0,
        id="nesterov",
    ),
    # Preconditioned Hessian H / (√v + ε); an ε far above √v makes it H / ε, and β₂ = 0
    # lets the bias correction of v be 1 from the first step on.
    pytest.param(
        "adam",
        {"beta_1": BETA_1, "beta_2": 0.0, "epsilon": 1e9},
        (2 + 2 * BETA_1) / (1 - BETA_1),
        1e9,
        id="adam",
    ),
]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("name", "numbers", "limit", "preconditioner"), LIMITS)
def test_limit_of_stability(
    name: str, numbers: Any, limit: float, preconditioner: float, follow: Any
) -> None:
    # Two weights in one run, one on either side of the limit of η·λ.
    optimizer = build_optimizer(name, {**numbers, "learning_rate": preconditioner / LARGEST})
    curvatures = np.array([0.98, 1.02]) * limit * LARGEST
    points = np.abs(follow(optimizer, np.ones(2), lambda w, t: curvatures * w, 250))
    growth = points[-20:].max(axis=0) / points[50:70].max(axis=0)
    # Over 200 steps a share of 2 % is worth a factor of e at the least.
    assert growth[0] < 0.4
    assert growth[1] > 2.5
