"""What the curvature of a trial cannot know by itself: its optimizer's step and its layers."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from benchmark.curvature import StepRule
from benchmark.curvature.depth import Layer, SignalProgram, diagnose_depth
from benchmark.curvature.stability import Snapshot, stepping
from benchmark.engine.slots import Slot
from benchmark.engine.structure import clipping_of, optimizer_constants, optimizer_numbers
from benchmark.engine.task import Task
from benchmark.problems.deep_linear_chain import DeepLinearChain
from benchmark.trial import Trial

Array = np.ndarray[Any, Any]
Memory = tuple[Sequence[Mapping[str, Array]], Mapping[str, Array]]
"""What an optimizer remembers by name: the state variables of each weight, and what is shared."""
NOTHING: Memory = ((), {})
"""The memory of an optimizer that is not known."""


def memory_of(optimizer: Any, state: Sequence[Array]) -> Memory:
    """Return what an optimizer remembers; nothing of a class of Keras or of a user.

    Args:
        optimizer: a built one.
        state: values in the order of its ``variables``.
    """
    if not hasattr(optimizer, "memory"):
        return NOTHING
    states, shared = optimizer.memory(state)
    return states, shared


def step_rule(slot: Slot, memory: Memory = NOTHING) -> StepRule | str:
    """Return what decides whether the steps of a running trial are stable.

    Args:
        slot: the trial.
        memory: of its optimizer.

    Returns:
        The rule of the last step, or at the start of the first; a sentence where no limit is
        known.
    """
    rate = slot.base_learning_rate if np.isnan(slot.learning_rate) else slot.learning_rate
    return trial_rule(slot.trial, rate, slot.step, memory)


def trial_rule(
    trial: Trial,
    learning_rate: float,
    step: int,
    memory: Memory = NOTHING,
) -> StepRule | str:
    """Return the same of a trial that need not run.

    Args:
        trial: what is or was trained.
        learning_rate: of its last step.
        step: updates so far.
        memory: of its optimizer, nothing where it is not kept.
    """
    numbers = {**optimizer_constants(trial), **optimizer_numbers(trial)}
    states, shared = memory
    if np.isfinite(learning_rate) and learning_rate <= 0:
        return "The learning rate of the last step is 0, so no curvature is too large for it."
    rule = stepping(trial.optimizer, Snapshot(float(learning_rate), numbers, step, states, shared))
    if isinstance(rule, str):
        return rule
    return StepRule(
        rule.rate,
        rule.recurrence.limit,
        rule.root,
        radius=rule.radius,
        note=" ".join(filter(None, [rule.note, *_conditions(trial, numbers, rule.rate)])),
    )


def _conditions(trial: Trial, numbers: Mapping[str, float], rate: float) -> list[str]:
    """What else was given to the optimizer, and what that means for the limit."""
    conditions = []
    if numbers.get("weight_decay"):
        decay = rate * numbers["weight_decay"]
        conditions.append(f"Weight decay of {decay:.3g} in a step lowers the limit.")
    conditions.extend(
        f"It holds for gradients that {kind} leaves as they are: clipping bounds every step."
        for kind in clipping_of(trial)
    )
    return conditions


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
        # Not normalisations: their factors and offsets pass no signal on to other units. A model
        # without a graph of its layers does not say in which order signals pass them.
        layers = task.model.layers if getattr(task.model, "inputs", None) else []
        self._layers = [
            layer
            for layer in layers
            if any(len(variable.shape) > 1 for variable in layer.trainable_variables)
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
        indices = {id(v): index for index, v in enumerate(self._model.trainable_variables)}

        def of(layer: keras.layers.Layer, arrays: Sequence[Any]) -> list[Any]:
            return [arrays[indices[id(variable)]] for variable in layer.trainable_variables]

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
            Layer(f"W_{index}", [weight], [slope], [] if was is None else [was])
            for index, (weight, slope, was) in enumerate(
                zip(theta.reshape(shape), gradient.reshape(shape), old, strict=True), start=1
            )
        ]
        end_to_end = chain.end_to_end(theta.astype(np.float64))
        return diagnose_depth(layers, end_to_end[None])
