"""Curvature of a trial is that of the loss with its penalties, against dense float64."""

import keras
import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.monitoring import MonitoredPoint, MonitoringProgram, probe_seed
from benchmark.engine.regularization import Regularization, regularization_of
from benchmark.engine.task import build_task, starting_weights
from benchmark.engine.tiles import Shape
from benchmark.optimizers import build_optimizer
from benchmark.trial import CurvatureRequest
from tests.engine.trials import make_trial, run, run_all

L1, L2 = 0.003, 0.05
ALL_ROWS = 10_000
REQUEST = CurvatureRequest(epochs=(0,), monitored_epochs=(0,), probe=ALL_ROWS)


def trial_with(number=0, optimizer="sgd", **numbers):
    given = {"learning_rate": 0.1, "batch_size": 32, **numbers}
    return make_trial(number, optimizer, epochs=1, hyperparameters=given, curvature=REQUEST)


def dense(weights, x, y, l1=0.0, l2=0.0):
    """g and H of a softmax regression with penalties on its kernel, in float64."""
    kernel, bias = (weight.astype(np.float64) for weight in weights)
    z = x.astype(np.float64) @ kernel + bias
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    inputs = np.column_stack([x, np.ones(len(x))]).astype(np.float64)
    gradient = (inputs.T @ (p - np.eye(3)[y.reshape(-1)])) / len(x)
    blocks = np.einsum("ni,ij->nij", p, np.eye(3)) - np.einsum("ni,nj->nij", p, p)
    size = 3 * inputs.shape[1]
    hessian = np.einsum("na,nij,nb->aibj", inputs, blocks, inputs).reshape(size, size) / len(x)
    gradient[:-1] += l1 * np.sign(kernel) + 2 * l2 * kernel
    hessian[np.arange(kernel.size), np.arange(kernel.size)] += 2 * l2
    return gradient.ravel(), hessian


@pytest.fixture(scope="module")
def start():
    """Model, weights and training part of the trials here."""
    task = build_task(trial_with())
    return task, starting_weights(task, trial_with()), task.parts["train"]


@pytest.fixture(scope="module")
def vectorized():
    engine = VectorizedEngine(capacity=4, shape=Shape(2, 2))
    yield engine
    engine.close()


@pytest.mark.parametrize("kind", ["sequential", "vectorized"])
def test_engines_diagnose_the_penalised_loss(kind, start, vectorized):
    _, weights, train = start
    engine = SequentialEngine() if kind == "sequential" else vectorized
    cases = [{}, {"l2": L2}, {"l1": L1}, {"l1": L1, "l2": L2}]
    trials = [trial_with(number, **case) for number, case in enumerate(cases)]
    ended = run_all(engine, trials)
    for number, case in enumerate(cases):
        first = ended[number][1][0]
        gradient, hessian = dense(weights, train.x, train.y, **case)
        curvature = first.curvature
        np.testing.assert_allclose(first.spectrum, np.linalg.eigvalsh(hessian), atol=1e-10)
        assert curvature["gradient_norm"] == pytest.approx(np.linalg.norm(gradient))
        step = gradient @ gradient / (gradient @ hessian @ gradient)
        assert curvature["optimal_step"] == pytest.approx(step)
        assert curvature["scaled_sharpness"] == pytest.approx(0.1 * np.linalg.eigvalsh(hessian)[-1])
        # The predicted decrease nearly comes true only if the measured loss has the penalties.
        assert curvature["measured_decrease"] == pytest.approx(
            curvature["predicted_decrease"], rel=0.3
        )
        assert curvature["probe_optimal_step"] == pytest.approx(step, rel=1e-4)  # float32
        assert ("penalties" in first.findings) == bool(case)


def test_the_measured_decrease_is_that_of_the_loss_with_its_penalties(start):
    """With a penalty that outweighs the loss, the loss alone would rise along −g."""
    task, weights, train = start
    heavy = trial_with(l2=50.0)
    _, (first, *_) = run(SequentialEngine(), heavy)
    gradient, hessian = dense(weights, train.x, train.y, l2=50.0)
    step = gradient @ gradient / (gradient @ hessian @ gradient)
    assert first.curvature["optimal_step"] == pytest.approx(step)
    share = first.curvature["measured_decrease"] / first.curvature["predicted_decrease"]
    assert share == pytest.approx(1.0, rel=0.05)  # the loss itself is not quadratic
    assert task.model.count_params() == gradient.size


def test_curvature_is_followed_with_the_penalties_of_each_trial(start):
    task, weights, train = start
    program = MonitoringProgram(task, Shape(2, 2), ALL_ROWS, probe_seed(trial_with()))
    cases = [Regularization(), Regularization(l2=L2), Regularization(l1=L1, l2=2.0)]
    measured = program.measure([MonitoredPoint(weights, (), None, case) for case in cases])
    for case, (numbers, _) in zip(cases, measured, strict=True):
        gradient, hessian = dense(weights, train.x, train.y, case.l1, case.l2)
        step = gradient @ gradient / (gradient @ hessian @ gradient)
        assert numbers["optimal_step"] == pytest.approx(step, rel=1e-5)  # float32
        largest = np.linalg.eigvalsh(hessian)[-1]
        assert numbers["lambda_max"] == pytest.approx(largest, rel=1e-2)  # six products
    assert program.compilations == 1


def test_decay_by_the_optimizer_is_said_to_be_left_out():
    held = regularization_of(trial_with(optimizer="adamw", weight_decay=0.25))
    assert (held.l1, held.l2) == (0.0, 0.0)
    assert held.findings == {
        "weight_decay": "H, g, α* and η·λ_max leave out weight_decay = 0.25: the optimizer itself "
        "shrinks the weights by it, so it is no part of the loss. Gradient descent steps by it as "
        "if every eigenvalue were 0.25 larger."
    }
    # The default of a class counts as one that is given.
    assert regularization_of(trial_with(optimizer="adamw")).left_out == {"weight_decay": 0.004}
    assert regularization_of(trial_with(weight_decay=0.0)).findings == {}
    muon = regularization_of(trial_with(optimizer="muon", weight_decay=0.1, adam_weight_decay=0.2))
    assert muon.left_out == {"weight_decay": 0.1, "adam_weight_decay": 0.2}


def test_decayed_gradient_descent_steps_as_if_eigenvalues_were_larger():
    """What the sentence claims, on a quadratic of eigenvalues 1 and 3."""
    rate, decay, eigenvalues = 0.1, 0.5, np.array([1.0, 3.0])
    optimizer = build_optimizer("sgd", {"learning_rate": rate, "weight_decay": decay}, {}, {})
    weights = np.array([2.0, -1.0])
    variable = keras.Variable(weights, dtype="float64")
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(eigenvalues * weights)])
    expected = (1 - rate * (eigenvalues + decay)) * weights
    np.testing.assert_allclose(np.asarray(variable.value), expected, rtol=1e-6)  # float32 rate


def test_values_of_penalties_compile_nothing_new(vectorized):
    run(vectorized, trial_with(20, l2=0.01))
    before = vectorized.compilations
    run_all(vectorized, [trial_with(21, l2=0.5), trial_with(22, l2=1e-4)])
    assert vectorized.compilations == before
