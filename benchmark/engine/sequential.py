"""The reference engine: one trial at a time, by the public Keras API."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from benchmark.engine.batches import batch_size_of, batches_of, sampling_of
from benchmark.engine.evaluation import Evaluation, distance, values_of
from benchmark.engine.memory import SHARE, Room, TooLargeError, sequential_bytes
from benchmark.engine.monitoring import MonitoredPoint, MonitoringProgram, probe_seed, rows_seed
from benchmark.engine.outcomes import OneAtATime
from benchmark.engine.programs import MOST_MODELS, LruCache
from benchmark.engine.rates import rates
from benchmark.engine.regularization import regularization_of
from benchmark.engine.slots import Clock, Slot
from benchmark.engine.structure import (
    clipping_of,
    model_key,
    optimizer_constants,
    optimizer_numbers,
    optimizer_of,
    structure_of,
)
from benchmark.engine.surroundings import Memory, memory_of, step_rule
from benchmark.engine.task import (
    Array,
    Task,
    build_task,
    kept_variables,
    starting_state,
    starting_weights,
    state_of,
)
from benchmark.engine.tiles import Shape
from benchmark.errors import failure_reason
from benchmark.models.foreign_building import own_training
from benchmark.optimizers import AdaptationError, plain_optimizer, takes_objective
from benchmark.optimizers.objective_model import with_objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer
from benchmark.trial import Report, Status, Trial, TrialResult

MOST_STRUCTURES = 24
"""Structures that are kept. JAX compiles one for each size of a Bernoulli batch, some 800 pieces
of memory in all, and Linux gives a process 65,530: eighty would end it."""


@dataclass(eq=False)
class Structure:
    """A compiled model that serves every trial of the same structure.

    ``trained`` is the task's model, or one of the same layers that hands the objective to
    the optimizer. ``is_plain`` where the optimizer is Keras's as it is, and serves one
    trial only.
    """

    task: Task
    trained: keras.Model
    optimizer: Any
    evaluation: Evaluation
    is_plain: bool = False
    batch_shapes: set[int] = field(default_factory=set)


class SequentialEngine:
    """Trains one trial at a time with ``model.compile`` and ``model.train_on_batch``.

    It is the plain reference that other engines must equal. Models are compiled once
    for each structure (optimizer class, kind of clipping, model, loss, data) and used
    again: weights, optimizer state and hyperparameters are variables that are set anew.
    An optimizer of Keras or of a user that cannot be adapted to that is built, and
    compiled, for each trial.

    An epoch is one pass of ``benchmark.data.epoch_batches``. ``update_norm`` is
    ‖W after the epoch − W before it‖; on the full batch, where an epoch is one step,
    that is the ‖W(t+1) − W(t)‖ of the lecture's stopping rule. A trial with a
    ``tolerance`` has converged when its update norm falls below it. W are the weights at
    which the trial is evaluated: the average, where its optimizer makes one.

    Args:
        memory: the share of the free memory that training may take.
    """

    capacity = 1

    def __init__(self, memory: float = SHARE) -> None:
        self._room = Room(memory)
        self._structures: LruCache[Structure] = LruCache(MOST_STRUCTURES)
        self._evaluations: LruCache[Evaluation] = LruCache(MOST_MODELS)
        self._monitoring: LruCache[MonitoringProgram] = LruCache(MOST_MODELS)
        self._slot: Slot | None = None
        self._structure_of_slot: Structure | None = None
        self._error = ""

    def start(self, trial: Trial) -> None:
        """Take a trial into the only slot; what fails here is reported by ``advance``.

        Raises:
            RuntimeError: the slot is taken.
            TooLargeError: the trial does not fit into memory.
        """
        if self._slot is not None:
            raise RuntimeError(
                f"a slot must be free. Received trial {trial.number} while trial "
                f"{self._slot.trial.number} runs. Stop that one first."
            )
        self._slot = Slot(trial)
        self._error = ""
        try:
            self._prepare(self._slot)
        except TooLargeError:  # known before anything is trained: for the caller to refuse
            self._slot = None
            raise
        except (
            Exception,
            SystemExit,
        ) as error:  # a failed trial is a status, never the end of a study
            self._error = failure_reason(error)

    def advance(self) -> list[Report]:
        """Train one epoch; the first call also reports the starting point as epoch 0.

        Returns:
            Its reports, or none after an epoch at which the trial is not evaluated.
        """
        slot = self._slot
        if slot is None:
            return []
        reports: list[Report] = []
        try:
            if self._error:
                raise RuntimeError(self._error)
            if slot.epoch == 0:
                reports.append(self._evaluate(slot))
                if reports[0].status.is_final:
                    return reports
            before = self._weights()
            self._train_epoch(slot)
            if slot.needs_evaluation():
                reports.append(self._evaluate(slot, before))
        except (Exception, SystemExit) as error:  # as above
            reports.append(slot.report({}, Status.FAILED, self._error or failure_reason(error)))
        return reports

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        """Free the slot; a usable trial is evaluated on the test part, once.

        Raises:
            KeyError: the trial is not running here.
        """
        slot = self._slot
        if slot is None or slot.trial.number != number:
            raise KeyError(f"a stopped trial must be running. Received {number}.")
        self._slot = None
        if not status.is_usable:
            return slot.result(status, reason)
        model = self._structure.task.model
        with Clock("evaluate", slot):
            test = self._structure.evaluation.metrics(
                self._weights(), "test", state=state_of(model)
            )
        return slot.result(status, reason, self._kept(), test)

    def current_weights(self) -> list[Array]:
        """Copy what would be kept of the running trial if it ended now.

        Returns:
            The weights at which it is evaluated, then the model's other float variables; nothing
            where no trial runs, or it failed to start.
        """
        return [] if self._slot is None or self._error else self._kept()

    def close(self) -> None:
        """There is nothing to end."""

    def _prepare(self, slot: Slot) -> None:
        trial = slot.trial
        with Clock("compile", slot):
            self._structure_of_slot = structure = self._find_structure(trial)
            if not structure.is_plain:
                self._warm_up(structure, trial)
            structure.evaluation.warm_up(trial.curvature)
            if trial.curvature.monitored_epochs:
                self._monitoring_of(trial, structure.task).warm_up()
            task = structure.task
            start = [*starting_weights(task, trial), *starting_state(task, trial)]
            model = task.model
            variables = [*model.trainable_variables, *model.non_trainable_variables]
            for variable, value in zip(variables, start, strict=True):
                variable.assign(value)
            if structure.is_plain:
                # Its state may begin with the weights.
                structure.optimizer.build(model.trainable_variables)
            else:
                structure.optimizer.set_hyperparameters(optimizer_numbers(trial))
                structure.optimizer.reset()

    def _find_structure(self, trial: Trial) -> Structure:
        """The compiled model for a trial, built at the first trial of its structure."""
        key = (*model_key(trial), structure_of(trial))
        try:
            return self._structures.get(key, lambda: self._compiled(trial, optimizer_of(trial)))
        except AdaptationError:
            numbers = {**optimizer_numbers(trial), **optimizer_constants(trial)}
            clipping = clipping_of(trial)
            hyperparameters = {
                name: value for name, value in numbers.items() if name not in clipping
            }
            plain = plain_optimizer(trial.optimizer, {}, clipping, hyperparameters)
            return self._compiled(trial, plain, is_plain=True)

    def _compiled(self, trial: Trial, optimizer: Any, *, is_plain: bool = False) -> Structure:
        task = self._task(trial)
        # Without XLA one trace serves all batch sizes on TensorFlow; JAX always uses it.
        jit = keras.backend.backend() == "jax"
        takes, method = takes_objective(trial.optimizer), own_training(task.model)
        if takes and method:
            raise ValueError(
                f"{trial.optimizer} takes the objective and cannot train a model with its own "
                f"{method}. Received {trial.model}. Use another optimizer, or remove the method."
            )
        trained = with_objective(task.model) if takes else task.model
        trained.compile(optimizer=optimizer, loss=task.loss, jit_compile=jit)
        # Evaluating needs the model alone, so all optimizers share its compiled programs.
        evaluation = self._evaluations.get(model_key(trial), lambda: Evaluation(task))
        return Structure(task, trained, optimizer, evaluation, is_plain)

    def _task(self, trial: Trial) -> Task:
        """What a trial trains, if that fits into memory.

        Raises:
            TooLargeError: it does not.
        """
        free = self._room.free  # asked before there is a model
        task = build_task(trial)
        if free is not None:
            rows = len(task.parts["train"].x)
            is_full_batch = sampling_of(trial) == "full_batch"
            batch = rows if is_full_batch else min(batch_size_of(trial, rows), rows)
            self._room.check(sequential_bytes(task.model, rows, batch, trial.curvature))
        return task

    def _warm_up(self, structure: Structure, trial: Trial) -> None:
        """Compile all that the trial needs before the clock of training starts."""
        train = structure.task.parts["train"]
        if keras.backend.backend() == "tensorflow":
            # From the second size on TensorFlow traces for any size. Always after the same
            # two, or the rounding of a trial would depend on the sizes of earlier ones.
            sizes = [min(size, len(train.x)) for size in (2, 3)]
        else:
            sizes = sorted({len(rows) for rows in batches_of(trial, len(train.x), 1)})
        for size in sizes:
            if size not in structure.batch_shapes:
                structure.batch_shapes.add(size)
                structure.trained.train_on_batch(train.x[:size], train.y[:size])

    def _train_epoch(self, slot: Slot) -> None:
        model, train = self._structure.trained, self._structure.task.parts["train"]
        optimizer = self._structure.optimizer
        slot.epoch += 1
        with Clock("train", slot):
            batches = batches_of(slot.trial, len(train.x), slot.epoch)
            due = rates(slot, len(train.x), slot.step, len(batches))
            for rows, rate in zip(batches, due, strict=True):
                if rate != slot.learning_rate and not np.isnan(rate):
                    optimizer.learning_rate = slot.learning_rate = float(rate)
                model.train_on_batch(train.x[rows], train.y[rows])
                slot.step += 1
                slot.samples += len(rows)
        if isinstance(optimizer, ObjectiveOptimizer):
            slot.counted = int(np.asarray(optimizer.gradient_evaluations.value))

    def _evaluate(self, slot: Slot, before: Sequence[Array] | None = None) -> Report:
        evaluation, weights = self._structure.evaluation, self._weights()
        # Handed over: structures of other optimizers share the evaluation, not the model.
        state = state_of(self._structure.task.model)
        with Clock("evaluate", slot):
            metrics = evaluation.metrics(weights, "train", "validation", state=state)
            metrics["update_norm"] = distance(weights, before) if before else 0.0
            coordinates = self._structure.task.coordinates
            if coordinates:
                metrics |= zip(coordinates, map(float, weights[0]), strict=True)
            if slot.needs_gradient_norm(metrics):
                metrics["gradient_norm"] = evaluation.gradient_norm(weights, state)
        status, reason = slot.evaluate(metrics)
        monitored = self._monitor(slot, weights, state) if slot.needs_monitoring(status) else {}
        if not slot.needs_curvature(status):
            return slot.report(metrics, status, reason, monitored=monitored)
        with Clock("curvature", slot):
            seed = slot.trial.random_seed("initial_weights")
            curvature = evaluation.curvature(
                weights,
                slot.trial.curvature,
                seed,
                state,
                step_rule(slot, self._memory()),
                before,
                regularization_of(slot.trial),
                rows_seed(slot.trial),
            )
        return slot.report(metrics, status, reason, curvature, monitored)

    def _monitor(self, slot: Slot, weights: list[Array], state: list[Array]) -> dict[str, float]:
        with Clock("curvature", slot):
            program = self._monitoring_of(slot.trial, self._structure.task)
            ((quantities, direction),) = program.measure(
                [MonitoredPoint(weights, state, slot.direction, regularization_of(slot.trial))]
            )
        slot.direction = direction
        return slot.monitor(quantities)

    def _monitoring_of(self, trial: Trial, task: Task) -> MonitoringProgram:
        """What follows curvature; the model of any structure will do, since weights come in."""
        key = (model_key(trial), trial.curvature.probe, probe_seed(trial))
        return self._monitoring.get(key, lambda: MonitoringProgram(task, Shape(1, 1), *key[1:]))

    def _memory(self) -> Memory:
        optimizer = self._structure.optimizer
        return memory_of(
            optimizer, [np.asarray(variable.value) for variable in optimizer.variables]
        )

    def _weights(self) -> list[Array]:
        """The weights at which the trial is evaluated: those of the model, as a rule."""
        weights, optimizer = values_of(self._structure.task.model), self._structure.optimizer
        if not getattr(optimizer, "has_evaluation_weights", False):
            return weights
        state = [np.asarray(variable.value) for variable in optimizer.variables]
        return [np.array(tensor) for tensor in optimizer.evaluation_weights(state, weights)]

    def _kept(self) -> list[Array]:
        evaluated = self._weights()
        unevaluated = kept_variables(self._structure.task.model)[len(evaluated) :]
        return [*evaluated, *(np.asarray(variable.value).copy() for variable in unevaluated)]

    @property
    def _structure(self) -> Structure:
        assert self._structure_of_slot is not None, "a trial that failed to start is not trained"
        return self._structure_of_slot


class SequentialFallback:
    """A queue in front of the sequential engine, which takes its turn like a block.

    One thread runs :meth:`advance`; another may meanwhile call :meth:`take` only.

    Args:
        engine: trains the trials.
    """

    def __init__(self, engine: OneAtATime) -> None:
        self._engine = engine
        self._waiting: list[Trial] = []
        self._admitted: list[Trial] = []
        self._current: int | None = None
        self.count = 0
        """How many trials are here."""

    def take(self, trial: Trial) -> None:
        """Queue a trial."""
        self._waiting.append(trial)
        self.count += 1

    def admit(self) -> None:
        """Let those in who were taken."""
        self._admitted += self._waiting
        self._waiting = []

    def advance(self) -> list[Report]:
        """Train one epoch of the first trial in the queue."""
        if self._current is None and self._admitted:
            trial = self._admitted.pop(0)
            self._current = trial.number
            self._engine.start(trial)
        return self._engine.advance()

    def stop(self, trial: Trial, status: Status, reason: str) -> TrialResult:
        """Take a trial out."""
        self.count -= 1
        if trial.number == self._current:
            self._current = None
            return self._engine.stop(trial.number, status, reason)
        for queue in (self._waiting, self._admitted):
            if trial in queue:
                queue.remove(trial)
        return Slot(trial).result(status, reason)
