"""What fits into memory, and what happens when it does not."""

from dataclasses import replace

import numpy as np
import pytest

from benchmark import backend
from benchmark.backend.memory import free_system_memory
from benchmark.curvature import exact_plan
from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.batches import layout_of
from benchmark.engine.block import Block
from benchmark.engine.memory import (
    COMPILED_BYTES,
    COPIES,
    PASSES,
    SHARE,
    TooLargeError,
    footprint,
    sequential_bytes,
)
from benchmark.engine.programs import PROGRAMS, ModelPrograms
from benchmark.engine.task import build_task
from benchmark.engine.tiles import Shape, StackedRows
from benchmark.trial import CurvatureRequest, Status
from tests.engine.trials import make_trial, run, run_all


def trial_of(number, rate=0.05):
    return make_trial(
        number, "momentum", 3, hyperparameters={"learning_rate": rate, "batch_size": 20}
    )


def need_of(trial):
    shared = PROGRAMS.model(trial, Shape(1, 2))
    program = PROGRAMS.training(trial, shared, layout_of(trial, shared.rows))
    return footprint(program, shared.task.model, shared.rows, trial.curvature), program


def test_the_footprint_counts_the_values_of_a_slot():
    need, program = need_of(trial_of(0))
    # Iris: 4 × 3 weights and 3 biases, velocities of both, and of the optimizer two
    # numbers in 4 bytes and a count of steps, which TensorFlow keeps in 8.
    [count] = [state.nbytes for state in program.states if state.dtype.kind == "i"]
    assert need.slot == COPIES[backend.name()] * (4 * (2 * 15 + 2) + count)
    # 96 rows of 3 logits pass at once (90 in whole lines), and the weights' gradient.
    assert need.place == PASSES * (4 * 96 * 3 + 4 * 15)
    assert need.fixed == COMPILED_BYTES[backend.name()] + 2 * 90 * (4 * 4 + 4)
    assert need.diagnosis == 0
    # Blocks of two slots, two of which are computed at a time.
    for slots, blocks, computed in ((1, 1, 1), (4, 2, 2), (9, 5, 2)):
        total = need.total(slots, Shape(1, 2), threads=2)
        assert total == need.fixed + 2 * blocks * need.slot + 2 * computed * need.place


def test_the_footprint_counts_the_vectors_of_a_diagnosis():
    trial = trial_of(0)
    by_lanczos = CurvatureRequest((0,), exact_limit=0, lanczos_steps=14)
    need, _ = need_of(replace(trial, curvature=by_lanczos))
    # 14 vectors of the basis, 16 gradients of mini-batches and 8 temporaries, of 15 numbers; the
    # compiled call that extends the basis has three more copies of them.
    assert need.diagnosis == 4 * 8 * 15 * (14 + 16 + 8) + 8 * PASSES * 90 * 3
    exact, _ = need_of(replace(trial, curvature=CurvatureRequest((0,))))
    assert exact.diagnosis == exact_plan(15).needed_bytes + 8 * PASSES * 90 * 3 * 16


def test_the_capacity_is_lowered_with_a_message_before_memory_is_short(monkeypatch):
    told: list[str] = []
    engine = VectorizedEngine(capacity=8, shape=Shape(1, 2), notify=told.append)
    run(engine, trial_of(1))
    assert (engine.capacity, told) == (8, [])
    need, _ = need_of(trial_of(1))
    threads = backend.computing_threads()
    room = int(need.total(4, Shape(1, 2), threads) / SHARE) + 1
    monkeypatch.setattr("benchmark.backend.free_memory", lambda: room)
    engine = VectorizedEngine(capacity=8, shape=Shape(1, 2), notify=told.append)
    results = run_all(engine, [trial_of(n) for n in range(5)])
    assert all(result.status is Status.COMPLETED for result, _ in results.values())
    assert engine.capacity == 4
    [text] = told
    assert text.startswith("The capacity is lowered from 8 to 4: 4 trials take about ")


