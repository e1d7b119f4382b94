"""The optimizers that ask for the objective as dumb loops over dense matrices, from the papers."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.optimizers.objectives.functions import Array, Dense

Steps = Iterator[tuple[Array, int]]
"""The weights after each step, and what it has cost."""
EPSILON = np.finfo("float64").eps


def sam(f: Dense, w: Array, *, learning_rate: float, momentum: float, rho: float) -> Steps:
    """Foret et al. 2021, algorithm 1 with p = 2, around Polyak's heavy ball."""
    v = np.zeros_like(w)
    while True:
        g = f.gradient(w)
        v = momentum * v + learning_rate * f.gradient(w + rho * g / np.linalg.norm(g))
        w = w - v
        yield w, 2


def polyak_step(
    f: Dense, w: Array, *, learning_rate: float, f_star: float, scaling: float
) -> Steps:
    """Loizou et al. 2021, equation of SPS_max."""
    while True:
        g = f.gradient(w)
        w = w - min(learning_rate, (f.value(w) - f_star) / (scaling * (g @ g))) * g
        yield w, 1


def _exact(slope: Any, curvature: Any, largest: float) -> float:
    return largest if curvature == 0 else min(largest, float(slope) / abs(float(curvature)))


def steepest_descent(f: Dense, w: Array, *, learning_rate: float, maximum_step: float) -> Steps:
    """Cauchy's method with the exact step of a quadratic, gᵀHg in magnitude."""
    while True:
        g = f.gradient(w)
        w = w - learning_rate * _exact(g @ g, g @ f.hessian(w) @ g, maximum_step) * g
        yield w, 2


def nonlinear_conjugate_gradient(
    f: Dense, w: Array, *, learning_rate: float, maximum_step: float, line_search_trials: int
) -> Steps:
    """Nocedal and Wright, section 5.2 with β⁺ of (5.45), and algorithm 3.1 for the length."""
    old, d = None, np.zeros_like(w)
    while True:
        g = f.gradient(w)
        beta = 0.0 if old is None else max(0.0, g @ (g - old) / (old @ old))
        d = -g + beta * d
        if d @ g >= 0:
            d = -g
        t = learning_rate * _exact(-(g @ d), d @ f.hessian(w) @ d, maximum_step)
        cost, here = 2, f.value(w)
        for _ in range(line_search_trials):
            cost += 1
            if f.value(w + t * d) <= here + 1e-4 * t * (g @ d) + 10 * EPSILON * abs(here):
                break
            t /= 2
        else:
            t, d = 0.0, np.zeros_like(w)
        w, old = w + t * d, g
        yield w, cost


def lbfgs(
    f: Dense, w: Array, *, learning_rate: float, memory: int, line_search_trials: int
) -> Steps:
    """BFGS with a dense inverse Hessian, made anew from the last pairs in every step."""
    pairs: list[tuple[Array, Array]] = []
    while True:
        g = f.gradient(w)
        if pairs:
            s, y = pairs[-1]
            inverse = (s @ y) / (y @ y) * np.eye(w.size)
        else:
            inverse = min(1.0, 1 / float(np.linalg.norm(g))) * np.eye(w.size)
        for s, y in pairs:
            left = np.eye(w.size) - np.outer(s, y) / (s @ y)
            inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
        d, cost = -inverse @ g, 1
        low, high, t = 0.0, np.inf, learning_rate
        for _ in range(line_search_trials):
            cost += 1
            rises = f.value(w + t * d) > f.value(w) + 1e-4 * t * (g @ d) + 10 * EPSILON * abs(
                f.value(w)
            )
            if not rises:
                low = t
                if f.gradient(w + t * d) @ d >= 0.9 * (g @ d):
                    break
            else:
                high = t
            t = 2 * t if high == np.inf else (low + high) / 2
        s = low * d
        y = f.gradient(w + s) - g
        if low == 0:
            pairs = []
        elif s @ y > 2.0**-23 * (y @ y):
            pairs = [*pairs, (s, y)][-memory:]
        w = w + s
        yield w, cost


