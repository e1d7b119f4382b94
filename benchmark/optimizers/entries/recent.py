"""Optimizers of recent years: matrices, no learning rate, two gradients a step."""

from benchmark.optimizers.entries.common import CONVENTIONAL_RATE, MOMENTUM
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter

_RHO = Hyperparameter(
    default=0.05,
    low=0.0,
    space={"low": 0.01, "high": 0.5, "log": True},
    source="default and space: Foret et al. 2021, Sharpness-Aware Minimization, section 3.1, "
    "which searches 0.01 to 0.5 and takes 0.05",
)

RECENT: dict[str, OptimizerEntry] = {
    "sam": OptimizerEntry(
        summary="the heavy ball with the gradient at the worst point within rho: flat minima",
        target="benchmark.optimizers.sam:SAM",
        hyperparameters={
            "learning_rate": CONVENTIONAL_RATE,
            "momentum": MOMENTUM,
            "rho": _RHO,
        },
        advice="Take the learning rate and momentum of SGD, rho = 0.05, and half of the epochs: "
        "a step costs two gradients (Foret et al. 2021, section 3.1).",
    ),
}
