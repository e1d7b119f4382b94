"""Methods that step along gradients as they are."""

import numpy as np

from benchmark.curvature.stability.recurrence import AveragedIterates, Momentum
from benchmark.curvature.stability.snapshot import Snapshot, Stepping, diagonal

_AT_THE_AVERAGE = "H is that at the average of the weights, where the trial is evaluated."


def descent(at: Snapshot) -> Stepping:
    """Steps W ← W − η g."""
    return Stepping(Momentum(decay=at.decay()), at.learning_rate)


def heavy_ball(at: Snapshot) -> Stepping:
    """Steps v ← β v + η g, W ← W − v."""
    return Stepping(Momentum(at.numbers["momentum"], decay=at.decay()), at.learning_rate)


def dampened(at: Snapshot) -> Stepping:
    """Steps v ← β v + (1 − β) g, W ← W − η v."""
    momentum = at.numbers["momentum"]
    return Stepping(Momentum(momentum, 1 - momentum, decay=at.decay()), at.learning_rate)


def nesterov(at: Snapshot) -> Stepping:
    """Steps v ← β v + η g, W ← W − (β v + η g)."""
    momentum = at.numbers["momentum"]
    return Stepping(Momentum(momentum, momentum, 1.0, at.decay()), at.learning_rate)


def averaged_sgd(at: Snapshot) -> Stepping:
    """Steps W ← W − η g; the average moves nothing."""
    return Stepping(Momentum(decay=at.decay()), at.learning_rate, note=_AT_THE_AVERAGE)


def dog(at: Snapshot) -> Stepping:
    """Steps W ← W − α r / √(G + ε) g, with the present r and G."""
    squares = at.number("squared_gradients") + at.numbers["epsilon"]
    rate = at.learning_rate * at.number("distance") / np.sqrt(squares)
    return Stepping(
        Momentum(decay=at.decay(rate)),
        float(rate),
        note=f"η = {rate:.3g} is the step size that DoG found last. {_AT_THE_AVERAGE}",
    )


def sam(at: Snapshot) -> Stepping | str:
    """Steps v ← β v + η ∇f(W + ρ g / ‖g‖), W ← W − v."""
    if any(at.numbers.get(name) for name in ("l1", "l2")):
        return (
            "No stability limit is given for SAM with a penalty on the weights: its limit depends "
            "on the norm of the penalised gradient, which is not measured."
        )
    radius = at.numbers["rho"]
    return Stepping(
        Momentum(at.numbers["momentum"], decay=at.decay()),
        at.learning_rate,
        radius=radius,
        note=f"The limit is that at the present ‖g‖ with an ascent of ρ = {radius:.3g}, and falls "
        "with ‖g‖.",
    )


def schedule_free_sgd(at: Snapshot) -> Stepping:
    """Steps z ← z − γ g(y), with y between z and its average."""
    return schedule_free(at, at.numbers["momentum"])


def schedule_free_adamw(at: Snapshot) -> Stepping:
    """Steps z ← z − γ g(y) / (√v̂ + ε) with y between z and its average."""
    second = at.flat("second_moment") / at.uncorrected("beta_2")
    preconditioner = np.sqrt(second) + at.numbers["epsilon"]
    found = schedule_free(at, at.numbers["beta_1"])
    note = f"P = √v̂ + ε of the last step, held fixed. {found.note}"
    return Stepping(found.recurrence, found.rate, diagonal(preconditioner), note=note)


def schedule_free(at: Snapshot, interpolation: float) -> Stepping:
    """The recurrence at the share that the last point had in the average."""
    rate = at.learning_rate * min(1.0, at.step / max(at.numbers["warmup_steps"], 1.0))
    share = min(1.0, rate**2 / at.number("weight_sum"))
    return Stepping(
        AveragedIterates(interpolation, share, at.decay(rate)),
        rate,
        note=f"The share of the newest point in the average is held at {share:.3g}. "
        f"{_AT_THE_AVERAGE}",
    )
