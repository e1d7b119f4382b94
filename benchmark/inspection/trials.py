"""The subject of a recorded trial, which is rebuilt from its record."""

from pathlib import Path

from benchmark.curvature import StepRule
from benchmark.engine.memory import TooLargeError
from benchmark.engine.regularization import penalised, regularization_of
from benchmark.engine.structure import optimizer_numbers
from benchmark.engine.surroundings import trial_rule
from benchmark.engine.task import Part, Task, build_task
from benchmark.engine.trajectory import Course, retrain
from benchmark.errors import UserError
from benchmark.inspection.settings import InspectionError, Settings
from benchmark.inspection.subject import (
    Array,
    Subject,
    Watch,
    checked_loss,
    drawn,
    split_variables,
)
from benchmark.results import load_weights
from benchmark.trial import DatasetProblem, Status, Trial, TrialResult

ROUNDING = 0.01
"""A relative difference of two losses above this is reported as more than rounding."""


def trial_subject(path: Path, result: TrialResult, settings: Settings, watch: Watch) -> Subject:
    """Rebuild a trial with its stored weights, or with those of training it again.

    Args:
        path: the run folder.
        result: the record of the trial.
        settings: what to measure.
        watch: called with the progress of the training.

    Raises:
        InspectionError: it has no finite weights, or no such part, or its record names what this
            program does not know.
    """
    try:
        return _subject(path, result, settings, watch)
    except UserError:
        raise
    except TooLargeError as error:
        raise InspectionError(str(error)) from None
    except (KeyError, ValueError) as error:  # a name or a number that no study may give
        reason = f"there is no {error}." if isinstance(error, KeyError) else str(error)
        raise InspectionError(
            "a recorded trial must be one that a study can have. Received trial "
            f"{result.trial.number} of {path / 'records.jsonl'}: {reason} Restore the file."
        ) from error


def _subject(path: Path, result: TrialResult, settings: Settings, watch: Watch) -> Subject:
    trial = result.trial
    task = build_task(trial)
    part = _part(task, trial, settings)
    name = f"{path.resolve().parent.name}/{path.resolve().name}"
    stored = _stored(path, trial)
    course = Course()
    if stored is None or settings.trajectory:
        course = _trained_again(result, watch)
    notes = [_note(result, course, stored is not None)]
    last = stored if stored is not None else course.weights[-1]
    weights, state = split_variables(task.model, last)
    x, y = drawn(part.x, part.y, settings)
    shows_trajectory = settings.trajectory and len(course.epochs) > 1
    count = len(weights)
    is_data = isinstance(trial.problem, DatasetProblem)
    held = regularization_of(trial)
    loss = checked_loss(task.model, task.loss, f"trial {trial.number} of {name}")
    return Subject(
        title=f"The curvature of trial {trial.number}, {trial.label} on {trial.problem.name}",
        source=f"{name} · trial {trial.number}",
        loss=penalised(loss),
        weights=weights,
        state=[*state, *held.coefficients],
        x=x,
        y=y,
        facts=_facts(name, result, settings, len(x)),
        sentences=list(held.findings.values()),
        notes=notes,
        batch_size=int(trial.hyperparameters.get("batch_size", 32)) if is_data else 0,
        rule=_rule(result),
        epochs=course.epochs if shows_trajectory else [],
        trajectory=[list(arrays[:count]) for arrays in course.weights] if shows_trajectory else [],
        trajectory_rules=_trajectory_rules(trial, course) if shows_trajectory else [],
    )


def _stored(path: Path, trial: Trial) -> tuple[Array, ...] | None:
    try:
        return load_weights(path, trial.number)
    except FileNotFoundError:
        return None


def _trained_again(result: TrialResult, watch: Watch) -> Course:
    trial, epochs = result.trial, max(result.epochs, 1)
    try:
        course = retrain(
            trial, result.epochs, lambda epoch: watch("training again", epoch / epochs)
        )
    except RuntimeError as error:
        raise InspectionError(
            f"the trial must train. Received trial {trial.number}, which failed: {error}."
        ) from None
    if not course.weights:
        raise InspectionError(
            f"a trial must have finite weights. Received trial {trial.number}, which starts "
            "without. Name another one."
        )
    return course


def _part(task: Task, trial: Trial, settings: Settings) -> Part:
    if settings.part not in task.parts:
        raise InspectionError(
            f"a closed-form problem has the part train only. Received --part {settings.part} "
            f"for {trial.problem.name}. Leave it out."
        )
    return task.parts[settings.part]


def _note(result: TrialResult, course: Course, are_stored: bool) -> str:
    origin = "The weights are those that the run stored."
    if not course.reports:
        return origin
    last = course.reports[-1]
    if result.status is Status.DIVERGED:
        # Its recorded loss is the last finite one, of a different epoch than its weights.
        return (
            "The trial diverged. A run stores no weights of such a trial, so the sequential engine "
            "trained it again. The weights are the last finite ones, those after "
            f"epoch {course.epochs[-1]}."
        )
    again = last.metrics.get("train_loss", float("nan"))
    recorded = result.metrics.get("train_loss", float("nan"))
    losses = (
        f"its training loss is {again:.6g} after epoch {last.epoch}, {recorded:.6g} as recorded"
    )
    if abs(again - recorded) > ROUNDING * abs(recorded):
        losses += " (this training amplifies rounding, so engines and backends differ)"
    if are_stored:
        return (
            f"{origin} The sequential engine trained the trial again for its trajectory: {losses}."
        )
    return (
        "The run stored no weights of this trial, so the sequential engine trained it again: "
        f"{losses}. The weights are those after epoch {course.epochs[-1]}."
    )


def _rule(result: TrialResult) -> StepRule | str:
    """Return how the optimizer steps, as far as known without its state, which is not stored."""
    numbers = optimizer_numbers(result.trial)
    rate = result.metrics.get("learning_rate", numbers.get("learning_rate", float("nan")))
    return trial_rule(result.trial, float(rate), result.step)


def _trajectory_rules(trial: Trial, course: Course) -> list[StepRule | str]:
    """Return the same after each epoch of the trajectory, with the learning rate of that epoch."""
    base = float(optimizer_numbers(trial).get("learning_rate", float("nan")))
    reports = {report.epoch: report for report in course.reports}
    rules: list[StepRule | str] = []
    for epoch in course.epochs:
        report = reports.get(epoch)
        rate = report.metrics.get("learning_rate", base) if report else base
        rules.append(trial_rule(trial, float(rate), report.step if report else 0))
    return rules


def _facts(
    name: str, result: TrialResult, settings: Settings, examples: int
) -> list[tuple[str, str]]:
    trial = result.trial
    numbers = ", ".join(f"{key} {value:.4g}" for key, value in trial.hyperparameters.items())
    facts = [
        ("run", name),
        ("trial", f"{trial.number}, {trial.phase}, {result.status.value}"),
        ("optimizer", trial.label),
        ("hyperparameters", numbers),
        ("problem", trial.problem.name),
        ("model", trial.model),
        ("objective", f"{trial.objective} {result.objective:.6g}"),
        ("epochs", str(result.epochs)),
        ("examples", f"{examples} of the part {settings.part}"),
    ]
    return [(key, value) for key, value in facts if value]
