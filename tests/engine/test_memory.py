"""What fits into memory, and what happens when it does not."""

import numpy as np
import pytest

from benchmark.backend.memory import free_system_memory
from benchmark.engine import VectorizedEngine
from benchmark.engine.layout import Layout, layout_of
from benchmark.engine.memory import COPIES, SHARE, footprint
from benchmark.engine.programs import PROGRAMS
from benchmark.engine.tiles import Shape
from benchmark.trial import Status
from tests.engine.trials import make_trial, run, run_all


def trial_of(number, rate=0.05):
    return make_trial(
        number, "momentum", 3, hyperparameters={"learning_rate": rate, "batch_size": 20}
    )


def test_the_footprint_counts_the_values_of_a_slot():
    trial = trial_of(0)
    shared = PROGRAMS.model(trial, Shape(1, 2))
    program = PROGRAMS.training(trial, shared, Layout(32, False))
    found = footprint(program, shared.task.model)
    # Iris: 4 × 3 weights and 3 biases, velocities of both, and of the optimizer two
    # numbers in 4 bytes and a count of steps, which TensorFlow keeps in 8.
    [count] = [state.nbytes for state in program.states if state.dtype.kind == "i"]
    assert found.slot == COPIES * (4 * (2 * 15 + 2) + count)
    # 256 rows of 3 logits pass at once, and the weights' gradient.
    assert found.place == 4 * (4 * 256 * 3 + 4 * 15)
    room = int((10 * found.slot + 2 * found.place) / SHARE)
    assert found.fitting(64, width=2, free=room) == 10
    assert found.fitting(4, width=2, free=room) == 4
    assert found.fitting(4, width=2, free=0) == 1


def test_the_capacity_is_lowered_with_a_message_before_memory_is_short(monkeypatch):
    told: list[str] = []
    engine = VectorizedEngine(capacity=8, shape=Shape(1, 2), notify=told.append)
    run(engine, trial_of(1))
    assert (engine.capacity, told) == (8, [])
    shared = PROGRAMS.model(trial_of(1), Shape(1, 2))
    program = PROGRAMS.training(trial_of(1), shared, layout_of(trial_of(1), shared.rows))
    need = footprint(program, shared.task.model)
    room = int((3 * need.slot + 2 * need.place) / SHARE)
    monkeypatch.setattr("benchmark.backend.free_memory", lambda: room)
    engine = VectorizedEngine(capacity=8, shape=Shape(1, 2), notify=told.append)
    results = run_all(engine, [trial_of(n) for n in range(5)])
    assert all(result.status is Status.COMPLETED for result, _ in results.values())
    assert engine.capacity == 3
    [text] = told
    assert text.startswith("The capacity is lowered from 8 to 3: ")


def test_exhausted_memory_halves_the_capacity_and_trials_go_on(monkeypatch):
    trials = [trial_of(number, rate=0.02 * (number + 1)) for number in range(6)]
    shape = Shape(1, 2)
    expected = run_all(VectorizedEngine(capacity=6, shape=shape), trials)
    told: list[str] = []
    engine = VectorizedEngine(capacity=6, shape=shape, notify=told.append)
    from benchmark.engine.program import TrainingProgram

    train, calls = TrainingProgram.train, []

    def limited(self, *arguments):
        calls.append(1)
        # The second epoch of the second block, which has the trials 2 and 3.
        if len(calls) == 6:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes")
        return train(self, *arguments)

    monkeypatch.setattr(TrainingProgram, "train", limited)
    found = run_all(engine, trials)
    assert engine.capacity == 3
    assert told == [
        "Memory is exhausted: the capacity is lowered to 3. Trials go on from their last epoch."
    ]
    for number, (result, reports) in expected.items():
        assert found[number][1] == reports
        for one, other in zip(found[number][0].weights, result.weights, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_single_trial_without_memory_fails_with_a_sentence(monkeypatch):
    engine = VectorizedEngine(capacity=1, shape=Shape(1, 2))

    def exhausted(*_):
        raise MemoryError("no memory left")

    monkeypatch.setattr("benchmark.engine.program.TrainingProgram.train", exhausted)
    # The first call compiles.
    result, _ = run(engine, trial_of(0))
    assert result.status is Status.FAILED
    assert result.reason == "MemoryError: no memory left"


@pytest.mark.parametrize(
    ("limit", "used", "free"),
    [("max", "5", 2048_000), ("1048576", "48576", 1_000_000), ("10", "20", 0)],
)
def test_the_free_memory_of_the_system_obeys_the_control_group(tmp_path, limit, used, free):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  9000 kB\nMemAvailable:    2000 kB\n")
    (tmp_path / "memory.max").write_text(limit + "\n")
    (tmp_path / "memory.current").write_text(used + "\n")
    assert free_system_memory(meminfo, tmp_path) == free
    assert free_system_memory(meminfo, tmp_path / "none") == 2048_000
    assert free_system_memory(tmp_path / "none", tmp_path) is None
