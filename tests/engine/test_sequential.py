"""The reference engine against a NumPy loop, and its statuses."""

import numpy as np
import pytest

from benchmark.data import epoch_batches, prepare
from benchmark.engine import SequentialEngine
from benchmark.engine import task as task_module
from benchmark.models import initial_weights
from benchmark.trial import (
    ClosedFormProblem,
    CurvatureRequest,
    DatasetProblem,
    Settings,
    Status,
    Trial,
)
from tests.engine.trials import DIABETES, make_trial, run


@pytest.fixture(scope="module")
def engine() -> SequentialEngine:
    """One engine for all tests, so that each structure is compiled once."""
    return SequentialEngine()


def start_of(trial: Trial) -> list[np.ndarray]:
    """The initial weights of a trial in float64."""
    model = task_module.build_task(trial).model
    weights = initial_weights(model, "uniform", None, trial.random_seed("initial_weights"))
    return [weight.astype("float64") for weight in weights]


def softmax_loss(weights, x, y):
    """Mean cross-entropy of softmax regression, and its gradient, in float64."""
    logits = x @ weights[0] + weights[1]
    logits -= logits.max(axis=1, keepdims=True)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = -np.log(probabilities[rows, y]).mean()
    probabilities[rows, y] -= 1
    return loss, [x.T @ probabilities / len(y), probabilities.mean(axis=0)]


def norm(arrays) -> float:
    return float(np.sqrt(sum(np.sum(array**2) for array in arrays)))


def numpy_momentum(trial: Trial, threshold: float = np.inf):
    """v = momentum·v + lr·g after clipping by the global norm; W −= v; by epochs."""
    train = prepare("iris").train
    x = train.x.astype("float64")
    weights = start_of(trial)
    velocity = [np.zeros_like(weight) for weight in weights]
    rate = trial.hyperparameters["learning_rate"]
    momentum = trial.hyperparameters.get("momentum", 0.0)
    size = trial.hyperparameters.get("batch_size", len(x))
    history = []
    for epoch in range(1, trial.epochs + 1):
        before = [weight.copy() for weight in weights]
        seed = trial.random_seed("batches")
        for rows in epoch_batches(trial.options["sampling"], len(x), size, seed, epoch):
            _, gradient = softmax_loss(weights, x[rows], train.y[rows])
            scale = min(1.0, threshold / norm(gradient))
            velocity = [
                momentum * v + rate * scale * g for v, g in zip(velocity, gradient, strict=True)
            ]
            weights = [w - v for w, v in zip(weights, velocity, strict=True)]
        loss, gradient = softmax_loss(weights, x, train.y)
        update = norm([w - b for w, b in zip(weights, before, strict=True)])
        history.append((loss, norm(gradient), update))
    return weights, history


