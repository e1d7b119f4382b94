"""Curvature that is followed in every trial, against a dense Hessian written in NumPy."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.monitoring import (
    COLUMNS,
    MonitoredPoint,
    MonitoringProgram,
    inner_products,
    probe_seed,
    rows_seed,
)
from benchmark.engine.task import build_task, starting_weights
from benchmark.engine.tiles import Shape
from benchmark.trial import ClosedFormProblem, CurvatureRequest, DatasetProblem, Settings, Status
from tests.engine.trials import make_trial, run, run_all

SHAPE = Shape(tiles=2, width=2)
PROBE = 40
REQUEST = CurvatureRequest(monitored_epochs=(0, 1, 2), probe=PROBE)
NAMES = {
    "probe_lambda_max",
    "probe_lambda_max_residual",
    "probe_lambda_min_upper_bound",
    "probe_condition_number_lower_bound",
    "probe_optimal_step",
    "probe_scaled_sharpness",
}


@pytest.fixture(scope="module")
def task():
    return build_task(make_trial())


@pytest.fixture(scope="module")
def program(task):
    return MonitoringProgram(task, SHAPE, PROBE, probe_seed(make_trial()))


@pytest.fixture(scope="module")
def engines():
    vectorized = VectorizedEngine(capacity=6, shape=SHAPE)
    yield SequentialEngine(), vectorized
    vectorized.close()


def trial_of(number, rate=0.1, batch_size=32, **changes):
    given = {"learning_rate": rate, "batch_size": batch_size, "fuzz": 0.3}
    return make_trial(
        number, "momentum", **{"hyperparameters": given, "curvature": REQUEST} | changes
    )


def weights_of(task, seed):
    generator = np.random.default_rng(seed)
    start = starting_weights(task, make_trial())
    return [np.asarray(generator.standard_normal(weights.shape), "float32") for weights in start]


def dense(task, weights):
    """Gradient and Hessian of softmax regression over the probe, in float64.

    g = mean x̃ ⊗ (p − e_y) and H = mean x̃x̃ᵀ ⊗ (diag p − ppᵀ), with x̃ = (x, 1).
    """
    train = task.parts["train"]
    generator = np.random.default_rng(probe_seed(make_trial()))
    rows = np.sort(generator.permutation(len(train.x))[:PROBE])
    x = np.column_stack([train.x[rows], np.ones(PROBE)]).astype("float64")
    y = train.y[rows].reshape(-1)
    kernel = np.vstack([weights[0], weights[1]]).astype("float64")
    scores = x @ kernel
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    gradient = sum(np.kron(xi, pi - np.eye(3)[yi]) for xi, pi, yi in zip(x, p, y, strict=True))
    hessian = sum(
        np.kron(np.outer(xi, xi), np.diag(pi) - np.outer(pi, pi))
        for xi, pi in zip(x, p, strict=True)
    )
    return gradient / PROBE, hessian / PROBE


def test_best_step_and_ends_are_those_of_the_dense_hessian(task, program):
    points = [weights_of(task, seed) for seed in range(3)]
    measured = program.measure([MonitoredPoint(weights, (), None) for weights in points])
    for weights, (numbers, direction) in zip(points, measured, strict=True):
        gradient, hessian = dense(task, weights)
        values = np.linalg.eigvalsh(hessian)
        step = gradient @ gradient / (gradient @ hessian @ gradient)
        # Products in float32.
        assert numbers["optimal_step"] == pytest.approx(step, rel=1e-5)
        assert numbers["lambda_max"] == pytest.approx(values[-1], rel=1e-2)  # six products
        distance = np.abs(values - numbers["lambda_max"]).min()
        assert distance <= numbers["lambda_max_residual"] + 1e-6 * values[-1]  # float32
        assert numbers["lambda_min_upper_bound"] >= values[0] - 1e-6 * values[-1]  # float32
        # Softmax has directions without curvature, so κ is infinite and any bound holds.
        assert numbers["condition_number_lower_bound"] > 1
        quotient = direction.astype("float64") @ hessian @ direction
        assert quotient == pytest.approx(numbers["lambda_max"], rel=1e-5)  # float32


def test_a_warm_start_goes_on_from_what_was_found(task, program):
    weights, direction, residuals = weights_of(task, 5), None, []
    largest = np.linalg.eigvalsh(dense(task, weights)[1])[-1]
    for _ in range(4):
        ((numbers, direction),) = program.measure([MonitoredPoint(weights, (), direction)])
        residuals.append(numbers["lambda_max_residual"])
    assert numbers["lambda_max"] == pytest.approx(largest, rel=1e-6)  # float32
    assert residuals[1] < residuals[0] / 3
    assert residuals[-1] < 1e-4 * largest  # what rounding of float32 leaves


def test_a_small_problem_is_measured_exactly():
    problem = ClosedFormProblem("quadratic", Settings(dimension=4, condition_number=50.0))
    trial = make_trial(problem=problem, model="", model_options={})
    task = build_task(trial)
    program = MonitoringProgram(task, Shape(1, 1), PROBE, probe_seed(trial))
    ((numbers, _),) = program.measure([MonitoredPoint(starting_weights(task, trial), (), None)])
    ratio = numbers["lambda_max"] / numbers["lambda_min_upper_bound"]
    assert ratio == pytest.approx(50.0, rel=1e-4)  # λmin in float32, times κ
    assert numbers["condition_number_lower_bound"] == pytest.approx(50.0, rel=1e-3)  # less rounding
    assert numbers["condition_number_lower_bound"] <= 50.0 * (1 + 1e-5)  # float32


def test_many_chunks_measure_the_same(task, program, monkeypatch):
    monkeypatch.setattr("benchmark.engine.evaluation_program.CHUNK_ROWS", 16)
    cut = MonitoringProgram(task, SHAPE, PROBE, probe_seed(make_trial()))
    at = [MonitoredPoint(weights_of(task, 1), (), None)]
    ((whole, _),), ((parts, _),) = program.measure(at), cut.measure(at)
    assert cut._data[0].shape[0] > 1
    for name in ("lambda_max", "optimal_step"):
        assert parts[name] == pytest.approx(whole[name], rel=1e-5)  # sums in another order


def test_both_engines_follow_alike_at_the_epochs_asked_for_and_the_last(engines):
    trial = trial_of(0, epochs=4)
    (_, oracle), (_, vectorized_reports) = (run(engine, trial) for engine in engines)
    for reports in (oracle, vectorized_reports):
        assert [bool(report.curvature) for report in reports] == [True, True, True, False, True]
    for report, other in zip(vectorized_reports, oracle, strict=True):
        assert set(report.curvature) == set(other.curvature) <= NAMES
        for name, value in report.curvature.items():
            # Weights that differ by roundings of float32. A residual has them of λmax, and a
            # bound of κ is λmax over what is little more than they are.
            relative = 0.1 if "condition" in name else 1e-3
            error = 1e-4 * report.curvature["probe_lambda_max"]
            assert value == pytest.approx(other.curvature[name], rel=relative, abs=error)
    rates = [
        report.curvature["probe_scaled_sharpness"]
        for report in vectorized_reports
        if report.curvature
    ]
    expected = [
        0.1 * report.curvature["probe_lambda_max"]
        for report in vectorized_reports
        if report.curvature
    ]
    assert rates == pytest.approx(expected, rel=1e-6)  # the rate is float32 in the program


def test_a_result_is_bitwise_the_same_in_any_slot_beside_any_neighbours_and_after_a_refill(engines):
    vectorized = engines[1]
    _, alone = run(vectorized, trial_of(50, epochs=4))
    others = [trial_of(n, 0.05 * n + 0.01, 16, epochs=2 + n % 3) for n in range(9)]
    others[3] = trial_of(3, 1e9, epochs=3)  # diverges
    for place in (0, 4, 9):
        trials = [*others[:place], trial_of(50, epochs=4), *others[place:]]
        assert run_all(vectorized, trials)[50][1] == alone
    fresh = VectorizedEngine(capacity=1, shape=SHAPE)
    assert run(fresh, trial_of(50, epochs=4))[1] == alone
    fresh.close()


def test_a_diverged_trial_is_not_measured_and_the_clock_is_its_own(engines):
    for engine in engines:
        result, reports = run(engine, trial_of(0, 1e9))
        assert result.status is Status.DIVERGED
        assert not reports[-1].curvature and reports[0].curvature
        assert result.seconds["curvature"] > 0
        result, reports = run(engine, trial_of(0, curvature=CurvatureRequest()))
        assert not any(report.curvature for report in reports)
        assert "curvature" not in result.seconds


def test_a_full_diagnosis_stands_beside_it(engines):
    request = CurvatureRequest(epochs=(3,), monitored_epochs=(0,), probe=10_000)
    for engine in engines:
        _, reports = run(engine, trial_of(0, curvature=request))
        last = reports[-1].curvature
        assert reports[-1].spectrum and set(last) | {"probe_optimal_step"} >= NAMES
        # The probe is the whole training part; float32, and at most six products.
        assert last["probe_lambda_max"] == pytest.approx(last["lambda_max"], rel=1e-2)
        assert last["probe_lambda_max"] <= last["lambda_max"] * (1 + 1e-5)  # float32
        assert last["probe_optimal_step"] == pytest.approx(last["optimal_step"], rel=1e-4)


@pytest.mark.slow  # two float64 Hessians of networks are compiled
@pytest.mark.parametrize("model", ["multilayer_perceptron", "convolutional_network"])
def test_models_with_a_state_are_measured_in_inference_mode(engines, model):
    digits = DatasetProblem("digits", loss="sparse_categorical_crossentropy", metric="accuracy")
    sizes = {"filters": [2], "hidden": [4]} if model == "convolutional_network" else {"hidden": [5]}
    options = {**sizes, "batch_normalization": True, "dropout": 0.4}
    request = CurvatureRequest(
        epochs=(1,), exact_limit=0, lanczos_steps=12, monitored_epochs=(1,), probe=10_000
    )
    trial = trial_of(
        0, 0.05, 250, epochs=1, problem=digits, model=model, model_options=options,
        curvature=request,
    )  # fmt: skip
    _, reports = run(engines[1], trial)
    last = reports[-1].curvature
    # Both over all rows, of the same function.
    assert ("probe_optimal_step" in last) == ("optimal_step" in last)
    step = last.get("optimal_step")
    assert last.get("probe_optimal_step") == (step and pytest.approx(step, rel=1e-3))  # float32
    # Six products against twelve, of a spectrum with several large eigenvalues.
    assert 0.6 * last["lambda_max"] < last["probe_lambda_max"]
    assert last["probe_lambda_max"] <= last["lambda_max"] * (1 + 1e-5)  # float32


def test_the_probe_is_the_same_for_every_trial_of_a_split():
    trials = [trial_of(0), trial_of(7, 0.3, replicate=2), make_trial(3, "adam")]
    assert len({probe_seed(trial) for trial in trials}) == 1
    other = make_trial(problem=DatasetProblem("iris", split_seed=1))
    assert probe_seed(other) != probe_seed(trials[0])


@pytest.mark.parametrize("engine", [SequentialEngine, lambda: VectorizedEngine(2)])
def test_a_diagnosis_of_some_rows_takes_the_same_ones_in_every_trial_and_says_so(engine):
    request = CurvatureRequest(epochs=(0,), samples=50)
    findings = []
    for replicate in (0, 1):
        trial = make_trial(replicate, epochs=1, curvature=request, replicate=replicate)
        _, reports = run(engine(), trial)
        findings.append(reports[0].findings["sample"])
        assert len(reports[0].spectrum) == 15
    assert set(findings) == {
        "Taken over a drawn sample of 50 of the 90 training examples: eigenvalues are those of "
        "the sample."
    }
    whole = make_trial(2, epochs=1, curvature=replace(request, samples=8192))
    assert "sample" not in run(engine(), whole)[1][0].findings
    first_seed, other = (rows_seed(make_trial(replicate=replicate)) for replicate in (0, 1))
    assert first_seed == other


@pytest.mark.parametrize("size", [COLUMNS - 1, COLUMNS, 2 * COLUMNS + 5])
def test_inner_products_are_those_of_numpy_in_float64(size):
    rows = np.random.default_rng(0).standard_normal((2, 3, size)).astype("float32")
    computed = keras.ops.convert_to_numpy(inner_products(keras.ops.convert_to_tensor(rows)))
    exact = np.einsum("wik,wjk->wij", rows.astype(float), rows.astype(float))
    np.testing.assert_allclose(computed, exact, rtol=0, atol=1e-13 * size)  # sums of float64
