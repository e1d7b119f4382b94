"""What the engine joins to curvature: how a trial steps, its layers, losses nearby."""

import numpy as np
import pytest

from benchmark.engine import SequentialEngine
from benchmark.engine.depth import Depth
from benchmark.engine.slots import Slot
from benchmark.engine.stepping import step_rule
from benchmark.engine.task import build_task
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


def rule_of(slot, moments=()):
    rule = step_rule(slot, moments)
    assert rule is not None
    return rule


def test_the_limit_is_that_of_the_optimizer_with_its_own_momentum():
    rule = rule_of(Slot(trial(learning_rate=0.1, momentum=0.8)))
    assert (rule.learning_rate, rule.limit, rule.preconditioner) == (0.1, 3.6, None)
    # The last rate of a schedule, where there was one.
    slot = Slot(trial("sgd", learning_rate=0.1))
    slot.learning_rate = 0.03
    assert rule_of(slot).learning_rate == 0.03


def test_nothing_is_said_where_no_limit_is_known():
    assert step_rule(Slot(trial("adam", learning_rate=0.1)), [np.ones(3)]) is None  # no step yet
    assert step_rule(Slot(trial("keras:SGD", learning_rate=0.1)), []) is None


def test_adam_steps_along_its_mean_over_the_preconditioner():
    """α·m/p must be the update of the rule, α √(1−β₂ᵗ)/(1−β₁ᵗ) · m / (√v + ε)."""
    slot = Slot(trial("adam", learning_rate=0.01, beta_1=0.8, beta_2=0.9, epsilon=1e-3))
    slot.step = 7
    moments = [np.array([[0.04, 0.09]]), np.array([1.0])]
    rule = rule_of(slot, moments)
    assert rule.preconditioner is not None
    assert rule.limit == pytest.approx((2 + 1.6) / 0.2)
    mean = np.array([0.3, -0.2, 0.1])
    flat = np.array([0.04, 0.09, 1.0])
    update = 0.01 * np.sqrt(1 - 0.9**7) / (1 - 0.8**7) * mean / (np.sqrt(flat) + 1e-3)
    np.testing.assert_allclose(rule.learning_rate * mean / rule.preconditioner, update, rtol=1e-12)


def reports_of(one):
    engine = SequentialEngine()
    engine.start(one)
    reports: list[Report] = []
    while not reports or not reports[-1].status.is_final:
        reports += engine.advance()
    engine.stop(one.number, reports[-1].status, reports[-1].reason)
    assert reports[-1].status is Status.COMPLETED, reports[-1].reason
    return reports


def test_a_quadratic_gains_what_is_predicted_and_is_judged_by_its_limit():
    first, *_, last = reports_of(trial(learning_rate=0.5, momentum=0.5))
    found = first.curvature
    # The weights are float32, the loss is taken in float64.
    assert found["measured_decrease"] == pytest.approx(found["predicted_decrease"], rel=1e-6)
    assert found["scaled_sharpness"] == pytest.approx(0.5, rel=1e-6)
    assert found["stability_limit"] == 3
    assert last.findings["verdict"] == "not a critical point"
    assert "gradient_noise_scale" not in found  # one example


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
    one = Trial(**{
        field: getattr(quadratic, field) for field in quadratic.__slots__ if field != "problem"
    }, problem=chain)  # fmt: skip
    first = reports_of(one)[0]
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
    weights = [np.ones_like(one.value) for one in task.model.trainable_variables]
    weights[1] = np.zeros_like(weights[1])
    size = sum(weight.size for weight in weights)
    _, findings = Depth(task).measure(weights, np.ones(size), [], x, None)
    assert findings["dead_units"] == "No unit is dead: each is above zero for some example."
