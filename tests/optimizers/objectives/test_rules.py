"""Every optimizer that asks for the objective, step by step against its oracle in float64."""

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from benchmark.optimizers.rules.sophia import random_signs
from tests.optimizers.objectives import functions
from tests.optimizers.objectives.cases import CASES, IDS, ObjectiveCase
from tests.optimizers.objectives.oracles import hashed_signs

STEPS = 5


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("row", CASES, ids=IDS)
def test_steps_and_costs_are_those_of_the_oracle(row: ObjectiveCase) -> None:
    variables = [keras.Variable(part) for part in functions.parts(functions.START)]
    optimizer, objective = row.build(), row.objective()
    arguments = {**row.numbers, **row.constants, **row.options}
    expected = row.oracle(row.dense, functions.START, **arguments)
    spent = 0
    for weights, cost in itertools.islice(expected, STEPS):
        optimizer.minimize(objective, variables)
        # Some hundred roundings of 1e-16; quotients of near zeros enlarge them.
        np.testing.assert_allclose(functions.flat(variables), weights, rtol=1e-9, atol=1e-10)
        now = int(np.asarray(optimizer.gradient_evaluations.value))
        assert cost in (-1, now - spent)
        spent = now


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("dense", "objective"),
    [(functions.BUMPY, functions.bumpy()), (functions.SQUARES, functions.squares())],
    ids=["bumpy", "squares"],
)
def test_the_objective_has_the_derivatives_written_out_by_hand(dense, objective) -> None:
    w, v = functions.START / 2, np.arange(6.0) - 2
    weights, vectors = (
        [ops.convert_to_tensor(part) for part in functions.parts(vector)] for vector in (w, v)
    )
    value, gradient = objective.value_and_gradient(weights)
    tight: Any = {"rtol": 1e-12, "atol": 1e-12}  # some roundings of numbers of order one
    assert float(value) == pytest.approx(dense.value(w), rel=1e-13)
    assert float(objective.value(weights)) == float(value)
    np.testing.assert_allclose(functions.flat(gradient), dense.gradient(w), **tight)
    product = objective.hessian_vector_product(weights, vectors)
    np.testing.assert_allclose(functions.flat(product), dense.hessian(w) @ v, **tight)
    product = objective.gauss_newton_vector_product(weights, vectors)
    np.testing.assert_allclose(functions.flat(product), dense.gauss_newton(w) @ v, **tight)


@pytest.mark.parametrize(("seed", "step"), [(0, 1), (3, 1), (3, 17), (2**24, 100_000)])
def test_random_signs_are_the_hash_of_seed_step_and_place(seed: int, step: int) -> None:
    like = [ops.zeros((3, 2)), ops.zeros(()), ops.zeros((5,))]
    signs = random_signs(ops.array(float(seed)), ops.array(float(step)), like)
    np.testing.assert_array_equal(functions.flat(signs), hashed_signs(seed, step, 12))


def test_random_signs_are_fair_and_do_not_depend_on_each_other() -> None:
    count, steps = 4096, 8
    drawn = np.array(
        [
            ops.convert_to_numpy(
                random_signs(ops.array(0.0), ops.array(float(t)), [ops.zeros(count)])[0]
            )
            for t in range(1, steps + 1)
        ]
    )
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    # Means of n fair signs have the deviation 1/√n; five of them once in two million.
    assert np.abs(drawn.mean(axis=1)).max() < 5 / np.sqrt(count)
    between = np.corrcoef(drawn) - np.eye(steps)
    assert np.abs(between).max() < 5 / np.sqrt(count)
    neighbours = (drawn[:, 1:] * drawn[:, :-1]).mean(axis=1)
    assert np.abs(neighbours).max() < 5 / np.sqrt(count)
