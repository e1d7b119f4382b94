"""Optimizers of Keras in the engines, and what of them is structure."""

import sys

import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.structure import (
    optimizer_constants,
    optimizer_numbers,
    optimizer_of,
    structure_of,
)
from benchmark.optimizers.building import notices
from benchmark.trial import Settings, Status
from tests.engine.trials import make_trial, run, run_all

RATE = {"learning_rate": 0.05, "batch_size": 32}


@pytest.fixture(scope="module")
def engine() -> SequentialEngine:
    return SequentialEngine()


def test_adam_of_keras_trains_as_ours_in_both_engines(engine) -> None:
    # An epsilon beyond the rounding of gradients, which Adam would divide by their own size.
    hyperparameters = {**RATE, "epsilon": 1e-3, "beta_2": 0.9375, "clipnorm": 0.5}
    ours, _ = run(engine, make_trial(0, "adam", hyperparameters=hyperparameters))
    trial = make_trial(0, "keras:Adam", hyperparameters=hyperparameters)
    for trainer in (engine, VectorizedEngine(2)):
        theirs, _ = run(trainer, trial)
        assert theirs.status is Status.COMPLETED
        for weights, expected in zip(theirs.weights, ours.weights, strict=True):
            # Twelve steps, each with some roundings of 6e-8 of weights of order one.
            np.testing.assert_allclose(weights, expected, rtol=1e-5, atol=2e-6)


def test_trials_of_one_structure_share_a_compiled_model(engine) -> None:
    for number, rate in enumerate((0.1, 0.2)):
        run(engine, make_trial(number, "keras:Lion", hyperparameters={**RATE, "beta_2": rate}))
    lion_keys = [key for key in engine._structures if key[-1][0] == "keras:Lion"]
    assert len(lion_keys) == 1


@pytest.mark.slow
def test_a_class_that_begins_with_the_weights_trains_one_trial_at_a_time(engine) -> None:
    import keras

    if not hasattr(keras.optimizers, "ScheduleFreeAdamW"):
        pytest.skip("this Keras has no ScheduleFreeAdamW")
    trial = make_trial(0, "keras:ScheduleFreeAdamW", hyperparameters=RATE)
    results = [run(engine, trial)[0] for _ in range(2)]
    assert results[0].status is Status.COMPLETED, results[0].reason
    for weights, other in zip(results[0].weights, results[1].weights, strict=True):
        np.testing.assert_array_equal(weights, other)
    told: list[str] = []
    vectorized, _ = run(VectorizedEngine(2, notify=told.append), trial)
    for weights, other in zip(vectorized.weights, results[0].weights, strict=True):
        np.testing.assert_array_equal(weights, other)
    [text] = told
    assert "must step as a pure function" in text
    assert text.endswith("Such trials are trained one after the other.")
    # Word by word what a session says at the start, which shows no sentence twice.
    assert told == notices("keras:ScheduleFreeAdamW", {}, [])


@pytest.mark.slow
def test_constants_and_options_are_structure_of_a_program(engine) -> None:
    """SGD of Keras branches on its momentum, and Adam on amsgrad: each value has its program."""
    trials = [
        make_trial(n, "keras:SGD", hyperparameters={**RATE, "momentum": momentum})
        for n, momentum in enumerate((0.0, 0.5, 0.9, 0.5))
    ]
    trials += [
        make_trial(4 + n, "keras:Adam", hyperparameters=RATE, options={"amsgrad": value})
        for n, value in enumerate((False, True))
    ]
    vectorized = VectorizedEngine(6)
    run(vectorized, make_trial(9, "sgd", hyperparameters=RATE))  # compiles what evaluates
    before = vectorized.compilations
    together = run_all(vectorized, trials)
    assert vectorized.compilations == before + 5  # three momenta, two kinds of Adam
    for trial in trials:
        expected = run(engine, trial)[0].weights
        for weights, other in zip(together[trial.number][0].weights, expected, strict=True):
            # float32, with sums in another order; Adam divides by small gradients.
            np.testing.assert_allclose(weights, other, rtol=1e-4, atol=2e-5)
    first, second = (together[number][0].weights[0] for number in (1, 3))
    np.testing.assert_array_equal(first, second)


def test_structure_is_what_is_no_value() -> None:
    def structure(optimizer="keras:SGD", options=None, **hyperparameters):
        trial = make_trial(0, optimizer, hyperparameters={**RATE, **hyperparameters})
        trial = type(trial)(
            **{
                **{name: getattr(trial, name) for name in trial.__dataclass_fields__},
                "options": Settings(options or {}, sampling="shuffle"),
            }
        )
        return structure_of(trial), trial

    plain, trial = structure()
    assert structure(learning_rate=0.5, batch_size=16)[0] == plain
    others = [
        structure(momentum=0.5)[0],
        structure(momentum=0.75)[0],
        structure(clipnorm=1.0)[0],
        structure(clipvalue=1.0)[0],
        structure(weight_decay=0.1)[0],
        structure(options={"nesterov": True})[0],
        structure("keras:Adam")[0],
    ]
    assert len({plain, *others}) == 1 + len(others)
    assert structure(weight_decay=0.2)[0] == structure(weight_decay=0.1)[0]
    assert optimizer_numbers(trial) == {"learning_rate": 0.05}
    _, trial = structure(momentum=0.5, weight_decay=0.1, options={"nesterov": True}, clipnorm=1.0)
    assert optimizer_constants(trial) == {"momentum": 0.5, "nesterov": True}
    assert optimizer_numbers(trial) == {
        "learning_rate": 0.05,
        "weight_decay": 0.1,
        "clipnorm": 1.0,
    }
    optimizer = optimizer_of(trial)
    assert (optimizer.momentum, optimizer.nesterov) == (0.5, True)
    assert optimizer.hyperparameters == pytest.approx(optimizer_numbers(trial))


LEAVING = """
import sys
import keras

class AtOnce(keras.optimizers.SGD):
    def __init__(self, learning_rate=0.01, **more):
        super().__init__(learning_rate, **more)
        if len(sys.modules["leaving"].made) > 0:
            sys.exit(3)
        sys.modules["leaving"].made.append(self)

class InAStep(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        raise SystemExit("enough")

made = []
"""


@pytest.mark.parametrize(("name", "words"), [("AtOnce", "SystemExit: 3"), ("InAStep", "enough")])
def test_an_optimizer_that_leaves_the_program_fails_its_trial(
    engine, tmp_path, monkeypatch, name, words
) -> None:
    (tmp_path / "leaving.py").write_text(LEAVING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "leaving", raising=False)
    trials = [make_trial(0, f"leaving:{name}", hyperparameters=RATE), make_trial(1)]
    for trainer in (engine, VectorizedEngine(2)):
        results = run_all(trainer, trials)
        broken, good = results[0][0], results[1][0]
        assert broken.status is Status.FAILED
        assert words in broken.reason
        assert good.status is Status.COMPLETED
