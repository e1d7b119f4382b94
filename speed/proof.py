"""What a competitor must reach, by NumPy alone: its validation loss, and true eigenvalues.

A trial that ends early, or does nothing, would look very fast. So each tells how many epochs it
trained and which validation loss it reached, and the loss must be near that of the same network
trained with the same numbers here. Eigenvalues must be near those of ARPACK, whose products of
the Hessian are written by hand.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from speed.measurement import WorkNotDoneError
from speed.workloads import SEED, Workload, arrays

Array = np.ndarray[Any, Any]
FACTOR, MARGIN = 1.4, 0.1
"""The band around the expected loss: other initial weights and orders of the rows end within
a fifth of it in all of 64 trials of the digits MLP."""
HIDDEN = (64,)
LARGEST, TOLERANCE = 10, 1e-4
"""How many eigenvalues are asked for, and how right they must be."""


class Done(NamedTuple):
    """What one trial of a competitor did: its numbers, its epochs and its last validation loss."""

    settings: Mapping[str, Any]
    epochs: int
    loss: float


def check_work(
    done: Sequence[Done], workload: Workload, trials: int, epochs: int
) -> dict[str, float]:
    """Refuse the seconds of a competitor that did not train all trials to their end.

    Returns:
        ``loss`` and ``expected_loss``, the means over the trials.
    """
    if len(done) != trials:
        raise WorkNotDoneError(f"{trials} trials must be trained. Received {len(done)}.")
    expected = [expected_loss(workload, trial.settings, epochs) for trial in done]
    for trial, loss in zip(done, expected, strict=True):
        low, high = band(loss)
        if trial.epochs != epochs or not low <= trial.loss <= high:
            raise WorkNotDoneError(
                f"a measured trial must be trained for {epochs} epochs to a validation loss "
                f"between {low:.3g} and {high:.3g}. Received {trial.epochs} and {trial.loss:.3g}."
            )
    mean = float(np.mean([trial.loss for trial in done]))
    return {"loss": mean, "expected_loss": float(np.mean(expected))}


def band(expected: float) -> tuple[float, float]:
    """Return the losses between which a trial must end that is expected to end at one."""
    return expected / FACTOR - MARGIN, expected * FACTOR + MARGIN


def expected_loss(workload: Workload, settings: Mapping[str, Any], epochs: int) -> float:
    """Return the validation loss that plain NumPy reaches with the same numbers."""
    if not workload.hidden:  # a convolutional network must do better than equal probabilities
        return float(np.log(10)) / FACTOR / FACTOR
    data, random = arrays(), np.random.default_rng(SEED)
    weights: list[Array] = []
    for inputs, outputs in pairwise((64, *workload.hidden, 10)):  # Glorot, as in Keras
        limit = np.sqrt(6 / (inputs + outputs))
        kernel = random.uniform(-limit, limit, (inputs, outputs))
        weights += [kernel.astype("float32"), np.zeros(outputs, "float32")]
    steps = [np.zeros_like(weight) for weight in weights]
    x, y = data.train.x, data.train.y
    for _ in range(epochs):
        order = random.permutation(len(x))
        for start in range(0, len(x), settings["batch_size"]):
            batch = order[start : start + settings["batch_size"]]
            slopes = gradient(weights, x[batch], y[batch])
            norm = np.sqrt(sum(float(np.vdot(slope, slope)) for slope in slopes))
            clipping = min(1.0, settings.get("global_clipnorm", np.inf) / max(norm, 1e-12))
            for index, slope in enumerate(slopes):
                step = float(clipping) * settings["learning_rate"] * slope
                steps[index] = settings["momentum"] * steps[index] - step
                weights[index] = weights[index] + steps[index]
    return cross_entropy(weights, data.validation.x, data.validation.y)


# A network of dense layers with ReLU, whose weights are kernels and biases in turn.


def _forward(weights: Sequence[Array], x: Array) -> tuple[list[Array], Array]:
    """The inputs of each layer, and the logits."""
    inputs = [x]
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        inputs.append(np.maximum(inputs[-1] @ kernel + bias, 0))
    return inputs, inputs[-1] @ weights[-2] + weights[-1]


def _error(logits: Array, y: Array) -> tuple[Array, Array]:
    """The probabilities, and the gradient of the mean cross-entropy by the logits."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = powers / powers.sum(1, keepdims=True)
    error = probabilities.copy()
    error[np.arange(len(y)), y] -= 1
    return probabilities, error / len(y)


