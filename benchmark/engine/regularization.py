"""What holds the weights of a trial small, as far as it is part of the function it descends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmark.curvature import ComposedLoss
from benchmark.engine.structure import optimizer_constants, optimizer_numbers
from benchmark.optimizers.penalties import penalty
from benchmark.trial import Trial

Tensor = Any
DECAY = "weight_decay"


@dataclass(frozen=True, slots=True)
class Regularization:
    """The penalties of a trial, which curvature is taken with, and what it leaves out.

    Args:
        l1: of l1 · Σ |w| over kernels, ≥ 0.
        l2: of l2 · Σ w² over kernels, ≥ 0.
        left_out: coefficients by which the optimizer itself shrinks weights, by name.
    """

    l1: float = 0.0
    l2: float = 0.0
    left_out: Mapping[str, float] = field(default_factory=dict)

    @property
    def coefficients(self) -> list[np.ndarray[Any, Any]]:
        """l1 and l2, as :func:`penalised` takes them."""
        return [np.asarray(self.l1, np.float64), np.asarray(self.l2, np.float64)]

    @property
    def findings(self) -> dict[str, str]:
        """What is in H and g beside the loss, and what is not.

        Example:
            >>> Regularization(l2=0.01).findings["penalties"]
            'H and g are those of the loss with its penalties on kernels: l2 · Σw² adds 2 · l2 = \
    0.02 to the diagonal of H and 2 · l2 · w to g.'
        """
        parts = []
        if self.l2:
            parts.append(
                f"l2 · Σw² adds 2 · l2 = {2 * self.l2:.3g} to the diagonal of H and 2 · l2 · w to g"
            )
        if self.l1:
            parts.append(
                f"l1 · Σ|w| adds l1 · sign(w) with l1 = {self.l1:.3g} to g and nothing to H, which "
                "it does not have where a weight is zero"
            )
        findings = {}
        if parts:
            findings["penalties"] = (
                f"H and g are those of the loss with its penalties on kernels: {'; '.join(parts)}."
            )
        if self.left_out:
            findings["weight_decay"] = _left_out(self.left_out)
        return findings


UNPENALISED = Regularization()
"""The loss alone."""


def _left_out(numbers: Mapping[str, float]) -> str:
    shown = " and ".join(f"{name} = {value:.3g}" for name, value in numbers.items())
    sentence = (
        f"H, g, α* and η·λ_max leave out {shown}: the optimizer itself shrinks the weights by it, "
        "so it is no part of the loss."
    )
    if DECAY not in numbers:
        return sentence
    return (
        f"{sentence} Gradient descent steps by it as if every eigenvalue were "
        f"{numbers[DECAY]:.3g} larger."
    )


def regularization_of(trial: Trial) -> Regularization:
    """Return what holds the weights of a trial small.

    Args:
        trial: with the numbers of its optimizer.
    """
    given = {**optimizer_constants(trial), **optimizer_numbers(trial)}
    numbers = {name: value for name, value in given.items() if isinstance(value, int | float)}
    left_out = {
        name: float(value)
        for name, value in numbers.items()
        if value and name.endswith((DECAY, "_regularization_strength"))
    }
    l1, l2 = (float(numbers.get(name, 0.0)) for name in ("l1", "l2"))
    return Regularization(l1, l2, left_out)


def penalised(loss: ComposedLoss) -> ComposedLoss:
    """Return a loss with the penalties whose gradients train the weights as well.

        f(W) + l1 · Σ |w| + l2 · Σ w²    over kernels, as in :mod:`benchmark.optimizers.penalties`

    The coefficients are the last two tensors of its state, so that one compiled program serves
    every value.

    Args:
        loss: f, whose state has the others.
    """

    def forward(
        parameters: Sequence[Tensor], x: Tensor, state: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        *model_state, l1, l2 = state
        outputs, penalties = loss.forward(parameters, x, model_state)
        return outputs, penalties + penalty(parameters, {"l1": l1, "l2": l2})

    return ComposedLoss(forward, loss.of_outputs, loss.of_probabilities)
