"""Optimizers with a step size for each weight, taken from the gradients so far."""

from dataclasses import replace

from benchmark.optimizers.entries.common import ADAM, CROWDED_VALLEY, MOMENTUM
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter


def _rate(default: float, source: str, space_source: str = CROWDED_VALLEY) -> Hyperparameter:
    described = f"default: {source}; space: {space_source}"
    return replace(ADAM["learning_rate"], default=default, source=described)


def _rho(default: float, source: str) -> Hyperparameter:
    described = f"default: {source}; space: our choice, that of Adam's beta_2, which does the same"
    return replace(ADAM["beta_2"], default=default, source=described)


def _epsilon(
    default: float,
    source: str,
    low: float = 1e-10,
    high: float = 1.0,
    space_source: str = "that of Adam's epsilon",
) -> Hyperparameter:
    return Hyperparameter(
        default=default,
        low=0.0,
        space={"low": low, "high": high, "log": True},
        source=f"default: {source}; space: {space_source}",
    )


def _accumulator(default: float, source: str) -> Hyperparameter:
    return Hyperparameter(
        default=default,
        low=0.0,
        low_included=True,
        space={"low": 1e-8, "high": 1.0, "log": True},
        source=f"default: {source}; space: our choice, from nothing beside a squared gradient "
        "to the square of a gradient of 1",
    )


_BETAS = {"beta_1": ADAM["beta_1"], "beta_2": ADAM["beta_2"]}

