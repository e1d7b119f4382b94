"""The cost of a matrix, announced before it is formed."""

import numpy as np
import pytest
from keras import ops

from benchmark.curvature import HessianProgram
from benchmark.inspection import Settings
from benchmark.inspection.spectrum import cost_of


@pytest.fixture(scope="module")
def operator():
    program = HessianProgram(lambda parameters, x, y: ops.sum(x) * ops.sum(parameters[0] ** 2))
    return program.at([np.ones(60)], np.ones((1, 1)), np.ones(1))


def test_a_matrix_within_the_limit_has_products_memory_and_time(operator):
    sentence = cost_of(operator, Settings(exact_limit=60), 1)
    assert sentence.startswith(
        "The whole Hessian is formed. All 60 eigenvalues take 60 products and"
    )
    assert "GB of memory" in sentence and sentence.endswith("s each time.")
    assert "at 9 points of the trajectory" in cost_of(operator, Settings(exact_limit=60), 9)


def test_a_matrix_beyond_the_limit_is_not_formed_and_costs_no_product(operator):
    before = operator.products
    sentence = cost_of(operator, Settings(exact_limit=10), 1)
    assert operator.products == before
    assert "is not formed, because the limit is 10: 40 Lanczos steps" in sentence
    assert "All 60 eigenvalues take 60 products" in sentence
    assert sentence.endswith("--exact-limit 60 asks for all of them.")


def test_a_matrix_beyond_memory_is_not_formed(operator, monkeypatch):
    monkeypatch.setattr("benchmark.backend.free_system_memory", lambda: 1000)
    sentence = cost_of(operator, Settings(), 1)
    assert sentence.startswith("The Hessian of 60 parameters does not fit: All 60 eigenvalues take")
