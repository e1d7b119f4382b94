"""What the catalogue knows of one optimizer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmark.optimizers.constructor import Option
from benchmark.optimizers.hyperparameter import Hyperparameter


@dataclass(frozen=True, slots=True)
class OptimizerEntry:
    """What the catalogue says of one optimizer.

    Args:
        summary: its update rule in a line.
        target: ``"module:Class"``.
        hyperparameters: by name, in the order in which they are shown.
        full_batch: whether the method is defined for the gradient over all training
            examples only.
        constants: which hyperparameters are structural: each value is a program of its own.
        options: structural arguments that a study may fix, with their defaults.
        advice: what to begin with, in a line, with its source.
        weight_decay: whether decoupled weight decay may be given.
    """

    summary: str
    target: str
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    full_batch: bool = False
    constants: frozenset[str] = frozenset()
    options: Mapping[str, Option] = field(default_factory=dict)
    advice: str = ""
    weight_decay: bool = True
