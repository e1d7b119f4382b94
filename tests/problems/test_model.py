"""A problem as a Keras model: trained by Keras's own API, it follows the closed form."""

import keras
import numpy as np
import pytest

from benchmark.problems import PROBLEMS, build_problem
from benchmark.problems.model import mean_value, problem_model


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_model_starts_at_the_start_with_one_weight(name):
    problem = build_problem(name)
    model = problem_model(problem, "float64")
    (theta,) = model.trainable_variables
    assert not model.non_trainable_variables
    np.testing.assert_array_equal(theta.numpy(), problem.start)
    expected = problem.value(theta.value, problem.data)
    # One call in a graph, one not: the order of summation may differ.
    np.testing.assert_allclose(model(problem.data), expected, rtol=1e-13)


def test_keras_gradient_descent_follows_the_closed_form():
    problem = build_problem("quadratic", {"dimension": 3, "condition_number": 10.0})
    model = problem_model(problem)
    model.compile(keras.optimizers.SGD(0.5), loss=mean_value)
    theta = problem.start
    for _ in range(20):
        model.train_on_batch(problem.data, np.zeros(1))
        theta = theta - 0.5 * problem.gradient(theta)
    # 20 steps in float32 of numbers of order one.
    np.testing.assert_allclose(model.trainable_variables[0].numpy(), theta, atol=1e-5)


def test_the_training_loss_is_the_mean_over_the_batch():
    problem = build_problem("noisy_quadratic", {"dimension": 10, "samples": 40})
    model = problem_model(problem, "float64")
    model.compile(keras.optimizers.SGD(0.0), loss=mean_value)
    loss = model.evaluate(problem.data, np.zeros(40), batch_size=40, verbose=0)
    offset = problem.start - problem.data.astype(np.float64)
    expected = np.sum((offset @ problem.hessian(problem.start)) * offset) / 80
    # Keras keeps the mean of losses in float32.
    assert loss == pytest.approx(expected, rel=1e-6)


def test_the_model_is_saved_and_loaded(tmp_path):
    problem = build_problem("saddle", {"offset": 0.5})
    model = problem_model(problem)
    model.compile(keras.optimizers.SGD(0.1), loss=mean_value)
    model.train_on_batch(problem.data, np.zeros(1))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(problem.data), model(problem.data))
    np.testing.assert_array_equal(loaded.trainable_variables[0], model.trainable_variables[0])