def test_a_trial_that_does_not_fit_alone_is_refused_before_training(monkeypatch):
    need, _ = need_of(trial_of(0))
    least = need.total(1, Shape(1, 1), backend.computing_threads())
    monkeypatch.setattr("benchmark.backend.free_memory", lambda: least // 2)
    engine = VectorizedEngine(capacity=8, shape=Shape(1, 2))
    with pytest.raises(TooLargeError, match=r"must fit into memory, .* Received one that"):
        engine.start(trial_of(0))
    assert engine.advance() == []
    engine.close()


def test_a_trial_that_does_not_fit_is_refused_by_the_sequential_engine_too(monkeypatch):
    trial = trial_of(0)
    model = build_task(trial).model
    least = sequential_bytes(model, 90, 20, trial.curvature)
    # 15 parameters; 90 rows of 3 logits pass at once.
    assert least == COPIES[backend.name()] * 60 + PASSES * (4 * 90 * 3 + 60)
    for free, fits in ((least - 1, False), (least, True)):
        monkeypatch.setattr("benchmark.backend.free_memory", lambda free=free: free)
        engine = SequentialEngine()
        if fits:
            assert run(engine, trial)[0].status is Status.COMPLETED
            continue
        with pytest.raises(TooLargeError, match=r"must fit into memory, .* Received one that"):
            engine.start(trial)
        assert engine.advance() == []


def test_what_the_sequential_engine_trains_for_the_vectorized_one_is_refused_too(monkeypatch):
    def alone(_):
        raise NotImplementedError("It needs shapes of its own.")

    monkeypatch.setattr("benchmark.backend.free_memory", lambda: 100)
    engine = VectorizedEngine(capacity=2)
    monkeypatch.setattr(engine._groups, "of_trial", alone)
    engine.start(trial_of(0))
    with pytest.raises(TooLargeError):
        engine.advance()
    engine.close()


def test_a_worker_may_take_its_part_of_the_memory(monkeypatch):
    need, _ = need_of(trial_of(0))
    least = need.total(1, Shape(1, 1), backend.computing_threads())
    monkeypatch.setattr("benchmark.backend.free_memory", lambda: 2 * least)
    engine = VectorizedEngine(capacity=1, shape=Shape(1, 1), memory=SHARE / 2)
    assert run(engine, trial_of(0))[0].status is Status.COMPLETED
    engine = VectorizedEngine(capacity=1, shape=Shape(1, 1), memory=SHARE / 3)
    with pytest.raises(TooLargeError, match=r"for each worker.* fewer --workers"):
        engine.start(trial_of(0))
    engine.close()


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
    ended = run_all(engine, trials)
    assert engine.capacity == 3
    assert told == [
        "Memory is exhausted: the capacity is lowered to 3. Trials go on from their last epoch."
    ]
    for number, (result, reports) in expected.items():
        assert ended[number][1] == reports
        for weights, other in zip(ended[number][0].weights, result.weights, strict=True):
            np.testing.assert_array_equal(weights, other)


def test_a_single_trial_without_memory_fails_with_a_sentence(monkeypatch):
    engine = VectorizedEngine(capacity=1, shape=Shape(1, 2))

    def exhausted(*_):
        raise MemoryError("no memory left")

    monkeypatch.setattr("benchmark.engine.program.TrainingProgram.train", exhausted)
    result, _ = run(engine, trial_of(0))
    assert result.status is Status.FAILED
    assert result.reason.startswith("MemoryError: no memory left (")


@pytest.mark.parametrize(
    ("limit", "used", "free"),
    [("max", "5", 2048_000), ("1048576", "48581", 1_000_000), ("10", "20", 0)],
)
def test_the_free_memory_of_the_system_obeys_the_control_group(tmp_path, limit, used, free):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  9000 kB\nMemAvailable:    2000 kB\n")
    (tmp_path / "memory.max").write_text(limit + "\n")
    (tmp_path / "memory.current").write_text(used + "\n")
    (tmp_path / "memory.stat").write_text("anon 3\ninactive_file 5\n")
    assert free_system_memory(meminfo, tmp_path) == free
    assert free_system_memory(meminfo, tmp_path / "none") == 2048_000
    assert free_system_memory(tmp_path / "none", tmp_path) is None


def test_a_study_goes_on_where_the_capacity_is_lowered_as_its_trials_start(monkeypatch):
    """The loop has asked for as many as there were places before; they wait for theirs."""
    told: list[str] = []
    need, _ = need_of(trial_of(0))
    least = need.total(1, Shape(1, 2), backend.computing_threads())
    monkeypatch.setattr("benchmark.backend.free_memory", lambda: least)
    engine = VectorizedEngine(capacity=4, shape=Shape(1, 2), notify=told.append)
    for number in range(4):
        engine.start(trial_of(number))
    assert engine.capacity == 1
    ended: dict[int, list[int]] = {}
    epochs: dict[int, list[int]] = {}
    while len(ended) < 4:
        for report in engine.advance():
            number = report.trial_number
            epochs.setdefault(number, []).append(report.epoch)
            if report.status.is_final:
                assert engine.stop(number, report.status, "").status is Status.COMPLETED
                ended[number] = epochs[number]
    assert ended == {number: [0, 1, 2, 3] for number in range(4)}
    engine.close()


@pytest.mark.parametrize(
    ("place", "error"),
    [
        # Half the capacity is another shape, which is compiled anew: one place stands for all.
        pytest.param(
            place,
            error,
            marks=[pytest.mark.slow] * (isinstance(error, MemoryError) and place != "_end"),
            id=f"{place}-{type(error).__name__}",
        )
        for place in ("_evaluate", "_end", "_settle", "_train")
        for error in (MemoryError("no memory"), ArithmeticError("no unit"))
    ],
)
def test_an_epoch_that_raises_is_as_if_it_had_not_begun(monkeypatch, place, error):
    """Whatever raises, and wherever: every trial ends once, and has its own number of epochs."""
    trials = [trial_of(number) for number in range(2)]
    shape = Shape(1, 2)
    expected = run_all(VectorizedEngine(capacity=2, shape=shape), trials)
    original, calls = getattr(Block, place), []

    def failing(self, *arguments):
        calls.append(1)
        ended = original(self, *arguments)
        if len(calls) == 3:
            raise error
        return ended

    monkeypatch.setattr(Block, place, failing)
    ended = run_all(VectorizedEngine(capacity=2, shape=shape), trials)
    assert len(calls) >= 3
    for number, (result, reports) in expected.items():
        if isinstance(error, MemoryError):
            assert ended[number][1] == reports
            assert ended[number][0].status is result.status
        else:
            assert ended[number][0].status is Status.FAILED
            assert ended[number][1][-1].reason.startswith("ArithmeticError: no unit (")


def test_trials_that_cannot_come_in_fail_and_do_not_wait_for_ever(monkeypatch):
    def exhausted(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(StackedRows, "arranged", exhausted)
    result, _ = run(VectorizedEngine(capacity=1, shape=Shape(1, 2)), trial_of(0))
    assert result.status is Status.FAILED
    assert result.reason.startswith("MemoryError: no room (")


def test_large_models_have_one_shape_for_training_and_judging(monkeypatch):
    monkeypatch.setattr("benchmark.engine.programs.LARGE", 10)
    shared = ModelPrograms("key", build_task(trial_of(0)), Shape(3, 2))
    assert shared.is_large
    assert shared.shape == shared.evaluation_program.shape == Shape(1, 2)
