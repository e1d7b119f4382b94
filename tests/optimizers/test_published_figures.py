"""scikit-learn's "Compare stochastic learning strategies for MLPClassifier", digits.

From scikit-learn's own initial weights and batch order our optimizers must follow its
classifier step by step and reach the training score and loss that its gallery shows.
"""

from typing import Any

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MinMaxScaler

from benchmark.optimizers import build_optimizer

ALPHA = 1e-4  # MLPClassifier's default L2 penalty ½ α ‖W‖² / n of a batch of n
SGD = {"solver": "sgd", "learning_rate_init": 0.2}
ROWS = [
    pytest.param(
        "sgd",
        {"learning_rate": 0.2},
        {**SGD, "momentum": 0.0},
        0.956038,
        0.243802,
        id="sgd",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        "momentum",
        {"learning_rate": 0.2, "momentum": 0.9},
        {**SGD, "momentum": 0.9, "nesterovs_momentum": False},
        0.992766,
        0.041297,
        id="momentum",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        "nesterov",
        {"learning_rate": 0.2, "momentum": 0.9},
        {**SGD, "momentum": 0.9, "nesterovs_momentum": True},
        0.993879,
        0.042898,
        id="nesterov",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        "adam",
        {"learning_rate": 0.01, "epsilon": 1e-8},
        {"solver": "adam", "learning_rate_init": 0.01},
        0.991653,
        0.045934,
        id="adam",
    ),
]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[Any]]:
    """Lists that scikit-learn's training fills: batches, and weights before each of them."""
    batches: list[Any] = []
    points: list[Any] = []
    backward = MLPClassifier._backprop

    def listening(self: Any, x: Any, y: Any, *rest: Any) -> Any:
        batches.append((x.copy(), y.argmax(1)))
        points.append([array.copy() for array in [*self.coefs_, *self.intercepts_]])
        return backward(self, x, y, *rest)

    monkeypatch.setattr(MLPClassifier, "_backprop", listening)
    return batches, points


class PenalizedDense(keras.layers.Dense):
    """A dense layer with scikit-learn's penalty, which is divided by the batch's size."""

    def call(self, inputs: Any) -> Any:
        samples = keras.ops.cast(keras.ops.shape(inputs)[0], inputs.dtype)
        self.add_loss(ALPHA / 2 * keras.ops.sum(keras.ops.square(self.kernel)) / samples)
        return super().call(inputs)


def keras_twin(weights: list[Any], optimizer: Any) -> Any:
    model = keras.Sequential([keras.Input((64,)), PenalizedDense(100, "relu"), PenalizedDense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # On JAX there is no program without it; on TensorFlow XLA only takes longer.
    model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
    model.set_weights(in_order_of_keras(weights))
    return model


def in_order_of_keras(arrays: list[Any]) -> list[Any]:
    first, second, first_bias, second_bias = arrays
    return [first, first_bias, second, second_bias]


@pytest.mark.usefixtures("float64")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("name", "numbers", "arguments", "score", "loss"), ROWS)
def test_digits(
    name: str, numbers: Any, arguments: Any, score: float, loss: float, recorded: Any
) -> None:
    data = load_digits()
    x = MinMaxScaler().fit_transform(data.data)
    oracle = MLPClassifier(random_state=0, max_iter=15, **arguments).fit(x, data.target)
    batches, points = recorded
    assert len(batches) == 15 * 9
    points = [*points[1:], [*oracle.coefs_, *oracle.intercepts_]]
    model = keras_twin(recorded[1][0], build_optimizer(name, numbers))
    losses = []
    for (inputs, classes), expected in zip(batches, points, strict=True):
        model.reset_metrics()
        losses.append(float(model.train_on_batch(inputs, classes)))
        for ours, theirs in zip(model.get_weights(), in_order_of_keras(expected), strict=True):
            # Rounding of 1e-16, which 135 steps at these learning rates amplify.
            np.testing.assert_allclose(ours, theirs, atol=1e-9)
    sizes = np.array([len(classes) for _, classes in batches])
    last_epoch = np.average(losses[-9:], weights=sizes[-9:])
    predicted = model.predict(x, batch_size=1797, verbose=0).argmax(1)
    # Six decimals are published: half a unit of the last.
    assert np.mean(predicted == data.target) == pytest.approx(score, abs=5e-7)
    assert last_epoch == pytest.approx(loss, abs=5e-7)
