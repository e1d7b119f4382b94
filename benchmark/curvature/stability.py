"""Up to which η·λmax the steps of an optimizer are stable on a quadratic, and why not at all.

Each optimizer declares its limit in its own file (:mod:`benchmark.optimizers.stability` has the
parts); this module evaluates the declaration, so nothing here knows an optimizer by name.

Why it is declared. A limit could also be read off the Jacobian of the pure rule at zero gradient
with the preconditioner held. That does not give the same numbers and does not reach every class:

- A running mean of squares decays in the very step of zero gradient: the Jacobian sees β₂ v where
  the last step divided by v. For RMSprop that is 5 % of P; for SOAP, the basis turns as well.
- Which state variables belong to the preconditioner is not visible in the Jacobian, and for a class
  of Keras or of a user nobody says it.
- SAM takes its gradient elsewhere, schedule-free methods and averages are evaluated elsewhere, and
  DoG and Prodigy take one step size from all variables together: the derivative of one rule at one
  point shows none of that. A rule that takes a sign, clips or normalises has no derivative at zero.

A class of a user declares its own limit in the same way, as ``stability`` of its ``entry``.
"""

from collections.abc import Mapping

from benchmark.optimizers.registry import OPTIMIZERS, optimizer_entry, rule_path
from benchmark.optimizers.stability import Snapshot, Stability, Stepping

__all__ = ["Snapshot", "Stepping", "limit_without_state", "missing_declaration", "stepping"]
_FOREIGN = (
    "No stability limit is known for {}: it is not a built-in optimizer, so its update rule is "
    "unknown."
)
_FORGOTTEN = (
    "a built-in optimizer must declare its stability limit, or a sentence on why it has none. "
    "Received {} without one, at ENTRY in {}. "
    "Give OptimizerEntry a `stability` (benchmark/optimizers/stability.py has the forms)."
)
_NO_STEP = "{} has made no step yet, and what limits η·λmax is made by its steps."
_NOT_STORED = (
    "What limits η·λmax of {} is in the state of the optimizer, which is not kept with the "
    "weights. A study measures it while it trains."
)


def stepping(name: str, at: Snapshot) -> Stepping | str:
    """Return how an optimizer steps on a quadratic, or a sentence on why no limit is known.

    Args:
        name: of the optimizer, as a study has it.
        at: its state after some step. Without states it is taken as not recorded.

    Example:
        >>> stepping("momentum", Snapshot(0.1, {"momentum": 0.5})).recurrence.limit
        3.0
        >>> stepping("lbfgs", Snapshot(1.0, {}))
        'lbfgs has no limit of η·λmax: it chooses ... step by itself, from a line search.'
    """
    stability = declared(name)
    if stability is None:
        return missing_declaration(name) or _FOREIGN.format(name)
    if isinstance(stability, str):
        return stability.format(name)
    if stability.needs_state and not (at.step and (at.states or at.shared)):
        return (_NOT_STORED if at.step else _NO_STEP).format(name)
    try:
        steps = stability.stepping(at)
    except FloatingPointError as error:
        return f"η·λmax of {name} has no limit at this point: {error}."
    if isinstance(steps, str) or steps.recurrence.limit > 0:
        return steps
    return (
        f"Weight decay alone multiplies the weights by 1 − {at.decay(steps.rate):.3g} in a step "
        f"of {name}, so that they grow whatever η·λmax is."
    )


def declared(name: str) -> Stability | str | None:
    """Return what an optimizer declares of its limit; nothing where it declares none.

    Args:
        name: of the optimizer. A class of a user is imported, if it may be.
    """
    try:
        return optimizer_entry(name).stability
    except ValueError:  # no such optimizer, or one that may not be imported here
        return None


def missing_declaration(name: str) -> str:
    """Say that a built-in optimizer declares no limit; nothing of any other.

    Args:
        name: of the optimizer, as a study has it.

    Example:
        >>> missing_declaration("adam"), missing_declaration("keras:Adam")
        ('', '')
    """
    if name not in OPTIMIZERS or OPTIMIZERS[name].stability is not None:
        return ""
    return _FORGOTTEN.format(name, rule_path(name))


def limit_without_state(name: str, numbers: Mapping[str, float]) -> float | None:
    """Return the limit of η·λmax(H) where an optimizer's hyperparameters alone give it.

    Args:
        name: of the optimizer; no class is imported for it.
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
    stability = OPTIMIZERS[name].stability if name in OPTIMIZERS else None
    if not isinstance(stability, Stability) or not stability.is_of_hessian:
        return None
    steps = stability.stepping(Snapshot(float(numbers.get("learning_rate", 0.0)), numbers))
    return None if isinstance(steps, str) else steps.recurrence.limit
