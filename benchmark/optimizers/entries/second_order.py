"""Optimizers that use products with the Hessian."""

from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter

_RELAXATION = Hyperparameter(
    default=1.0,
    low=0.0,
    space={"low": 0.1, "high": 1.0, "log": True},
    source="default: the method's own step; space: our choice, that step shortened up to tenfold",
)
_MAXIMUM_STEP = Hyperparameter(
    default=100.0,
    low=0.0,
    space={"low": 0.1, "high": 1000.0, "log": True},
    source="our choice: the exact step at curvatures from 10 to 0.001; by default at 0.01",
)

SECOND_ORDER: dict[str, OptimizerEntry] = {
    "steepest_descent": OptimizerEntry(
        summary="W ← W − learning_rate · α* g with the exact step α* = gᵀg / gᵀHg",
        target="benchmark.optimizers.steepest_descent:SteepestDescent",
        hyperparameters={"learning_rate": _RELAXATION, "maximum_step": _MAXIMUM_STEP},
        advice="Keep learning_rate = 1; shorten it where the path zigzags (Raydan, Svaiter 2002).",
    ),
}
