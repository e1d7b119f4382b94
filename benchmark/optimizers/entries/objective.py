"""Optimizers of recent years that ask for more of the objective than its gradient."""

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

_LIU = "Liu et al. 2024, Sophia, section 3.1"
_SOPHIA = {
    "learning_rate": Hyperparameter(
        default=0.001,
        low=0.0,
        space={"low": 1e-5, "high": 0.1, "log": True},
        source="our choice: default as Adam's; space: two decades on either side",
    ),
    "beta_1": Hyperparameter(
        default=0.96,
        low=0.0,
        high=1.0,
        low_included=True,
        space={"low": 0.8, "high": 0.99, "log": False},
        source=f"default: {_LIU}; space: our choice",
    ),
    "beta_2": Hyperparameter(
        default=0.99,
        low=0.0,
        high=1.0,
        low_included=True,
        space={"low": 0.9, "high": 0.999, "log": False},
        source=f"default: {_LIU}; space: our choice",
    ),
    "gamma": Hyperparameter(
        default=0.01,
        low=0.0,
        space={"low": 1e-3, "high": 1.0, "log": True},
        source=f"default: {_LIU}, for Hutchinson's estimator; space: our choice, from mostly "
        "clipped to mostly not",
    ),
    "epsilon": Hyperparameter(
        default=1e-12,
        low=0.0,
        space={"low": 1e-15, "high": 1e-4, "log": True},
        source=f"default: {_LIU}; space: our choice",
    ),
    "update_interval": Hyperparameter(
        default=10,
        low=1,
        low_included=True,
        integer=True,
        space={"low": 1, "high": 100, "log": True},
        source=f"default: {_LIU}; space: its ablation of the interval, 1 to 100",
    ),
    "seed": Hyperparameter(
        default=0,
        low=0,
        high=2**24,
        low_included=True,
        high_included=True,
        integer=True,
        space={"low": 0, "high": 1000, "log": False},
        source="our choice: any; whole numbers up to 2²⁴ are exact in float32",
    ),
}

OBJECTIVE: dict[str, OptimizerEntry] = {
    "sam": OptimizerEntry(
        summary="the heavy ball with the gradient at the worst point within rho: flat minima",
        target="benchmark.optimizers.rules.sam:SAM",
        hyperparameters={
            "learning_rate": CONVENTIONAL_RATE,
            "momentum": MOMENTUM,
            "rho": _RHO,
        },
        advice="Take the learning rate and momentum of SGD, rho = 0.05, and half of the epochs: "
        "a step costs two gradients (Foret et al. 2021, section 3.1).",
    ),
    "sophia": OptimizerEntry(
        summary="momentum over a running diagonal of the Hessian, clipped element by element",
        target="benchmark.optimizers.rules.sophia:Sophia",
        hyperparameters=_SOPHIA,
        options={"estimator": "hutchinson"},
        advice="Choose gamma so that 10 to 50 % of the elements are not clipped, and a learning "
        "rate a little below AdamW's (Liu et al. 2024, section 3.1).",
    ),
}
