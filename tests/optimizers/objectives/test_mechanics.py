"""What every optimizer that asks for the objective keeps to, whatever its rule."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from benchmark import backend
from benchmark.optimizers import load_optimizer, takes_objective
from benchmark.optimizers.objective import function_objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer
from tests.optimizers.objectives import functions
from tests.optimizers.objectives.cases import CASES, IDS, ObjectiveCase

every = pytest.mark.parametrize("row", CASES[:-1], ids=IDS[:-1])
"""Every optimizer once."""


def variables(dtype: str = "float32") -> list[Any]:
    return [keras.Variable(part, dtype=dtype) for part in functions.parts(functions.START)]


def numpy(tensors: Any) -> list[Any]:
    return [np.array(ops.convert_to_numpy(getattr(tensor, "value", tensor))) for tensor in tensors]


def trained(optimizer: Any, weights: list[Any], steps: int, objective: Any) -> list[Any]:
    for _ in range(steps):
        optimizer.minimize(objective, weights)
    return numpy(weights)


@every
def test_gradients_alone_are_refused_in_a_sentence(row: ObjectiveCase) -> None:
    weights, optimizer = variables(), row.build()
    with pytest.raises(ValueError, match=r"must be given the objective, .* with_objective\(model"):
        optimizer.apply([variable.value for variable in weights], weights)
    assert takes_objective(row.optimizer)


@every
def test_a_zero_gradient_moves_nothing(row: ObjectiveCase) -> None:
    weights = variables()
    still = function_objective(lambda w: 0 * ops.sum(functions.joined(w) ** 2))
    for value, start in zip(
        trained(row.quick(), weights, 2, still), functions.parts(functions.START), strict=True
    ):
        np.testing.assert_array_equal(value, start.astype("float32"))


@every
def test_takes_scalar_variables_and_a_bowl_to_its_minimum(row: ObjectiveCase) -> None:
    weights = [keras.Variable(1.0), keras.Variable([0.5])]
    bowl = function_objective(lambda w: (w[0] ** 2 + 2 * ops.sum(w[1] ** 2)) / 2)
    optimizer = row.quick(**({"f_star": 0.0} if row.optimizer == "polyak_step" else {}))
    trained(optimizer, weights, 8 if row.constants else 30, bowl)
    # SAM circles at the distance of ρ times the rate; the steps of Sophia are signs at first.
    assert float(bowl.value([variable.value for variable in weights])) < 0.02


@every
def test_weights_of_16_bits_keep_their_type_and_move(row: ObjectiveCase) -> None:
    weights, optimizer = variables("bfloat16"), row.quick()
    before = numpy(weights)
    after = trained(optimizer, weights, 1, row.objective())
    assert {keras.backend.standardize_dtype(variable.dtype) for variable in weights} == {"bfloat16"}
    assert all(np.isfinite(array.astype("float32")).all() for array in after)
    assert any((old != new).any() for old, new in zip(before, after, strict=True))
    states = [value for states in optimizer._states for value in states.values()]
    assert {keras.backend.standardize_dtype(value.dtype) for value in states} <= {"float32"}


@every
def test_a_resumed_run_equals_an_uninterrupted_one(row: ObjectiveCase) -> None:
    objective = row.objective()
    whole = trained(row.quick(), variables(), 4, objective)
    first, weights = row.quick(), variables()
    trained(first, weights, 2, objective)
    second = row.quick()
    second.build(weights)
    second.set_weights(numpy(first.variables))
    for resumed, value in zip(trained(second, weights, 2, objective), whole, strict=True):
        np.testing.assert_array_equal(resumed, value)


@every
def test_reset_forgets_and_counts_anew(row: ObjectiveCase) -> None:
    optimizer, weights = row.quick(clipnorm=1.0), variables()
    fresh = row.quick(clipnorm=1.0)
    fresh.build(weights)
    trained(optimizer, weights, 2, row.objective())
    assert int(np.asarray(optimizer.gradient_evaluations.value)) >= 2
    optimizer.reset()
    for value, expected in zip(numpy(optimizer.variables), numpy(fresh.variables), strict=True):
        np.testing.assert_array_equal(value, expected)


@every
def test_config_round_trip(row: ObjectiveCase) -> None:
    optimizer = row.build(global_clipnorm=0.5, weight_decay=0.25, use_ema=True, name="twice")
    config = optimizer.get_config()
    assert {name: config[name] for name in row.constants} == row.constants
    for name, value in row.numbers.items():
        assert np.float32(config[name]) == value
    revived = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(revived) is type(optimizer)
    assert revived.get_config() == config


@every
def test_numbers_are_variables_and_out_of_range_they_are_refused(row: ObjectiveCase) -> None:
    optimizer = row.build()
    optimizer.set_hyperparameters({"learning_rate": 0.5})
    hyperparameters = {name: np.float32(value) for name, value in optimizer.hyperparameters.items()}
    assert hyperparameters == {**row.numbers, "learning_rate": 0.5}
    for name in {**row.numbers, **row.constants}:
        with pytest.raises(ValueError, match=rf"{name} must be .* Received nan"):
            row.build(**{name: float("nan")})
    for name in row.constants:
        with pytest.raises(ValueError, match=rf"{name} must be a whole number and >= 1. Rec"):
            row.build(**{name: 0})


@every
def test_what_makes_no_sense_with_an_objective_is_refused(row: ObjectiveCase) -> None:
    for arguments in ({"gradient_accumulation_steps": 2}, {"loss_scale_factor": 2.0}):
        with pytest.raises(TypeError, match=f"must stand without {next(iter(arguments))}"):
            row.build(**arguments)


def test_the_first_step_needs_variables() -> None:
    with pytest.raises(ValueError, match=r"variables must be given at the first call"):
        load_optimizer("sam")().minimize(functions.bumpy())


def test_an_unknown_estimator_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one of hutchinson, gauss_newton. Received 'gnb'"):
        load_optimizer("sophia")(estimator="gnb")


class Recorder(ObjectiveOptimizer):
    """W ← W − α (∇f(W) + 2 ∇f(W + 1)), which shows what a rule is given."""

    hyperparameter_table = load_optimizer("sgd").hyperparameter_table

    def objective_rule(self, point: Any, hyperparameters: Any, objective: Any) -> Any:
        from benchmark.optimizers.objective_optimizer import Step

        _, further = objective.value_and_gradient([weight + 1 for weight in point.weights])
        rate = hyperparameters["learning_rate"]
        updates = [
            rate * (g + 2 * shifted) for g, shifted in zip(point.gradient, further, strict=True)
        ]
        return Step(updates, evaluations=1)


def test_every_gradient_is_clipped_and_decay_comes_before_the_update() -> None:
    weights = keras.Variable([4.0])
    parabola = function_objective(lambda w: ops.sum(w[0] ** 2) / 2)
    optimizer = Recorder(0.5, clipvalue=3.0, weight_decay=0.5)
    optimizer.minimize(parabola, [weights])
    # 4 − 0.5 · 0.5 · 4 = 3 after decay; both gradients, 4 and 5 of the weights before it, clip.
    assert weights.numpy().tolist() == [3.0 - 0.5 * (3.0 + 2 * 3.0)]


def test_averages_and_constraints_come_after_the_update() -> None:
    weights = keras.Variable([4.0])
    weights.constraint = lambda w: ops.maximum(w, 0.0)
    parabola = function_objective(lambda w: ops.sum(w[0] ** 2) / 2)
    optimizer = Recorder(1.0, use_ema=True, ema_momentum=0.5)
    optimizer.minimize(parabola, [weights])
    # 4 − (4 + 2 · 5) = −10; the average begins with the weights before the first step.
    assert weights.numpy().tolist() == [0.0]
    average = numpy(optimizer._model_variables_moving_average)[0]
    assert average.tolist() in ([-10.0], [0.5 * 4.0 - 0.5 * 10.0])


def test_a_rule_must_be_written() -> None:
    with pytest.raises(NotImplementedError, match=r"must define objective_rule\(\)"):
        ObjectiveOptimizerWithoutRule(0.5).minimize(functions.bumpy(), variables())


class ObjectiveOptimizerWithoutRule(ObjectiveOptimizer):
    """A subclass that forgot its rule."""

    hyperparameter_table = load_optimizer("sgd").hyperparameter_table


@pytest.mark.parametrize(
    "row",
    [row for row in CASES if row.name in ("newton_cg", "lbfgs")],
    ids=lambda row: row.name,
)
@pytest.mark.slow
def test_trials_side_by_side_take_the_steps_they_take_alone(row: ObjectiveCase) -> None:
    """One compiled program, each row with numbers of its own, which need other trip counts."""
    optimizer, weights = row.quick(), variables()
    optimizer.build(weights)
    objective = function_objective(
        lambda w: ops.sum(w[0] ** 4) / 4 + ops.sum(w[1] ** 2) - ops.sum(w[0]) * ops.sum(w[1])
    )
    factors = np.array([1.0, 0.5, 0.125], "float32")

    def step(state: Any, now: Any) -> Any:
        value, gradient = objective.value_and_gradient(now)
        return optimizer.stateless_minimize(state, now, value, gradient, objective)

    states = [np.stack([array] * 3) for array in numpy(optimizer.variables)]
    for index, variable in enumerate(optimizer.variables):
        if variable.name in ("learning_rate", "radius"):
            states[index] = row.numbers[variable.name] * factors
    now = [np.stack([array] * 3) for array in numpy(weights)]
    compiled = backend.compile(backend.vectorize(step))
    for _ in range(2):
        now, states = compiled(states, now)
    assert compiled.compilations == 1
    changed = {
        name: row.numbers[name] for name in ("learning_rate", "radius") if name in row.numbers
    }
    for trial, factor in enumerate(factors):
        alone = row.quick(**{name: float(value * factor) for name, value in changed.items()})
        expected = trained(alone, variables(), 2, objective)
        for value, expected_value in zip(numpy(now), expected, strict=True):
            # Sums in another order: some roundings of 6e-8 in each of two steps.
            np.testing.assert_allclose(value[trial], expected_value, rtol=2e-5, atol=2e-5)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", ["newton_cg", "lbfgs", "sam", "polyak_step"])
def test_a_penalty_is_part_of_the_objective_that_is_asked(name: str) -> None:
    """Value, gradient and products together: as if the penalty stood in the function."""
    row = next(row for row in CASES if row.optimizer == name)
    numbers = {"l1": 0.125, "l2": 0.25}
    plain = functions.bumpy()

    def penalized(weights: Any) -> Any:
        kernel = weights[0]
        extra = 0.125 * ops.sum(ops.abs(kernel)) + 0.25 * ops.sum(ops.square(kernel))
        return plain.value(weights) + extra

    penalized_weights = trained(row.quick(**numbers), variables("float64"), 3, plain)
    wanted = trained(row.quick(), variables("float64"), 3, function_objective(penalized))
    for weight, wanted_weight in zip(penalized_weights, wanted, strict=True):
        # Float64 roundings in another order; no weight comes near zero, where |w| has a kink.
        np.testing.assert_allclose(weight, wanted_weight, rtol=1e-9)