def cross_entropy(weights: Sequence[Array], x: Array, y: Array) -> float:
    """Return the mean cross-entropy."""
    logits = _forward(weights, x)[1]
    shifted = logits.astype("float64") - logits.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(y)), y]))


def gradient(weights: Sequence[Array], x: Array, y: Array) -> list[Array]:
    """Return the gradient of the mean cross-entropy."""
    inputs, logits = _forward(weights, x)
    error = _error(logits, y)[1]
    slopes: list[Array] = []
    for layer in reversed(range(len(inputs))):
        slopes = [inputs[layer].T @ error, error.sum(0), *slopes]
        error = (error @ weights[2 * layer].T) * (inputs[layer] > 0)
    return slopes


def product(weights: Sequence[Array], x: Array, y: Array, flat: Array) -> Array:
    """Return the Hessian of a network with one hidden layer times a vector (Pearlmutter, 1994)."""
    v1, c1, v2, c2 = split(flat, weights)
    (_, hidden), logits = _forward(weights, x)
    p, error = _error(logits, y)
    active = hidden > 0
    moved = (x @ v1 + c1) * active
    slope = moved @ weights[2] + hidden @ v2 + c2
    bent = p * (slope - np.sum(p * slope, axis=1, keepdims=True)) / len(x)
    back = (bent @ weights[2].T + error @ v2.T) * active
    parts = [x.T @ back, back.sum(0), moved.T @ error + hidden.T @ bent, bent.sum(0)]
    return np.concatenate([part.ravel() for part in parts])


def split(flat: Array, like: Sequence[Array]) -> list[Array]:
    """Return a vector as arrays of given shapes."""
    pieces = np.split(np.ravel(flat), np.cumsum([part.size for part in like])[:-1])
    return [piece.reshape(part.shape) for piece, part in zip(pieces, like, strict=True)]


# The point at which curvature is measured.


def rows() -> tuple[Array, Array]:
    """The training rows of digits and their classes, float64 and int64."""
    train = arrays().train
    return train.x.astype(np.float64), train.y.astype(np.int64)


def initial_weights(hidden: Sequence[int]) -> list[Array]:
    """Kernels of He's variance and zero biases in turn, float64."""
    generator = np.random.default_rng(SEED)
    weights: list[Array] = []
    for inputs, outputs in pairwise((64, *hidden, 10)):
        kernel = generator.normal(size=(inputs, outputs)) * np.sqrt(2 / inputs)
        weights += [kernel, np.zeros(outputs)]
    return weights


def trained_weights(steps: int = 200, learning_rate: float = 0.1) -> list[Array]:
    """Weights of the digits MLP after gradient descent on all rows, about 97 % right."""
    weights, (x, y) = initial_weights(HIDDEN), rows()
    for _ in range(steps):
        slopes = gradient(weights, x, y)
        weights = [w - learning_rate * g for w, g in zip(weights, slopes, strict=True)]
    # What float32 can hold, so that all arithmetics are given the same point.
    return [w.astype(np.float32).astype(np.float64) for w in weights]


def true_eigenvalues(weights: Sequence[Array]) -> Array:
    """The largest eigenvalues to rounding, ascending, from NumPy and ARPACK alone."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    size = sum(w.size for w in weights)
    multiply = partial(product, weights, *rows())
    operator = LinearOperator((size, size), matvec=multiply, dtype=np.float64)
    return np.sort(eigsh(operator, k=LARGEST, which="LA", tol=1e-12, return_eigenvectors=False))


def relative_error(eigenvalues: Sequence[float], truth: Array) -> float:
    """The largest relative error of eigenvalues, in any order."""
    ascending = np.sort(np.asarray(eigenvalues, np.float64))
    return float(np.max(np.abs(ascending - truth) / np.abs(truth)))
