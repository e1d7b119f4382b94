"""What is examined: a loss at some weights over some examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from benchmark.curvature import ComposedLoss, StepRule, model_loss
from benchmark.inspection.settings import InspectionError, Settings

Array = np.ndarray[Any, Any]
Watch = Callable[[str, float], None]
"""Told of a stage in words, and which share of it is done."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A loss at some weights, and what is known of how they were found.

    Args:
        title: what it is, for a heading.
        source: where it comes from.
        loss: of the model, in float64, with what penalties its training adds to it.
        weights: one array a trainable variable.
        state: in the order of ``model.non_trainable_variables``; of a trial the coefficients of
            its penalties follow, see :func:`benchmark.engine.regularization.penalised`.
        x, y: the examples.
        facts: names and values for people.
        sentences: what the loss holds and leaves out.
        notes: sentences on how the weights were got.
        batch_size: of its mini-batches, for the noise of their gradients; 0 for no noise.
        rule: how its optimizer steps, or a sentence on why its limit is not known.
        epochs: of the way there; empty where there is none.
        way: the trainable variables after each of these.
        way_rules: how the optimizer stepped at each of these, as ``rule`` at the end.
    """

    title: str
    source: str
    loss: ComposedLoss
    weights: list[Array]
    state: list[Array]
    x: Array
    y: Array
    facts: list[tuple[str, str]]
    sentences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    batch_size: int = 0
    rule: StepRule | str | None = None
    epochs: list[int] = field(default_factory=list)
    way: list[list[Array]] = field(default_factory=list)
    way_rules: list[StepRule | str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return int(sum(array.size for array in self.weights))


def split_variables(model: keras.Model, kept: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """Tell weights from state in what is kept of a trial.

    Args:
        model: the model they belong to.
        kept: in the order of ``engine.task.kept_variables``.

    Returns:
        The trainable variables, and all others; those that are not kept as the model has them.

    Raises:
        InspectionError: they do not fit the model.
    """
    trainable = model.trainable_variables
    others = model.non_trainable_variables
    is_kept = [keras.backend.is_float_dtype(variable.dtype) for variable in others]
    shapes = [tuple(v.shape) for v in trainable]
    shapes += [tuple(v.shape) for v, kept_too in zip(others, is_kept, strict=True) if kept_too]
    if [array.shape for array in kept] != shapes:
        raise InspectionError(
            f"kept weights must fit the model of their trial. Received the shapes "
            f"{[array.shape for array in kept]}, and the model has {shapes}. "
            "Was the run recorded by another version of the model? Delete the file of the trial in "
            "weights/ to have it trained again."
        )
    rest = iter(kept[len(trainable) :])
    state = [
        next(rest) if kept_too else np.asarray(variable.value).copy()
        for variable, kept_too in zip(others, is_kept, strict=True)
    ]
    return list(kept[: len(trainable)]), state


def checked_loss(model: keras.Model, loss: Any, where: str) -> ComposedLoss:
    """Return the loss of a model as a function of its weights, or say why there is none.

    Raises:
        InspectionError: a layer is random, or the loss is no mean over examples.
    """
    try:
        return model_loss(model, loss)
    except (ValueError, TypeError, NotImplementedError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise InspectionError(f"{reason} In {where}.") from None


def drawn(x: Array, y: Array, settings: Settings) -> tuple[Array, Array]:
    """Return the examples that are examined: all, or some that the seed draws.

    Args:
        x: all examples.
        y: their targets.
        settings: ``samples`` and ``seed``.
    """
    count = len(x)
    rows = min(settings.samples, count) or count
    # A part is ordered as its dataset is, often by class: draw, do not cut.
    chosen = np.sort(np.random.default_rng(settings.seed).permutation(count)[:rows])
    return x[chosen], y[chosen]
