"""What ours measures of itself, on a small scale."""

from itertools import pairwise

import keras
import numpy as np
import pytest

from benchmark.engine import VectorizedEngine
from speed.competitors.usual_way import plain_model
from speed.measurement import Measurement, NotAvailableError
from speed.ours import engine, optimizer_steps, study
from speed.workloads import (
    WORKLOADS,
    arrays,
    made_up_settings,
    made_up_trials,
    multiply_adds,
    new_model,
    open_study,
    study_text,
)
from tests.engine.trials import make_trial

EACH_WORKLOAD = pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda load: load.name)


def test_drive_trains_every_trial_to_its_end() -> None:
    trials = [make_trial(number, epochs=2) for number in range(5)]
    seconds, results = engine.drive(VectorizedEngine(2), trials)
    assert sorted(result.trial.number for result in results) == list(range(5))
    assert {result.epochs for result in results} == {2}
    assert seconds > 0
    assert engine.clocks_of(results)["train"] > 0


def test_drive_refuses_to_time_failures() -> None:
    bad = make_trial(hyperparameters={"learning_rate": 0.1, "batch_size": 100_000})
    with pytest.raises(RuntimeError, match="a measured trial must not fail"):
        engine.drive(VectorizedEngine(1), [bad])


@EACH_WORKLOAD
def test_studies_and_made_up_trials_are_of_one_structure(workload) -> None:
    opened = open_study(study_text(workload, 5, sampler="tpe", pruner="median"))
    trial = made_up_trials(workload, 1)[0]
    assert opened.budget.trials == 5
    assert trial.epochs == opened.training.epochs == 20
    space = opened.space("momentum")
    assert set(trial.hyperparameters) == set(space)
    for settings in made_up_settings(50):
        for name in ("learning_rate", "momentum", "global_clipnorm"):
            assert space[name].low <= settings[name] <= space[name].high
        assert settings["batch_size"] in space["batch_size"].choices


@EACH_WORKLOAD
def test_competitors_train_the_same_network(workload) -> None:
    ours, theirs = new_model(workload), plain_model(workload)
    shapes = [[tuple(v.shape) for v in model.trainable_variables] for model in (ours, theirs)]
    assert shapes[0] == shapes[1]
    theirs.set_weights(ours.get_weights())
    data = arrays()
    assert [len(part.x) for part in (data.train, data.validation, data.test)] == [1078, 360, 359]
    # Sums of a product in another order, in float32.
    np.testing.assert_allclose(ours(data.train.x[:5]), theirs(data.train.x[:5]), atol=1e-5)


def test_multiply_adds_count_each_weight_and_each_position() -> None:
    for name, widths in (("digits_mlp", [64, 64, 10]), ("wide_mlp", [64, 512, 512, 10])):
        expected = sum(inputs * outputs for inputs, outputs in pairwise(widths))
        assert multiply_adds(new_model(WORKLOADS[name])) == expected
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="valid"),
            layers.MaxPooling2D(2),
            keras.Sequential([keras.Input((3, 3, 4)), layers.Conv2D(2, 3, padding="same")]),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    first, second = 6 * 6 * (3 * 3 * 1 * 4), 3 * 3 * (3 * 3 * 4 * 2)
    assert multiply_adds(model) == first + second + 3 * 3 * 2 * 10


def test_engine_alone_says_what_it_did() -> None:
    (measurement,) = engine.measure(
        workload="digits_mlp", trials=3, repetitions=2, capacity=2, epochs=2, ends_only=True
    )
    assert len(measurement.values) == 2
    facts = measurement.facts
    assert facts["compiled_in_the_clock"] == 0
    assert facts["epochs_trained"] == 1.0
    weights = 64 * 64 + 64 * 10
    # Forward, gradient of the weights, gradient of the inputs; a product and a sum each.
    assert facts["training_flops"] == 3 * 2 * weights * 1078 * 2
    # Start and end of training and validation part, and the test part once.
    assert facts["evaluation_flops"] == 2 * weights * (2 * (1078 + 360) + 359)
    assert facts["clocks"]["train"] > 0


def test_a_gpu_is_asked_for(monkeypatch) -> None:
    monkeypatch.setattr("benchmark.backend.devices", lambda: ["cpu:0"])
    with pytest.raises(NotAvailableError, match=r"needs a GPU .* Received cpu:0"):
        engine.measure(workload="digits_mlp", trials=2, repetitions=1, needs_gpu=True)


def test_a_whole_study_is_tracked_and_has_no_report(tmp_path) -> None:
    built = VectorizedEngine(2)
    text = study_text(WORKLOADS["digits_mlp"], 3, epochs=2)
    run = study.run_session(tmp_path / "runs", text, built)
    assert run["seconds"] > run["not_training"] > 0
    assert run["epochs_trained"] == 2 / 20
    assert (tmp_path / "runs" / "mlflow.db").is_file()
    (report,) = tmp_path.glob("runs/speed/*/report.html")
    assert not report.read_text(encoding="utf-8")


def test_growth_is_that_of_a_further_trial() -> None:
    sizes = {1: [3.0], 100: [0.129, 0.228], 1000: [0.08], 2000: [0.1214]}
    studies = [Measurement("", "", v, facts={"trials": trials}) for trials, v in sizes.items()]
    # (2000 · 0.1214 - 3) / 1999 against (100 · 0.129 - 3) / 99 and (100 · 0.228 - 3) / 99
    assert study.growth_of(studies) == pytest.approx([239.8 / 1999 * 10, 239.8 / 1999 * 5])
    studies[1] = Measurement("", "", [0.02], facts={"trials": 100})  # all of it less than the first
    assert study.growth_of(studies) is None


@pytest.mark.parametrize(
    ("name", "limit", "stored"),
    [
        ("sgd", 1.15, 0),
        # Each compiles a program of its own.
        pytest.param("momentum", 1.15, 1, marks=pytest.mark.slow),
        pytest.param("adam", 1.5, 2, marks=pytest.mark.slow),
    ],
)
def test_a_step_is_measured_and_what_is_stored_is_counted(name, limit, stored) -> None:
    [step] = optimizer_steps.measure(repetitions=2, optimizers=[name])
    assert len(step.values) == len(step.facts["ratios"]) == 2
    assert all(value > 0 for value in step.values)
    assert step.facts["limit"] == limit
    # Numbers for each weight; hyperparameters and the counter of steps are none.
    assert step.facts["numbers_a_weight"] == stored
