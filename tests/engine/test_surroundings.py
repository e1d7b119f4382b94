"""What the engine joins to curvature: how a trial steps, its layers, losses nearby."""

import numpy as np
import pytest
from scipy.linalg import eigh

from benchmark.curvature import StepRule
from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.slots import Slot
from benchmark.engine.surroundings import Depth, step_rule
from benchmark.engine.task import build_task
from benchmark.problems.quadratic import Quadratic
from benchmark.trial import (
    ClosedFormProblem,
    CurvatureRequest,
    DatasetProblem,
    Report,
    Settings,
    Status,
    Trial,
)


def trial(optimizer="momentum", problem=None, epochs=2, **numbers):
    quadratic = ClosedFormProblem("quadratic", Settings(dimension=3, condition_number=10.0))
    return Trial(
        number=0, phase="search", problem=problem or quadratic,
        model="" if problem is None else "multilayer_perceptron",
        model_options=Settings() if problem is None else Settings(hidden=(4,), activation="relu"),
        label=optimizer, optimizer=optimizer, hyperparameters=Settings(numbers),
        options=Settings(sampling="shuffle", schedule="constant"), epochs=epochs, seed=1,
        curvature=CurvatureRequest(epochs=(0, epochs)), objective="train_loss",
    )  # fmt: skip


WEIGHTS = [np.ones((1, 2)), np.ones(1)]


def rule_of(slot, slots=(), shared=None):
    rule = step_rule(slot, (slots, shared or {}))
    assert isinstance(rule, StepRule), rule
    return rule


def reason_of(slot):
    reason = step_rule(slot)
    assert isinstance(reason, str)
    return reason


def test_the_limit_is_that_of_the_optimizer_with_its_own_momentum():
    rule = rule_of(Slot(trial(learning_rate=0.1, momentum=0.8)))
    assert (rule.learning_rate, rule.limit, rule.root) == (0.1, 3.6, None)
    # The last rate of a schedule, where there was one.
    slot = Slot(trial("sgd", learning_rate=0.1))
    slot.learning_rate = 0.03
    assert rule_of(slot).learning_rate == 0.03


def test_where_no_limit_is_known_the_reason_is_given():
    start, foreign = trial("adam", learning_rate=0.1), trial("keras:SGD", learning_rate=0.1)
    assert "has made no step yet" in reason_of(Slot(start))
    assert "it is not a built-in optimizer" in reason_of(Slot(foreign))
    assert "it uses only signs" in reason_of(Slot(trial("lion", learning_rate=0.1)))
    ended = Slot(trial("sgd", learning_rate=0.1))
    ended.learning_rate = 0.0
    assert "learning rate of the last step is 0" in reason_of(ended)


def test_decay_moves_the_limit_and_clipping_is_named():
    numbers = {"weight_decay": 2.0, "l1": 0.01, "l2": 0.25, "clipnorm": 1.0}
    rule = rule_of(Slot(trial("momentum", learning_rate=0.1, momentum=0.5, **numbers)))
    assert rule.limit == pytest.approx(1.5 * 1.8)
    for words in ("Weight decay of 0.2", "that clipnorm leaves"):
        assert words in rule.note


def test_adam_steps_along_its_mean_over_the_preconditioner():
    """α·m/p must be the update of the rule, α √(1−β₂ᵗ)/(1−β₁ᵗ) · m / (√v + ε)."""
    slot = Slot(trial("adam", learning_rate=0.01, beta_1=0.8, beta_2=0.9, epsilon=1e-3))
    slot.step = 7
    moments = [np.array([[0.04, 0.09]], "f4"), np.array([1.0], "f4")]
    rule = rule_of(slot, [{"second_moment": moment} for moment in moments])
    assert rule.root is not None
    assert rule.limit == pytest.approx((2 + 1.6) / 0.2)
    mean = np.array([0.3, -0.2, 0.1])
    flat = np.concatenate([moment.ravel() for moment in moments]).astype(float)
    update = 0.01 * np.sqrt(1 - 0.9**7) / (1 - 0.8**7) * mean / (np.sqrt(flat) + 1e-3)
    steps = rule.learning_rate * rule.root(rule.root(mean[:, None]))[:, 0]
    np.testing.assert_allclose(steps, update, rtol=1e-12)


def reports_of(trial, engine=None):
    engine = engine or SequentialEngine()
    engine.start(trial)
    reports: list[Report] = []
    while not reports or not reports[-1].status.is_final:
        reports += engine.advance()
    engine.stop(trial.number, reports[-1].status, reports[-1].reason)
    assert reports[-1].status is Status.COMPLETED, reports[-1].reason
    return reports


