"""The reference engine: one trial at a time, by the public Keras API."""

import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import keras

from benchmark.data import epoch_batches
from benchmark.engine.evaluation import Evaluation, distance, values_of
from benchmark.engine.task import Array, Task, build_task, starting_weights
from benchmark.optimizers import CLIPPING, OPTIMIZERS, build_optimizer
from benchmark.trial import Report, Settings, Status, Trial, TrialResult

DIVERGENCE_FACTOR = 1e3
"""A training loss above this multiple of the loss at the start counts as divergence."""
DEFAULT_BATCH_SIZE = 32


@dataclass(eq=False)
class Structure:
    """A compiled model that serves every trial of the same structure."""

    task: Task
    optimizer: Any
    evaluation: Evaluation
    batch_shapes: set[int] = field(default_factory=set)


@dataclass(eq=False)
class Slot:
    """A running trial."""

    trial: Trial
    structure: Structure | None = None
    epoch: int = 0
    step: int = 0
    samples: int = 0
    initial_loss: float = math.nan
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class SequentialEngine:
    """Trains one trial at a time with ``model.compile`` and ``model.train_on_batch``.

    It is the plain reference that other engines must equal. Models are compiled once
    for each structure (optimizer class, kind of clipping, model, loss, data) and used
    again: weights, optimizer state and hyperparameters are variables that are set anew.

    An epoch is one pass of ``benchmark.data.epoch_batches``. ``update_norm`` is
    ‖W after the epoch − W before it‖; on the full batch, where an epoch is one step,
    that is the ‖W(t+1) − W(t)‖ of the lecture's stopping rule. A trial with a
    ``tolerance`` has converged when its update norm falls below it.
    """

    capacity = 1

    def __init__(self) -> None:
        self._structures: dict[Any, Structure] = {}
        self._evaluations: dict[Any, Evaluation] = {}
        self._slot: Slot | None = None
        self._error = ""

    def start(self, trial: Trial) -> None:
        """Take a trial into the only slot; what fails here is reported by ``advance``.

        Raises:
            RuntimeError: the slot is taken.
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
        except Exception as error:  # a failed trial is a status, never the end of a study
            self._error = _sentence(error)

    def advance(self) -> list[Report]:
        """Train one epoch; the first call also reports the starting point as epoch 0."""
        slot = self._slot
        if slot is None:
            return []
        reports: list[Report] = []
        try:
            if self._error:
                raise RuntimeError(self._error)
            if slot.epoch == 0:
                reports.append(self._evaluate(slot, 0.0))
                if reports[0].status.is_final:
                    return reports
            before = self._weights(slot)
            self._train_epoch(slot)
            reports.append(self._evaluate(slot, distance(self._weights(slot), before)))
        except Exception as error:  # as above
            reason = self._error or _sentence(error)
            reports.append(self._report(slot, {}, Status.FAILED, reason))
        return reports

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        """Free the slot; a usable trial is judged on the test part, once.

        Raises:
            KeyError: the trial is not running here.
        """
        slot = self._slot
        if slot is None or slot.trial.number != number:
            raise KeyError(f"a stopped trial must be running. Received {number}.")
        self._slot = None
        metrics = {k: v for k, v in slot.metrics.items() if math.isfinite(v)}
        weights: tuple[Array, ...] = ()
        if status.is_usable:
            weights = tuple(self._weights(slot))
            with _Clock(slot, "evaluate"):
                metrics |= self._of(slot).evaluation.metrics(weights, "test")
        objective = slot.metrics.get(slot.trial.objective, math.nan)
        if status in (Status.DIVERGED, Status.FAILED) or not math.isfinite(objective):
            objective = slot.trial.worst_objective
        return TrialResult(
            trial=slot.trial,
            status=status,
            reason=reason,
            objective=objective,
            epochs=slot.epoch,
            step=slot.step,
            samples=slot.samples,
            gradient_evaluations=slot.step,
            metrics=Settings(metrics),
            seconds=Settings(slot.seconds),
            weights=weights,
        )

    def _prepare(self, slot: Slot) -> None:
        trial = slot.trial
        with _Clock(slot, "compile"):
            structure = self._structure(trial)
            slot.structure = structure
            self._warm_up(structure, trial)
            structure.optimizer.reset()
            own = OPTIMIZERS[trial.optimizer].hyperparameters
            chosen = {k: v for k, v in trial.hyperparameters.items() if k in own or k in CLIPPING}
            defaults = {name: entry.default for name, entry in own.items()}
            structure.optimizer.set_hyperparameters({**defaults, **chosen})
            start = starting_weights(structure.task, trial)
            variables = structure.task.model.trainable_variables
            for variable, value in zip(variables, start, strict=True):
                variable.assign(value)

    def _structure(self, trial: Trial) -> Structure:
        """The compiled model for a trial, built at the first trial of its structure."""
        clipping = tuple(name for name in CLIPPING if name in trial.hyperparameters)
        options = {k: v for k, v in trial.model_options.items() if k != "initializer"}
        model_key = (trial.problem, trial.model, Settings(options))
        key = (*model_key, trial.optimizer, clipping)
        if key not in self._structures:
            task = build_task(trial)
            chosen = {name: trial.hyperparameters[name] for name in clipping}
            optimizer = build_optimizer(trial.optimizer, {}, chosen)
            # Without XLA one trace serves all batch sizes on TensorFlow; JAX always uses it.
            jit = keras.backend.backend() == "jax"
            task.model.compile(optimizer=optimizer, loss=task.loss, jit_compile=jit)
            # Judging needs the model alone, so all optimizers share its compiled programs.
            evaluation = self._evaluations.setdefault(model_key, Evaluation(task))
            self._structures[key] = Structure(task, optimizer, evaluation)
        return self._structures[key]

    def _warm_up(self, structure: Structure, trial: Trial) -> None:
        """Compile all that the trial needs before the clock of training starts."""
        train = structure.task.parts["train"]
        for size in {len(rows) for rows in self._batches(trial, structure.task, 1)}:
            if size not in structure.batch_shapes:
                structure.batch_shapes.add(size)
                structure.task.model.train_on_batch(train.x[:size], train.y[:size])
        structure.evaluation.warm_up(trial.curvature)

    def _batches(self, trial: Trial, task: Task, epoch: int) -> list[Array]:
        rows = len(task.parts["train"].x)
        sampling = trial.options.get("sampling", "shuffle")
        if OPTIMIZERS[trial.optimizer].full_batch:
            sampling = "full_batch"
        size = int(trial.hyperparameters.get("batch_size", min(DEFAULT_BATCH_SIZE, rows)))
        return epoch_batches(sampling, rows, size, trial.random_seed("batches"), epoch)

    def _train_epoch(self, slot: Slot) -> None:
        structure = self._of(slot)
        slot.epoch += 1
        train = structure.task.parts["train"]
        with _Clock(slot, "train"):
            for rows in self._batches(slot.trial, structure.task, slot.epoch):
                structure.task.model.train_on_batch(train.x[rows], train.y[rows])
                slot.step += 1
                slot.samples += len(rows)

    def _evaluate(self, slot: Slot, update_norm: float) -> Report:
        evaluation, weights = self._of(slot).evaluation, self._weights(slot)
        with _Clock(slot, "evaluate"):
            metrics = evaluation.metrics(weights, "train", "validation")
            metrics["gradient_norm"] = evaluation.gradient_norm(weights)
        metrics["update_norm"] = update_norm
        if slot.epoch == 0:
            slot.initial_loss = metrics["train_loss"]
        status, reason = self._judge(slot, metrics)
        if status is not Status.DIVERGED:
            slot.metrics = metrics
        request = slot.trial.curvature
        if status is Status.DIVERGED or slot.epoch not in request.epochs:
            return self._report(slot, metrics, status, reason)
        with _Clock(slot, "curvature"):
            seed = slot.trial.random_seed("initial_weights")
            found = evaluation.curvature(weights, request, seed)
        return self._report(slot, metrics, status, reason, found)

    def _judge(self, slot: Slot, metrics: dict[str, float]) -> tuple[Status, str]:
        """Whether the trial has diverged, converged, spent its epochs, or goes on."""
        trial, loss = slot.trial, metrics["train_loss"]
        broken = [name for name, value in metrics.items() if not math.isfinite(value)]
        if broken:
            return Status.DIVERGED, f"{broken[0]} was not finite after epoch {slot.epoch}"
        # abs: a saddle's values may be negative. The 1 keeps a start at zero meaningful.
        bound = DIVERGENCE_FACTOR * max(abs(slot.initial_loss), 1.0)
        if abs(loss) > bound:
            return Status.DIVERGED, (
                f"the training loss {loss:.3g} passed {bound:.3g}, {DIVERGENCE_FACTOR:g} times "
                f"the loss at the start, after epoch {slot.epoch}"
            )
        tolerance = trial.hyperparameters.get("tolerance", 0.0)
        if slot.epoch > 0 and metrics["update_norm"] < tolerance:
            return Status.CONVERGED, (
                f"the update norm {metrics['update_norm']:.3g} fell below the tolerance "
                f"{tolerance:g} after epoch {slot.epoch}"
            )
        if slot.epoch >= trial.epochs:
            return Status.COMPLETED, Status.COMPLETED.sentence
        return Status.RUNNING, ""

    def _report(
        self, slot: Slot, metrics: dict[str, float], status: Status, reason: str, found: Any = None
    ) -> Report:
        return Report(
            trial_number=slot.trial.number,
            epoch=slot.epoch,
            step=slot.step,
            samples=slot.samples,
            gradient_evaluations=slot.step,
            metrics=Settings(metrics),
            status=status,
            reason=reason,
            curvature=Settings(found.quantities) if found else Settings(),
            spectrum=tuple(map(float, found.eigenvalues)) if found else (),
        )

    def _weights(self, slot: Slot) -> list[Array]:
        return values_of(self._of(slot).task.model)

    @staticmethod
    def _of(slot: Slot) -> Structure:
        assert slot.structure is not None, "a trial that failed to start is not trained"
        return slot.structure


class _Clock:
    """Adds the seconds spent inside to one of a slot's clocks."""

    def __init__(self, slot: Slot, name: str) -> None:
        self._slot, self._name = slot, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._slot.seconds[self._name] += time.perf_counter() - self._start


def _sentence(error: Exception) -> str:
    first_line = (str(error).splitlines() or ["no message"])[0]
    return f"{type(error).__name__}: {first_line}"
