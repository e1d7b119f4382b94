"""What ours measures of itself, on a small scale."""

import numpy as np
import pytest

from benchmark.engine import VectorizedEngine
from benchmark.trial import Status
from speed.competitors.usual_way import plain_model
from speed.measurement import NotAvailableError
from speed.ours import accelerator, engine, study
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


def test_drive_trains_every_trial_to_its_end() -> None:
    trials = [make_trial(number, epochs=2) for number in range(5)]
    driven = engine.drive(VectorizedEngine(2), trials)
    assert sorted(one.trial.number for one in driven.results) == list(range(5))
    assert driven.epochs == 10
    assert driven.seconds > 0
    assert driven.clocks()["train"] > 0


def test_drive_refuses_to_time_failures() -> None:
    bad = make_trial(hyperparameters={"learning_rate": 0.1, "batch_size": 100_000})
    with pytest.raises(RuntimeError, match="a measured trial must not fail"):
        engine.drive(VectorizedEngine(1), [bad])


def test_instant_engine_follows_the_protocol_of_engines() -> None:
    trials = made_up_trials(WORKLOADS["digits_mlp"], 3, epochs=4)
    driven = engine.drive(study.InstantEngine(2, []), trials)
    assert {one.status for one in driven.results} == {Status.COMPLETED}
    assert {one.epochs for one in driven.results} == {4}
    assert len({one.objective for one in driven.results}) == 3


def test_an_engine_that_is_kept_open_is_not_closed_by_a_session() -> None:
    closed = []

    class Inner:
        capacity = 3
        slot_epochs = (1, 2)

        def close(self):
            closed.append(True)

    kept_open = study.KeptOpen(Inner())
    kept_open.close()
    assert not closed
    assert (kept_open.capacity, kept_open.slot_epochs) == (3, (1, 2))


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda one: one.name)
def test_studies_and_made_up_trials_are_of_one_structure(workload) -> None:
    opened = open_study(study_text(workload, 5, sampler="tpe", pruner="median"))
    trial = made_up_trials(workload, 1)[0]
    assert opened.budget.trials == 5
    assert trial.epochs == opened.training.epochs == 20
    assert set(trial.hyperparameters) == set(opened.space("momentum"))
    assert dict(trial.model_options) == opened.problem.model.options | {
        key: tuple(value) for key, value in workload.options.items()
    }


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda one: one.name)
def test_competitors_train_the_same_network(workload) -> None:
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
    (found,) = engine.measure(
        workload="digits_mlp", trials=3, repetitions=2, capacity=2, epochs=2, batch_sizes=(128,)
    )
    assert len(found.values) == 2
    facts = found.facts
    assert facts["compiled_in_the_clock"] == 0
    assert facts["epochs_trained"] == 1.0
    assert facts["training_flops"] == 6 * 4736 * 1078 * 2
    assert facts["clocks"]["train"] > 0


def test_whole_study_clocks_the_report_apart(tmp_path) -> None:
    text = study_text(WORKLOADS["digits_mlp"], 3, epochs=2)
    weights = [np.asarray(v.value) for v in new_model(WORKLOADS["digits_mlp"]).trainable_variables]
    found = study.run_session(tmp_path, text, study.InstantEngine(2, weights))
    assert found["statuses"] == {"completed": 3}
    assert found["epochs"] == 6
    assert found["report_seconds"] > 0
    assert found["seconds"] > 0
    assert list(tmp_path.glob("speed/*/report.html"))


def test_accelerator_refuses_a_cpu_and_measures_one_when_told(monkeypatch) -> None:
    monkeypatch.setattr("benchmark.backend.devices", lambda: ["cpu:0"])
    with pytest.raises(NotAvailableError, match="--gpu needs a GPU"):
        accelerator.measure(capacities=(2,))
    (found,) = accelerator.measure(
        any_device=True, capacities=(2,), trials=2, repetitions=1, epochs=1
    )
    assert (found.name, found.missing) == ("accelerator/capacity_2", "")
    assert found.unit == "trials/s"
    assert found.values[0] > 0
    assert found.facts["trials"] == 4


def test_a_capacity_that_fails_is_a_row(monkeypatch) -> None:
    def fail(*_):
        raise MemoryError("out of memory")

    monkeypatch.setattr(accelerator, "warm_up", fail)
    (found,) = accelerator.measure(any_device=True, capacities=(2,))
    assert found.missing.startswith("failed: MemoryError: out of memory")
