"""What an optimizer's file declares of it, and the constructor that follows."""

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmark.optimizers.constructor import Option
from benchmark.optimizers.hyperparameter import Hyperparameter, check_size
from benchmark.optimizers.stability import Stability


@dataclass(frozen=True, slots=True)
class OptimizerEntry:
    """What an optimizer's file declares of it, as ``ENTRY``; read without Keras.

    Args:
        summary: its update rule in a line.
        target: ``"module:Class"``; the registry fills it in.
        hyperparameters: by name, in the order of the constructor's arguments.
        full_batch: whether the method is defined for the gradient over all training
            examples only.
        constants: which hyperparameters are structural: each value is a program of its own.
        options: structural arguments that a study may fix, with their defaults.
        sizes: structural whole numbers ≥ 1 that a study leaves alone, with their defaults.
        advice: what to begin with, in a line, with its source.
        weight_decay: whether decoupled weight decay may be given.
        stability: the limit of η·λmax, or a sentence with ``{}`` for the name on why there
            is none; ``None`` where the file says nothing, which ``check-optimizer`` reports.
    """

    summary: str
    target: str = ""
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    full_batch: bool = False
    constants: frozenset[str] = frozenset()
    options: Mapping[str, Option] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    advice: str = ""
    weight_decay: bool = True
    stability: Stability | str | None = None

    @property
    def signature(self) -> inspect.Signature:
        """The constructor's: hyperparameters, options and sizes in this order, then the others."""
        kinds = inspect.Parameter
        defaults = {name: number.default for name, number in self.hyperparameters.items()}
        parameters = [
            kinds(name, kinds.POSITIONAL_OR_KEYWORD, default=default)
            for name, default in {**defaults, **self.options, **self.sizes}.items()
        ]
        return inspect.Signature(
            [
                kinds("self", kinds.POSITIONAL_OR_KEYWORD),
                *parameters,
                kinds("arguments", kinds.VAR_KEYWORD),
            ]
        )

    def documented(self, docstring: str | None) -> str:
        """Return the docstring of a class with a line for each hyperparameter, before "Raises".

        Example:
            >>> entry = OptimizerEntry("", hyperparameters={
            ...     "rate": Hyperparameter(0.1, low=0.0, source="default: ours")})
            >>> print(entry.documented("Descend."))
            Descend.
            <BLANKLINE>
                Hyperparameters:
                    rate: > 0, 0.1 by default. Sources: default: ours.
        """
        meanings = {
            name: f"{number.rule}, {number.default:g} by default. Sources: {number.source}."
            for name, number in self.hyperparameters.items()
            if number.default is not None
        }
        meanings |= {name: f"structural, {v!r} by default." for name, v in self.options.items()}
        meanings |= {name: f"structural, >= 1, {v} by default." for name, v in self.sizes.items()}
        lines = [
            textwrap.fill(
                f"{name}: {meaning}", 96, initial_indent=8 * " ", subsequent_indent=12 * " "
            )
            for name, meaning in meanings.items()
        ]
        section = "\n".join(["    Hyperparameters:", *lines])
        text, raises, rest = (docstring or "").rstrip().partition("\n    Raises:")
        return f"{text.rstrip()}\n\n{section}" + (f"\n{raises}{rest}\n    " if raises else "")


def constructor(optimizer_class: Any) -> Callable[..., None]:
    """Return the constructor of a class with an entry: it takes what the entry declares.

    Args:
        optimizer_class: a subclass of :class:`~benchmark.optimizers.base.Optimizer`.
    """
    entry: OptimizerEntry = optimizer_class.entry
    signature = entry.signature
    # The nearest base that declares nothing: it takes numbers by name, and the other arguments.
    base = next(base for base in optimizer_class.__mro__[1:] if base.__dict__.get("entry") is None)
    variable = [name for name in entry.hyperparameters if name not in entry.constants]
    variable.remove("learning_rate")

    def construct(self: Any, *positional: Any, **named: Any) -> None:
        given = signature.bind(self, *positional, **named)
        given.apply_defaults()
        values: dict[str, Any] = given.arguments
        arguments = values["arguments"]
        numbers = {name: values[name] for name in variable}
        if "weight_decay" in numbers:
            arguments = {**arguments, "weight_decay": numbers.pop("weight_decay")}
            if arguments["weight_decay"] is None:
                rule = entry.hyperparameters["weight_decay"]
                raise ValueError(
                    f"weight_decay must be {rule.rule}. Received None. "
                    f"Give for instance {rule.default:g}."
                )
        constants = {name: values[name] for name in optimizer_class.constant_names}
        if constants:
            arguments = {**arguments, "constants": constants}
        sizes = {
            name: check_size(name, values[name], default) for name, default in entry.sizes.items()
        }
        base.__init__(self, values["learning_rate"], numbers, **arguments)
        self.set_options({name: values[name] for name in entry.options})
        for name, value in sizes.items():
            setattr(self, name, value)

    construct.__name__ = "__init__"
    construct.__signature__ = signature  # type: ignore[attr-defined]
    return construct
