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

CLASSICAL: dict[str, OptimizerEntry] = {
    "gradient_descent": OptimizerEntry(
        summary="W ← W − learning_rate · ∇J over all examples, until the step is below tolerance",
        target="benchmark.optimizers.gradient_descent:GradientDescent",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE, "tolerance": _TOLERANCE},
        full_batch=True,
        weight_decay=False,
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
}
