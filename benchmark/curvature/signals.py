"""How signals pass through a model: its input-output Jacobian, and units that never answer."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.curvature.operators import Array

MOST_OUTPUTS = 64
"""Outputs up to which the Jacobian is taken, a gradient for each."""
CHUNK = 1024
"""Examples that pass at once in search of dead units."""


class SignalProgram:
    """The Jacobian ∂output/∂input of a model, and its dead units, compiled once.

    The model is in inference mode; both are taken in its own arithmetic.

    Args:
        model: built, of layers one after another or a graph; it is not changed.

    Example:
        >>> model = keras.Sequential(
        ...     [keras.Input((2,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(1)]
        ... )
        >>> kernel = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], "float32")
        >>> bias = np.array([0.0, 0.0, -1.0], "float32")
        >>> weights = [kernel, bias, np.ones((3, 1), "float32"), np.zeros(1, "float32")]
        >>> program = SignalProgram(model)
        >>> x = np.array([[1.0, 2.0], [3.0, -4.0]], "float32")
        >>> program.jacobians(weights, [], x)[:, 0].tolist()
        [[1.0, 1.0], [1.0, 0.0]]
        >>> [round(share, 4) for share in program.dead_units(weights, [], x).values()]
        [0.3333]
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._outputs = int(np.prod(model.output_shape[1:]))
        self._watched = [layer for layer in model.layers[:-1] if _may_die(layer)]
        watched = [layer.output for layer in self._watched]
        self._inner = keras.Model(model.inputs, watched) if watched else model
        self._slope = backend.compile(self._slope_of_output)
        self._answer = backend.compile(self._answers)

    @property
    def has_jacobian(self) -> bool:
        """Whether the outputs are few enough."""
        return self._outputs <= MOST_OUTPUTS

    def jacobians(self, weights: Sequence[Any], state: Sequence[Any], x: Any) -> Array:
        """Return ∂output/∂input for each example, shape (examples, outputs, inputs).

        Args:
            weights: like ``model.trainable_variables``.
            state: like ``model.non_trainable_variables``.
            x: the examples, shape (examples, …).
        """
        rows = []
        for unit in range(self._outputs):
            chosen = np.zeros(self._outputs, x.dtype)
            chosen[unit] = 1
            slope = self._slope(x, list(weights), list(state), chosen)
            rows.append(np.asarray(ops.convert_to_numpy(slope)).reshape(len(x), -1))
        return np.stack(rows, axis=1)

    def dead_units(self, weights: Sequence[Any], state: Sequence[Any], x: Any) -> dict[str, float]:
        """Return for each hidden layer the share of units that are zero for every example.

        Such a unit of a ReLU layer has no gradient on these examples, so it cannot come back by
        them. A unit of a convolution is a channel.

        Args:
            weights: as in :meth:`jacobians`.
            state: as there.
            x: the examples, at least one; they pass in chunks, so there may be many.
        """
        if not self._watched:
            return {}
        size = min(len(x), CHUNK)
        largest: list[Array] = []
        for first in range(0, len(x), size):
            # The last chunk reaches back into the one before, so that its shape compiles nothing.
            chunk = x[min(first, len(x) - size) :][:size]
            found = self._answer(list(weights), list(state), chunk)
            answers = [np.asarray(ops.convert_to_numpy(one)) for one in found]
            largest = [np.maximum(*pair) for pair in zip(largest or answers, answers, strict=True)]
        return {
            layer.name: float(np.mean(one == 0))
            for layer, one in zip(self._watched, largest, strict=True)
        }

    # What is compiled. Everything below is pure.

    def _slope_of_output(self, x: Any, weights: Any, state: Any, chosen: Any) -> Any:
        def output(inputs: Any, weights: Any, state: Any, chosen: Any) -> Any:
            outputs, _ = self._model.stateless_call(weights, state, inputs[0], training=False)
            outputs = ops.reshape(outputs, (-1, self._outputs))
            return ops.sum(outputs * chosen)

        _, slopes = backend.value_and_grad(output)([x], weights, state, chosen)
        return slopes[0]

    def _answers(self, weights: Any, state: Any, x: Any) -> Any:
        # The layers behind the last watched one are no part of the inner model.
        trainable = self._chosen(self._model.trainable_variables, weights, trainable=True)
        kept = self._chosen(self._model.non_trainable_variables, state, trainable=False)
        outputs, _ = self._inner.stateless_call(trainable, kept, x, training=False)
        outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
        return [ops.max(ops.abs(ops.reshape(one, (-1, one.shape[-1]))), axis=0) for one in outputs]

    def _chosen(self, variables: Any, values: Any, *, trainable: bool) -> list[Any]:
        given = {id(variable): value for variable, value in zip(variables, values, strict=True)}
        inner = self._inner
        wanted = inner.trainable_variables if trainable else inner.non_trainable_variables
        return [given[id(variable)] for variable in wanted]


def _may_die(layer: keras.layers.Layer) -> bool:
    switches = keras.layers.Activation | keras.layers.ReLU
    return bool(layer.trainable_variables) or isinstance(layer, switches)
