"""The formulas of the learning-rate schedules, as factors of the progress x in [0, 1]."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Factors = NDArray[np.float64]
Parameters = Mapping[str, float]


def _periods(elapsed: Factors) -> Factors:
    """How many whole periods have passed; rounding does not delay the last one."""
    return np.floor(elapsed + 1e-9)


def constant(x: Factors, _: Parameters) -> Factors:
    """1."""
    return np.ones_like(x)


def step(x: Factors, p: Parameters) -> Factors:
    """decay_rate ^ floor(x / decay_steps)."""
    return p["decay_rate"] ** _periods(x / p["decay_steps"])


def exponential(x: Factors, p: Parameters) -> Factors:
    """decay_rate ^ (x / decay_steps)."""
    return p["decay_rate"] ** (x / p["decay_steps"])


def inverse_time(x: Factors, p: Parameters) -> Factors:
    """1 / (1 + decay_rate · x / decay_steps)."""
    return 1.0 / (1.0 + p["decay_rate"] * x / p["decay_steps"])


def polynomial(x: Factors, p: Parameters) -> Factors:
    """From 1 to end_factor as the power of the share of decay_steps that is left."""
    left = 1.0 - np.minimum(x / p["decay_steps"], 1.0)
    return p["end_factor"] + (1.0 - p["end_factor"]) * left ** p["power"]


def cosine(x: Factors, p: Parameters) -> Factors:
    """From 1 to alpha along half a cosine over decay_steps."""
    return _half_wave(np.minimum(x / p["decay_steps"], 1.0), p["alpha"])


def _half_wave(elapsed: Factors, alpha: float, height: Factors | float = 1.0) -> Factors:
    wave: Factors = 0.5 * height * (1.0 + np.cos(math.pi * elapsed))
    return alpha + (1.0 - alpha) * wave


def cosine_restarts(x: Factors, p: Parameters) -> Factors:
    """Half cosines, each t_mul as long and m_mul as high as the one before."""
    elapsed, growth = x / p["first_decay_steps"], p["t_mul"]
    if growth == 1.0:
        restarts = _periods(elapsed)
        start, length = restarts, np.ones_like(x)
    else:
        # i restarts end after 1 + m + … + m^(i-1) = (m^i - 1) / (m - 1) first periods.
        restarts = _periods(np.log1p(elapsed * (growth - 1.0)) / math.log(growth))
        length = growth**restarts
        start = (length - 1.0) / (growth - 1.0)
    within = np.clip((elapsed - start) / length, 0.0, 1.0)
    return _half_wave(within, p["alpha"], p["m_mul"] ** restarts)


def one_cycle(x: Factors, p: Parameters) -> Factors:
    """Up to 1 at peak, down by 2 · peak, and on to a fraction of where it began."""
    peak, low = p["peak"], p["initial_factor"]
    times = [0.0, peak, 2.0 * peak, 1.0]
    levels = [low, 1.0, low, low * p["end_factor"]]
    # A cycle of the whole training leaves no time for the last phase.
    return np.interp(x, times[:3], levels[:3]) if peak == 0.5 else np.interp(x, times, levels)
