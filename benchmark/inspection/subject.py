"""The subject of an inspection: a loss at given weights over given examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from benchmark.curvature import ComposedLoss, StepRule, model_loss
from benchmark.inspection.settings import InspectionError, Settings

Array = np.ndarray[Any, Any]
Watch = Callable[[str, float], None]
"""Called with the name of a stage and the share of it that is done."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A loss at given weights, and what is known about their training.

    Args:
        title: its heading.
        source: where it comes from.
        loss: the loss of the model in float64, with the penalties of its training.
        weights: one array for each trainable variable.
        state: in the order of ``model.non_trainable_variables``; for a trial the coefficients of
            its penalties follow, see :func:`benchmark.engine.regularization.penalised`.
        x, y: the examples.
        facts: names and values to show.
        sentences: what the loss includes and leaves out.
        notes: sentences on the origin of the weights.
        batch_size: size of the mini-batches whose gradient noise is measured; 0 for none.
        rule: how its optimizer steps, or a sentence on why its limit is not known.
        epochs: the epochs of the trajectory; empty without one.
        trajectory: the trainable variables after each of these epochs.
        trajectory_rules: how the optimizer stepped at each of these epochs, like ``rule``.
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
    trajectory: list[list[Array]] = field(default_factory=list)
    trajectory_rules: list[StepRule | str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return int(sum(array.size for array in self.weights))


def split_variables(model: keras.Model, stored: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """Split the stored variables of a trial into weights and state.

    Args:
        model: their model.
        stored: in the order of ``engine.task.kept_variables``.

    Returns:
        The trainable variables, and all others; the model supplies those that are not stored.

    Raises:
        InspectionError: they do not fit the model.
    """
    trainable = model.trainable_variables
    untrainable = model.non_trainable_variables
    is_stored = [keras.backend.is_float_dtype(variable.dtype) for variable in untrainable]
    shapes = [tuple(v.shape) for v in trainable]
    shapes += [tuple(v.shape) for v, has in zip(untrainable, is_stored, strict=True) if has]
    if [array.shape for array in stored] != shapes:
        raise InspectionError(
            f"kept weights must fit the model of their trial. Received the shapes "
            f"{[array.shape for array in stored]}, and the model has {shapes}. "
            "Was the run recorded by another version of the model? Delete the file of the trial in "
            "weights/ to have it trained again."
        )
    rest = iter(stored[len(trainable) :])
    state = [
        next(rest) if has else np.asarray(variable.value).copy()
        for variable, has in zip(untrainable, is_stored, strict=True)
    ]
    return list(stored[: len(trainable)]), state


def checked_loss(model: keras.Model, loss: Any, where: str) -> ComposedLoss:
    """Return the loss of a model as a function of its weights, or refuse it with the reason.

    Raises:
        InspectionError: a layer is random, or the loss is no mean over examples.
    """
    try:
        return model_loss(model, loss)
    except (ValueError, TypeError, NotImplementedError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise InspectionError(f"{reason} In {where}.") from None


def drawn(x: Array, y: Array, settings: Settings) -> tuple[Array, Array]:
    """Return the examples to examine: all of them, or some that the seed draws.

    Args:
        x: all examples.
        y: their targets.
        settings: ``samples`` and ``seed``.
    """
    count = len(x)
    rows = min(settings.samples, count) or count
    # A part has the order of its dataset, often by class, so draw from all of it.
    chosen = np.sort(np.random.default_rng(settings.seed).permutation(count)[:rows])
    return x[chosen], y[chosen]
