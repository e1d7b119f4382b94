"""Optimizers that see a variable as a matrix: Muon, Shampoo, SOAP."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from benchmark.optimizers.entries.common import ADAM, MOMENTUM, SEARCHED_RATES
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.thresholds import WEIGHT_DECAY

_JORDAN = "Jordan et al. 2024, Muon"
_LIU = "Liu et al. 2025, Muon Is Scalable for LLM Training"
_SHAMPOO = "Gupta, Koren, Singer 2018, Shampoo"
_CONTRIB = "the authors' tf.contrib.opt.ShampooOptimizer"
_SOAP = "Vyas et al. 2024, SOAP"
_OF_KERAS = "default: keras.optimizers.Muon"
_DECAY = replace(WEIGHT_DECAY, default=0.004, source=f"{_OF_KERAS}; space: that of weight decay")


def _frequency(default: int, source: str) -> Hyperparameter:
    return Hyperparameter(
        default=default,
        low=1,
        low_included=True,
        integer=True,
        space={"low": 1, "high": 100, "log": True},
        source=f"default: {source}; space: our choice, a decade around the 10 of {_SOAP}",
    )


def _coefficient(default: float, space: Mapping[str, Any]) -> Hyperparameter:
    source = f"default: {_JORDAN}, the quintic; space: our choice, a tenth on either side"
    return Hyperparameter(default=default, space=space, source=source)


_SHARED = {
    "adam_beta_1": replace(ADAM["beta_1"], source=f"{_OF_KERAS}; space: that of Adam"),
    "adam_beta_2": replace(ADAM["beta_2"], source=f"{_OF_KERAS}; space: that of Adam"),
    "adam_weight_decay": _DECAY,
    "epsilon": ADAM["epsilon"],
    "weight_decay": _DECAY,
}
_MUON = {
    "learning_rate": Hyperparameter(
        default=0.001,
        low=0.0,
        space=SEARCHED_RATES,
        source=f"{_OF_KERAS}; space: that of Adam, whose updates have the size that {_LIU}, "
        "section 2.2, gives Muon's",
    ),
    **_SHARED,
    "muon_a": _coefficient(3.4445, {"low": 3.1, "high": 3.8, "log": False}),
    "muon_b": _coefficient(-4.775, {"low": -5.2, "high": -4.3, "log": False}),
    "muon_c": _coefficient(2.0315, {"low": 1.8, "high": 2.2, "log": False}),
    "adam_lr_ratio": Hyperparameter(
        default=1.0,
        low=0.0,
        space={"low": 0.1, "high": 10.0, "log": True},
        source=f"{_OF_KERAS}; space: our choice, a decade on either side",
    ),
    "momentum": replace(
        MOMENTUM, default=0.95, source=f"default: {_JORDAN}; space: that of momentum"
    ),
    "rms_rate": Hyperparameter(
        default=0.2,
        low=0.0,
        space={"low": 0.02, "high": 2.0, "log": True},
        source=f"default: {_LIU}, section 2.2, from 0.2 to 0.4; space: a decade on either side",
    ),
}
_SHAMPOO_NUMBERS = {
    "learning_rate": Hyperparameter(
        default=0.1,
        low=0.0,
        space={"low": 1e-3, "high": 1.0, "log": True},
        source=f"default: pytorch-optimizer's Shampoo; space: our choice, up to that of {_CONTRIB}",
    ),
    "momentum": replace(
        MOMENTUM, default=0.0, source=f"default: {_SHAMPOO}, algorithm 1; space: that of momentum"
    ),
    "epsilon": Hyperparameter(
        default=1e-4,
        low=0.0,
        space={"low": 1e-8, "high": 1.0, "log": True},
        source=f"default: {_CONTRIB}; space: our choice, four decades on either side",
    ),
    "precondition_frequency": _frequency(1, f"{_SHAMPOO}, algorithm 1"),
}
_SOAP_NUMBERS = {
    "learning_rate": replace(
        ADAM["learning_rate"],
        default=0.003,
        source="default: the authors' program; space: that of Adam",
    ),
    "beta_1": replace(
        ADAM["beta_1"], default=0.95, source="default: the authors' program; space: that of Adam"
    ),
    "beta_2": replace(
        ADAM["beta_2"], default=0.95, source="default: the authors' program; space: that of Adam"
    ),
    "epsilon": replace(
        ADAM["epsilon"], default=1e-8, source="default: the authors' program; space: that of Adam"
    ),
    "precondition_frequency": _frequency(10, "the authors' program"),
}

MATRIX: dict[str, OptimizerEntry] = {
    "muon": OptimizerEntry(
        summary="the momentum of a matrix with equal singular values; AdamW for the rest",
        target="benchmark.optimizers.rules.muon:Muon",
        hyperparameters=_MUON,
        options={"exclude_layers": "", "exclude_embeddings": True, "nesterov": True},
        advice='Adam\'s learning rate and weight decay; exclude_layers = "logits", the last '
        f"layer ({_LIU}, section 2.2; {_JORDAN})",
    ),
    "shampoo": OptimizerEntry(
        summary="a matrix preconditioner for each side of a matrix, by inverse fourth roots",
        target="benchmark.optimizers.rules.shampoo:Shampoo",
        hyperparameters=_SHAMPOO_NUMBERS,
        advice="precondition_frequency = 1: roots that are renewed less often cost accuracy "
        f"({_SOAP}, abstract)",
    ),
    "soap": OptimizerEntry(
        summary="Adam in the eigenbasis of Shampoo's preconditioner",
        target="benchmark.optimizers.rules.soap:SOAP",
        hyperparameters=_SOAP_NUMBERS,
        advice="a learning rate of 0.003 and both betas 0.95 "
        "(Vyas et al. 2024, the authors' program)",
    ),
}
