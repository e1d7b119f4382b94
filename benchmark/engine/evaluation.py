"""Loss, metric, gradient norm and curvature of a model at given weights."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.curvature import (
    Curvature,
    HessianOperator,
    HessianProgram,
    OneThread,
    StepRule,
    Surroundings,
    diagnose,
    model_loss,
    warm_up_lanczos,
)
from benchmark.engine.regularization import UNPENALISED, Regularization, penalised
from benchmark.engine.surroundings import Depth
from benchmark.engine.task import Array, Part, Task, mean_metric, state_of
from benchmark.trial import CurvatureRequest

State = Sequence[Array] | None
NOISE_BATCHES = 16
"""Mini-batches by which the gradient noise scale is estimated.

Its standard error is then about a third where the noise is large (√(2/15) for the trace).
"""


class Evaluation:
    """Evaluates a model through programs that are compiled once for each shape of data.

    Args:
        task: the model with its loss, metric and arrays; the weights are handed over
            at each call, so one instance serves all trials of a structure.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._loss = model_loss(task.model, task.loss, "float32")
        self._evaluate = backend.compile(self._values)
        self._gradient_norm = backend.compile(self._norm_of_gradient)
        self._hessian: HessianProgram | None = None
        self._depth = Depth(task)
        self._is_warm = False
        self._warm: set[tuple[int, int]] = set()

    def metrics(
        self, weights: Sequence[Array], *names: str, state: State = None
    ) -> dict[str, float]:
        """Return ``<part>_loss`` and ``<part>_<metric>`` of the named parts that exist.

        Args:
            weights: where they are taken.
            names: of parts.
            state: what the model keeps besides weights; nothing means what it has now.
        """
        values: dict[str, float] = {}
        for name in names:
            part = self._task.parts.get(name)
            if part is None:
                continue
            loss, metric = self._evaluate(list(weights), self._state(state), part.x, part.y)
            values[f"{name}_loss"] = float(loss)
            if self._task.metric:
                values[f"{name}_{self._task.metric}"] = float(metric)
        return values

    def gradient_norm(self, weights: Sequence[Array], state: State = None) -> float:
        """Return the Euclidean norm of the gradient of the whole training loss.

        Args:
            weights: where it is taken.
            state: as in :meth:`metrics`.
        """
        train = self._task.parts["train"]
        return float(self._gradient_norm(list(weights), self._state(state), train.x, train.y))

    @OneThread()
    def curvature(
        self,
        weights: Sequence[Array],
        request: CurvatureRequest,
        seed: int,
        state: State = None,
        rule: StepRule | str | None = None,
        before: Sequence[Array] | None = None,
        regularization: Regularization = UNPENALISED,
        rows_seed: int = 0,
    ) -> Curvature:
        """Diagnose the Hessian of the training loss over the requested examples, and the layers.

        The loss is taken with its penalties, for its gradients with theirs train the weights.

        The model is in inference mode: nothing is dropped, and BatchNormalization uses its
        moving averages, which are constants here. So at the start of a trial, where these
        are those of a new model, it is the curvature of another function than the one whose
        gradients train it.

        Args:
            weights: where it is taken.
            request: sizes and limits; ``samples`` draws that many training examples.
            seed: of the mini-batches and of the Lanczos start vector.
            state: as in :meth:`metrics`.
            rule: how the optimizer steps, or a sentence on why its limit is not known.
            before: the weights before the last epoch.
            regularization: the penalties of the trial, and what of it is no part of the loss.
            rows_seed: of the drawn examples.
        """
        part = self._sample(request.samples, rows_seed)
        model_state = self._state(state)
        state = [*model_state, *regularization.coefficients]

        def loss_at(shift: Array) -> float:
            return self._operator(_moved(weights, shift), part, state).value()

        batches, size = self._batch_gradients(weights, part, seed, state)
        operator = self._operator(weights, part, state)
        diagnosis = diagnose(
            operator,
            exact_limit=request.exact_limit,
            lanczos_steps=request.lanczos_steps,
            seed=seed,
            surroundings=Surroundings(loss_at, rule, batches, size),
        )
        quantities, findings = self._depth.measure(
            weights, operator.gradient(), model_state, part.x, before
        )
        return replace(
            diagnosis,
            quantities={**diagnosis.quantities, **quantities},
            findings={
                **diagnosis.findings,
                **regularization.findings,
                **findings,
                **self._sample_finding(len(part.x)),
            },
        )

    def warm_up(self, request: CurvatureRequest) -> None:
        """Compile what a trial with this request will call, where that is not done yet."""
        if not self._is_warm:
            self._is_warm = True
            weights = values_of(self._task.model)
            self.metrics(weights, *self._task.parts)
            self.gradient_norm(weights)
        self.warm_up_curvature(request)

    def warm_up_curvature(self, request: CurvatureRequest) -> None:
        """Compile what curvature needs, where it is asked for and not done yet."""
        wanted = (request.samples, request.exact_limit)
        if not request.epochs or wanted in self._warm:
            return
        weights, part = values_of(self._task.model), self._sample(request.samples, 0)
        state = [*self._state(None), *UNPENALISED.coefficients]
        operator = self._operator(weights, part, state)
        size = operator.shape[0]
        operator.gradient()
        if size <= max(request.exact_limit, request.lanczos_steps):
            operator.matmat(np.zeros((size, 1)))
        else:
            warm_up_lanczos(operator, request.lanczos_steps)
        self._batch_gradients(weights, part, 0, state)
        self._depth.warm_up(weights, self._state(None), part.x)
        self._warm.add(wanted)

    def _batch_gradients(
        self, weights: Sequence[Array], part: Part, seed: int, state: Sequence[Array]
    ) -> tuple[Array | None, int]:
        """The gradients of disjoint mini-batches, and how many examples each has."""
        size = len(part.x) // NOISE_BATCHES
        if not size:
            return None, 1
        # Drawn, since the examples may be ordered by class.
        order = np.random.default_rng(seed).permutation(len(part.x))[: size * NOISE_BATCHES]
        batches = order.reshape(NOISE_BATCHES, size)
        program = self._hessian_program()
        if size <= program.chunk_size:
            x, y = part.x[batches], part.y[batches]
            return program.batch_gradients(weights, x, y, state), size
        gradients = [
            self._operator(weights, Part(part.x[rows], part.y[rows]), state).gradient()
            for rows in batches
        ]
        return np.stack(gradients), size

    def _sample(self, samples: int, seed: int) -> Part:
        """All training examples, or some drawn ones."""
        train = self._task.parts["train"]
        rows = min(samples, len(train.x)) or len(train.x)
        # The training part is ordered as the dataset is, often by class: draw, do not cut.
        drawn = np.sort(np.random.default_rng(seed).permutation(len(train.x))[:rows])
        return Part(train.x[drawn], train.y[drawn])

    def _sample_finding(self, rows: int) -> dict[str, str]:
        total = len(self._task.parts["train"].x)
        if rows == total:
            return {}
        return {
            "sample": f"Taken over a drawn sample of {rows} of the {total} training examples: "
            "eigenvalues are those of the sample."
        }

    def _operator(
        self, weights: Sequence[Array], part: Part, state: Sequence[Array]
    ) -> HessianOperator:
        """The Hessian over some examples; the coefficients of penalties end the state."""
        return self._hessian_program().at(list(weights), part.x, part.y, state)

    def _hessian_program(self) -> HessianProgram:
        if self._hessian is None:
            # In float64, for a spectrum; built at the first need, since it copies the model.
            loss = model_loss(self._task.model, self._task.loss)
            self._hessian = HessianProgram(penalised(loss))
        return self._hessian

    def _state(self, given: State) -> list[Array]:
        """What the model keeps besides weights; an argument, or a program would freeze it."""
        return state_of(self._task.model) if given is None else list(given)

    def _values(self, parameters: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any]:
        outputs, _ = self._task.model.stateless_call(parameters, state, x, training=False)
        loss = self._task.loss(y, outputs)
        metric = mean_metric(self._task.metric, y, outputs) if self._task.metric else loss
        return loss, metric

    def _norm_of_gradient(self, parameters: Any, state: Any, x: Any, y: Any) -> Any:
        _, gradients = backend.value_and_grad(self._loss)(parameters, x, y, state)
        return ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in gradients))


def _moved(weights: Sequence[Array], shift: Array) -> list[Array]:
    """The weights plus a flat vector, in float64."""
    ends = np.cumsum([weight.size for weight in weights])
    parts = np.split(shift, ends[:-1])
    return [
        weight.astype(np.float64) + part.reshape(weight.shape)
        for weight, part in zip(weights, parts, strict=True)
    ]


def values_of(model: keras.Model) -> list[Array]:
    """Copy the trainable weights of a model."""
    # Not ops.convert_to_numpy: NumPy 2 warns of how Keras copies a variable.
    return [np.asarray(variable.value).copy() for variable in model.trainable_variables]


def distance(new: Sequence[Array], old: Sequence[Array]) -> float:
    """‖new − old‖ over all variables together, in float64.

    Example:
        >>> distance([np.array([3.0, 0.0])], [np.array([0.0, 4.0])])
        5.0
    """
    squares = (
        float(np.sum(np.square(a.astype("float64") - b.astype("float64"))))
        for a, b in zip(new, old, strict=True)
    )
    return float(np.sqrt(sum(squares)))
