"""A closed-form problem as a Keras model."""

from typing import Any

import keras
from keras import ops

from benchmark.problems.base import Problem
from benchmark.problems.building import build_problem

Tensor = Any


@keras.saving.register_keras_serializable(package="kappabench")
class ProblemLayer(keras.layers.Layer):
    """A layer whose single weight is θ and whose output is f(θ; x) of each example.

    Args:
        problem: a key of :data:`benchmark.problems.PROBLEMS`.
        options: its options.
    """

    def __init__(self, problem: str, options: dict[str, float | int | str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problem = build_problem(problem, options)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create θ at the problem's start."""
        self.theta = self.add_weight(
            shape=(self.problem.dimension,), initializer=self._start, name="theta"
        )

    def _start(self, shape: tuple[int, ...], dtype: str) -> Tensor:
        return ops.reshape(ops.convert_to_tensor(self.problem.start, dtype), shape)

    def call(self, x: Tensor) -> Tensor:
        """Return f(θ; x), shape (batch,)."""
        return self.problem.value(ops.convert_to_tensor(self.theta), x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None]:
        """The batch alone."""
        return (input_shape[0],)

    def get_config(self) -> dict[str, Any]:
        """What builds the layer again."""
        options = dict(self.problem.options)
        return {**super().get_config(), "problem": self.problem.name, "options": options}


def problem_model(problem: Problem, dtype: str = "float32") -> keras.Model:
    """Make a Keras model of a problem, so that any training code minimises it.

    The model's only trainable weight is θ, at the problem's start; its input is a batch of
    ``problem.data`` and its output the value of each example. With the loss :func:`mean_value`
    its training loss is f(θ); targets take no part.

    Args:
        problem: what is minimised.
        dtype: ``"float32"`` or ``"float64"``.

    Example:
        >>> import numpy as np
        >>> bowl = build_problem("quadratic", {"dimension": 2})
        >>> model = problem_model(bowl)
        >>> model.compile(keras.optimizers.SGD(1.0), loss=mean_value)
        >>> targets = np.zeros(len(bowl.data))
        >>> first = model.train_on_batch(bowl.data, targets)
        >>> bool(model.train_on_batch(bowl.data, targets) < first)
        True
    """
    # The default policy would cast θ to float32 inside a float64 model.
    inputs = keras.Input(problem.data.shape[1:], dtype=dtype)
    layer = ProblemLayer(problem.name, dict(problem.options), dtype=dtype)
    return keras.Model(inputs, layer(inputs), name=problem.name)


def mean_value(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The loss of a :func:`problem_model`: its output, of which Keras takes the mean."""
    del y_true  # a closed-form problem has no targets
    return y_pred


mean_value.is_linear = True  # type: ignore[attr-defined]  # in the outputs, which are f itself
keras.saving.register_keras_serializable(package="kappabench")(mean_value)
