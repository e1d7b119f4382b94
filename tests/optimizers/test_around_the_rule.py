"""What is done to every optimizer's gradient and weights around its rule: penalties, clipping."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.optimizers import build_optimizer, load_optimizer, plain_optimizer
from benchmark.optimizers.clipping import HISTORY, clip_by_percentile, clip_by_unit_norm
from benchmark.optimizers.penalties import with_penalties
from tests.optimizers.cases.case import Array

START = np.array([1.5, -2.0, 0.3])
TO_TENSOR = keras.ops.convert_to_tensor


def unit_clipped(gradient: Array, weights: Array, threshold: float) -> Array:
    """Brock et al. 2021, equation 3, unit after unit; a unit is a column, or a whole vector."""
    columns = gradient.reshape(-1, gradient.shape[-1]) if gradient.ndim > 1 else gradient[:, None]
    weight_columns = weights.reshape(columns.shape)
    clipped = columns.copy()
    for unit in range(columns.shape[1]):
        norm = np.sqrt(sum(float(g) ** 2 for g in columns[:, unit]))
        limit = threshold * max(np.sqrt(sum(float(w) ** 2 for w in weight_columns[:, unit])), 1e-3)
        if norm > limit:
            clipped[:, unit] = columns[:, unit] * limit / norm
    return clipped.reshape(gradient.shape)


class AutoClip:
    """Seetharaman et al. 2020, algorithm 1, as its authors publish it, with a history that ends."""

    def __init__(self, percentile: float) -> None:
        self.percentile = percentile
        self.norms: list[float] = []

    def __call__(self, gradient: Array) -> Array:
        norm = float(np.linalg.norm(gradient))
        self.norms = [*self.norms, norm][-HISTORY:]
        return gradient * min(1.0, np.percentile(self.norms, self.percentile) / norm)


@pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 2, 3, 4), ()])
def test_units_are_clipped_one_by_one(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(len(shape))
    weights, gradient = (np.array(random.normal(size=shape)) for _ in range(2))
    of_units = shape or (1,)
    expected = unit_clipped(gradient.reshape(of_units), weights.reshape(of_units), 0.7)
    tensors = [TO_TENSOR(array, "float32") for array in (gradient, weights)]
    [clipped] = clip_by_unit_norm(tensors[:1], tensors[1:], 0.7)
    assert tuple(clipped.shape) == shape
    # Some roundings of 6e-8.
    np.testing.assert_allclose(np.reshape(clipped, of_units), expected, rtol=1e-6)


def test_units_without_weights_can_move_and_broken_ones_are_seen() -> None:
    weights = [TO_TENSOR(np.zeros((2, 3), "float32"))]
    gradient = np.array([[1.0, 0.0, np.inf], [0.0, 0.0, 1.0]], "float32")
    [clipped] = clip_by_unit_norm([TO_TENSOR(gradient)], weights, 0.5)
    # ‖W‖ counts as 10⁻³; the unit with the infinite element is NaN, the others are not.
    np.testing.assert_allclose(np.asarray(clipped)[:, 0], [5e-4, 0.0], rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(clipped)[:, 1], 0)
    assert np.isnan(np.asarray(clipped)[:, 2]).all()
    huge = [TO_TENSOR(np.full((4, 1), 1e30, "float32"))]
    [clipped] = clip_by_unit_norm(huge, [TO_TENSOR(np.full((4, 1), 1e30, "float32"))], 0.5)
    np.testing.assert_allclose(np.asarray(clipped), 5e29, rtol=1e-6)


@pytest.mark.parametrize("percentile", [0.0, 10.0, 37.5, 100.0])
def test_percentiles_are_those_of_numpy_over_the_last_norms(percentile: float) -> None:
    random = np.random.default_rng(5)
    oracle, norms = AutoClip(percentile), keras.ops.zeros((HISTORY,))
    for step in range(HISTORY + 20):
        gradient = (random.normal(size=3) * random.lognormal()).astype("float32")
        expected = oracle(gradient.astype("float64"))
        if 12 < step < HISTORY - 5:  # both ends of the history; what is between is alike
            indices = np.arange(HISTORY)
            padded_norms = np.pad(oracle.norms, (0, HISTORY - len(oracle.norms)))
            norms = TO_TENSOR(np.where(indices <= step, padded_norms, 0).astype("float32"))
            continue
        [clipped], norms = clip_by_percentile([TO_TENSOR(gradient)], norms, step, percentile)
        # Roundings of 6e-8 of norms that are hundreds of times the smallest.
        np.testing.assert_allclose(clipped, expected, rtol=2e-5, err_msg=str(step))


def adaptive(weights: Array, gradient: Array) -> Array:
    return unit_clipped(gradient, weights, 0.25)


def percentile() -> Callable[[Array, Array], Array]:
    clip = AutoClip(40.0)
    return lambda _weights, gradient: clip(gradient)


@pytest.mark.parametrize("kind", ["adaptive_clipnorm", "percentile_clipnorm"])
@pytest.mark.usefixtures("float64")
def test_every_rule_gets_the_clipped_gradient(
    case: Any, follow: Any, bumpy: Any, kind: str
) -> None:
    clip = adaptive if kind == "adaptive_clipnorm" else percentile()
    threshold = 0.25 if kind == "adaptive_clipnorm" else 40.0
    points = follow(case.build(**{kind: threshold}), START, bumpy, 12)
    expected = case.points(START, lambda w, t: clip(w, bumpy(w, t)), 12, **case.numbers)
    # In float64; what is left are roundings of numbers that float32 holds exactly.
    np.testing.assert_allclose(points, expected, rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_the_history_of_norms_survives_a_reset_and_a_file(follow: Any, bumpy: Any) -> None:
    optimizer = build_optimizer("momentum", {}, {"percentile_clipnorm": 30.0})
    first = follow(optimizer, START, bumpy, 6)
    assert float(optimizer._gradient_norms.value[5]) > 0
    again = type(optimizer).from_config(optimizer.get_config())
    again.build([keras.Variable(START)])
    again.set_weights([np.asarray(variable.value) for variable in optimizer.variables])
    np.testing.assert_array_equal(again._gradient_norms.value, optimizer._gradient_norms.value)
    fresh = build_optimizer("momentum", {}, {"percentile_clipnorm": 30.0})
    np.testing.assert_array_equal(follow(fresh, START, bumpy, 6), first)
    optimizer.reset()
    np.testing.assert_array_equal(np.asarray(optimizer._gradient_norms.value), 0)


def network(**penalty: float) -> Any:
    """A network of two layers with the penalty in its loss, as Keras has it."""
    regularizer = keras.regularizers.L1L2(**penalty) if penalty else None
    layers = [
        keras.layers.Dense(units, activation, kernel_regularizer=regularizer)
        for units, activation in ((4, "tanh"), (2, None))
    ]
    model = keras.Sequential([keras.Input((3,)), *layers])
    random = np.random.default_rng(2)
    # Biases too, which are not penalised.
    model.set_weights([random.normal(size=weights.shape) for weights in model.get_weights()])
    return model


BOTH = {"l1": 0.0625, "l2": 0.125}
PENALIZED = [
    *[("sgd", "SGD", penalty) for penalty in ({"l1": 0.125}, {"l2": 0.25}, BOTH)],
    ("adam", "Adam", BOTH),
    ("keras:Adam", "Adam", BOTH),
]


@pytest.mark.parametrize(("name", "twin", "penalty"), PENALIZED)
def test_penalties_are_those_of_keras_layers(
    name: str, twin: str, penalty: dict[str, float]
) -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=(8, 3)), random.normal(size=(8, 2))
    penalized, plain = network(**penalty), network()
    jit = keras.backend.backend() == "jax"
    # Clipped, so that the order is seen too: the norm is that of the gradient with its penalty.
    theirs = getattr(keras.optimizers, twin)(0.0625, global_clipnorm=1.5)
    ours = build_optimizer(name, {"learning_rate": 0.0625, **penalty}, {"global_clipnorm": 1.5})
    penalized.compile(theirs, "mse", jit_compile=jit)
    plain.compile(ours, "mse", jit_compile=jit)
    for _ in range(4):
        penalized.train_on_batch(x, y)
        plain.train_on_batch(x, y)
    for weight, expected in zip(plain.get_weights(), penalized.get_weights(), strict=True):
        # Four steps in float32; Adam divides by gradients of about 0.1.
        np.testing.assert_allclose(weight, expected, rtol=2e-5, atol=2e-6)
    assert {key: ours.hyperparameters[key] for key in penalty} == penalty
    config = ours.get_config()
    assert type(ours).from_config(config).get_config() == config


def test_the_slope_of_a_penalty_at_zero_is_zero() -> None:
    """Of ``abs`` it is 0 on TensorFlow and 1 on JAX, where weights of zero would drift."""
    kernel = keras.Variable(np.array([[0.0, 2.0]]))
    [gradient] = with_penalties([keras.ops.zeros((1, 2))], [kernel], {"l1": 0.5})
    np.testing.assert_array_equal(np.asarray(gradient), [[0.0, 0.5]])


def test_accumulated_gradients_are_penalised_once_an_update() -> None:
    results, ours = [], load_optimizer("sgd")
    for model, optimizer in (
        (network(l2=0.25), keras.optimizers.SGD(0.125, gradient_accumulation_steps=2)),
        (
            network(),
            ours(0.125, l2=0.25, gradient_accumulation_steps=2),
        ),
    ):
        model.compile(optimizer, "mse", jit_compile=keras.backend.backend() == "jax")
        for step in range(4):
            x = np.random.default_rng(step).normal(size=(4, 3))
            model.train_on_batch(x, x[:, :2])
        results.append(model.get_weights())
    for weight, expected in zip(*results, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=2e-5, atol=2e-6)  # two float32 steps


def test_a_class_that_cannot_be_adapted_is_given_neither() -> None:
    for constants, clipping, name in (
        ({"l2": 0.1}, {}, "l2"),
        ({}, {"adaptive_clipnorm": 1}, "ada"),
    ):
        with pytest.raises(ValueError, match=rf"pure function to be given {name}.* keras:SGD"):
            plain_optimizer("keras:SGD", {}, clipping, constants)


@pytest.mark.parametrize("name", ["l1", "l2", "weight_decay"])
def test_regularization_has_its_range(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be >= 0. Received -1. Give for instance"):
        build_optimizer("sgd", {name: -1.0})
    optimizer = build_optimizer("sgd", {name: 0.5})
    optimizer.set_hyperparameters({name: 0.0})
    assert optimizer.hyperparameters[name] == 0
