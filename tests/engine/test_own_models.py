"""Models of a user's in both engines."""

import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.tiles import Shape
from benchmark.trial import CurvatureRequest, Status
from tests.engine.trials import make_trial, run, run_all

OWN = "tests.models.own_models"
# float32 sums in another order, over the rows of a batch and its statistics.
RELATIVE, ABSOLUTE = 2e-4, 2e-5
CURVATURE = CurvatureRequest(epochs=(1,), exact_limit=50, monitored_epochs=(1,), probe=16)


def trial_of(number, function, **changes):
    hyperparameters = {"learning_rate": 0.05 * (number + 1), "batch_size": 30}
    hyperparameters |= changes.pop("more", {})
    return make_trial(
        number,
        changes.pop("optimizer", "sgd"),
        1,
        model=f"{OWN}:{function}",
        model_options=changes.pop("options", {}),
        hyperparameters=hyperparameters,
        **changes,
    )


@pytest.fixture(scope="module")
def sequential():
    return SequentialEngine()


def assert_engines_agree(sequential, function, optimizer="sgd", **changes):
    """Train two trials in both engines, and return what the vectorized one said."""
    told: list[str] = []
    engine = VectorizedEngine(capacity=2, shape=Shape(tiles=1, width=2), notify=told.append)
    trials = [trial_of(n, function, optimizer=optimizer, **changes) for n in (0, 1)]
    together = run_all(engine, trials)
    engine.close()
    for trial in trials:
        result, reports = together[trial.number]
        expected_result, expected_reports = run(sequential, trial)
        assert expected_result.status is Status.COMPLETED, expected_result.reason
        assert result.status is Status.COMPLETED, result.reason
        for report, expected in zip(reports, expected_reports, strict=True):
            np.testing.assert_allclose(
                list(report.metrics.values()),
                list(expected.metrics.values()),
                rtol=RELATIVE,
                atol=ABSOLUTE,
            )
        for value, weight in zip(result.weights, expected_result.weights, strict=True):
            np.testing.assert_allclose(value, weight, rtol=RELATIVE, atol=ABSOLUTE)
    return told


@pytest.mark.slow  # compiling the products of both engines takes long
@pytest.mark.parametrize("function", ["build", "written", "with_state", "with_strides", "own_step"])
def test_curvature_is_measured_alike(sequential, function):
    assert_engines_agree(sequential, function, curvature=CURVATURE, more={"fuzz": 0.5})


def test_random_layers_batch_statistics_and_convolutions_are_trained_side_by_side(sequential):
    assert assert_engines_agree(sequential, "with_state") == []


def test_a_training_step_of_its_own_is_trained_alone_and_used(sequential):
    [text] = assert_engines_agree(sequential, "own_step")
    assert "own_step has its own compute_loss" in text and text.endswith("one after the other.")
    usual = make_trial(
        1, "sgd", 1, model="linear", model_options={},
        hyperparameters={"learning_rate": 0.1, "batch_size": 30},
    )  # fmt: skip
    # Twice the loss at half the rate takes the same steps from the same weights.
    trial = trial_of(0, "own_step", options={"initializer": "glorot_uniform"})
    doubled, _ = run(sequential, trial)
    plain, _ = run(sequential, usual)
    for value, expected in zip(doubled.weights, plain.weights, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    refused, _ = run(sequential, trial_of(0, "own_step", optimizer="lbfgs"))
    assert refused.status is Status.FAILED and "takes the objective" in refused.reason


def test_what_cannot_be_mapped_is_trained_alone_and_told(sequential):
    import keras

    told = assert_engines_agree(sequential, "with_strides")
    if keras.backend.backend() == "jax":  # which maps every operation
        assert told == []
    else:
        [text] = told
        assert "with_strides cannot be compiled for many trials at once" in text


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_trial_starts_from_the_models_own_weights_or_those_of_the_study(scale):
    from benchmark.engine.task import build_task, starting_weights
    from benchmark.models import initial_weights
    from benchmark.models.foreign_building import own_weights

    trial = trial_of(0, "build", more={"fuzz": scale}, replicate=2)
    task = build_task(trial)
    seed = trial.random_seed("initial_weights")
    expected = own_weights(trial.model, (4,), 3, {})(seed)[0] * np.float32(scale)
    np.testing.assert_array_equal(starting_weights(task, trial)[0], expected)
    trial = trial_of(0, "build", more={"fuzz": scale}, options={"initializer": "normal"})
    drawn = initial_weights(task.model, "normal", scale, trial.random_seed("initial_weights"))
    np.testing.assert_array_equal(starting_weights(task, trial)[0], drawn[0])
