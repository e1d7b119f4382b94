"""What is no function of weights and single examples is refused."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from benchmark.curvature import HessianProgram, check_products, model_loss


class AlwaysRandom(layers.Layer):
    """Draws at every call, in inference too."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal((3,), seed=self.seed_generator)


def model(*middle):
    return keras.Sequential([keras.Input((3,)), *middle, layers.Dense(2)])


RANDOM = [
    lambda: layers.Dropout(0.5, name="it"),
    lambda: layers.GaussianNoise(0.1, name="it"),
    lambda: keras.Sequential([layers.Dropout(0.5, name="it")]),
    lambda: layers.TimeDistributed(layers.Dropout(0.5, name="it")),
]


@pytest.mark.parametrize("make", RANDOM)
def test_random_layers_are_frozen_by_inference_only(make):
    shape = (4, 3) if isinstance(make(), layers.TimeDistributed) else (3,)
    found = keras.Sequential([keras.Input(shape), make(), layers.Dense(2)])
    model_loss(found, "mean_squared_error")
    with pytest.raises(ValueError, match=r"random layer 'it'.*Take training=False, or set"):
        model_loss(found, "mean_squared_error", training=True)


def test_batch_statistics_are_frozen_by_inference_or_trainable():
    layer = layers.BatchNormalization(name="it")
    found = model(layer)
    model_loss(found, "mean_squared_error")
    with pytest.raises(ValueError, match=r"examples one by one. Received batch statistics in 'it'"):
        model_loss(found, "mean_squared_error", training=True)
    layer.trainable = False
    model_loss(found, "mean_squared_error", training=True)


def test_layers_whose_rate_is_zero_are_not_random():
    quiet = [layers.Dropout(0.0), layers.GaussianNoise(0.0)]
    model_loss(model(*quiet), "mean_squared_error", training=True)
    sequence = keras.Sequential([keras.Input((4, 3)), layers.LSTM(2, unroll=True)])
    model_loss(sequence, "mean_squared_error", training=True)
    noisy = keras.Sequential([keras.Input((4, 3)), layers.LSTM(2, dropout=0.5, name="it")])
    with pytest.raises(ValueError, match="random layer"):
        model_loss(noisy, "mean_squared_error", training=True)


def test_a_layer_that_nothing_freezes_is_refused_in_inference_too():
    with pytest.raises(ValueError, match=r"'it' \(AlwaysRandom\).*no argument `training`"):
        model_loss(model(AlwaysRandom(name="it")), "mean_squared_error")


def test_training_mode_of_a_frozen_model_is_the_same_function():
    found = model(layers.Dense(4, "tanh"), layers.Dropout(0.0))
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=tuple(v.shape)) for v in found.trainable_variables]
    x, y = generator.normal(size=(5, 3)), generator.normal(size=(5, 2))
    values = [
        float(model_loss(found, "mean_squared_error", training=training)(weights, x, y))
        for training in (False, True)
    ]
    assert values[0] == values[1]


def test_products_that_change_are_refused():
    generator = np.random.default_rng(0)
    noisy = LinearOperator(
        (4, 4), matvec=lambda v: v + 1e-9 * generator.normal(size=4), dtype=np.float64
    )
    with pytest.raises(ValueError, match=r"must be repeatable. Received two different.*Freeze"):
        check_products(noisy)


def test_products_that_are_not_symmetric_are_refused():
    matrix = np.eye(50) + 1e-6 * np.tri(50)
    with pytest.raises(ValueError, match=r"must be symmetric. Received uᵀHv = .* and vᵀHu = "):
        check_products(aslinearoperator(matrix))
    check_products(aslinearoperator((matrix + matrix.T) / 2))
    with pytest.raises(ValueError, match="must be symmetric"):
        check_products(aslinearoperator(np.full((3, 3), np.nan)))


def test_the_products_of_a_network_pass(network, program):
    check_products(program.at(network.weights, network.x, network.y))
    single = HessianProgram(model_loss(network.model, "mse", "float32"), dtype="float32")
    check_products(single.at(network.weights, network.x, np.eye(10)[network.y]))
