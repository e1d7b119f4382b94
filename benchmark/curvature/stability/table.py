"""The limit of every optimizer, or the reason why it has none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmark.curvature.stability import adaptive, plain, sides
from benchmark.curvature.stability.snapshot import Snapshot, Stepping
from benchmark.optimizers.registry import OPTIMIZERS


@dataclass(frozen=True, slots=True)
class Stability:
    """What is known of the stability of an optimizer's steps.

    Args:
        read: how it steps, from what it keeps; a sentence where that has no limit.
        needs_state: whether what it keeps decides, so that nothing is known before a step.
        is_of_hessian: whether the limit is one of η·λmax(H) that its hyperparameters give.
    """

    read: Callable[[Snapshot], Stepping | str]
    needs_state: bool = False
    is_of_hessian: bool = False


def _known(read: Callable[[Snapshot], Stepping | str]) -> Stability:
    return Stability(read, is_of_hessian=True)


def _kept(read: Callable[[Snapshot], Stepping | str]) -> Stability:
    return Stability(read, needs_state=True)


_FOREIGN = (
    "No stability limit is known for {}: it is not a built-in optimizer, so its update rule is "
    "unknown."
)
_FORGOTTEN = (
    "No stability limit is known for {}: the table of limits has no row for this built-in "
    "optimizer. Add one to STABILITY in benchmark/curvature/stability/table.py."
)
_NO_STEP = "{} has made no step yet, and what limits η·λmax is made by its steps."
_NOT_KEPT = (
    "What limits η·λmax of {} is in the state of the optimizer, which is not kept with the "
    "weights. A study measures it while it trains."
)
_OWN_STEP = "{} has no limit of η·λmax: it chooses the length of each step by itself, from "
STABILITY: dict[str, Stability | str] = {
    "gradient_descent": _known(plain.descent),
    "sgd": _known(plain.descent),
    "averaged_sgd": _known(plain.averaged_sgd),
    "momentum": _known(plain.heavy_ball),
    "dampened_momentum": _known(plain.dampened),
    "nesterov": _known(plain.nesterov),
    "barzilai_borwein": _OWN_STEP + "the change of the gradient in the step before.",
    "polyak_step": _OWN_STEP + "the loss and the gradient's norm.",
    "adagrad": _kept(adaptive.adagrad),
    "adadelta": _kept(adaptive.adadelta),
    "rmsprop": _kept(adaptive.rmsprop),
    "adam": _kept(adaptive.adam),
    "amsgrad": _kept(adaptive.adam),
    "adamw": _kept(adaptive.adam),
    "nadam": _kept(adaptive.nadam),
    "adamax": _kept(adaptive.adamax),
    "radam": _kept(adaptive.radam),
    "adabelief": _kept(adaptive.adabelief),
    "yogi": _kept(adaptive.adam),
    "lion": "{} has no limit of η·λmax: it steps by a sign, η in every weight however small the "
    "gradient is, so that on a quadratic it neither contracts nor diverges near the minimum.",
    "lamb": "{} has no limit of η·λmax: the length of each step is a share of the norm of the "
    "weights, however small the gradient is.",
    "adafactor": "{} has no limit of η·λmax: it clips its steps at a root mean square, and scales "
    "them by that of the weights, so that they are not linear in the gradient.",
    "muon": "{} has no limit of η·λmax: it makes the singular values of each step equal, so that "
    "its length does not fall with the gradient.",
    "shampoo": _kept(sides.shampoo),
    "soap": _kept(sides.soap),
    "sam": Stability(plain.sam),
    "sophia": "{} has no known limit of η·λmax: it clips each weight's step at η, most of them by "
    "design, so that they are not linear in the gradient.",
    "schedule_free_sgd": _kept(plain.schedule_free_sgd),
    "schedule_free_adamw": _kept(plain.schedule_free_adamw),
    "prodigy": _kept(adaptive.prodigy),
    "dog": _kept(plain.dog),
    "steepest_descent": _OWN_STEP + "the curvature along the gradient.",
    "nonlinear_conjugate_gradient": _OWN_STEP + "the curvature along its direction.",
    "lbfgs": _OWN_STEP + "a line search.",
    "newton_cg": _OWN_STEP + "a trust region.",
    "levenberg_marquardt": _OWN_STEP + "the damping that the last step called for.",
}
"""By the name of the optimizer; a reason has a place for it."""


def stepping(name: str, at: Snapshot) -> Stepping | str:
    """Return how an optimizer steps on a quadratic, or a sentence on why no limit is known.

    Args:
        name: of the optimizer, as a study has it.
        at: what it keeps after some step. Without slots it is taken as not recorded.

    Example:
        >>> stepping("momentum", Snapshot(0.1, {"momentum": 0.5})).recurrence.limit
        3.0
        >>> stepping("lbfgs", Snapshot(1.0, {}))
        'lbfgs has no limit of η·λmax: it chooses ... step by itself, from a line search.'
    """
    known = STABILITY.get(name)
    if not isinstance(known, Stability):
        return (known or missing_row(name) or _FOREIGN).format(name)
    if known.needs_state and not (at.step and (at.slots or at.shared)):
        return (_NOT_KEPT if at.step else _NO_STEP).format(name)
    try:
        found = known.read(at)
    except FloatingPointError as error:
        return f"η·λmax of {name} has no limit at this point: {error}."
    if isinstance(found, str) or found.recurrence.limit > 0:
        return found
    return (
        f"Weight decay alone multiplies the weights by 1 − {at.decay(found.rate):.3g} in a step "
        f"of {name}, so that they grow whatever η·λmax is."
    )


def missing_row(name: str) -> str:
    """Say that a built-in optimizer was forgotten in the table; nothing of any other.

    Args:
        name: of the optimizer, as a study has it.

    Example:
        >>> missing_row("adam"), missing_row("keras:Adam")
        ('', '')
    """
    return _FORGOTTEN.format(name) if name in OPTIMIZERS and name not in STABILITY else ""


def limit_without_state(name: str, numbers: Mapping[str, float]) -> float | None:
    """Return the limit of η·λmax(H) where an optimizer's hyperparameters alone give it.

    Args:
        name: of the optimizer.
        numbers: its hyperparameters by name; ``weight_decay`` lowers the limit where
            ``learning_rate`` is there too.

    Raises:
        KeyError: a hyperparameter is missing.

    Example:
        >>> limit_without_state("sgd", {}), limit_without_state("momentum", {"momentum": 0.9})
        (2.0, 3.8)
        >>> limit_without_state("adam", {"beta_1": 0.9}) is None    # of its preconditioned Hessian
        True
    """
    known = STABILITY.get(name)
    if not isinstance(known, Stability) or not known.is_of_hessian:
        return None
    found = known.read(Snapshot(float(numbers.get("learning_rate", 0.0)), numbers))
    return None if isinstance(found, str) else found.recurrence.limit
