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
        advice="begin below 2 / λmax, from where on it diverges, with 1 / λmax: Nesterov 2004, "
        "Introductory Lectures on Convex Optimization, section 1.2.3",
    ),
    "sgd": OptimizerEntry(
        summary="W ← W − learning_rate · g, with the gradient g of a mini-batch",
        target="benchmark.optimizers.sgd:SGD",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE},
        advice="tune the learning rate before anything else, on a logarithmic scale: Goodfellow, "
        "Bengio, Courville 2016, Deep Learning, section 11.4.1",
    ),
    "momentum": OptimizerEntry(
        summary="v ← momentum · v + learning_rate · g, W ← W − v (heavy ball)",
        target="benchmark.optimizers.momentum:Momentum",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE, "momentum": MOMENTUM},
        advice="begin with momentum 0.9 and a tenth of the rate of sgd, for steps in one "
        "direction add up to 1 / (1 − momentum) times: Goodfellow, Bengio, Courville 2016, Deep "
        "Learning, section 8.3.2",
    ),
    "nesterov": OptimizerEntry(
        summary="the heavy ball with the gradient taken one step ahead",
        target="benchmark.optimizers.nesterov:Nesterov",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE, "momentum": MOMENTUM},
        advice="begin as with momentum, and try 0.99 and above, which it bears better: Sutskever "
        "et al. 2013, On the importance of initialization and momentum in deep learning, section 2",
    ),
}
