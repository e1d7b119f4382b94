"""Performance profiles over several problems, and the AlgoPerf score of one."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray[Any, np.dtype[np.float64]]


def performance_ratios(costs: ArrayLike) -> Array:
    """Return each solver's cost relative to the best solver of the same problem.

        r_ps = t_ps / min_s t_ps        t = `costs`

    Args:
        costs: positive costs to a target, shape (problems, solvers); inf or NaN where
            the target was never reached.

    Returns:
        Ratios ≥ 1 of shape (problems, solvers); inf where the target was not reached,
        in particular for all solvers of a problem that none solved.

    Raises:
        ValueError: a cost is ≤ 0, or the shape has not two axes.

    Example:
        >>> performance_ratios([[10.0, 20.0], [5.0, float("inf")]])
        array([[ 1.,  2.],
               [ 1., inf]])
    """
    table = np.asarray(costs, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(
            f"costs must have shape (problems, solvers). Received {table.shape}. "
            "Give a row a problem."
        )
    table = np.where(np.isnan(table), np.inf, table)
    if (table <= 0).any():
        raise ValueError(
            f"costs must be > 0. Received {table.min():g}. Count from the first step on."
        )
    best = table.min(axis=1, keepdims=True)
    return np.divide(table, best, out=np.full_like(table, np.inf), where=np.isfinite(table))


def performance_profile(costs: ArrayLike, tau: ArrayLike) -> Array:
    """Return the share of problems that each solver solves within τ times the best cost.

        ρ_s(τ) = |{p : r_ps ≤ τ}| / |p|        τ = `tau`

    Args:
        costs: positive costs to a target, shape (problems, solvers); inf or NaN where
            the target was never reached.
        tau: the factors, ≥ 1, shape (m,).

    Returns:
        Shares in [0, 1], shape (m, solvers).

    Raises:
        ValueError: as for :func:`performance_ratios`.

    Example:
        >>> performance_profile([[10.0, 20.0], [5.0, float("inf")]], [1.0, 2.0])
        array([[1. , 0. ],
               [1. , 0.5]])

    References:
        Dolan and Moré, "Benchmarking Optimization Software with Performance Profiles",
        2002, equation 2.1.
    """
    ratios = performance_ratios(costs)
    factors = np.atleast_1d(np.asarray(tau, dtype=np.float64))
    return np.asarray((ratios[None] <= factors[:, None, None]).mean(axis=1), dtype=np.float64)


def algoperf_score(costs: ArrayLike, tau_max: float = 4.0) -> Array:
    """Return the normalised area under each solver's performance profile.

        B_s = 1 / (τ_max - 1) · ∫ ρ_s(τ) dτ    from 1 to τ_max = `tau_max`

    ρ is a step function, so the integral is exact: each problem solved at ratio r adds
    τ_max - r, where r ≤ τ_max.

    Args:
        costs: positive costs to a target, shape (problems, solvers); inf or NaN where
            the target was never reached.
        tau_max: upper end of the integral, > 1; 4 by default (Dahl et al. 2023, section 4.5).

    Returns:
        Scores in [0, 1], shape (solvers,); 1 for a solver that is best on every problem.

    Raises:
        ValueError: as for :func:`performance_ratios`, or ``tau_max`` ≤ 1.

    Example:
        >>> algoperf_score([[10.0, 20.0], [5.0, float("inf")]])
        array([1.        , 0.33333333])

    References:
        Dahl et al., "Benchmarking Neural Network Training Algorithms", 2023, section 4.5.
    """
    if not tau_max > 1:
        raise ValueError(f"tau_max must be > 1. Received {tau_max}. The usual one is 4.")
    area = np.clip(tau_max - performance_ratios(costs), 0.0, None).mean(axis=0)
    return np.asarray(area / (tau_max - 1), dtype=np.float64)