def _steihaug(
    hessian: Array, g: Array, radius: float, tolerance: float, rounds: int
) -> tuple[Array, int, bool]:
    """Nocedal and Wright, algorithm 7.2."""
    d, r, p = np.zeros_like(g), g, -g
    if np.linalg.norm(r) <= tolerance:
        return d, 0, False
    for count in range(1, rounds + 1):
        bent = p @ hessian @ p
        if bent > 0:
            ahead = d + r @ r / bent * p
        if bent <= 0 or np.linalg.norm(ahead) >= radius:
            roots = np.roots([p @ p, 2 * d @ p, d @ d - radius**2])
            return d + max(roots.real) * p, count, True
        new = r + r @ r / bent * hessian @ p
        d = ahead
        if np.linalg.norm(new) <= tolerance:
            return d, count, False
        p, r = -new + (new @ new) / (r @ r) * p, new
    return d, rounds, False


def newton_cg(
    f: Dense,
    w: Array,
    *,
    learning_rate: float,
    radius: float,
    maximum_radius: float,
    forcing_term: float,
    cg_iterations: int,
) -> Steps:
    """Nocedal and Wright, algorithm 4.1 over 7.2."""
    radius = min(radius, maximum_radius)
    while True:
        g, hessian = f.gradient(w), f.hessian(w)
        size = np.linalg.norm(g)
        tolerance = size * min(forcing_term, np.sqrt(size))
        d, products, ends = _steihaug(hessian, g, radius, float(tolerance), cg_iterations)
        s = learning_rate * d
        slack = 10 * EPSILON * abs(f.value(w))
        predicted = -(g @ s + s @ hessian @ s / 2)
        gain = (f.value(w) - f.value(w + s) + slack) / (predicted + slack)
        if gain < 0.25:
            radius = float(np.linalg.norm(d)) / 4
        elif gain > 0.75 and ends:
            radius = min(2 * radius, maximum_radius)
        w = w + s if gain > 1e-4 else w
        yield w, products + 2


def levenberg_marquardt(
    f: Dense,
    w: Array,
    *,
    learning_rate: float,
    damping: float,
    damping_factor: float,
    forcing_term: float,
    cg_iterations: int,
) -> Steps:
    """Marquardt 1963 with the gain ratio of Moré 1978: a dense system in every step."""
    while True:
        g, matrix = f.gradient(w), f.gauss_newton(w)
        s = learning_rate * np.linalg.solve(matrix + damping * np.eye(w.size), -g)
        slack = 10 * EPSILON * abs(f.value(w))
        predicted = -(g @ s + s @ matrix @ s / 2)
        gain = (f.value(w) - f.value(w + s) + slack) / (predicted + slack)
        if gain > 0.75:
            damping /= damping_factor
        elif gain < 0.25:
            damping *= damping_factor
        w = w + s if gain > 1e-4 else w
        yield w, -1  # what it costs depends on how the system is solved


def hashed_signs(seed: int, step: int, size: int) -> Array:
    """Wellons's lowbias32 over seed, step and position, in Python's whole numbers."""

    def mixed(bits: int) -> int:
        for multiplier, shift in ((0x7FEB352D, 16), (0x846CA68B, 15)):
            bits ^= bits >> shift
            bits = bits * multiplier % 2**32
        return bits ^ bits >> 16

    key = mixed((mixed(seed) + step) % 2**32)
    bits = [mixed(mixed(position * 0x9E3779B9 % 2**32) ^ key) for position in range(size)]
    return np.array([1.0 - 2 * (word >> 31) for word in bits])


def sophia(
    f: Dense,
    w: Array,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    gamma: float,
    epsilon: float,
    update_interval: int,
    seed: int,
    estimator: str = "hutchinson",
) -> Steps:
    """Liu et al. 2024, algorithm 3 with Hutchinson's estimator, algorithm 1."""
    m, h, t = np.zeros_like(w), np.zeros_like(w), 0
    while True:
        t += 1
        m = beta_1 * m + (1 - beta_1) * f.gradient(w)
        is_due = (t - 1) % update_interval == 0
        if is_due:
            u = hashed_signs(int(seed), t, w.size)
            matrix = f.hessian(w) if estimator == "hutchinson" else f.gauss_newton(w)
            h = beta_2 * h + (1 - beta_2) * u * (matrix @ u)
        w = w - learning_rate * np.clip(m / np.maximum(gamma * h, epsilon), -1, 1)
        yield w, 1 + is_due