@pytest.mark.parametrize("sampling", ["shuffle", "round_robin", "full_batch", "with_replacement"])
def test_sgd_follows_a_numpy_loop(engine, sampling):
    trial = make_trial(sampling=sampling)
    weights, history = numpy_momentum(trial)
    result, reports = run(engine, trial)
    assert result.status is Status.COMPLETED, result.reason
    # float32 against float64 over some ten steps of size below one.
    for ours, theirs in zip(result.weights, weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
    for report, (loss, gradient_norm, update_norm) in zip(reports[1:], history, strict=True):
        assert report.metrics["train_loss"] == pytest.approx(loss, rel=1e-5)
        assert report.metrics["gradient_norm"] == pytest.approx(gradient_norm, rel=1e-4)
        assert report.metrics["update_norm"] == pytest.approx(update_norm, rel=1e-4)


def test_momentum_with_clipping_follows_a_numpy_loop(engine):
    hyperparameters = {
        "learning_rate": 0.1,
        "momentum": 0.8,
        "batch_size": 16,
        "global_clipnorm": 0.2,
    }
    trial = make_trial(optimizer="momentum", hyperparameters=hyperparameters)
    weights, _ = numpy_momentum(trial, threshold=0.2)
    result, _ = run(engine, trial)
    for ours, theirs in zip(result.weights, weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_the_stopping_rule_ends_gradient_descent_where_a_numpy_loop_ends(engine):
    hyperparameters = {"learning_rate": 0.5, "tolerance": 0.05}
    trial = make_trial(
        optimizer="gradient_descent",
        hyperparameters=hyperparameters,
        epochs=200,
        sampling="full_batch",
    )
    _, history = numpy_momentum(trial)
    expected = next(i for i, (_, _, update) in enumerate(history, start=1) if update < 0.05)
    result, reports = run(engine, trial)
    assert result.status is Status.CONVERGED
    assert result.epochs == expected < 200
    assert "tolerance" in result.reason
    assert reports[-1].step == expected  # the full batch: one step an epoch


def test_regression_loss_and_metric_are_those_of_numpy(engine):
    trial = make_trial(problem=DIABETES, hyperparameters={"learning_rate": 0.05})
    result, reports = run(engine, trial)
    data = prepare("diabetes")
    for name, part in (("train", data.train), ("validation", data.validation)):
        errors = part.x @ result.weights[0][:, 0] + result.weights[1] - part.y
        assert reports[-1].metrics[f"{name}_loss"] == pytest.approx(np.mean(errors**2), rel=1e-5)
        expected = np.mean(np.abs(errors))
        assert reports[-1].metrics[f"{name}_mean_absolute_error"] == pytest.approx(expected, 1e-5)


def test_reports_count_epochs_steps_and_samples(engine):
    _, reports = run(engine, make_trial())
    assert [report.epoch for report in reports] == [0, 1, 2, 3]
    assert [report.step for report in reports] == [0, 3, 6, 9]  # 90 examples, 32 + 32 + 26
    assert [report.samples for report in reports] == [0, 90, 180, 270]
    assert [report.status for report in reports] == [Status.RUNNING] * 3 + [Status.COMPLETED]


def test_the_test_part_is_looked_at_once_at_the_end(engine):
    result, reports = run(engine, make_trial())
    assert not any(name.startswith("test") for report in reports for name in report.metrics)
    test = prepare("iris").test
    loss, _ = softmax_loss(result.weights, test.x, test.y)
    assert result.metrics["test_loss"] == pytest.approx(loss, rel=1e-5)
    assert 0 <= result.metrics["test_accuracy"] <= 1
    assert result.objective == reports[-1].metrics["validation_loss"]


def test_a_diverged_trial_counts_as_the_worst_and_says_why(engine):
    hyperparameters = {"learning_rate": 1e6, "batch_size": 8}
    result, reports = run(engine, make_trial(hyperparameters=hyperparameters, epochs=20))
    assert result.status is Status.DIVERGED
    assert result.objective == np.inf
    assert "epoch" in result.reason
    assert result.weights == ()
    assert all(np.isfinite(value) for value in result.metrics.values())
    assert reports[-1].epoch < 20


def test_a_maximized_objective_is_minus_infinity_where_a_trial_diverged(engine):
    trial = make_trial(
        hyperparameters={"learning_rate": 1e6, "batch_size": 8},
        epochs=20,
        objective="validation_accuracy",
        direction="maximize",
    )
    assert run(engine, trial)[0].objective == -np.inf


def test_a_failed_trial_is_a_status_and_the_engine_goes_on(engine):
    broken = make_trial(problem=DatasetProblem("no_such_dataset"))
    result, _ = run(engine, broken)
    assert result.status is Status.FAILED
    assert "no_such_dataset" in result.reason
    assert result.objective == np.inf
    assert run(engine, make_trial())[0].status is Status.COMPLETED


def test_a_slot_is_taken_once_and_freed_by_its_own_number(engine):
    engine.start(make_trial(number=3))
    with pytest.raises(RuntimeError, match="slot must be free"):
        engine.start(make_trial(number=4))
    with pytest.raises(KeyError, match="must be running"):
        engine.stop(4, Status.PRUNED, "")
    assert engine.stop(3, Status.PRUNED, "enough").reason == "enough"
    assert engine.advance() == []


def test_a_result_depends_on_the_trial_alone(engine):
    first, first_reports = run(engine, make_trial(optimizer="adam"))
    other = {"learning_rate": 0.5, "batch_size": 7}
    run(engine, make_trial(number=1, optimizer="adam", hyperparameters=other))
    again, again_reports = run(engine, make_trial(optimizer="adam"))
    fresh, _ = run(SequentialEngine(), make_trial(optimizer="adam"))
    for weights, two, three in zip(first.weights, again.weights, fresh.weights, strict=True):
        np.testing.assert_array_equal(weights, two)
        np.testing.assert_array_equal(weights, three)
    assert first_reports == again_reports


def test_every_optimizer_starts_from_the_same_weights_and_each_replicate_from_its_own(engine):
    _, sgd = run(engine, make_trial())
    _, adam = run(engine, make_trial(optimizer="adam"))
    _, replicate = run(engine, make_trial(replicate=1))
    assert sgd[0].metrics == adam[0].metrics
    assert sgd[0].metrics != replicate[0].metrics


def test_a_model_is_built_once_for_a_structure(monkeypatch):
    built = []
    original = task_module.build_task

    def counted(trial):
        built.append(trial.number)
        return original(trial)

    monkeypatch.setattr("benchmark.engine.sequential.build_task", counted)
    engine = SequentialEngine()
    for number, rate in enumerate((0.1, 0.2, 0.3)):
        trial = make_trial(number=number, hyperparameters={"learning_rate": rate}, epochs=1)
        run(engine, trial)
    assert built == [0]
    clipped = {"learning_rate": 0.1, "clipnorm": 1.0}
    run(engine, make_trial(number=3, hyperparameters=clipped, epochs=1))
    assert built == [0, 3]


def test_curvature_is_measured_after_the_requested_epochs_only(engine):
    request = CurvatureRequest(epochs=(0, 2))
    trial = make_trial(curvature=request)
    result, reports = run(engine, trial)
    assert result.status is Status.COMPLETED, result.reason
    assert [bool(report.curvature) for report in reports] == [True, False, True, False]
    start = reports[0].curvature
    assert start["exact"] == 1  # 15 parameters
    assert len(reports[0].spectrum) == 15
    # The same Hessian in float64 by NumPy: softmax regression, H = Σ x̃x̃ᵀ ⊗ (diag p − ppᵀ) / n.
    train = prepare("iris").train
    weights = start_of(trial)
    logits = train.x @ weights[0] + weights[1]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    inputs = np.hstack([train.x.astype("float64"), np.ones((len(train.x), 1))])
    blocks = np.einsum("ni,ij->nij", p, np.eye(3)) - np.einsum("ni,nj->nij", p, p)
    hessian = np.einsum("na,nb,nij->aibj", inputs, inputs, blocks).reshape(15, 15) / len(inputs)
    eigenvalues = np.linalg.eigvalsh(hessian)
    # The network's products are float64 at float32 weights: only the weights are rounded.
    np.testing.assert_allclose(reports[0].spectrum, eigenvalues, atol=1e-7)
    assert start["zero"] == 5  # softmax is unchanged by a shift common to all classes
    assert result.status is Status.COMPLETED


@pytest.mark.parametrize("condition_number", [25.0, 64.0])
@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum"])
def test_a_method_contracts_as_its_closed_form_says(engine, optimizer, condition_number):
    """Rates on a quadratic with eigenvalues 1/κ … 1: Lessard, Recht, Packard 2016, section 4."""
    root = np.sqrt(condition_number)
    if optimizer == "gradient_descent":
        hyperparameters = {"learning_rate": 2 / (1 + 1 / condition_number), "tolerance": 0.0}
        rate = (condition_number - 1) / (condition_number + 1)
    else:
        momentum = ((root - 1) / (root + 1)) ** 2
        hyperparameters = {"learning_rate": (2 / (1 + 1 / root)) ** 2, "momentum": momentum}
        rate = (root - 1) / (root + 1)
    trial = make_trial(
        optimizer=optimizer,
        problem=ClosedFormProblem(
            "quadratic", Settings(dimension=5, condition_number=condition_number)
        ),
        model="",
        model_options={},
        hyperparameters=hyperparameters,
        epochs=40,
        objective="train_loss",
    )
    result, reports = run(engine, trial)
    assert result.status is Status.COMPLETED, result.reason
    norms = [report.metrics["gradient_norm"] for report in reports]
    first, last = 16, 40
    # The best heavy ball has a double root ρ, so its errors go as t·ρᵗ, not as ρᵗ.
    growth = last / first if optimizer == "momentum" else 1.0
    measured = (norms[last] / norms[first] / growth) ** (1 / (last - first))
    # The eigenvalues between the ends have not quite died out after 16 steps.
    assert measured == pytest.approx(rate, rel=0.02)


def test_structures_that_were_dropped_are_compiled_again_to_the_same_end(monkeypatch):
    monkeypatch.setattr("benchmark.engine.sequential.MOST_STRUCTURES", 1)
    engine = SequentialEngine()
    first, other = make_trial(0, "sgd"), make_trial(1, "momentum")
    ends = [run(engine, trial)[0] for trial in (first, other, first)]
    assert len(engine._structures) == 1
    for value, again in zip(ends[0].weights, ends[2].weights, strict=True):
        np.testing.assert_array_equal(value, again)
