"""How an optimizer trains in the engines: a tiny problem, iris with a linear model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import keras
import numpy as np

from benchmark.conformance.keras_contract import require_same
from benchmark.conformance.properties import ViolationError
from benchmark.conformance.subject import Subject
from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.tiles import Shape
from benchmark.optimizers.examination import distance, tolerance
from benchmark.trial import DatasetProblem, Settings, Trial, TrialResult

EPOCHS = 2
SIZE = 32
MILD = {"epsilon": 1e-3}
"""Far above the rounding of gradients: those hardly larger would be divided by their own size."""
LARGE_RATE = 1e6


def vectorized_equals_sequential(subject: Subject) -> None:
    """Check the property ``vectorized as sequential``."""
    subject.require_pure()
    try:
        _require_agreement(subject, _engine(), share=1.0)
    except ApartError:
        # An inverse root of a matrix, say, makes much of a rounding; a mistake stays one.
        with _float64():
            _require_agreement(subject, _new_engine(), share=1e-6)


class ApartError(ViolationError):
    """The engines ended at different weights."""


def _require_agreement(subject: Subject, engine: Any, share: float) -> None:
    """Compare the engines, with a share of what two computations may be apart in float32."""
    oracle = SequentialEngine()
    for trial in (_trial(subject, 0), _trial(subject, 1)):
        expected = run([trial], oracle)[0]
        end = run([trial], engine)[0]
        for name, result in (("sequential", expected), ("vectorized", end)):
            if not result.weights:
                raise ViolationError(f"The {name} engine ends with: {result.reason}")
        apart = distance(end.weights, expected.weights)
        allowed = share * tolerance(expected.weights, _start(trial))
        if apart > allowed:
            raise ApartError(
                f"After {expected.step} steps on iris a weight of the vectorized engine is "
                f"{apart:.3g} from the sequential one's; {allowed:.2g} is allowed in "
                f"{keras.config.floatx()}."
            )


@contextmanager
def _float64() -> Iterator[None]:
    usual, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(usual)
        keras.config.set_dtype_policy(policy)


def neighbours_change_nothing(subject: Subject) -> None:
    """Check the property ``any neighbours``."""
    subject.require_pure()
    if "learning_rate" not in subject.numbers or "learning_rate" in subject.constants:
        neighbours = [_trial(subject, 1)]
    else:
        neighbours = [_trial(subject, 1), _trial(subject, 2, learning_rate=LARGE_RATE)]
    trial = _trial(subject, 0)
    alone = run([trial], _engine())[0]
    if not alone.weights:
        raise ViolationError(f"The vectorized engine ends with: {alone.reason}")
    for trials in ([trial, *neighbours], [*neighbours, trial]):
        beside = next(r for r in run(trials, _engine()) if r.trial.number == trial.number)
        if not beside.weights:
            raise ViolationError(f"Beside others the trial ends with: {beside.reason}")
        require_same(list(beside.weights), list(alone.weights), "Beside others a trial")


def run(trials: list[Trial], engine: Any) -> list[TrialResult]:
    """Train trials to their ends, as many at a time as the engine takes."""
    waiting, running = list(trials), 0
    ended: list[TrialResult] = []
    while waiting or running:
        while waiting and running < engine.capacity:
            engine.start(waiting.pop(0))
            running += 1
        for report in engine.advance():
            if report.status.is_final:
                ended.append(engine.stop(report.trial_number, report.status, report.reason))
                running -= 1
    return ended


@cache
def _engine() -> VectorizedEngine:
    return _new_engine()


def _new_engine() -> VectorizedEngine:
    """Two tiles with two places each: neighbours are in the same tile and in another."""
    return VectorizedEngine(4, Shape(tiles=2, width=2))


def _trial(subject: Subject, number: int, **numbers: float) -> Trial:
    table = subject.entry.hyperparameters
    mild = {name: value for name, value in MILD.items() if name in table}
    rates = _rates(subject.numbers.get("learning_rate"), number)
    full = subject.entry.full_batch
    return Trial(
        number=number,
        phase="search",
        problem=DatasetProblem("iris", loss="sparse_categorical_crossentropy", metric="accuracy"),
        model="linear",
        model_options=Settings(initializer="uniform"),
        label=subject.name,
        optimizer=subject.name,
        hyperparameters=Settings({**mild, **rates, "batch_size": SIZE, **numbers}),
        options=Settings(
            {**subject.options, "sampling": "full_batch" if full else "shuffle"},
            schedule="constant",
        ),
        epochs=EPOCHS,
        seed=7,
    )


def _rates(usual: float | None, number: int) -> Mapping[str, float]:
    return {} if usual is None else {"learning_rate": usual * (1 + number)}


def _start(trial: Trial) -> list[np.ndarray[Any, Any]]:
    from benchmark.engine.task import build_task, starting_weights

    return starting_weights(build_task(trial), trial)
