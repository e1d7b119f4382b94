"""Optimizers made for large batches and large models: Lion, LAMB, Adafactor."""

from dataclasses import replace

from benchmark.optimizers.entries.common import ADAM, CROWDED_VALLEY, SEARCHED_RATES
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter

_LION = "Chen et al. 2023, Symbolic Discovery of Optimization Algorithms"
_LAMB = "You et al. 2020, Large Batch Optimization for Deep Learning"
_ADAFACTOR = "Shazeer, Stern 2018, Adafactor"

LARGE_BATCH: dict[str, OptimizerEntry] = {
    "lion": OptimizerEntry(
        summary="the sign of a momentum: every weight moves by the learning rate",
        target="benchmark.optimizers.rules.lion:Lion",
        hyperparameters={
            "learning_rate": Hyperparameter(
                default=0.001,
                low=0.0,
                space={"low": 1e-5, "high": 1e-1, "log": True},
                source="default: keras.optimizers.Lion (the paper has 1e-4); space: a tenth of "
                f"Adam's, as {_LION}, section 5, advise",
            ),
            "beta_1": Hyperparameter(
                default=0.9,
                low=0.0,
                high=1.0,
                high_included=True,
                space={"low": 0.5, "high": 0.99, "log": False},
                source=f"default: {_LION}, algorithm 2; space: our choice, around the 0.9 and "
                "0.95 of the paper",
            ),
            "beta_2": Hyperparameter(
                default=0.99,
                low=0.0,
                high=1.0,
                low_included=True,
                space={"low": 0.8, "high": 0.999, "log": False},
                source=f"default: {_LION}, algorithm 2; space: our choice, around the 0.98 and "
                "0.99 of the paper",
            ),
        },
        advice="a third to a tenth of Adam's learning rate and three to ten times its weight "
        f"decay ({_LION}, section 5)",
    ),
    "lamb": OptimizerEntry(
        summary="Adam's direction, each variable's step a share of its own norm",
        target="benchmark.optimizers.rules.lamb:Lamb",
        hyperparameters={
            **ADAM,
            "learning_rate": replace(
                ADAM["learning_rate"],
                source=f"default: keras.optimizers.Lamb; space: {CROWDED_VALLEY}",
            ),
        },
        advice="double the batch, multiply the learning rate by √2, and warm up "
        f"({_LAMB}, section 4)",
    ),
    "adafactor": OptimizerEntry(
        summary="a step per weight from row and column means of squared gradients",
        target="benchmark.optimizers.rules.adafactor:Adafactor",
        hyperparameters={
            "learning_rate": Hyperparameter(
                default=0.001,
                low=0.0,
                space=SEARCHED_RATES,
                source="default: keras.optimizers.Adafactor (the paper has 0.01); "
                f"space: {CROWDED_VALLEY}",
            ),
            "beta_2_decay": Hyperparameter(
                default=-0.8,
                high=0.0,
                space={"low": -1.0, "high": -0.5, "log": False},
                source=f"default: {_ADAFACTOR}, algorithm 6; space: our choice, from 1/t to 1/√t",
            ),
            "epsilon_1": Hyperparameter(
                default=1e-30,
                low=0.0,
                space={"low": 1e-30, "high": 1e-8, "log": True},
                source=f"default: {_ADAFACTOR}, algorithm 6; space: our choice, up to the "
                "square of 1e-4",
            ),
            "epsilon_2": Hyperparameter(
                default=1e-3,
                low=0.0,
                space={"low": 1e-4, "high": 1e-1, "log": True},
                source=f"default: {_ADAFACTOR}, algorithm 6; space: our choice, a decade below "
                "and two above",
            ),
            "clip_threshold": Hyperparameter(
                default=1.0,
                low=0.0,
                space={"low": 0.5, "high": 2.0, "log": True},
                source=f"default: {_ADAFACTOR}, algorithm 6; space: our choice, half and twice",
            ),
        },
        options={"relative_step": True},
        advice=f"a learning rate of 0.01, which is relative to the weights ({_ADAFACTOR}, "
        "algorithm 6)",
    ),
}
