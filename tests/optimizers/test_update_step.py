"""Keras's ``update_step`` of one variable: the rule alone, or a sentence on why it cannot be."""

import keras
import numpy as np
import pytest

from benchmark.optimizers import OPTIMIZERS, load_optimizer

JOINT = {
    "gradient_descent": "a stopping rule on the norm of the whole update",
    "barzilai_borwein": "a step of the whole gradient",
    "prodigy": "a distance of all weights",
    "dog": "a distance of all weights",
    "schedule_free_sgd": "a weight of the average",
    "schedule_free_adamw": "a weight of the average",
}
OBJECTIVE = (
    "polyak_step",
    "steepest_descent",
    "nonlinear_conjugate_gradient",
    "lbfgs",
    "newton_cg",
    "levenberg_marquardt",
    "sam",
    "sophia",
)
APART = [name for name in OPTIMIZERS if name not in {*JOINT, *OBJECTIVE}]
START = np.arange(1.0, 7.0, dtype="float32").reshape(2, 3) / 7
GRADIENT = np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)


def built(name):
    # Their decay by default is made by `apply`, before the rule.
    arguments = {"weight_decay": 0.0} if name in ("adamw", "muon") else {}
    optimizer, variable = load_optimizer(name)(**arguments), keras.Variable(START)
    optimizer.build([variable])
    return optimizer, variable


@pytest.mark.parametrize("name", APART)
def test_the_step_of_one_variable_is_that_of_apply(name):
    optimizer, variable = built(name)
    whole, expected = built(name)
    gradient = keras.ops.convert_to_tensor(GRADIENT)
    rate = keras.ops.convert_to_tensor(optimizer.learning_rate)
    optimizer.update_step(gradient, variable, rate)
    whole.apply([gradient], [expected])
    assert np.abs(np.asarray(variable.value) - START).max() > 0
    np.testing.assert_array_equal(np.asarray(variable.value), np.asarray(expected.value))
    assert int(np.asarray(optimizer.iterations.value)) == 0


@pytest.mark.parametrize("name", [*JOINT, *OBJECTIVE])
def test_an_optimizer_that_sees_all_variables_says_so(name):
    optimizer, variable = built(name)
    with pytest.raises(NotImplementedError, match="depends on all variables together") as raised:
        optimizer.update_step(keras.ops.convert_to_tensor(GRADIENT), variable, 0.1)
    assert type(optimizer).__name__ in str(raised.value)
    np.testing.assert_array_equal(np.asarray(variable.value), START)


def test_an_optimizer_must_be_built():
    with pytest.raises(ValueError, match="must be built before update_step"):
        load_optimizer("adam")().update_step(GRADIENT, keras.Variable(START), 0.1)
