"""The table of the optimizers that ask for the objective, which drives their tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmark.optimizers import load_optimizer
from tests.optimizers.objectives import oracles
from tests.optimizers.objectives.functions import BUMPY, SQUARES, Dense, bumpy, squares


@dataclass(frozen=True)
class ObjectiveCase:
    """An optimizer with settings that are not its defaults, and its oracle.

    Args:
        name: of the row.
        optimizer: its name in ``OPTIMIZERS``.
        numbers: numeric hyperparameters, exact in float32; also given to the oracle.
        constants: structural numbers; likewise.
        oracle: weights and cost after each step.
        dense: what is minimised, in NumPy.
        objective: the same in tensors.
        options: structural arguments; also given to the oracle.
    """

    name: str
    optimizer: str
    numbers: dict[str, float]
    constants: dict[str, int]
    oracle: Callable[..., oracles.Steps]
    dense: Dense = BUMPY
    objective: Callable[[], Any] = bumpy
    options: dict[str, Any] = field(default_factory=dict)

    def build(self, **changes: Any) -> Any:
        """The optimizer, with changed or further arguments."""
        given = {**self.numbers, **self.constants, **self.options, **changes}
        return load_optimizer(self.optimizer)(**given)

    def quick(self, **changes: Any) -> Any:
        """The same with short loops, where it does not matter how far they come."""
        return self.build(**{**dict.fromkeys(self.constants, 3), **changes})


RADIUS = {"learning_rate": 0.875, "radius": 0.5, "maximum_radius": 2.0, "forcing_term": 0.25}
DAMPED = {"learning_rate": 0.875, "damping": 0.125, "damping_factor": 4.0}
SOPHIA = {
    "learning_rate": 2.0**-4,
    "beta_1": 0.75,
    "beta_2": 0.875,
    "gamma": 2.0,
    "epsilon": 2.0**-10,
    "update_interval": 2.0,
    "seed": 5.0,
}
EXACT = {"learning_rate": 0.875, "maximum_step": 4.0}
TRIALS = {"line_search_trials": 4}
CASES = [
    ObjectiveCase(
        "sam", "sam", {"learning_rate": 2.0**-4, "momentum": 0.75, "rho": 0.25}, {}, oracles.sam
    ),
    ObjectiveCase(
        "polyak_step",
        "polyak_step",
        {"learning_rate": 0.125, "f_star": -6.0, "scaling": 1.5},
        {},
        oracles.polyak_step,
    ),
    ObjectiveCase("steepest_descent", "steepest_descent", EXACT, {}, oracles.steepest_descent),
    ObjectiveCase(
        "nonlinear_conjugate_gradient",
        "nonlinear_conjugate_gradient",
        EXACT,
        TRIALS,
        oracles.nonlinear_conjugate_gradient,
    ),
    ObjectiveCase(
        "lbfgs", "lbfgs", {"learning_rate": 0.875}, {"memory": 2, **TRIALS}, oracles.lbfgs
    ),
    ObjectiveCase("newton_cg", "newton_cg", RADIUS, {"cg_iterations": 4}, oracles.newton_cg),
    ObjectiveCase(
        "levenberg_marquardt",
        "levenberg_marquardt",
        # The oracle solves its systems to the end; so must conjugate gradients.
        {**DAMPED, "forcing_term": 2.0**-40},
        {"cg_iterations": 9},
        oracles.levenberg_marquardt,
        SQUARES,
        squares,
    ),
    ObjectiveCase("sophia", "sophia", SOPHIA, {}, oracles.sophia),
    ObjectiveCase(
        "sophia_gauss_newton",
        "sophia",
        SOPHIA,
        {},
        oracles.sophia,
        SQUARES,
        squares,
        {"estimator": "gauss_newton"},
    ),
]
IDS = [case.name for case in CASES]
