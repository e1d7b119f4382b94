"""What slots, neighbours and blocks must not change in the vectorized engine, and what they do."""

import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.tiles import Shape
from benchmark.trial import DatasetProblem, Report, Status, Trial, TrialResult
from tests.engine.trials import make_trial, run, run_all

Ended = tuple[TrialResult, list[Report]]
SHAPE = Shape(tiles=2, width=2)


@pytest.fixture(scope="module")
def vectorized() -> VectorizedEngine:
    """One engine for all tests; blocks of two tiles with two slots each."""
    return VectorizedEngine(capacity=6, shape=SHAPE)


def assert_same(ended: Ended, expected: Ended) -> None:
    """Bit for bit."""
    assert ended[1] == expected[1]
    assert ended[0].metrics == expected[0].metrics
    for weights, expected_weights in zip(ended[0].weights, expected[0].weights, strict=True):
        np.testing.assert_array_equal(weights, expected_weights)


def network_trial(number: int, rate: float = 0.05, **changes) -> Trial:
    hyperparameters = {"learning_rate": rate, "batch_size": changes.pop("batch_size", 20)}
    return make_trial(
        number,
        "adam",
        model="multilayer_perceptron",
        model_options={"hidden": (16,), "initializer": "glorot_uniform"},
        hyperparameters=hyperparameters,
        **changes,
    )


@pytest.fixture(scope="module")
def alone(vectorized) -> Ended:
    """A trial that ran with all other slots empty."""
    return run(vectorized, network_trial(50))


def test_a_result_is_bitwise_the_same_in_any_slot_and_beside_any_neighbours(vectorized, alone):
    # Six trials fill a block of four and half of another one.
    for place in range(6):
        others = [network_trial(n, rate=0.01 * (n + 1), batch_size=8 + n) for n in range(6)]
        others[place] = network_trial(50)
        assert_same(run_all(vectorized, others)[50], alone)


def test_a_result_is_bitwise_the_same_after_a_refill_and_at_any_capacity(vectorized, alone):
    short = [network_trial(number, epochs=1 + number % 2) for number in range(5)]
    assert_same(run_all(vectorized, [*short, network_trial(50)])[50], alone)
    single = VectorizedEngine(capacity=1, shape=SHAPE)
    assert_same(run_all(single, [short[0], network_trial(50)])[50], alone)


def test_a_diverging_neighbour_changes_nothing(vectorized, alone):
    diverging = [network_trial(number, rate=1e30, epochs=20) for number in (1, 2, 60, 61)]
    together = run_all(vectorized, [*diverging, network_trial(50)])
    assert_same(together[50], alone)
    oracle = run(SequentialEngine(), diverging[0])
    for trial in diverging:
        result, reports = together[trial.number]
        assert result.status is Status.DIVERGED
        assert result.objective == np.inf
        assert (result.reason, len(reports)) == (oracle[0].reason, len(oracle[1]))
        assert result.weights == ()


def test_new_trials_of_a_structure_compile_nothing(vectorized, alone):
    compiled = vectorized.compilations
    trials = [
        network_trial(number, rate=0.1 / (number + 1), batch_size=5 * (number + 1), epochs=2)
        for number in range(9)
    ]
    trials += [network_trial(20, sampling="bernoulli"), network_trial(21, replicate=3)]
    assert all(result.status.is_usable for result, _ in run_all(vectorized, trials).values())
    assert vectorized.compilations == compiled
    # Another kind of clipping is another program; evaluating is shared.
    clipped = make_trial(
        30,
        "adam",
        model="multilayer_perceptron",
        model_options={"hidden": (16,), "initializer": "glorot_uniform"},
        hyperparameters={"learning_rate": 0.1, "clipnorm": 1.0},
    )
    run(vectorized, clipped)
    assert vectorized.compilations == compiled + 1


def test_a_trial_that_cannot_start_fails_alone(vectorized, alone):
    broken = make_trial(1, problem=DatasetProblem("no_such_dataset"))
    too_large = network_trial(2, batch_size=91)
    together = run_all(vectorized, [broken, too_large, network_trial(50)])
    assert_same(together[50], alone)
    for number, word in ((1, "no_such_dataset"), (2, "batch_size")):
        result, reports = together[number]
        assert result.status is Status.FAILED and len(reports) == 1
        assert word in result.reason
        assert result.objective == np.inf


