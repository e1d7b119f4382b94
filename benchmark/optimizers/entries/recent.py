"""Optimizers of recent years: matrices, no learning rate, two gradients a step."""

from dataclasses import replace

from benchmark.optimizers.entries.common import (
    ADAM,
    AVERAGING_POWER,
    CROWDED_VALLEY,
    MOMENTUM,
    SEARCHED_RATES,
)
from benchmark.optimizers.entries.matrix import MATRIX
from benchmark.optimizers.entries.objective import OBJECTIVE
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter

_ROAD = "Defazio et al. 2024, The Road Less Scheduled"
_DOG = "Ivgi, Hinder, Carmon 2023, DoG is SGD's Best Friend"
_PRODIGY = "Mishchenko, Defazio 2024, Prodigy"

_WARMUP = Hyperparameter(
    default=0,
    low=0.0,
    low_included=True,
    integer=True,
    space={"low": 0, "high": 1000, "log": False},
    source="default: the authors' code and keras.optimizers.ScheduleFreeAdamW; space: our "
    f"choice, the order of {_ROAD}, appendix",
)
_UNIT_RATE = Hyperparameter(
    default=1.0,
    low=0.0,
    space={"low": 0.5, "high": 2.0, "log": True},
    source="default: the paper, which leaves it there; space: our choice, around it",
)
_EPSILON = replace(
    ADAM["epsilon"],
    default=1e-8,
    source="default: the paper, or the authors' code; space: as for adam",
)

RECENT: dict[str, OptimizerEntry] = {
    **MATRIX,
    **OBJECTIVE,
    "schedule_free_sgd": OptimizerEntry(
        summary="SGD with averaging for a schedule: gradients between iterate and average",
        target="benchmark.optimizers.rules.schedule_free_sgd:ScheduleFreeSGD",
        hyperparameters={
            "learning_rate": Hyperparameter(
                default=1.0,
                low=0.0,
                space={"low": 1e-3, "high": 10.0, "log": True},
                source="default: the authors' code; space: ten times that of sgd, for larger "
                f"rates are best here: {_ROAD}, section 4",
            ),
            "momentum": replace(
                MOMENTUM,
                space={"low": 0.5, "high": 0.99, "log": False},
                source=f"default: {_ROAD}, section 2; space: around the 0.9 to 0.98 found there",
            ),
            "warmup_steps": _WARMUP,
        },
        advice=f"momentum = 0.9, a larger learning_rate than sgd, no schedule ({_ROAD}, section 4)",
    ),
    "schedule_free_adamw": OptimizerEntry(
        summary="AdamW with averaging for a schedule: gradients between iterate and average",
        target="benchmark.optimizers.rules.schedule_free_adamw:ScheduleFreeAdamW",
        hyperparameters={
            "learning_rate": Hyperparameter(
                default=0.0025,
                low=0.0,
                space=SEARCHED_RATES,
                source=f"default: keras.optimizers.ScheduleFreeAdamW; space: {CROWDED_VALLEY}",
            ),
            "beta_1": replace(ADAM["beta_1"], source=f"default: {_ROAD}, section 2; space: adam's"),
            "beta_2": replace(ADAM["beta_2"], source=f"default: {_ROAD}, section 4; space: adam's"),
            "epsilon": _EPSILON,
            "warmup_steps": _WARMUP,
        },
        advice="one to ten times the learning_rate of adamw, beta_1 = 0.9 or more, no schedule "
        f"({_ROAD}, section 4)",
    ),
    "prodigy": OptimizerEntry(
        summary="Adam whose learning rate is an estimate of the distance to the solution",
        target="benchmark.optimizers.rules.prodigy:Prodigy",
        hyperparameters={
            "learning_rate": _UNIT_RATE,
            "beta_1": replace(ADAM["beta_1"], source=f"default: {_PRODIGY}; space: adam's"),
            "beta_2": replace(ADAM["beta_2"], source=f"default: {_PRODIGY}; space: adam's"),
            "epsilon": _EPSILON,
            "initial_distance": Hyperparameter(
                default=1e-6,
                low=0.0,
                space={"low": 1e-8, "high": 1e-2, "log": True},
                source=f"default: {_PRODIGY}; space: our choice, below any distance to go",
            ),
            "distance_coefficient": Hyperparameter(
                default=1.0,
                low=0.0,
                space={"low": 0.5, "high": 2.0, "log": True},
                source="default and space: the authors' code, which names 0.5 and 2",
            ),
        },
        advice="learning_rate = 1, given in its own table where search.common gives another; "
        f"tune distance_coefficient first ({_PRODIGY}, the authors' code)",
    ),
    "dog": OptimizerEntry(
        summary="SGD with the distance gone over the root of all squared gradients for a rate",
        target="benchmark.optimizers.rules.dog:DoG",
        hyperparameters={
            "learning_rate": _UNIT_RATE,
            "initial_movement": Hyperparameter(
                default=1e-6,
                low=0.0,
                space={"low": 1e-8, "high": 1e-2, "log": True},
                source=f"default: {_DOG}; space: our choice, around it and the 1e-4 advised with "
                "batch normalization",
            ),
            "epsilon": _EPSILON,
            "averaging_power": replace(
                AVERAGING_POWER,
                default=8.0,
                source=f"default: {_DOG}, section 4; space: up to twice that",
            ),
        },
        advice="learning_rate = 1, given in its own table where search.common gives another; "
        f"initial_movement = 1e-4 with batch normalization ({_DOG}, section 4)",
    ),
}
