"""Models with a state in the vectorized engine, against the sequential one."""

import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.tiles import Shape
from benchmark.trial import CurvatureRequest, DatasetProblem, Status
from tests.engine.trials import make_trial, run, run_all

DIGITS = DatasetProblem("digits", loss="sparse_categorical_crossentropy", metric="accuracy")
STATE = {"batch_normalization": True, "dropout": 0.4}
NETWORK = {"hidden": [6], **STATE}
CONVOLUTIONS = {"filters": [3, 4], "hidden": [6], **STATE}
# float32 sums in another order, over the rows of a batch and its statistics.
RELATIVE, ABSOLUTE = 2e-4, 2e-5


@pytest.fixture(scope="module")
def sequential() -> SequentialEngine:
    return SequentialEngine()


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def vectorized(told) -> VectorizedEngine:
    return VectorizedEngine(capacity=6, shape=Shape(tiles=2, width=2), notify=told.append)


def trial_of(number, model, options, rate=0.05, batch_size=250, **changes):
    hyperparameters = {"learning_rate": rate, "batch_size": batch_size, "momentum": 0.5}
    return make_trial(
        number,
        "momentum",
        2,
        DIGITS,
        model=model,
        model_options=options,
        hyperparameters=hyperparameters,
        **changes,
    )


# Lanczos in both engines takes longer to compile than their steps: without a state it is compared
# in `test_vectorized`.
MEASURED = CurvatureRequest(epochs=(1,), exact_limit=0, lanczos_steps=4, samples=60)


@pytest.mark.parametrize(
    ("model", "options", "measured"),
    [
        ("multilayer_perceptron", NETWORK, CurvatureRequest()),
        pytest.param("multilayer_perceptron", NETWORK, MEASURED, marks=pytest.mark.slow),
        pytest.param("convolutional_network", CONVOLUTIONS, MEASURED, marks=pytest.mark.slow),
    ],
    ids=["network", "network with curvature", "convolutions with curvature"],
)
def test_every_step_equals_that_of_the_sequential_engine(
    sequential, vectorized, model, options, measured
):
    # 1078 rows: four batches of 250 and a tail of 78, whose statistics are its own.
    trials = [
        trial_of(0, model, options, rate=0.05, curvature=measured),
        trial_of(1, model, options, rate=0.2, replicate=3),
        trial_of(2, model, options, rate=0.1),
    ]
    together = run_all(vectorized, trials)
    for trial in trials[:2]:
        ended, expected = together[trial.number], run(sequential, trial)
        for report, other in zip(ended[1], expected[1], strict=True):
            np.testing.assert_allclose(
                list(report.metrics.values()),
                list(other.metrics.values()),
                rtol=RELATIVE,
                atol=ABSOLUTE,
            )
            # Lanczos takes up the difference of the weights.
            np.testing.assert_allclose(report.spectrum, other.spectrum, rtol=1e-2, atol=1e-3)
        for value, expect in zip(ended[0].weights, expected[0].weights, strict=True):
            np.testing.assert_allclose(value, expect, rtol=RELATIVE, atol=ABSOLUTE)


def test_a_trial_is_bitwise_the_same_beside_any_neighbours(vectorized):
    alone = run(vectorized, trial_of(9, "multilayer_perceptron", NETWORK))
    trials = [trial_of(n, "multilayer_perceptron", NETWORK, rate=0.1 * n + 0.1) for n in range(5)]
    trials[1] = trial_of(9, "multilayer_perceptron", NETWORK)
    beside = run_all(vectorized, trials)[9]
    assert beside[1] == alone[1]
    for weights, other in zip(beside[0].weights, alone[0].weights, strict=True):
        np.testing.assert_array_equal(weights, other)


def test_what_has_no_common_shape_is_trained_alone_and_told(sequential, vectorized, told):
    trials = [
        trial_of(n, "multilayer_perceptron", NETWORK, sampling="bernoulli", rate=0.1 * n)
        for n in (1, 2)
    ]
    together = run_all(vectorized, trials)
    for trial in trials:
        expected = run(sequential, trial)
        assert together[trial.number][1] == expected[1]
        assert together[trial.number][0].status is Status.COMPLETED
    [text] = [text for text in told if "bernoulli" in text]
    assert text.endswith("trained one after the other.")