def test_an_epoch_that_cannot_be_computed_fails_its_trials_only(vectorized, alone, monkeypatch):
    def exhausted(*_) -> None:
        raise ArithmeticError("no unit left")

    with monkeypatch.context() as patched:
        patched.setattr("benchmark.engine.program.TrainingProgram.train", exhausted)
        for result, _ in run_all(vectorized, [network_trial(1), network_trial(2)]).values():
            assert result.status is Status.FAILED
            assert result.reason.startswith("ArithmeticError: no unit left (")
    assert_same(run(vectorized, network_trial(50)), alone)


def test_a_stopped_trial_frees_its_slot(vectorized, alone):
    engine = vectorized
    for number in range(engine.capacity):
        engine.start(network_trial(number))
    with pytest.raises(RuntimeError, match="slot must be free"):
        engine.start(network_trial(50))
    # The reports of the first block, two for each of its trials, before those of the other.
    first = engine.advance()
    assert [(r.trial_number, r.epoch) for r in first[:3]] == [(0, 0), (0, 1), (1, 0)]
    assert {r.trial_number for r in first} == {0, 1, 2, 3}
    pruned = engine.stop(2, Status.PRUNED, "enough")
    assert (pruned.reason, pruned.epochs) == ("enough", 1)
    assert pruned.objective == first[5].metrics["validation_loss"]
    assert not any(name.startswith("test") for name in pruned.metrics)
    engine.start(network_trial(50))
    reports = [report for _ in range(6) for report in engine.advance()]
    assert [r for r in reports if r.trial_number == 50] == alone[1]
    for number in (0, 1, 3, 4, 5, 50):
        engine.stop(number, Status.INTERRUPTED, "")
    for _ in range(3):  # what was being computed is not reported any more
        assert engine.advance() == []
    with pytest.raises(KeyError, match="must be running"):
        engine.stop(2, Status.PRUNED, "")


def test_a_second_engine_of_the_process_compiles_nothing(vectorized, alone):
    again = VectorizedEngine(capacity=6, shape=SHAPE)
    assert_same(run(again, network_trial(50)), alone)
    assert again.compilations == 0
    again.close()


def test_trials_move_together_when_others_have_ended(vectorized, alone):
    """Half of the trials end early; those that are left fill tiles, and change in nothing."""
    engine = VectorizedEngine(capacity=8, shape=SHAPE)
    lengths = [9, 1, 1, 9, 1, 9, 9, 1]
    trials = [network_trial(n, epochs=length) for n, length in enumerate(lengths)]
    ended = run_all(engine, trials)
    used, computed = engine.slot_epochs
    assert used == sum(lengths)
    # The first epoch fills four tiles; then four trials fill two of the same block.
    assert computed == 8 + 8 * 4
    for number in (0, 6):
        assert_same(ended[number], run(vectorized, trials[number]))


def test_reports_come_in_the_same_order_whatever_the_threads_do(vectorized, alone):
    def order() -> list[tuple[int, int]]:
        engine = VectorizedEngine(capacity=8, shape=SHAPE)
        waiting = [network_trial(number, epochs=1 + number % 3) for number in range(20)]
        seen, running = [], 0
        while waiting or running:
            while waiting and running < engine.capacity:
                engine.start(waiting.pop(0))
                running += 1
            for report in engine.advance():
                seen.append((report.trial_number, report.epoch))
                if report.status.is_final:
                    engine.stop(report.trial_number, report.status, report.reason)
                    running -= 1
        engine.close()
        return seen

    first = order()
    assert sorted(first) == [(n, e) for n in range(20) for e in range(2 + n % 3)]
    assert order() == first


def test_the_update_norm_does_not_depend_on_how_many_tiles_a_block_has():
    """One worker has blocks of two tiles where two workers have blocks of one."""
    trials = [
        make_trial(
            number,
            epochs=4,
            model="multilayer_perceptron",
            model_options={"hidden": [16]},
            hyperparameters={"learning_rate": 0.1 * (number + 1), "batch_size": 16},
        )
        for number in range(8)
    ]
    norms = []
    for tiles in (1, 2):
        ended = run_all(VectorizedEngine(8, Shape(tiles, 4)), trials)
        norms.append([report.metrics["update_norm"] for n in range(8) for report in ended[n][1]])
    assert norms[0] == norms[1]