def test_a_quadratic_gains_what_is_predicted_and_is_evaluated_by_its_limit():
    first, *_, last = reports_of(trial(learning_rate=0.5, momentum=0.5))
    curvature = first.curvature
    # The weights are float32, the loss is taken in float64.
    assert curvature["measured_decrease"] == pytest.approx(
        curvature["predicted_decrease"], rel=1e-6
    )
    assert curvature["scaled_sharpness"] == pytest.approx(0.5, rel=1e-6)
    assert curvature["stability_limit"] == 3
    assert last.findings["verdict"] == "not a critical point"
    assert "gradient_noise_scale" not in curvature  # one example


def quadratic_loop(optimizer, numbers):
    """W₀ … and the diagonal of P after one step, of one gradient over all of the problem."""
    problem = Quadratic(dimension=3, condition_number=10.0)
    hessian = problem.hessian(problem.start)
    gradient = hessian @ (problem.start - problem.minimum)
    square = gradient**2
    if optimizer == "rmsprop":
        return hessian, np.sqrt((1 - numbers["rho"]) * square + numbers["epsilon"])
    # The first bias correction is exact: m̂ = g, v̂ = g².
    root = np.sqrt(1 - numbers["beta_2"]) * np.abs(gradient) + numbers["epsilon"]
    return hessian, (1 - numbers["beta_1"]) / np.sqrt(1 - numbers["beta_2"]) * root


ADAPTIVE = {
    "rmsprop": ({"rho": 0.6, "momentum": 0.5, "epsilon": 1e-2}, 3.0),
    "adamw": (
        {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 1e-2, "weight_decay": 2.0},
        (2 - 0.1 * 2.0) * 1.5 / 0.5,
    ),
}


def vectorized():
    return VectorizedEngine(capacity=1)


@pytest.mark.parametrize("make", [SequentialEngine, vectorized])
@pytest.mark.parametrize("optimizer", ADAPTIVE)
def test_an_adaptive_trial_is_evaluated_by_its_preconditioned_hessian(optimizer, make):
    numbers, limit = ADAPTIVE[optimizer]
    first, last = reports_of(trial(optimizer, epochs=1, learning_rate=0.1, **numbers), make())
    assert "has made no step yet" in first.findings["stability"]
    assert "stability_limit" not in first.curvature
    hessian, preconditioner = quadratic_loop(optimizer, numbers)
    expected = eigh(hessian, np.diag(preconditioner), eigvals_only=True)[-1]
    # Slots and hyperparameters are float32.
    assert last.curvature["preconditioned_lambda_max"] == pytest.approx(expected, rel=1e-5)
    assert last.curvature["scaled_sharpness"] == pytest.approx(0.1 * expected, rel=1e-5)
    assert last.curvature["stability_limit"] == pytest.approx(limit, rel=1e-6)
    sentence = last.findings["stability"]
    assert sentence.startswith(f"η·λ_max(P⁻¹H) = {0.1 * expected:.3g}: ")
    assert f"of the limit {limit:.3g}, so steps are stable. P = " in sentence
    assert ("Weight decay of 0.2 in a step" in sentence) == (optimizer == "adamw")


OTHERS = {
    **dict.fromkeys(("soap", "shampoo", "nadam", "prodigy", "schedule_free_adamw"), True),
    **dict.fromkeys(("sam", "dog", "averaged_sgd"), True),
    **dict.fromkeys(("lion", "muon", "lamb", "adafactor", "lbfgs"), False),
}


@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in ("sam", "lamb")))
        for name in OTHERS
    ],
)
def test_a_network_of_any_optimizer_has_a_limit_or_a_reason(optimizer):
    iris = DatasetProblem("iris", loss="sparse_categorical_crossentropy", metric="accuracy")
    *_, last = reports_of(trial(optimizer, iris, epochs=1, batch_size=50))
    assert ("scaled_sharpness" in last.curvature) == OTHERS[optimizer]
    sentence = last.findings["stability"]
    assert ("limit" in sentence, sentence.startswith("η·λ_max")) == (True, OTHERS[optimizer])
    if OTHERS[optimizer]:
        assert np.isfinite(last.curvature["scaled_sharpness"])
        assert 0 < last.curvature["stability_limit"] < np.inf


