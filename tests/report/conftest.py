"""Runs to report on, trained for real: softmax regression on wine in NumPy."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_wine

from benchmark.results import RunWriter
from benchmark.trial import (
    ClosedFormProblem,
    CurvatureRequest,
    DatasetProblem,
    Report,
    Settings,
    Status,
    Trial,
    TrialResult,
)

Array = np.ndarray[Any, np.dtype[np.float64]]
EPOCHS = 12
MONITORED = (0, 1, 2, 4, 8)
STUDY = """\
question = "On wine, which trains the better softmax model: SGD with momentum or Adam?"
compare = {compare}
seed = 7

[problem]
dataset = "wine"
metric = "accuracy"
objective = "{objective}"

[problem.model]
name = "softmax"

[training]
epochs = 12

[search.common]
learning_rate = {{ low = 1e-4, high = 100.0, log = true }}
batch_size = {{ choices = [8, 16, 32, 64] }}
fuzz = {{ low = 1e-3, high = 1.0, log = true }}

[search.momentum]
momentum = {{ low = 0.0, high = 0.99 }}

[search.adam]
beta_1 = {{ low = 0.5, high = 0.99 }}
beta_2 = 0.999

[budget]
trials = 24
replicates = 5

[target]
metric = "validation_accuracy"
value = 0.8
"""
QUADRATIC = """\
question = "How fast is gradient descent?"
compare = ["sgd"]

[problem]
function = "quadratic"
options = { dimension = 4, condition_number = 100.0 }

[training]
epochs = 12

