"""Proof that a competitor did the work that its seconds are reported for.

A trial that ends early, or does nothing, would look very fast. So each tells how many epochs it
trained and which validation loss it reached, and the loss must be near that of the same network
trained with the same numbers by NumPy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from speed.measurement import NotAvailableError
from speed.workloads import SEED, Workload, arrays

Array = np.ndarray[Any, Any]
FACTOR, MARGIN = 1.4, 0.1
"""The band around the expected loss: other initial weights and orders of the rows end within
a fifth of it in all of 64 trials of the digits MLP."""
UNTRAINED = float(np.log(10))
"""The cross-entropy of ten equal probabilities, which any training must improve on."""


class WorkNotDoneError(NotAvailableError):
    """A competitor did not do the work, so that its seconds say nothing."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"failed: {sentence}")


@dataclass(frozen=True, slots=True)
class Done:
    """What one trial of a competitor did.

    Args:
        settings: the numbers that it trained with: ``learning_rate``, ``momentum``,
            ``batch_size`` and, where it clips, ``global_clipnorm``.
        epochs: how many it says that it trained.
        loss: its validation loss at the end.
    """

    settings: Mapping[str, Any]
    epochs: int
    loss: float


def check_work(
    done: Sequence[Done], workload: Workload, trials: int, epochs: int
) -> dict[str, float]:
    """Refuse the seconds of a competitor that did not train all trials to their end.

    Args:
        done: what each measured trial did.
        workload: what was to be trained.
        trials: how many trials were to be trained.
        epochs: passes over the training part of each of them.

    Returns:
        ``loss`` and ``expected_loss``, the means over the trials, for the facts of the
        measurement.

    Raises:
        WorkNotDoneError: there are fewer trials or epochs, or a loss is out of its band.
    """
    if len(done) != trials:
        raise WorkNotDoneError(f"{trials} trials must be trained. Received {len(done)}.")
    for one in done:
        if one.epochs != epochs:
            raise WorkNotDoneError(
                f"a measured trial must be trained for {epochs} epochs. Received {one.epochs}."
            )
    expected = [expected_loss(workload, one.settings, epochs) for one in done]
    for one, value in zip(done, expected, strict=True):
        low, high = band(value)
        if not low <= one.loss <= high:
            raise WorkNotDoneError(
                f"the validation loss of a measured trial must lie between {low:.3g} and "
                f"{high:.3g} after {epochs} epochs. Received {one.loss:.3g}."
            )
    losses = [one.loss for one in done]
    return {"loss": float(np.mean(losses)), "expected_loss": float(np.mean(expected))}


def band(expected: float) -> tuple[float, float]:
    """Return between which losses a trial must end that is expected to end at one.

    Example:
        >>> band(0.5)[1] > 0.5 > band(0.5)[0]
        True
    """
    return expected / FACTOR - MARGIN, expected * FACTOR + MARGIN


def expected_loss(workload: Workload, settings: Mapping[str, Any], epochs: int) -> float:
    """Return the validation loss that plain NumPy reaches with the same numbers.

    A network that is no multilayer perceptron is expected to do better than equal
    probabilities, by at least the width of the band.

    Args:
        workload: the network.
        settings: as in :class:`Done`.
        epochs: passes over the training part.
    """
    if not workload.hidden:
        return UNTRAINED / FACTOR / FACTOR
    data, random = arrays(), np.random.default_rng(SEED)
    weights = _glorot((64, *workload.hidden, 10), random)
    moving = [np.zeros_like(weight) for weight in weights]
    x, y = data.train.x, data.train.y
    for _ in range(epochs):
        order = random.permutation(len(x))
        for start in range(0, len(x), settings["batch_size"]):
            rows = order[start : start + settings["batch_size"]]
            slopes = _clipped(_gradient(weights, x[rows], y[rows]), settings)
            for place, slope in enumerate(slopes):
                step = settings["momentum"] * moving[place] - settings["learning_rate"] * slope
                moving[place], weights[place] = step, weights[place] + step
    _, logits = _forward(weights, data.validation.x)
    return _cross_entropy(logits, data.validation.y)


def _glorot(widths: Sequence[int], random: np.random.Generator) -> list[Array]:
    weights: list[Array] = []
    for inputs, outputs in pairwise(widths):
        limit = np.sqrt(6 / (inputs + outputs))
        kernel = random.uniform(-limit, limit, (inputs, outputs))
        weights += [kernel.astype("float32"), np.zeros(outputs, "float32")]
    return weights


def _forward(weights: Sequence[Array], x: Array) -> tuple[list[Array], Array]:
    """The inputs of each layer, and the logits."""
    inputs = [x]
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        inputs.append(np.maximum(inputs[-1] @ kernel + bias, 0))
    return inputs, inputs[-1] @ weights[-2] + weights[-1]


def _gradient(weights: Sequence[Array], x: Array, y: Array) -> list[Array]:
    inputs, logits = _forward(weights, x)
    error = np.exp(logits - logits.max(1, keepdims=True))
    error /= error.sum(1, keepdims=True)
    error[np.arange(len(y)), y] -= 1
    error /= len(y)
    slopes: list[Array] = []
    for layer in reversed(range(len(inputs))):
        slopes = [inputs[layer].T @ error, error.sum(0), *slopes]
        error = (error @ weights[2 * layer].T) * (inputs[layer] > 0)
    return slopes


def _clipped(slopes: list[Array], settings: Mapping[str, Any]) -> list[Array]:
    """The slopes, shortened to the clipping threshold where there is one."""
    if "global_clipnorm" not in settings:
        return slopes
    norm = np.sqrt(sum(float(np.vdot(slope, slope)) for slope in slopes))
    scale = min(1.0, settings["global_clipnorm"] / max(norm, 1e-12))
    return [scale * slope for slope in slopes]


def _cross_entropy(logits: Array, y: Array) -> float:
    shifted = logits.astype("float64") - logits.max(1, keepdims=True)
    chosen = shifted[np.arange(len(y)), y]
    return float(np.mean(np.log(np.exp(shifted).sum(1)) - chosen))


Objective = Callable[[Mapping[str, Any], int], Done]
"""Trains one setting for some epochs and says what it did."""