@pytest.mark.parametrize(
    "optimizer",
    [
        "prodigy",
        pytest.param("soap", marks=pytest.mark.slow),
        pytest.param("schedule_free_adamw", marks=pytest.mark.slow),
    ],
)
def test_both_engines_read_the_same_state(optimizer):
    iris = DatasetProblem("iris", loss="sparse_categorical_crossentropy", metric="accuracy")
    curvatures = [
        reports_of(trial(optimizer, iris, epochs=1, batch_size=50), engine)[-1].curvature
        for engine in (SequentialEngine(), vectorized())
    ]
    for name in ("preconditioned_lambda_max", "scaled_sharpness", "stability_limit"):
        # A few float32 steps, added up in another order: SOAP turns its basis by them, in which
        # the smallest moments are sums of rounding.
        assert curvatures[0][name] == pytest.approx(curvatures[1][name], rel=1e-3)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_penalty_counts_once_in_what_is_compared_with_the_limit(optimizer):
    """H has it already: the limit itself must not add it again."""
    iris = DatasetProblem("iris", loss="sparse_categorical_crossentropy", metric="accuracy")
    heavy = 5000.0  # so that all of H is its diagonal, 2 · l2, on kernels
    *_, last = reports_of(trial(optimizer, iris, 1, learning_rate=1e-6, batch_size=50, l2=heavy))
    curvature = last.curvature
    assert curvature["lambda_max"] == pytest.approx(2 * heavy, rel=0.01)
    if optimizer == "sgd":
        assert curvature["scaled_sharpness"] == pytest.approx(1e-6 * curvature["lambda_max"])
    assert "2 · l2 = 1e+04 to the diagonal of H" in last.findings["penalties"]


def test_a_network_reports_layers_noise_and_the_move_of_its_last_epoch():
    iris = DatasetProblem(
        "iris", loss="sparse_categorical_crossentropy", metric="accuracy", split_seed=3
    )
    first, _, last = reports_of(trial("adam", iris, learning_rate=0.01, batch_size=16))
    layers = {name for name in last.curvature if name.startswith("layer.")}
    assert {"layer.01.hidden_1.gradient_norm", "layer.02.logits.update_ratio"} <= layers
    assert not any("update_ratio" in name for name in first.curvature)
    squares = [
        last.curvature[f"layer.{name}.gradient_norm"] ** 2 for name in ("01.hidden_1", "02.logits")
    ]
    assert np.sqrt(sum(squares)) == pytest.approx(last.curvature["gradient_norm"], rel=1e-9)
    moves = [
        last.curvature[f"layer.{name}.update_ratio"] * last.curvature[f"layer.{name}.weight_norm"]
        for name in ("01.hidden_1", "02.logits")
    ]
    # Norms of float32 weights.
    assert np.hypot(*moves) == pytest.approx(last.metrics["update_norm"], rel=1e-5)
    assert "gradient_noise_trace" in last.curvature
    assert last.curvature["stability_limit"] == pytest.approx(38)
    assert "preconditioned_lambda_max" not in first.curvature


def test_the_chain_is_measured_layer_by_layer():
    chain = ClosedFormProblem(
        "deep_linear_chain",
        Settings(layers=8, width=2, smallest_eigenvalue=0.3, largest_eigenvalue=0.4),
    )
    quadratic = trial("sgd", learning_rate=1e-3)
    chained = Trial(**{
        field: getattr(quadratic, field) for field in quadratic.__slots__ if field != "problem"
    }, problem=chain)  # fmt: skip
    first = reports_of(chained)[0]
    # Weights are float32, eight of them are multiplied.
    assert first.curvature["jacobian_singular_value_max"] == pytest.approx(0.4**8, rel=1e-5)
    assert first.findings["depth"].startswith("Vanishing at W_")
    assert first.curvature["layer.08.W_8.singular_value_max"] == pytest.approx(0.4, rel=1e-6)


def test_dead_units_are_looked_for_in_all_examples():
    """Before, in 64 of them: a unit that only another example awakens was called dead."""
    digits = DatasetProblem("digits", loss="sparse_categorical_crossentropy", metric="accuracy")
    task = build_task(trial(problem=digits, learning_rate=0.1))
    x = -np.ones_like(task.parts["train"].x[:300])
    x[101] = 1.0  # not among every fourth
    weights = [np.ones_like(variable.value) for variable in task.model.trainable_variables]
    weights[1] = np.zeros_like(weights[1])
    size = sum(weight.size for weight in weights)
    _, findings = Depth(task).measure(weights, np.ones(size), [], x, None)
    assert findings["dead_units"] == "No unit is dead: each is above zero for some example."