ADAPTIVE: dict[str, OptimizerEntry] = {
    "adagrad": OptimizerEntry(
        summary="a step per weight that shrinks with the sum of its squared gradients",
        target="benchmark.optimizers.rules.adagrad:Adagrad",
        hyperparameters={
            "learning_rate": _rate(0.001, "keras.optimizers.Adagrad"),
            "initial_accumulator_value": _accumulator(0.1, "keras.optimizers.Adagrad"),
            "epsilon": _epsilon(1e-7, "keras.optimizers.Adagrad"),
        },
        advice="for sparse gradients: learning_rate = 0.01 and a constant schedule, for the steps "
        "shrink by themselves (Duchi, Hazan, Singer 2011; the rate is PyTorch's)",
    ),
    "adadelta": OptimizerEntry(
        summary="steps in the units of the weights, from running means of gradients and steps",
        target="benchmark.optimizers.rules.adadelta:Adadelta",
        hyperparameters={
            "learning_rate": _rate(0.001, "keras.optimizers.Adadelta (the paper's is 1)"),
            "rho": _rho(0.95, "Zeiler 2012, ADADELTA, section 4.1"),
            "epsilon": _epsilon(1e-7, "keras.optimizers.Adadelta"),
        },
        advice="begin with learning_rate = 1, for which it was made, and epsilon = 1e-6 "
        "(Zeiler 2012)",
    ),
    "rmsprop": OptimizerEntry(
        summary="the gradient divided by the root of the mean of its square, with momentum",
        target="benchmark.optimizers.rules.rmsprop:RMSprop",
        hyperparameters={
            "learning_rate": _rate(0.001, "keras.optimizers.RMSprop"),
            "rho": _rho(0.9, "Tieleman, Hinton 2012, lecture 6.5"),
            "momentum": replace(
                MOMENTUM,
                default=0.0,
                source="default: keras.optimizers.RMSprop; space: that of the heavy ball",
            ),
            "epsilon": _epsilon(1e-7, "keras.optimizers.RMSprop"),
        },
        options={"centered": False},
        advice="begin with learning_rate = 0.001; momentum = 0 makes it plain RMSprop "
        "(Tieleman, Hinton 2012)",
    ),
    "adam": OptimizerEntry(
        summary="a step per weight, scaled by running means of the gradient and of its square",
        target="benchmark.optimizers.rules.adam:Adam",
        hyperparameters=ADAM,
        options={"amsgrad": False},
        advice="begin with the defaults, and search learning_rate before all else "
        "(Kingma, Ba 2015, algorithm 1)",
    ),
    "amsgrad": OptimizerEntry(
        summary="Adam with the largest mean of squares so far, so that no step per weight grows",
        target="benchmark.optimizers.rules.amsgrad:AMSGrad",
        hyperparameters=ADAM,
        advice="begin as with adam, where that wanders off late in training "
        "(Reddi, Kale, Kumar 2018)",
    ),
    "adamw": OptimizerEntry(
        summary="Adam with W ← W − learning_rate · weight_decay · W beside its step",
        target="benchmark.optimizers.rules.adamw:AdamW",
        hyperparameters={
            "learning_rate": ADAM["learning_rate"],
            "weight_decay": Hyperparameter(
                default=0.004,
                low=0.0,
                low_included=True,
                space={"low": 1e-4, "high": 1.0, "log": True},
                source="default: keras.optimizers.AdamW; space: our choice, around that, "
                "PyTorch's 0.01 and the 0.1 that is usual for transformers",
            ),
            **{name: number for name, number in ADAM.items() if name != "learning_rate"},
        },
        options={"amsgrad": False},
        advice="search learning_rate and weight_decay, with a schedule that ends near zero "
        "(Loshchilov, Hutter 2019)",
    ),
    "nadam": OptimizerEntry(
        summary="Adam with Nesterov's look ahead",
        target="benchmark.optimizers.rules.nadam:Nadam",
        hyperparameters={
            **ADAM,
            "learning_rate": _rate(0.001, "keras.optimizers.Nadam (the paper has 0.002)"),
        },
        advice="begin with adam's numbers (Dozat 2016)",
    ),
    "adamax": OptimizerEntry(
        summary="Adam with the largest recent gradient for the root of the mean square",
        target="benchmark.optimizers.rules.adamax:Adamax",
        hyperparameters={
            **ADAM,
            "learning_rate": _rate(
                0.001, "keras.optimizers.Adamax (the paper has 0.002)", "that of Adam"
            ),
        },
        advice="begin with learning_rate = 0.002, twice adam's (Kingma, Ba 2015, algorithm 2)",
    ),
    "radam": OptimizerEntry(
        summary="Adam that takes steps of momentum until its mean of squares can be trusted",
        target="benchmark.optimizers.rules.radam:RAdam",
        hyperparameters={
            **ADAM,
            "epsilon": _epsilon(1e-8, "the authors' program"),
        },
        advice="begin with adam's numbers and schedule_warmup = 0, which it replaces "
        "(Liu et al. 2020)",
    ),
    "adabelief": OptimizerEntry(
        summary="Adam with the variance of the gradient around its mean for the mean of squares",
        target="benchmark.optimizers.rules.adabelief:AdaBelief",
        hyperparameters={
            **ADAM,
            "epsilon": _epsilon(
                1e-16,
                "the authors' package",
                low=1e-16,
                high=1e-4,
                space_source="our choice, for it is added to the variance in every step, where "
                "1e-4 sums up to 0.1 at beta_2 = 0.999",
            ),
        },
        advice="begin with adam's numbers; epsilon = 1e-8 where SGD does better than Adam "
        "(Zhuang et al. 2020, notes of the authors' package)",
    ),
    "yogi": OptimizerEntry(
        summary="Adam whose mean of squares changes by addition, so that it cannot fall quickly",
        target="benchmark.optimizers.rules.yogi:Yogi",
        hyperparameters={
            "learning_rate": _rate(0.01, "tensorflow_addons.optimizers.Yogi", "that of Adam"),
            **_BETAS,
            "epsilon": _epsilon(
                1e-3,
                "tensorflow_addons.optimizers.Yogi",
                low=1e-8,
                space_source="our choice, around that default as Adam's around its own",
            ),
            "initial_accumulator_value": _accumulator(1e-6, "tensorflow_addons.optimizers.Yogi"),
        },
        advice="begin with learning_rate = 0.01, ten times adam's, and epsilon = 0.001 "
        "(Zaheer et al. 2018)",
    ),
}
