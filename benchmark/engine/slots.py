"""A running trial, its clocks, and what every engine decides about it alike."""

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from benchmark.engine.outcomes import Outcome
from benchmark.engine.structure import optimizer_constants, optimizer_numbers
from benchmark.optimizers import Plateau
from benchmark.optimizers.schedules import complete
from benchmark.trial import Report, Settings, Status, Trial, TrialResult

SCHEDULE_PREFIX = "schedule_"
"""What a parameter of the schedule is called by among the hyperparameters of a trial."""
DIVERGENCE_FACTOR = 1e3
"""A training loss above this multiple of the loss at the start counts as divergence."""


@dataclass(eq=False)
class Slot:
    """A running trial: how far it is, and what it has cost.

    Args:
        trial: what is trained.
        epoch: epochs trained.
        step: updates of the weights so far.
        samples: training examples seen so far.
        initial_loss: the training loss at the starting point.
        metrics: those of the last report that had not diverged.
        seconds: wall-clock seconds by clock.
        plateau: what the schedule ``reduce_on_plateau`` remembers.
        learning_rate: of the last update; the engine sets it before it evaluates.
        counted: evaluations of the objective, where the optimizer counts them itself.
        direction: the sharpest direction that was found last, where curvature is followed.
        best: the best objective so far, with ``patience``.
        waited: epochs since then.
        outcome: what is known of the trial already, so that it need not be trained.
    """

    trial: Trial
    epoch: int = 0
    step: int = 0
    samples: int = 0
    initial_loss: float = math.nan
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    plateau: Plateau = field(default_factory=Plateau)
    learning_rate: float = math.nan
    counted: int | None = None
    direction: np.ndarray[Any, Any] | None = None
    best: float = math.nan
    waited: int = 0
    outcome: Outcome | None = None

    @property
    def gradient_evaluations(self) -> int:
        """Gradients, products with a Hessian and values so far; one an update by default."""
        return self.step if self.counted is None else self.counted

    @cached_property
    def schedule(self) -> str:
        """The name of the learning-rate schedule."""
        return str(self.trial.options.get("schedule", "constant"))

    @cached_property  # asked for in every epoch
    def schedule_parameters(self) -> dict[str, float]:
        """All parameters of the schedule by name."""
        given = {
            name.removeprefix(SCHEDULE_PREFIX): value
            for name, value in self.trial.hyperparameters.items()
            if name.startswith(SCHEDULE_PREFIX)
        }
        return complete(self.schedule, given)

    @cached_property
    def has_constant_rate(self) -> bool:
        """Whether the learning rate is the same throughout."""
        return self.schedule == "constant" and not self.schedule_parameters["warmup"]

    @cached_property
    def base_learning_rate(self) -> float:
        """What the schedule multiplies; NaN where the optimizer's class takes no such number."""
        numbers = {**optimizer_constants(self.trial), **optimizer_numbers(self.trial)}
        return float(numbers.get("learning_rate", math.nan))

    def evaluate(self, metrics: Mapping[str, float]) -> tuple[Status, str]:
        """Whether the trial has diverged, converged, spent its epochs, or goes on.

        Args:
            metrics: those after the epoch; kept, unless the trial has diverged.
        """
        if self.epoch == 0:
            self.initial_loss = metrics["train_loss"]
        status, reason = self._evaluate(metrics)
        if status is not Status.DIVERGED:
            self.metrics = dict(metrics)
            if self.trial.patience:
                self.waited = self._waited(metrics)
                if self.epoch > 0 and not self.waited:  # the start is no epoch, as in Keras
                    self.best = metrics[self.trial.objective]
        if status is Status.RUNNING and self.epoch > 0 and self.schedule == "reduce_on_plateau":
            loss = metrics.get("validation_loss", metrics["train_loss"])
            self.plateau = self.plateau.after(loss, self.schedule_parameters)
        return status, reason

    @cached_property
    def _is_always_evaluated(self) -> bool:
        """Whether something depends on the metrics after each epoch."""
        return (
            self.trial.evaluation_epochs is None
            or "tolerance" in self.trial.hyperparameters
            or self.schedule == "reduce_on_plateau"
            or self.trial.patience > 0
        )

    def needs_evaluation(self) -> bool:
        """Whether the trial is evaluated and reported on after this epoch."""
        trial, epoch = self.trial, self.epoch
        if self._is_always_evaluated or epoch == 0 or epoch >= trial.epochs:
            return True
        curvature = trial.curvature
        due = (
            trial.evaluation_epochs,
            curvature.epochs,
            curvature.monitored_epochs,
            curvature.gradient_norm_epochs,
        )
        return any(epochs is not None and epoch in epochs for epochs in due)

    def needs_gradient_norm(self, metrics: Mapping[str, float]) -> bool:
        """Whether the norm of the gradient of the whole training loss is due at this epoch.

        Args:
            metrics: the others after the epoch; with what ends a usable trial it is due.
        """
        due = self.trial.curvature.gradient_norm_epochs
        if due is None or self.trial.objective == "gradient_norm" or self.epoch in due:
            return True
        is_last = (
            self.epoch >= self.trial.epochs
            or self._has_settled(metrics)
            or self._is_patience_over(metrics)
        )
        return bool(due) and is_last

    def needs_curvature(self, status: Status) -> bool:
        """Whether curvature is due at this epoch."""
        due = self.trial.curvature.epochs
        # What ends by patience ends earlier than the epoch that the study names as the last.
        ends = self.trial.patience > 0 and status.is_usable and self.trial.epochs in due
        return status is not Status.DIVERGED and (self.epoch in due or ends)

    def needs_monitoring(self, status: Status) -> bool:
        """Whether the curvature on the probe is due at this epoch."""
        due = self.trial.curvature.monitored_epochs
        is_due = self.epoch in due or (bool(due) and status.is_usable)
        return is_due and status is not Status.DIVERGED

    def monitor(self, quantities: Mapping[str, float]) -> dict[str, float]:
        """Name what was found on the probe, and set λmax against the learning rate η.

        Args:
            quantities: as :class:`~benchmark.curvature.Subspace` names them.

        Returns:
            The same after ``probe_``, and ``probe_scaled_sharpness`` = η·λmax; η is that of the
            last update, at the start that of the trial. It is compared with 2 for gradient
            descent; of an optimizer that scales its steps it is no limit.
        """
        monitored = {f"probe_{name}": value for name, value in quantities.items()}
        rate = self.learning_rate
        rate = self.base_learning_rate if math.isnan(rate) else rate
        if "lambda_max" in quantities and math.isfinite(rate):
            monitored["probe_scaled_sharpness"] = rate * quantities["lambda_max"]
        return monitored

    def report(
        self,
        metrics: Mapping[str, float],
        status: Status,
        reason: str,
        curvature: Any = None,
        monitored: Mapping[str, float] | None = None,
    ) -> Report:
        """Say how the trial stands.

        Args:
            metrics: those after the epoch.
            status: as :meth:`evaluate` returned it.
            reason: a sentence on a final status.
            curvature: where it was due.
            monitored: that on the probe, likewise.
        """
        return Report(
            trial_number=self.trial.number,
            epoch=self.epoch,
            step=self.step,
            samples=self.samples,
            gradient_evaluations=self.gradient_evaluations,
            metrics=Settings({**metrics, **self._rate()} if metrics else metrics),
            status=status,
            reason=reason,
            curvature=Settings(
                {**(curvature.quantities if curvature else {}), **(monitored or {})}
            ),
            spectrum=tuple(map(float, curvature.eigenvalues)) if curvature else (),
            findings=Settings(curvature.findings, verdict=curvature.verdict)
            if curvature
            else Settings(),
        )

    def result(
        self,
        status: Status,
        reason: str,
        weights: Sequence[np.ndarray[Any, Any]] = (),
        test: Mapping[str, float] | None = None,
    ) -> TrialResult:
        """Say how the trial ended.

        Args:
            status: a final status.
            reason: a sentence.
            weights: the final weights of a usable trial.
            test: the metrics of the test part of a usable trial.
        """
        metrics = {k: v for k, v in self.metrics.items() if math.isfinite(v)} | self._rate()
        objective = self.metrics.get(self.trial.objective, math.nan)
        if status.meaning == "worst result" or not math.isfinite(objective):
            objective = self.trial.worst_objective
        return TrialResult(
            trial=self.trial,
            status=status,
            reason=reason,
            objective=objective,
            epochs=self.epoch,
            step=self.step,
            samples=self.samples,
            gradient_evaluations=self.gradient_evaluations,
            metrics=Settings({**metrics, **(test or {})}),
            seconds=Settings(self.seconds),
            weights=tuple(weights),
        )

    def _rate(self) -> dict[str, float]:
        """The learning rate of the last update, where it is not the same throughout."""
        if self.has_constant_rate or math.isnan(self.learning_rate):
            return {}
        return {"learning_rate": self.learning_rate}

    def _evaluate(self, metrics: Mapping[str, float]) -> tuple[Status, str]:
        trial, loss = self.trial, metrics["train_loss"]
        broken = [name for name, value in metrics.items() if not math.isfinite(value)]
        if broken:
            return Status.DIVERGED, f"{broken[0]} was not finite after epoch {self.epoch}"
        # abs: a saddle's values may be negative. The 1 keeps a start at zero meaningful.
        bound = DIVERGENCE_FACTOR * max(abs(self.initial_loss), 1.0)
        if abs(loss) > bound:
            return Status.DIVERGED, (
                f"the training loss {loss:.3g} passed {bound:.3g}, {DIVERGENCE_FACTOR:g} times "
                f"the loss at the start, after epoch {self.epoch}"
            )
        if self._has_settled(metrics):
            tolerance = trial.hyperparameters["tolerance"]
            return Status.CONVERGED, (
                f"the update norm {metrics['update_norm']:.3g} fell below the tolerance "
                f"{tolerance:g} after epoch {self.epoch}"
            )
        if self.epoch >= trial.epochs:
            return Status.COMPLETED, Status.COMPLETED.sentence
        if self._is_patience_over(metrics):
            return Status.COMPLETED, (
                f"{trial.objective} did not improve in the last {trial.patience} "
                f"epoch{'s' * (trial.patience > 1)}, after epoch {self.epoch}"
            )
        return Status.RUNNING, ""

    def _is_patience_over(self, metrics: Mapping[str, float]) -> bool:
        """Whether the objective has not improved for as many epochs as the study waits."""
        return 0 < self.trial.patience <= self._waited(metrics)

    def _waited(self, metrics: Mapping[str, float]) -> int:
        """How many epochs there are without a better objective, with those metrics the last."""
        value = metrics.get(self.trial.objective, math.nan)
        sign = 1 if self.trial.direction == "minimize" else -1
        is_better = math.isnan(self.best) or sign * (self.best - value) > self.trial.min_delta
        return 0 if self.epoch == 0 or is_better else self.waited + 1

    def _has_settled(self, metrics: Mapping[str, float]) -> bool:
        """Whether the lecture's stopping rule holds: ‖W(t+1) − W(t)‖ < tolerance."""
        tolerance = self.trial.hyperparameters.get("tolerance", 0.0)
        return self.epoch > 0 and metrics["update_norm"] < tolerance


class Clock:
    """Adds the seconds spent inside to one clock of some slots, in equal shares.

    Args:
        name: ``compile``, ``train``, ``evaluate`` or ``curvature``.
        slots: the trials that were worked on together.
    """

    def __init__(self, name: str, *slots: Slot) -> None:
        self._slots, self._name = slots, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self._start
        for slot in self._slots:
            slot.seconds[self._name] += seconds / len(self._slots)
