"""What ours measures of itself, on a small scale."""

import dataclasses

import numpy as np
import pytest

from benchmark.engine import EngineChoice, VectorizedEngine
from benchmark.trial import Status
from speed import accelerator
from speed.competitors.network import plain_model
from speed.flops import multiply_adds
from speed.measurement import NotAvailableError
from speed.ours import engine_alone, engines, overhead, whole_study
from speed.workloads import (
    WORKLOADS,
    arrays,
    made_up_settings,
    made_up_trials,
    new_model,
    open_study,
    study_text,
)
from tests.engine.trials import make_trial


def test_drive_trains_every_trial_to_its_end() -> None:
    trials = [make_trial(number, epochs=2) for number in range(5)]
    driven = engines.drive(VectorizedEngine(2), trials)
    assert sorted(one.trial.number for one in driven.results) == list(range(5))
    assert driven.epochs == 10
    assert driven.seconds > 0
    assert driven.clocks()["train"] > 0


def test_drive_refuses_to_time_failures() -> None:
    bad = make_trial(hyperparameters={"learning_rate": 0.1, "batch_size": 100_000})
    with pytest.raises(RuntimeError, match="a measured trial must not fail"):
        engines.drive(VectorizedEngine(1), [bad])


def test_instant_engine_follows_the_protocol_of_engines() -> None:
    trials = made_up_trials(WORKLOADS["digits_mlp"], 3, epochs=4)
    driven = engines.drive(overhead.InstantEngine(2, []), trials)
    assert {one.status for one in driven.results} == {Status.COMPLETED}
    assert {one.epochs for one in driven.results} == {4}
    assert len({one.objective for one in driven.results}) == 3


def test_kept_open_engine_is_closed_by_release_alone() -> None:
    closed = []

    class Inner:
        capacity = 3
        slot_epochs = (1, 2)

        def close(self):
            closed.append(True)

    engine = engines.KeptOpen(Inner())
    engine.close()
    assert not closed
    assert (engine.capacity, engine.slot_epochs) == (3, (1, 2))
    engine.release()
    assert closed


def test_workers_are_not_available_where_there_are_none() -> None:
    if "workers" in {field.name for field in dataclasses.fields(EngineChoice)}:
        pytest.skip("this version has workers")
    with pytest.raises(NotAvailableError, match="no workers"):
        engines.make_engine("vectorized", 2, workers=2)


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda one: one.name)
def test_studies_and_made_up_trials_are_of_one_structure(workload) -> None:
    if not workload.is_available:
        with pytest.raises(NotAvailableError, match="no model"):
            workload.require()
        return
    study = open_study(study_text(workload, 5, sampler="tpe", pruner="median"))
    trial = made_up_trials(workload, 1)[0]
    assert study.budget.trials == 5
    assert trial.epochs == study.training.epochs == 20
    assert set(trial.hyperparameters) == set(study.space("momentum"))
    assert dict(trial.model_options) == study.problem.model.options | {
        key: tuple(value) for key, value in workload.options.items()
    }


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda one: one.name)
def test_competitors_train_the_same_network(workload) -> None:
    if not workload.is_available:
        pytest.skip(f"this version has no {workload.model}")
    ours, theirs = new_model(workload), plain_model(workload)
    shapes = [[tuple(v.shape) for v in one.trainable_variables] for one in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert multiply_adds(ours) == multiply_adds(theirs)
    theirs.set_weights(ours.get_weights())
    rows = arrays().train.x[:5]
    # Sums of a product in another order, in float32.
    np.testing.assert_allclose(ours(rows), theirs(rows), atol=1e-5)


def test_made_up_settings_lie_in_the_searched_ranges() -> None:
    space = open_study(study_text(WORKLOADS["digits_mlp"], 1)).space("momentum")
    for one in made_up_settings(50):
        for name in ("learning_rate", "momentum", "global_clipnorm"):
            assert space[name].low <= one[name] <= space[name].high
        assert one["batch_size"] in space["batch_size"].choices


def test_engine_alone_says_what_it_did() -> None:
    (found,) = engine_alone.measure(
        workload="digits_mlp", trials=3, repetitions=2, capacity=2, epochs=2, batch_sizes=(128,)
    )
    assert found.name.endswith("/batch_128")
    assert len(found.values) == 2
    facts = found.facts
    assert facts["compiled_in_the_clock"] == 0
    assert facts["epochs_trained"] == 1.0
    assert facts["training_flops"] == 6 * 4736 * 1078 * 2
    assert facts["clocks"]["train"] > 0


def test_whole_study_clocks_the_report_apart(tmp_path) -> None:
    text = study_text(WORKLOADS["digits_mlp"], 3, epochs=2)
    weights = overhead.final_weights(new_model(WORKLOADS["digits_mlp"]))
    engine = overhead.InstantEngine(2, weights)
    found = whole_study.run_session(tmp_path, text, engine)
    assert found["statuses"] == {"completed": 3}
    assert found["epochs"] == 6
    assert found["report_seconds"] > 0
    assert found["seconds"] > 0
    assert list(tmp_path.glob("speed/*/report.html"))


def test_accelerator_refuses_a_cpu_and_measures_one_when_told(monkeypatch) -> None:
    monkeypatch.setattr("benchmark.backend.devices", lambda: ["cpu:0"])
    with pytest.raises(NotAvailableError, match="--gpu needs a GPU"):
        accelerator.measure()
    found = accelerator.measure(
        any_device=True, capacities=(2,), trials=2, repetitions=1, epochs=1, copy_floats=4096
    )
    assert [one.name for one in found] == [
        "accelerator/bandwidth",
        "accelerator/capacity_2",
    ]
    one = found[1]
    assert one.missing == ""
    assert one.unit == "trials/s"
    assert one.facts["share_of_bandwidth"] > 0
    # Batches of 16, 32, 64 and 128. A step moves 4810 parameters and their momenta in and
    # out, and each of 1078 rows of 64 inputs and a label is read once.
    steps = (68 + 34 + 17 + 9) / 4
    assert one.facts["bytes"] == 16 * 4810 * steps + 4 * 65 * 1078
