"""Gradient descent and what stays close to it."""

from dataclasses import replace

from benchmark.optimizers.entries.common import (
    AVERAGING_POWER,
    CONVENTIONAL_RATE,
    CROWDED_VALLEY,
    MOMENTUM,
)
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
_BOUNDS = {
    "minimum_step_size": Hyperparameter(
        default=1e-10,
        low=0.0,
        space={"low": 1e-10, "high": 1e-4, "log": True},
        source="default: Raydan 1997, The Barzilai and Borwein gradient method; space: our choice, "
        "up to the smallest learning rate that is usually searched",
    ),
    "maximum_step_size": Hyperparameter(
        default=1e10,
        low=0.0,
        space={"low": 1.0, "high": 1e10, "log": True},
        source="default: Raydan 1997, The Barzilai and Borwein gradient method; space: our choice, "
        "from the largest learning rate that is usually searched",
    ),
}

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
        target="benchmark.optimizers.rules.gradient_descent:GradientDescent",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE, "tolerance": _TOLERANCE},
        full_batch=True,
        weight_decay=False,
        advice="begin below 2 / λmax, from where on it diverges, with 1 / λmax: Nesterov 2004, "
        "Introductory Lectures on Convex Optimization, section 1.2.3",
    ),
    "sgd": OptimizerEntry(
        summary="W ← W − learning_rate · g, with the gradient g of a mini-batch",
        target="benchmark.optimizers.rules.sgd:SGD",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE},
        advice="tune the learning rate before anything else, on a logarithmic scale: Goodfellow, "
        "Bengio, Courville 2016, Deep Learning, section 11.4.1",
    ),
    "averaged_sgd": OptimizerEntry(
        summary="SGD, evaluated at the running average of its iterates (Polyak–Ruppert)",
        target="benchmark.optimizers.rules.averaged_sgd:AveragedSGD",
        hyperparameters={
            "learning_rate": CONVENTIONAL_RATE,
            "averaging_power": AVERAGING_POWER,
        },
        advice="a large constant learning_rate; averaging_power = 3 where the start is far "
        "(Shamir, Zhang 2013, section 4)",
    ),
    "momentum": OptimizerEntry(
        summary="v ← momentum · v + learning_rate · g, W ← W − v (heavy ball)",
        target="benchmark.optimizers.rules.momentum:Momentum",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE, "momentum": MOMENTUM},
        advice="begin with momentum 0.9 and a tenth of the rate of sgd, for steps in one "
        "direction add up to 1 / (1 − momentum) times: Goodfellow, Bengio, Courville 2016, Deep "
        "Learning, section 8.3.2",
    ),
    "dampened_momentum": OptimizerEntry(
        summary="v ← momentum · v + (1 − momentum) · g, W ← W − learning_rate · v",
        target="benchmark.optimizers.rules.dampened_momentum:DampenedMomentum",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE, "momentum": MOMENTUM},
        advice="momentum = 0.9, and the learning_rate of sgd, or more: steps do not grow with "
        "momentum (Goodfellow, Bengio, Courville 2016, section 8.3.2)",
    ),
    "nesterov": OptimizerEntry(
        summary="the heavy ball with the gradient taken one step ahead",
        target="benchmark.optimizers.rules.nesterov:Nesterov",
        hyperparameters={"learning_rate": CONVENTIONAL_RATE, "momentum": MOMENTUM},
        advice="begin as with momentum, and try 0.99 and above, which it bears better: Sutskever "
        "et al. 2013, On the importance of initialization and momentum in deep learning, section 2",
    ),
    "barzilai_borwein": OptimizerEntry(
        summary="gradient descent over all examples, its step size from the last step's curvature",
        target="benchmark.optimizers.rules.barzilai_borwein:BarzilaiBorwein",
        hyperparameters={
            "learning_rate": replace(
                CONVENTIONAL_RATE,
                source="of the first step only. default: keras.optimizers.SGD; "
                f"space: {CROWDED_VALLEY}",
            ),
            **_BOUNDS,
        },
        full_batch=True,
        options={"short_step": False},
        advice="the long step; learning_rate hardly matters (Raydan 1997)",
    ),
    "polyak_step": OptimizerEntry(
        summary="steps of (f − f_star) / (scaling · ‖g‖²), at most learning_rate",
        target="benchmark.optimizers.rules.polyak_step:PolyakStep",
        hyperparameters=_POLYAK,
        advice="Set f_star to the least loss that can be reached, 0 where every example can be "
        "fitted (Loizou et al. 2021, section 3).",
    ),
}
