"""Gradient descent and what stays close to it."""

from benchmark.optimizers.entries.common import CONVENTIONAL_RATE, MOMENTUM
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter

_TOLERANCE = Hyperparameter(
    default=1e-6,
    low=0.0,
    low_included=True,
    space={"low": 1e-8, "high": 1e-2, "log": True},
    source="default: ten times the float32 rounding of a weight of size one; "
    "space: from one tenth of that rounding to steps of one per cent of such a weight",
)

_POLYAK = {
    "learning_rate": Hyperparameter(
        default=1.0,
        low=0.0,
        space={"low": 0.01, "high": 100.0, "log": True},
        source="our choice: a bound two decades on either side of one",
    ),
    "f_star": Hyperparameter(
        default=0.0,
        space={"low": 0.0, "high": 0.5, "log": False},
        source="default: Loizou et al. 2021, Stochastic Polyak Step-size, section 3; "
        "space: our choice, losses that a model may be unable to pass",
    ),
    "scaling": Hyperparameter(
        default=0.5,
        low=0.0,
        space={"low": 0.1, "high": 1.0, "log": True},
        source="default: Loizou et al. 2021, section 3; space: our choice, up to Polyak's own 1",
    ),
}

CLASSICAL: dict[str, OptimizerEntry] = {
    "gradient_descent": OptimizerEntry(
        summary="W ← W − learning_rate · ∇J over all examples, until the step is below tolerance",
        target="benchmark.optimizers.gradient_descent:GradientDescent",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE, "tolerance": _TOLERANCE},
        full_batch=True,
    ),
    "sgd": OptimizerEntry(
        summary="W ← W − learning_rate · g, with the gradient g of a mini-batch",
        target="benchmark.optimizers.sgd:SGD",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE},
    ),
    "momentum": OptimizerEntry(
        summary="v ← momentum · v + learning_rate · g, W ← W − v (heavy ball)",
        target="benchmark.optimizers.momentum:Momentum",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE, "momentum": MOMENTUM},
    ),
    "nesterov": OptimizerEntry(
        summary="the heavy ball with the gradient taken one step ahead",
        target="benchmark.optimizers.nesterov:Nesterov",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE, "momentum": MOMENTUM},
    ),
    "polyak_step": OptimizerEntry(
        summary="steps of (f − f_star) / (scaling · ‖g‖²), at most learning_rate",
        target="benchmark.optimizers.polyak_step:PolyakStep",
        hyperparameters=_POLYAK,
        advice="Set f_star to the least loss that can be reached, 0 where every example can be "
        "fitted (Loizou et al. 2021, section 3).",
    ),
}
