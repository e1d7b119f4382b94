"""What of a trial selects its compiled program, and the optimizer that it trains with."""

from collections.abc import Hashable
from typing import Any

from benchmark.optimizers import (
    CLIPPING,
    REGULARIZATION,
    build_optimizer,
    constant_hyperparameters,
    optimizer_entry,
)
from benchmark.trial import Settings, Trial


def model_key(trial: Trial) -> tuple[Any, ...]:
    """What selects model, loss and data."""
    options = {k: v for k, v in trial.model_options.items() if k != "initializer"}
    return (trial.problem, trial.model, Settings(options))


def clipping_of(trial: Trial) -> dict[str, float]:
    """The thresholds of clipping that a trial has, by kind; which kinds is structural."""
    return {name: trial.hyperparameters[name] for name in CLIPPING if name in trial.hyperparameters}


def optimizer_constants(trial: Trial) -> dict[str, Any]:
    """What of the trial's optimizer is fixed at construction, and shapes its program.

    Its options, and the numbers that its class cannot take as tensors; only those that the
    trial gives.
    """
    constants = constant_hyperparameters(trial.optimizer, _options_of(trial))
    numbers = {k: v for k, v in trial.hyperparameters.items() if k in constants}
    return {**_options_of(trial), **numbers}


def optimizer_numbers(trial: Trial) -> dict[str, float]:
    """The value of every number of the trial's optimizer that is a variable of it.

    Defaults are among them; one without a default (``weight_decay``, a penalty) is there
    where the trial gives it.
    """
    hyperparameters = {**REGULARIZATION, **optimizer_entry(trial.optimizer).hyperparameters}
    constants = constant_hyperparameters(trial.optimizer, _options_of(trial))
    values = {
        name: trial.hyperparameters.get(name, hyperparameter.default)
        for name, hyperparameter in hyperparameters.items()
    }
    numbers = {k: v for k, v in values.items() if v is not None and k not in constants}
    return {**numbers, **clipping_of(trial)}


def structure_of(trial: Trial) -> Hashable:
    """What of the trial's optimizer selects its program, beside :func:`model_key`.

    The class, which numbers are variables of it, the kind of clipping among them, and the
    values of its constants. Trials of one structure differ in values alone.
    """
    constants = Settings(optimizer_constants(trial))
    return (trial.optimizer, tuple(sorted(optimizer_numbers(trial))), constants)


def structure_key(trial: Trial) -> str:
    """Name the structure for other processes; nothing where a user's class may change meanwhile."""
    name = trial.optimizer
    return "" if ":" in name and not name.startswith("keras:") else repr(structure_of(trial))


def optimizer_of(trial: Trial) -> Any:
    """Build the optimizer of a trial, which serves every trial of its structure.

    Raises:
        AdaptationError: its class cannot step as a pure function.
        ValueError: a value is out of its range.
    """
    clipping = clipping_of(trial)
    numbers = {k: v for k, v in optimizer_numbers(trial).items() if k not in clipping}
    return build_optimizer(trial.optimizer, numbers, clipping, optimizer_constants(trial))


def _options_of(trial: Trial) -> dict[str, Any]:
    known = optimizer_entry(trial.optimizer).options
    return {name: trial.options[name] for name in known if name in trial.options}
