"""What is no function of weights and single examples is refused."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from benchmark.curvature import (
    AsymmetryError,
    HessianProgram,
    check_products,
    check_rows,
    model_loss,
)


class AlwaysRandom(layers.Layer):
    """Draws at every call, in inference too."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal((3,), seed=self.seed_generator)


@keras.saving.register_keras_serializable("tests.checks")
class Centred(layers.Layer):
    """Statistics of the batch, which no list of known layers shows, in inference too."""

    def call(self, x):
        return x - keras.ops.mean(x, axis=0, keepdims=True)


@keras.saving.register_keras_serializable("tests.checks")
class Unseeded(layers.Layer):
    """Draws from the global generator, which is no attribute of it."""

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), dtype=x.dtype)


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
    network = keras.Sequential([keras.Input(shape), make(), layers.Dense(2)])
    model_loss(network, "mean_squared_error")
    with pytest.raises(ValueError, match=r"random layer 'it'.*Take training=False, or set"):
        model_loss(network, "mean_squared_error", training=True)


def test_batch_statistics_are_frozen_by_inference_or_trainable():
    layer = layers.BatchNormalization(name="it")
    network = model(layer)
    model_loss(network, "mean_squared_error")
    with pytest.raises(ValueError, match=r"examples one by one. Received batch statistics in 'it'"):
        model_loss(network, "mean_squared_error", training=True)
    layer.trainable = False
    model_loss(network, "mean_squared_error", training=True)


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


@pytest.mark.parametrize("layer", [Centred, Unseeded])
def test_what_mixes_examples_or_draws_is_found_by_its_outputs(layer):
    generator = np.random.default_rng(0)
    if layer is Unseeded and keras.backend.backend() == "jax":
        pytest.skip("JAX refuses to trace a draw without a seed")
    for network in (model(), model(layers.BatchNormalization())):
        assert check(network, generator) is None
    with pytest.raises(ValueError, match=r"a mean over single examples. Received .* of 4 examples"):
        check(model(layer()), generator)


def check(network, generator):
    weights = [generator.normal(size=tuple(v.shape)) for v in network.trainable_variables]
    state = [np.asarray(v.value) for v in network.non_trainable_variables]
    x, y = generator.normal(size=(9, 3)), generator.normal(size=(9, 2))
    return check_rows(model_loss(network, "mean_squared_error"), weights, x, y, state)


def test_a_loss_that_sums_over_examples_is_found():
    def total(parameters, x, y):
        return keras.ops.sum(keras.ops.square(x * parameters[0] - y))

    arrays = np.arange(1.0, 5.0), np.ones(4)
    with pytest.raises(ValueError, match="must be a mean over single examples"):
        check_rows(total, [np.array(2.0)], *arrays)
    check_rows(lambda p, x, y: total(p, x, y) / len(x), [np.array(2.0)], *arrays)
    with pytest.raises(FloatingPointError, match="the loss must be finite"):
        check_rows(total, [np.array(np.nan)], *arrays)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mixed_precision_is_differentiated_in_the_arithmetic_asked_for(policy, dtype):
    """Before, its float32 variables let it pass as float32, with products in half precision."""
    mixed = [layers.Dense(4, "tanh", dtype=policy), layers.Dense(2, dtype=policy)]
    whole = [layers.Dense(4, "tanh"), layers.Dense(2)]
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(8, 3)), generator.normal(size=(8, 2))
    losses = [
        model_loss(keras.Sequential([keras.Input((3,)), *stack]), "mean_squared_error", dtype)
        for stack in (mixed, whole)
    ]
    weights = [generator.normal(size=shape) for shape in ((3, 4), (4,), (4, 2), (2,))]
    first, second = (
        HessianProgram(loss, dtype=dtype).at(weights, x.astype(dtype), y.astype(dtype))
        for loss in losses
    )
    np.testing.assert_array_equal(first.gradient(), second.gradient())
    np.testing.assert_array_equal(first.matvec(np.ones(26)), second.matvec(np.ones(26)))


@keras.saving.register_keras_serializable("tests.checks")
class Stubborn(layers.Dense):
    """Computes in half precision, whatever it is told."""

    def __init__(self, units, **options):
        super().__init__(units, **{**options, "dtype": "mixed_float16"})


def test_a_layer_that_stays_in_half_precision_is_refused():
    sentence = r"every layer must compute in float64. Received float16 in 'it' \(Stubborn\)"
    with pytest.raises(ValueError, match=sentence):
        model_loss(model(Stubborn(3, name="it")), "mean_squared_error")


def test_training_mode_of_a_frozen_model_is_the_same_function():
    network = model(layers.Dense(4, "tanh"), layers.Dropout(0.0))
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=tuple(v.shape)) for v in network.trainable_variables]
    x, y = generator.normal(size=(5, 3)), generator.normal(size=(5, 2))
    values = [
        float(model_loss(network, "mean_squared_error", training=training)(weights, x, y))
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
    with pytest.raises(AsymmetryError, match=r"must be symmetric. Received uᵀHv = .* and vᵀHu = "):
        check_products(aslinearoperator(matrix))
    check_products(aslinearoperator((matrix + matrix.T) / 2))
    with pytest.raises(FloatingPointError, match="must be finite"):
        check_products(aslinearoperator(np.full((3, 3), np.nan)))


def test_the_products_of_a_network_pass(network, program):
    check_products(program.at(network.weights, network.x, network.y))
    single = HessianProgram(model_loss(network.model, "mse", "float32"), dtype="float32")
    check_products(single.at(network.weights, network.x, np.eye(10)[network.y]))
