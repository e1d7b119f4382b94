"""Inside ``model.compile`` and ``fit``: the objective reaches the optimizer."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from benchmark.optimizers import load_optimizer
from benchmark.optimizers.objective import objective_of
from benchmark.optimizers.objective_model import ObjectiveModel, with_objective
from tests.optimizers.objectives.cases import CASES, ObjectiveCase

RNG = np.random.default_rng(6)
X = RNG.normal(size=(12, 3)).astype("float32")
Y = RNG.normal(size=(12, 2)).astype("float32")
ROWS = [
    row if row.name == "levenberg_marquardt" else pytest.param(row, marks=pytest.mark.slow)
    for row in CASES
    if row.name in ("sam", "newton_cg", "levenberg_marquardt")
]
few = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
"""One that asks for a gradient, for products with H and with G; the rest are rules alone."""


def network(penalty: float = 0.0) -> Any:
    """A small network with its weights always the same."""
    initializer = keras.initializers.GlorotUniform(seed=1)
    regularizer = keras.regularizers.L2(penalty) if penalty else None
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "tanh", kernel_initializer=initializer),
            keras.layers.Dense(2, kernel_initializer=initializer, kernel_regularizer=regularizer),
        ]
    )


def compiled(model: Any, optimizer: Any, **arguments: Any) -> Any:
    # On JAX there is no program without XLA; on TensorFlow it only takes longer.
    jit = keras.backend.backend() == "jax"
    model.compile(optimizer, "mean_squared_error", jit_compile=jit, **arguments)
    return model


@few
def test_train_on_batch_takes_the_steps_of_the_objective(row: ObjectiveCase) -> None:
    penalty = 0.125
    layers = network(penalty)
    # In float32 conjugate gradients must not go on beyond rounding.
    changes = {"forcing_term": 0.25} if row.constants else {}
    model = compiled(with_objective(layers), row.quick(**changes))
    by_hand = row.quick(**changes)
    weights = [keras.Variable(value) for value in layers.get_weights()]
    for batch in (slice(0, 6), slice(6, 12), slice(0, 6)):
        loss = model.train_on_batch(X[batch], Y[batch])

        def outputs(values: Any, batch: Any = batch) -> Any:
            a, b, c, d = values
            hidden = ops.tanh(ops.matmul(ops.convert_to_tensor(X[batch]), a) + b)
            return ops.matmul(hidden, c) + d, [penalty * ops.sum(ops.square(c))]

        def mean(z: Any, batch: Any = batch) -> Any:
            return ops.mean(ops.square(z - ops.convert_to_tensor(Y[batch])))

        before = by_hand.minimize(objective_of(outputs, mean), weights)
        assert float(loss) == pytest.approx(float(before), rel=1e-5)
    for weight, expected in zip(layers.get_weights(), weights, strict=True):
        # Sums in another order: roundings of 6e-8, enlarged by quotients of small numbers.
        np.testing.assert_allclose(weight, expected.numpy(), rtol=2e-4, atol=2e-5)
    counts = [
        int(np.asarray(optimizer.gradient_evaluations.value))
        for optimizer in (model.optimizer, by_hand)
    ]
    assert counts[0] == counts[1]


def test_fit_reports_metrics_as_keras_does_and_compiles_once() -> None:
    traces = []

    class Counting(keras.losses.MeanSquaredError):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            traces.append(1)
            return super().call(y_true, y_pred)

    model = with_objective(network())
    jit = keras.backend.backend() == "jax"
    model.compile(
        load_optimizer("steepest_descent")(),
        Counting(),
        metrics=["mean_absolute_error"],
        jit_compile=jit,
    )
    # Whole batches: on parts of the data the exact step for one may be uphill for the others.
    rows = len(X)
    first = model.fit(X, Y, epochs=1, batch_size=rows, verbose=0).history
    traced = len(traces)
    history = model.fit(X, Y, epochs=6, batch_size=rows, verbose=0).history
    assert len(traces) == traced
    assert set(first) == {"loss", "mean_absolute_error"}
    assert history["loss"][-1] < first["loss"][0]
    evaluated = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert evaluated["loss"] < first["loss"][0]


def test_sample_weights_enter_the_objective() -> None:
    weighted, chosen = network(), network()
    shares = np.array([1.0, 1.0, 0.0, 0.0], "float32")
    optimizers = [load_optimizer("steepest_descent")() for _ in range(2)]
    compiled(with_objective(weighted), optimizers[0]).train_on_batch(
        X[:4], Y[:4], sample_weight=shares
    )
    # The mean over four rows of which two count is half of that over these two; steps that
    # are exact on a quadratic do not depend on such a factor.
    compiled(with_objective(chosen), optimizers[1]).train_on_batch(X[:2], Y[:2])
    for weight, expected in zip(weighted.get_weights(), chosen.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-6)  # float32 roundings


def test_the_state_of_a_model_is_that_of_one_pass() -> None:
    def normed() -> Any:
        initializer = keras.initializers.GlorotUniform(seed=2)
        return keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.BatchNormalization(),
                keras.layers.Dropout(0.5, seed=3),
                keras.layers.Dense(2, kernel_initializer=initializer),
            ]
        )

    model, expected = normed(), normed()
    compiled(with_objective(model), load_optimizer("sam")()).train_on_batch(X, Y)
    compiled(expected, keras.optimizers.SGD()).train_on_batch(X, Y)
    for variable, expected_variable in zip(
        model.non_trainable_variables, expected.non_trainable_variables, strict=True
    ):
        np.testing.assert_allclose(variable.numpy(), expected_variable.numpy(), rtol=1e-6)


@few
def test_saved_and_loaded_it_goes_on_as_if_never_stopped(
    row: ObjectiveCase, tmp_path: Path
) -> None:
    changes = {"forcing_term": 0.25} if row.constants else {}
    model = compiled(with_objective(network()), row.quick(**changes))
    model.train_on_batch(X, Y)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, ObjectiveModel)
    for each_model in (model, loaded):
        each_model.train_on_batch(X, Y)
    for weight, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        # TensorFlow compiles the loaded model with XLA, which rounds in another order.
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-5)


def test_without_it_fit_is_refused_in_a_sentence() -> None:
    model = compiled(network(), load_optimizer("newton_cg")())
    with pytest.raises(ValueError, match=r"NewtonCG must be given the objective"):
        model.fit(X, Y, verbose=0)


def test_other_optimizers_train_as_in_any_model() -> None:
    model, expected = network(), network()
    compiled(with_objective(model), load_optimizer("momentum")(0.1)).train_on_batch(X, Y)
    compiled(expected, load_optimizer("momentum")(0.1)).train_on_batch(X, Y)
    for weight, expected_weight in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected_weight)
    twice = with_objective(with_objective(model))
    assert isinstance(twice, ObjectiveModel)
    assert twice.trainable_variables[0] is model.trainable_variables[0]


def test_a_model_without_a_graph_is_refused() -> None:
    class Own(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(ValueError, match=r"Received Own. Derive its class from ObjectiveModel"):
        with_objective(Own())
