"""What theory says of gradient methods on a quadratic: settings and rates.

A quadratic f(θ) = ½ (θ − θ*)ᵀ H (θ − θ*) has a Hessian with eigenvalues μ … L and the condition
number κ = L / μ. A linear method multiplies the distance to the minimum by some ρ < 1 a step, its
contraction, after a transient. Where it diverges is in :mod:`benchmark.curvature.stability`.

References:
    Polyak, Some methods of speeding up the convergence of iteration methods, 1964 (heavy ball).
    Nesterov, Introductory lectures on convex optimization, 2004, §2.2. Lessard, Recht, Packard,
    Analysis and design of optimization algorithms via integral quadratic constraints, 2016,
    proposition 1 (all settings and rates; for Nesterov both, the optimal one and the standard one).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

OPTIMAL = "optimal"
"""The settings of the smallest contraction on a quadratic; what a study writes for them."""
STANDARD = "standard"
"""Nesterov's settings for all strongly convex functions, which contract less on a quadratic."""
TUNINGS = (OPTIMAL, STANDARD)


@dataclass(frozen=True, slots=True)
class Method:
    """A linear method on a quadratic.

    Args:
        settings: from μ and L, the hyperparameters.
        contraction: from κ, the contraction at those.
        formula: the contraction in letters.
    """

    settings: Callable[[float, float], dict[str, float]]
    contraction: Callable[[float], float]
    formula: str


def _gradient_descent(smallest: float, largest: float) -> dict[str, float]:
    return {"learning_rate": 2 / (largest + smallest)}


def _heavy_ball(smallest: float, largest: float) -> dict[str, float]:
    root = math.sqrt(largest / smallest)
    rate = (2 / (math.sqrt(largest) + math.sqrt(smallest))) ** 2
    return {"learning_rate": rate, "momentum": ((root - 1) / (root + 1)) ** 2}


def _nesterov(smallest: float, largest: float) -> dict[str, float]:
    root = math.sqrt(3 * largest / smallest + 1)
    return {"learning_rate": 4 / (3 * largest + smallest), "momentum": (root - 2) / (root + 2)}


def _standard_nesterov(smallest: float, largest: float) -> dict[str, float]:
    root = math.sqrt(largest / smallest)
    return {"learning_rate": 1 / largest, "momentum": (root - 1) / (root + 1)}


_DESCENT = Method(
    _gradient_descent,
    lambda kappa: (kappa - 1) / (kappa + 1),
    "(κ − 1)/(κ + 1)",
)
METHODS: dict[str, dict[str, Method]] = {
    "gradient_descent": {OPTIMAL: _DESCENT},
    "sgd": {OPTIMAL: _DESCENT},
    "momentum": {
        OPTIMAL: Method(
            _heavy_ball,
            lambda kappa: (math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1),
            "(√κ − 1)/(√κ + 1)",
        ),
    },
    "nesterov": {
        OPTIMAL: Method(
            _nesterov,
            lambda kappa: 1 - 2 / math.sqrt(3 * kappa + 1),
            "1 − 2/√(3κ + 1)",
        ),
        STANDARD: Method(
            _standard_nesterov,
            lambda kappa: 1 - 1 / math.sqrt(kappa),
            "1 − 1/√κ",
        ),
    },
}
"""The methods whose rates are known, by the name of the optimizer and of the tuning."""


def theory_settings(
    optimizer: str, smallest: float, largest: float, tuning: str = OPTIMAL
) -> dict[str, float]:
    """Return the hyperparameters that theory gives on a quadratic.

    Args:
        optimizer: a key of :data:`METHODS`.
        smallest: μ > 0, the smallest eigenvalue of the Hessian.
        largest: L ≥ μ, the largest.
        tuning: ``"optimal"``, those of the smallest contraction, or ``"standard"`` for Nesterov.

    Raises:
        KeyError: nothing is known of the optimizer, or it has no such tuning.

    Example:
        >>> theory_settings("gradient_descent", 1.0, 3.0)
        {'learning_rate': 0.5}
        >>> theory_settings("momentum", 1.0, 9.0)
        {'learning_rate': 0.25, 'momentum': 0.25}
        >>> theory_settings("nesterov", 1.0, 5.0)
        {'learning_rate': 0.25, 'momentum': 0.3333333333333333}
        >>> theory_settings("nesterov", 1.0, 4.0, "standard")
        {'learning_rate': 0.25, 'momentum': 0.3333333333333333}
    """
    return METHODS[optimizer][tuning].settings(smallest, largest)


def contraction(optimizer: str, condition_number: float, tuning: str = OPTIMAL) -> float:
    """Return the factor ρ by which a step shrinks the distance to the minimum.

    Args:
        optimizer: a key of :data:`METHODS`.
        condition_number: κ ≥ 1.
        tuning: of :func:`theory_settings`.

    Raises:
        KeyError: nothing is known of the optimizer, or it has no such tuning.

    Example:
        >>> [contraction(name, 9.0) for name in ("gradient_descent", "momentum")]
        [0.8, 0.5]
        >>> [round(contraction("nesterov", 100.0, tuning), 4) for tuning in TUNINGS]
        [0.8847, 0.9]
    """
    return METHODS[optimizer][tuning].contraction(condition_number)


def extreme_eigenvalues(options: Mapping[str, float | str]) -> tuple[float, float]:
    """Return μ and L of a closed-form quadratic from the options of its problem.

    Args:
        options: with ``condition_number`` and ``largest_eigenvalue``.

    Raises:
        KeyError: one of them is missing, so the problem is no such quadratic.

    Example:
        >>> extreme_eigenvalues({"condition_number": 100.0, "largest_eigenvalue": 2.0})
        (0.02, 2.0)
    """
    largest = float(options["largest_eigenvalue"])
    return largest / float(options["condition_number"]), largest
