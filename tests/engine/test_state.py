"""Models that keep a state besides their weights: moving averages and random generators."""

import keras
import numpy as np
import pytest

from benchmark import backend
from benchmark.data import prepare
from benchmark.engine import SequentialEngine, trained_model
from benchmark.engine.task import build_task, kept_variables, starting_state, starting_weights
from benchmark.trial import CurvatureRequest, DatasetProblem, Status
from tests.engine.trials import make_trial, run

DIGITS = DatasetProblem("digits", loss="sparse_categorical_crossentropy", metric="accuracy")
NETWORK = {"hidden": [6], "batch_normalization": True, "dropout": 0.4}
CONVOLUTIONS = {"filters": [3, 4], "hidden": [6], "batch_normalization": True, "dropout": 0.4}
MODELS = {"multilayer_perceptron": NETWORK, "convolutional_network": CONVOLUTIONS}


@pytest.fixture(scope="module")
def engine() -> SequentialEngine:
    """One engine for all tests, so that each structure is compiled once."""
    return SequentialEngine()


def trial_of(model="multilayer_perceptron", number=0, optimizer="sgd", **changes):
    changes = {"hyperparameters": {"learning_rate": 0.05, "batch_size": 359}, **changes}
    return make_trial(
        number, optimizer, 2, DIGITS, model=model, model_options=MODELS[model], **changes
    )


def seeds_of(trial):
    task = build_task(trial)
    pairs = zip(task.model.non_trainable_variables, starting_state(task, trial), strict=True)
    return [tuple(value) for variable, value in pairs if "seed_generator" in variable.path]


@pytest.mark.parametrize("model", MODELS)
def test_a_trial_is_the_same_after_others(engine, model):
    first, reports = run(engine, trial_of(model))
    assert first.status is Status.COMPLETED, first.reason
    run(engine, trial_of(model, 1, hyperparameters={"learning_rate": 0.2, "batch_size": 359}))
    again, same_reports = run(engine, trial_of(model))
    for weights, other in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(weights, other)
    assert [report.metrics for report in reports] == [report.metrics for report in same_reports]


