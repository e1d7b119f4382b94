"""A small network on real digits, with the framework set up before any tensor is made."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmark import backend
from benchmark.curvature import HessianProgram, model_loss

backend.select(backend.name())

Array = np.ndarray[Any, Any]
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@dataclass(frozen=True)
class Network:
    """A tanh network on digits pooled to 16 pixels: 16-6-10, 172 parameters."""

    model: keras.Model
    weights: list[Array]
    x: Array
    y: Array

    def reference_gradient(self, flat: Array) -> Array:
        """The gradient of the mean cross-entropy by hand-written backpropagation, float64."""
        w1, b1, w2, b2 = split(flat, self.weights)
        x, y = self.x.astype(np.float64), self.y
        hidden = np.tanh(x @ w1 + b1)
        error = softmax(hidden @ w2 + b2)
        error[np.arange(len(y)), y] -= 1
        error /= len(y)
        back = (error @ w2.T) * (1 - hidden**2)
        parts = (x.T @ back, back.sum(0), hidden.T @ error, error.sum(0))
        return np.concatenate([part.ravel() for part in parts])

    def reference_hessian(self, step: float = 1e-4) -> Array:
        """Fourth-order central differences of the hand-written gradient."""
        flat, g = join(self.weights), self.reference_gradient
        columns = [
            (8 * (g(flat + u) - g(flat - u)) - (g(flat + 2 * u) - g(flat - 2 * u))) / (12 * step)
            for u in step * np.eye(flat.size)
        ]
        return np.array(columns)


def softmax(logits: Array) -> Array:
    """Row-wise softmax."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def join(parts: list[Array]) -> Array:
    """One flat float64 vector."""
    return np.concatenate([np.asarray(part, np.float64).ravel() for part in parts])


def split(flat: Array, like: list[Array]) -> list[Array]:
    """The inverse of ``join``."""
    ends = np.cumsum([part.size for part in like])
    pieces = np.split(flat, ends[:-1])
    return [piece.reshape(part.shape) for piece, part in zip(pieces, like, strict=True)]


@pytest.fixture(scope="session")
def network() -> Network:
    """The network with seeded weights, and 150 digits."""
    images, targets = load_digits(return_X_y=True)
    pooled = images[:150].reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16) / 16
    model = keras.Sequential(
        [
            keras.Input((16,)),
            keras.layers.Dense(6, activation="tanh"),
            keras.layers.Dense(10),
        ]
    )
    generator = np.random.default_rng(7)
    shapes = [tuple(variable.shape) for variable in model.trainable_variables]
    weights = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    return Network(model, weights, pooled.astype(np.float32), targets[:150].astype(np.int32))


@pytest.fixture(scope="session")
def reference(network: Network) -> Array:
    """The network's Hessian by central differences, 172 × 172."""
    return network.reference_hessian()


@pytest.fixture(scope="session")
def program(network: Network) -> HessianProgram:
    """The compiled derivatives of the network's loss, in float64 and one chunk."""
    return HessianProgram(model_loss(network.model, LOSS), block_size=43)