[search.common]
learning_rate = { low = 1e-3, high = 10.0, log = true }
"""


@dataclass
class Softmax:
    """Softmax regression on noisy, standardised wine data, with its gradient and Hessian."""

    parts: dict[str, tuple[Array, Array]] = field(init=False)

    def __post_init__(self) -> None:
        x, y = load_wine(return_X_y=True)
        rng = np.random.default_rng(0)
        # Wrong labels: without them the classes are separable and every loss goes to 0.
        y = np.where(rng.random(len(y)) < 0.12, rng.integers(0, 3, len(y)), y)
        order = rng.permutation(len(x))
        x = (x - x.mean(0)) / x.std(0)
        x = np.column_stack([x, np.ones(len(x))])[order]
        ends = {"train": slice(0, 106), "validation": slice(106, 142), "test": slice(142, None)}
        self.parts = {name: (x[rows], np.eye(3)[y[order]][rows]) for name, rows in ends.items()}

    def metrics(self, part: str, weights: Array) -> tuple[float, float]:
        x, y = self.parts[part]
        p = _probabilities(x @ weights)
        with np.errstate(divide="ignore"):
            loss = -np.log((p * y).sum(1)).mean()
        return float(loss), float((p.argmax(1) == y.argmax(1)).mean())

    def gradient(self, weights: Array, rows: Any = slice(None)) -> Array:
        x, y = (array[rows] for array in self.parts["train"])
        return np.asarray(x.T @ (_probabilities(x @ weights) - y) / len(x))

    def hessian(self, weights: Array) -> Array:
        x, _ = self.parts["train"]
        p = _probabilities(x @ weights)
        blocks = np.einsum("ni,ij->nij", p, np.eye(3)) - np.einsum("ni,nj->nij", p, p)
        size = weights.size
        return np.einsum("na,nij,nb->aibj", x, blocks, x).reshape(size, size) / len(x)


def _probabilities(logits: Array) -> Array:
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(shifted / shifted.sum(1, keepdims=True))


def train(trial: Trial) -> tuple[TrialResult, list[Report]]:
    """Train one trial, as an engine would."""
    rng = np.random.default_rng([trial.seed, trial.replicate])
    model, hp = Softmax(), trial.hyperparameters
    weights = hp["fuzz"] * rng.standard_normal((14, 3))
    state = {"v": np.zeros_like(weights), "m": np.zeros_like(weights), "t": 0, "samples": 0}
    reports, status = [_report(trial, model, weights, 0, state, Status.RUNNING)], Status.RUNNING
    while not status.is_final:
        epoch = len(reports)
        order = rng.permutation(106)
        for rows in np.array_split(order, -(-106 // int(hp["batch_size"]))):
            weights = weights - _update(trial.label, hp, model.gradient(weights, rows), state)
            state["samples"] += len(rows)
        loss = model.metrics("train", weights)[0]
        status = Status.COMPLETED if epoch == trial.epochs else Status.RUNNING
        if trial.phase == "search" and epoch == 4 and loss > 1.0:
            status = Status.PRUNED
        if not loss < 20:
            status = Status.DIVERGED
        reports.append(_report(trial, model, weights, epoch, state, status))
    return _result(trial, model, weights, reports), reports


def _update(label: str, hp: Settings, gradient: Array, state: dict[str, Any]) -> Array:
    state["t"] += 1
    if label != "adam":
        state["v"] = hp.get("momentum", 0.0) * state["v"] + gradient
        return np.asarray(hp["learning_rate"] * state["v"])
    state["m"] = hp["beta_1"] * state["m"] + (1 - hp["beta_1"]) * gradient
    state["v"] = hp["beta_2"] * state["v"] + (1 - hp["beta_2"]) * gradient**2
    corrected = np.sqrt(state["v"] / (1 - hp["beta_2"] ** state["t"])) + 1e-7
    return np.asarray(
        hp["learning_rate"] * state["m"] / (1 - hp["beta_1"] ** state["t"]) / corrected
    )


def _report(
    trial: Trial, model: Softmax, weights: Array, epoch: int, state: dict[str, Any], status: Status
) -> Report:
    metrics = {
        f"{part}_{name}": value
        for part in ("train", "validation")
        for name, value in zip(("loss", "accuracy"), model.metrics(part, weights), strict=True)
    }
    gradient = model.gradient(weights)
    metrics["gradient_norm"] = float(np.linalg.norm(gradient))
    curvature: dict[str, float] = {}
    spectrum: tuple[float, ...] = ()
    if epoch in trial.curvature.epochs:
        hessian = model.hessian(weights)
        values = np.linalg.eigvalsh(hessian)
        tolerance = float(values[-1]) * 42 * 2.2e-16
        curvature = {
            "lambda_max": float(values[-1]),
            "lambda_min": float(values[0]),
            "condition_number_lower_bound": float(values[-1]) / tolerance,
            "negative": float((values < -tolerance).sum()),
            "zero": float((abs(values) <= tolerance).sum()),
            "positive": float((values > tolerance).sum()),
            "optimal_step": float(
                gradient.ravel()
                @ gradient.ravel()
                / (gradient.ravel() @ hessian @ gradient.ravel())
            ),
        }
        spectrum = tuple(float(value) for value in values)
    if trial.phase == "search" and epoch in MONITORED and not status.is_final:
        curvature |= _tracked(model.hessian(weights), trial.hyperparameters["learning_rate"])
    return Report(
        trial.number, epoch, state["t"], state["samples"], state["t"], Settings(metrics), status,
        status.sentence if status.is_final else "", Settings(curvature), spectrum,
    )  # fmt: skip


def _tracked(hessian: Array, rate: float) -> dict[str, float]:
    """What an engine follows on a probe, here the whole of the training part."""
    values = np.linalg.eigvalsh(hessian)
    return {
        "probe_lambda_max": float(values[-1]),
        "probe_condition_number_lower_bound": float(values[-1] / abs(values[-6])),
        "probe_scaled_sharpness": float(rate * values[-1]),
    }


def _result(trial: Trial, model: Softmax, weights: Array, reports: list[Report]) -> TrialResult:
    last = reports[-1]
    metrics = dict(last.metrics)
    if last.status.is_usable:
        metrics["test_loss"], metrics["test_accuracy"] = model.metrics("test", weights)
    objective = metrics[trial.objective]
    if last.status is Status.DIVERGED:
        objective = trial.worst_objective
    return TrialResult(
        trial, last.status, last.reason, objective, last.epoch, last.step, last.samples,
        last.gradient_evaluations, Settings(metrics), Settings(train=0.01), (weights,),
    )  # fmt: skip


def sample(rng: np.random.Generator, label: str) -> Settings:
    """Draw hyperparameters from the space of the study."""
    hp = {
        "learning_rate": float(10 ** rng.uniform(-4, 2)),
        "batch_size": int(rng.choice([8, 16, 32, 64])),
        "fuzz": float(10 ** rng.uniform(-3, 0)),
    }
    if label == "adam":
        return Settings(hp, beta_1=float(rng.uniform(0.5, 0.99)), beta_2=0.999)
    return Settings(hp, momentum=float(rng.uniform(0, 0.99)))


@dataclass(frozen=True)
class RunKind:
    """What a run to report on is like."""

    labels: tuple[str, ...] = ("momentum", "adam")
    trials: int = 24
    replicates: int = 5
    objective: str = "validation_loss"
    diverging: bool = False
    lost: tuple[str, int] = ("", 0)  # a label, and how many of its replicates diverge
    is_finished: bool = True


def write_run(root: Path, kind: RunKind) -> Path:
    """Train and record a run."""
    rng = np.random.default_rng(1)
    text = STUDY.format(compare=list(kind.labels), objective=kind.objective)
    environment = {"python": "3.11.9", "versions": {"numpy": np.__version__}, "cores": 2}
    with RunWriter.create(root, "wine-softmax", text, environment, "2026-11-22T12-48-03Z") as run:
        number = 0

        def make(label: str, phase: Any, hp: Settings, replicate: int) -> Trial:
            measured = CurvatureRequest((0, 4, 8, EPOCHS) if phase == "replicate" else ())
            direction: Any = "maximize" if "accuracy" in kind.objective else "minimize"
            return Trial(
                number, phase, DatasetProblem("wine"), "softmax", Settings(), label, label, hp,
                Settings(sampling="shuffle"), EPOCHS, 7, replicate, measured, kind.objective,
                direction,
            )  # fmt: skip

        best: dict[str, TrialResult] = {}
        for label in [label for _ in range(kind.trials) for label in kind.labels]:
            hp = sample(rng, label)
            if kind.diverging:
                hp = Settings({**hp, "learning_rate": 1e5})
            result, reports = train(make(label, "search", hp, 0))
            run.append(result, reports)
            number += 1
            sign = -1 if "accuracy" in kind.objective else 1
            if result.status.is_usable and (
                label not in best or sign * result.objective < sign * best[label].objective
            ):
                best[label] = result
        for replicate in range(1, kind.replicates + 1):
            for label, result in best.items():
                hp = result.trial.hyperparameters
                if label == kind.lost[0] and replicate <= kind.lost[1]:
                    hp = Settings({**hp, "learning_rate": 1e5})
                run.append(*train(make(label, "replicate", hp, replicate)))
                number += 1
        if kind.is_finished:
            run.finish({"trials": number})
    return run.path


def write_closed_form_run(root: Path) -> Path:
    """Record gradient descent on a quadratic: no metric besides the loss."""
    eigenvalues = np.geomspace(0.1, 10, 4)
    problem = ClosedFormProblem("quadratic", Settings(dimension=4, condition_number=100.0))
    with RunWriter.create(root, "quadratic", QUADRATIC, {}, "first") as run:
        for number, rate in enumerate(np.geomspace(1e-3, 10, 12)):
            trial = Trial(
                number, "search", problem, "", Settings(), "sgd", "sgd",
                Settings(learning_rate=float(rate)), Settings(), 12, 0, objective="train_loss",
            )  # fmt: skip
            point, reports = np.ones(4), []
            for epoch in range(13):
                loss = float(eigenvalues @ point**2 / 2)
                reports.append(
                    Report(number, epoch, epoch, epoch, epoch, Settings(train_loss=loss))
                )
                point = point - rate * eigenvalues * point
            status = Status.COMPLETED if loss < 1e3 else Status.DIVERGED
            objective = loss if status is Status.COMPLETED else np.inf
            run.append(
                TrialResult(
                    trial, status, status.sentence, objective, 12, 12, 12, 12,
                    Settings(train_loss=loss), Settings(),
                ),
                reports,
            )  # fmt: skip
        run.finish({"trials": 12})
    return run.path


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that trains a run of some kind, each in a new folder."""
    return lambda **kind: write_run(tmp_path_factory.mktemp("results"), RunKind(**kind))


@pytest.fixture(scope="session")
def closed_form_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gradient descent on a quadratic."""
    return write_closed_form_run(tmp_path_factory.mktemp("results"))
