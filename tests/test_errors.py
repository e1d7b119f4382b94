"""One line of an exception: what it says, and where in the user's files it was raised."""

import sys
import traceback
from pathlib import Path

import keras
import numpy as np
import pytest

from benchmark.engine import VectorizedEngine
from benchmark.errors import failure_reason
from benchmark.trial import Status
from tests.engine.trials import make_trial, run

OPTIMIZERS = """
import keras
from benchmark import backend

class OddError(Exception):
    def __init__(self, what, count):
        super().__init__(f"{what} is odd:\\n{count}")

class Raises(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        raise OddError("the rank", len(gradient.shape))

class Multiplies(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        keras.ops.reshape(gradient, (7, 11, 13))

def compiled(gradient):
    raise OddError("the compiled rank", len(gradient.shape))

class Compiles(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        if backend.name() == "tensorflow":
            import tensorflow
            tensorflow.function(compiled)(gradient)
        import jax
        jax.jit(compiled)(gradient)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a module of a user's, which is the current one."""
    path = tmp_path_factory.mktemp("mine")
    (path / "rules_of_mine.py").write_text(OPTIMIZERS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.syspath_prepend(path)
        yield path
        sys.modules.pop("rules_of_mine", None)


def line_of(text):
    return next(number for number, line in enumerate(OPTIMIZERS.splitlines(), 1) if text in line)


@pytest.mark.parametrize(
    ("name", "words", "line"),
    [
        ("Raises", "OddError: the rank is odd: ", 'OddError("the rank"'),
        ("Compiles", "OddError: the compiled rank is odd: ", 'OddError("the compiled rank"'),
        ("Multiplies", "Error: ", "ops.reshape"),
    ],
)
def test_a_trial_names_what_its_optimizer_raised_and_where(folder, name, words, line):
    result, _ = run(VectorizedEngine(1), make_trial(optimizer=f"rules_of_mine:{name}"))
    assert result.status is Status.FAILED
    assert words in result.reason
    assert result.reason.endswith(f"(rules_of_mine.py:{line_of(line)})")
    assert "in user code" not in result.reason
    assert "\n" not in result.reason


def test_the_wrapping_of_keras_is_left_out():
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    with pytest.raises((TypeError, ValueError, RuntimeError)) as caught:
        layer(np.zeros((2, 5), "float32"))
    reason = failure_reason(caught.value)
    assert "\x1b" not in reason and "Arguments received" not in reason
    assert reason.startswith(type(caught.value).__name__)


def test_the_place_of_the_cause_is_found():
    def cause():
        raise KeyError("x")

    def wrapped():
        try:
            cause()
        except KeyError as error:
            raise ValueError("a wrapper") from error

    with pytest.raises(ValueError, match="a wrapper") as caught:
        wrapped()
    error = caught.value
    last = traceback.extract_tb(error.__traceback__)[-1]
    location = f"{Path(__file__).name}:{last.lineno}"
    assert failure_reason(error).endswith(f"{location})")


def test_of_a_long_message_both_ends_are_kept():
    reason = failure_reason(ValueError("begin " + "x" * 9000 + " end"))
    assert reason.startswith("ValueError: begin")
    assert reason.endswith(" end")
    assert len(reason) < 400


def test_an_exception_without_a_file_of_the_user_has_no_place():
    try:
        np.zeros(3).reshape(2, 2)
    except ValueError as error:
        library = error.with_traceback(None)
    assert failure_reason(library) == "ValueError: cannot reshape array of size 3 into shape (2,2)"
