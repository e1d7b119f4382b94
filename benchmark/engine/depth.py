"""The layers of what a trial trains, for what curvature says of depth."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from benchmark.curvature.depth import Layer, diagnose_depth
from benchmark.curvature.signals import SignalProgram
from benchmark.engine.task import Array, Task
from benchmark.problems.deep_linear_chain import DeepLinearChain

PROBE = 64
"""Examples over which the Jacobian is taken; units are looked at over all of them."""
Found = tuple[dict[str, float], dict[str, str]]


class Depth:
    """Measures the layers of a model; one instance serves all trials of it.

    Args:
        task: the model.
    """

    def __init__(self, task: Task) -> None:
        self._model = task.model
        self._problem = getattr(task.model.layers[-1], "problem", None)
        # Not normalisations: their factors and offsets pass no signal on to other units.
        self._layers = [
            one
            for one in task.model.layers
            if any(len(variable.shape) > 1 for variable in one.trainable_variables)
        ]
        self._signals: SignalProgram | None = None

    @property
    def is_deep(self) -> bool:
        """Whether there are layers to compare."""
        return isinstance(self._problem, DeepLinearChain) or len(self._layers) > 1

    def measure(
        self,
        weights: Sequence[Array],
        gradient: Array,
        state: Sequence[Array],
        x: Array,
        before: Sequence[Array] | None,
    ) -> Found:
        """Return quantities and findings on the layers.

        Args:
            weights: like ``model.trainable_variables``.
            gradient: of the mean loss, flat.
            state: like ``model.non_trainable_variables``.
            x: training examples.
            before: the weights before the last epoch, or nothing at the start.
        """
        if not self.is_deep or not np.isfinite(gradient).all():
            return {}, {}
        if isinstance(self._problem, DeepLinearChain):
            return self._of_chain(self._problem, weights[0], gradient, before)
        signals = self._program()
        probe = x[:: max(1, len(x) // PROBE)][:PROBE]
        jacobians = signals.jacobians(weights, state, probe) if signals.has_jacobian else None
        layers = self._named(weights, gradient, before)
        return diagnose_depth(layers, jacobians, signals.dead_units(weights, state, x))

    def warm_up(self, weights: Sequence[Array], state: Sequence[Array], x: Array) -> None:
        """Compile what :meth:`measure` calls."""
        if self.is_deep:
            size = sum(weight.size for weight in weights)
            self.measure(weights, np.zeros(size), state, x, None)

    def _program(self) -> SignalProgram:
        if self._signals is None:
            self._signals = SignalProgram(self._model)
        return self._signals

    def _named(
        self, weights: Sequence[Array], gradient: Array, before: Sequence[Array] | None
    ) -> list[Layer]:
        """The arrays of each layer, in the order in which signals pass them."""
        ends = np.cumsum([weight.size for weight in weights])
        slopes = [
            part.reshape(weight.shape)
            for part, weight in zip(np.split(gradient, ends[:-1]), weights, strict=True)
        ]
        places = {id(v): place for place, v in enumerate(self._model.trainable_variables)}

        def of(layer: keras.layers.Layer, arrays: Sequence[Any]) -> list[Any]:
            return [arrays[places[id(variable)]] for variable in layer.trainable_variables]

        return [
            Layer(layer.name, of(layer, weights), of(layer, slopes), of(layer, before or ()))
            if before
            else Layer(layer.name, of(layer, weights), of(layer, slopes))
            for layer in self._layers
        ]

    @staticmethod
    def _of_chain(
        chain: DeepLinearChain, theta: Array, gradient: Array, before: Sequence[Array] | None
    ) -> Found:
        """The chain's layers lie in one vector; its Jacobian is the product of all."""
        width = int(chain.options["width"])
        shape = (-1, width, width)
        old = before[0].reshape(shape) if before else [None] * int(chain.options["layers"])
        layers = [
            Layer(f"W_{place}", [weight], [slope], [] if was is None else [was])
            for place, (weight, slope, was) in enumerate(
                zip(theta.reshape(shape), gradient.reshape(shape), old, strict=True), start=1
            )
        ]
        end_to_end = chain.end_to_end(theta.astype(np.float64))
        return diagnose_depth(layers, end_to_end[None])