@pytest.mark.parametrize("model", MODELS)
def test_the_kept_weights_predict_as_evaluated(engine, model):
    trial = trial_of(model)
    result, _ = run(engine, trial)
    test = prepare("digits").test
    logits = np.asarray(trained_model(trial, result.weights)(test.x, training=False), "float64")
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    losses = log_sums - shifted[np.arange(len(test.y)), test.y]
    # float32 logits of order one.
    assert result.metrics["test_loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert result.metrics["test_accuracy"] == pytest.approx((logits.argmax(1) == test.y).mean())


def test_kept_are_weights_and_moving_averages_but_no_seeds(engine):
    result, _ = run(engine, trial_of())
    model = build_task(trial_of()).model
    names = [variable.name for variable in kept_variables(model)]
    assert names == ["kernel", "gamma", "beta", "kernel", "bias", "moving_mean", "moving_variance"]
    assert [weight.shape for weight in result.weights] == [
        tuple(variable.shape) for variable in kept_variables(model)
    ]
    mean, variance = result.weights[-2:]
    assert mean.any()
    assert (variance != 1).any()


def test_moving_averages_follow_a_numpy_loop(engine):
    """One epoch on the full batch: one update of the averages, from the starting weights."""
    trial = make_trial(
        5, "sgd", 1, DIGITS, model="multilayer_perceptron", model_options=NETWORK,
        hyperparameters={"learning_rate": 0.05}, sampling="full_batch",
    )  # fmt: skip
    result, _ = run(engine, trial)
    kernel = starting_weights(build_task(trial), trial)[0].astype("float64")
    sums = prepare("digits").train.x.astype("float64") @ kernel
    # The momentum of the averages is 0.9, from a mean of 0 and a variance of 1.
    # float32 means over a thousand rows.
    np.testing.assert_allclose(result.weights[-2], 0.1 * sums.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(result.weights[-1], 0.9 + 0.1 * sums.var(axis=0), rtol=1e-5)


def test_each_generator_has_a_seed_of_its_own():
    trial = make_trial(
        problem=DIGITS, model="multilayer_perceptron",
        model_options={"hidden": [6, 6], "dropout": 0.4},
    )  # fmt: skip
    seeds = seeds_of(trial)
    assert len(set(seeds)) == len(seeds) == 2
    assert all(count == 0 for _, count in seeds)


def test_optimizers_share_what_is_dropped_and_replicates_do_not():
    same = seeds_of(trial_of(optimizer="adam", hyperparameters={"learning_rate": 0.3}))
    assert seeds_of(trial_of()) == same
    assert seeds_of(trial_of(replicate=1)) != same


def test_dropout_drops_in_training_and_nothing_when_judged(engine):
    """Without a step, losses are those of the start, whatever is dropped."""
    still = {"learning_rate": 1e-30, "batch_size": 359}
    dropped = {"hidden": [6], "dropout": 0.4}
    losses = []
    for options in ({"hidden": [6]}, dropped):
        trial = make_trial(
            3, "sgd", 1, DIGITS, model="multilayer_perceptron", model_options=options,
            hyperparameters=still,
        )  # fmt: skip
        _, reports = run(engine, trial)
        losses.append([report.metrics["train_loss"] for report in reports])
    assert losses[0] == losses[1]
    ends = []
    for options in ({"hidden": [6]}, dropped):
        trial = make_trial(
            4, "sgd", 1, DIGITS, model="multilayer_perceptron", model_options=options,
            hyperparameters={"learning_rate": 0.1, "batch_size": 359},
        )  # fmt: skip
        ends.append(run(engine, trial)[0].weights)
    assert not np.array_equal(ends[0][0], ends[1][0])


def test_optimizers_that_share_an_evaluation_have_their_own_averages(engine):
    """The model of one structure is not evaluated with the averages of another's."""
    run(engine, trial_of(optimizer="momentum", number=8))
    trial = trial_of(number=9)
    result, _ = run(engine, trial)
    alone, _ = run(SequentialEngine(), trial)
    assert result.metrics == alone.metrics


def test_curvature_uses_the_averages_and_drops_nothing(engine):
    """The gradient that curvature reports is the one of the evaluated loss."""
    request = CurvatureRequest(epochs=(0, 2), exact_limit=0, lanczos_steps=4)
    _, reports = run(engine, trial_of(curvature=request))
    assert [bool(report.curvature) for report in reports] == [True, False, True]
    for report in (reports[0], reports[2]):
        norm = report.curvature["gradient_norm"]
        # float64 against float32.
        assert norm == pytest.approx(report.metrics["gradient_norm"], rel=1e-4)


def test_what_is_dropped_is_what_a_compiled_step_drops(engine):
    """Other engines compile a step by XLA: the same units must be dropped."""
    trial = make_trial(
        11, "sgd", 2, DIGITS, model="multilayer_perceptron", model_options=NETWORK,
        hyperparameters={"learning_rate": 0.05}, sampling="full_batch",
    )  # fmt: skip
    result, _ = run(engine, trial)
    task = build_task(trial)
    step, train = backend.compile(step_of(task)), task.parts["train"]
    weights, state = starting_weights(task, trial), starting_state(task, trial)
    for _ in range(2):
        (_, state), gradients = step(weights, state, train.x, train.y)
        slopes = [keras.ops.convert_to_numpy(gradient) for gradient in gradients]
        weights = [w - np.float32(0.05) * g for w, g in zip(weights, slopes, strict=True)]
    for trained, expected in zip(result.weights, weights, strict=False):
        # float32 sums over a thousand rows in another order; another mask changes 1e-3.
        np.testing.assert_allclose(trained, expected, atol=2e-6)


def step_of(task):
    """Loss, new state and gradients of one training step."""

    def step(parameters, state, x, y):
        def loss(parameters):
            outputs, new = task.model.stateless_call(parameters, state, x, training=True)
            return task.loss(y, outputs), new

        return backend.value_and_grad(loss, has_aux=True)(parameters)

    return step


@pytest.mark.parametrize(
    "model",
    ["multilayer_perceptron", pytest.param("convolutional_network", marks=pytest.mark.slow)],
)
def test_models_map_over_trials_with_their_own_state(model):
    """Outputs, gradients and new states of stacked trials are those of each alone."""
    task = build_task(trial_of(model))
    count = 3
    trials = [trial_of(model, replicate=index) for index in range(count)]
    weights = [starting_weights(task, trial) for trial in trials]
    states = [starting_state(task, trial) for trial in trials]
    x, y = task.parts["train"].x[:16], task.parts["train"].y[:16]

    step = step_of(task)
    together = backend.compile(backend.vectorize(step, (0, 0, None, None)))
    alone = backend.compile(step)
    stacked = [
        [np.stack(values) for values in zip(*rows, strict=True)] for rows in (weights, states)
    ]
    (losses, new), gradients = together(*stacked, x, y)
    for index in range(count):
        (loss, state), gradient = alone(weights[index], states[index], x, y)
        # float32 sums of other orders.
        assert float(losses[index]) == pytest.approx(float(loss), rel=1e-5)
        for many, single in zip([*new, *gradients], [*state, *gradient], strict=True):
            mapped = keras.ops.convert_to_numpy(many)[index]
            np.testing.assert_allclose(mapped, keras.ops.convert_to_numpy(single), atol=1e-5)


@pytest.mark.slow
def test_the_exact_hessian_of_convolutions_has_the_eigenvalues_that_lanczos_finds(engine):
    """Hessian products of many vectors at once are those of one at a time."""
    eigenvalues = []
    for number, limit in ((20, 0), (21, 1000)):
        request = CurvatureRequest((0,), exact_limit=limit, lanczos_steps=20, samples=64)
        trial = make_trial(
            number, "sgd", 1, DIGITS, model="convolutional_network",
            model_options={"filters": [2], "hidden": [3], "activation": "tanh"}, curvature=request,
        )  # fmt: skip
        _, reports = run(engine, trial)
        assert reports[0].spectrum
        eigenvalues.append(max(reports[0].spectrum))
    # Twenty steps in float64 for the largest of a hundred eigenvalues.
    assert eigenvalues[0] == pytest.approx(eigenvalues[1], rel=1e-6)
