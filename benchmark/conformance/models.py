"""Checks a model, property by property, as it would be trained on a dataset."""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.conformance.engines import run
from benchmark.conformance.properties import (
    Examination,
    NotApplicableError,
    Outcome,
    Result,
    ViolationError,
)
from benchmark.curvature import HessianProgram, model_loss
from benchmark.data import load_card
from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.task import Task, build_task, starting_state, starting_weights
from benchmark.engine.tiles import Shape
from benchmark.errors import failure_reason
from benchmark.models import check_input, check_options
from benchmark.models.foreign import is_foreign_model
from benchmark.models.foreign_building import check_foreign_model
from benchmark.models.plain import plain_model
from benchmark.trial import DatasetProblem, Settings, Trial, TrialResult

ROWS = 32
ROUNDING = 1e-4
"""What two computations of the same outputs in float32 may be apart, of their size."""
ENGINES = 2e-3
"""What a step of training may be apart in the two engines, of the distance that weights moved."""
STEP = 1e-4


class ModelSubject:
    """A model with the data that it is checked on.

    Args:
        name: a name of ``MODELS``, ``package.module:function`` or a ``.keras`` file.
        dataset: the name of a dataset card.
        options: options of the model.
    """

    def __init__(self, name: str, dataset: str, options: Mapping[str, Any]) -> None:
        card = load_card(dataset)
        if is_foreign_model(name):
            check_foreign_model(name, (card.features,), card.units, options)
        else:
            check_input(name, check_options(name, options), (card.features,))
        is_class = card.task == "classification"
        self.name = name
        self.problem = DatasetProblem(
            dataset,
            loss="sparse_categorical_crossentropy" if is_class else "mean_squared_error",
            metric="accuracy" if is_class else "mean_absolute_error",
        )
        self.options = Settings(options)

    def trial(self, number: int) -> Trial:
        """A trial of one epoch of SGD, whose rate grows with its number."""
        return Trial(
            number=number,
            phase="search",
            problem=self.problem,
            model=self.name,
            model_options=self.options,
            label="sgd",
            optimizer="sgd",
            hyperparameters=Settings(learning_rate=0.01 * (1 + number), batch_size=ROWS),
            options=Settings(sampling="shuffle", schedule="constant"),
            epochs=1,
            seed=7,
        )

    @cached_property
    def task(self) -> Task:
        """What a trial trains, at its first weights."""
        task, trial = build_task(self.trial(0)), self.trial(0)
        values = [*starting_weights(task, trial), *starting_state(task, trial)]
        variables = [*task.model.trainable_variables, *task.model.non_trainable_variables]
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return task

    @property
    def rows(self) -> tuple[Any, Any]:
        """The first rows of the training part."""
        train = self.task.parts["train"]
        return train.x[:ROWS], train.y[:ROWS]

    @property
    def weights(self) -> list[np.ndarray[Any, Any]]:
        """The trainable weights."""
        return [np.asarray(variable.value) for variable in self.task.model.trainable_variables]

    @property
    def state(self) -> list[np.ndarray[Any, Any]]:
        """What the model keeps besides."""
        return [np.asarray(variable.value) for variable in self.task.model.non_trainable_variables]


def rows_do_not_matter_to_each_other(subject: ModelSubject) -> None:
    """Check the property ``rows alone``."""
    x, _ = subject.rows
    together = _outputs(subject.task.model, x)
    alone = np.concatenate([_outputs(subject.task.model, x[i : i + 1]) for i in range(len(x))])
    _require_close(alone, together, "The outputs of a row alone and among others")


def every_weight_has_a_gradient(subject: ModelSubject) -> None:
    """Check the property ``gradients``."""
    loss = model_loss(subject.task.model, subject.task.loss)
    x, y = subject.rows
    _, gradients = backend.value_and_grad(loss)(
        [weight.astype("float64") for weight in subject.weights], x, y, subject.state
    )
    values = [np.asarray(ops.convert_to_numpy(gradient)) for gradient in gradients]
    paths = [variable.path for variable in subject.task.model.trainable_variables]
    for path, value in zip(paths, values, strict=True):
        if not np.isfinite(value).all():
            raise ViolationError(f"The gradient of {path} is not finite at the first weights.")
    still = [path for path, value in zip(paths, values, strict=True) if not value.any()]
    if len(still) == len(paths):
        raise ViolationError("Every gradient is zero at the first weights.")
    if still:
        raise NotApplicableError(
            f"At the first weights the gradient of {', '.join(still)} is zero. That is right where "
            "later layers begin at zero, and a mistake where nothing uses these weights."
        )


def the_hessian_is_that_of_the_gradient(subject: ModelSubject) -> None:
    """Check the property ``curvature``."""
    loss = model_loss(subject.task.model, subject.task.loss)
    x, y = subject.rows
    generator = np.random.default_rng(0)
    direction = generator.standard_normal(sum(weight.size for weight in subject.weights))
    direction /= np.linalg.norm(direction)
    program = HessianProgram(loss)

    def at(distance: float) -> Any:
        start, moved = 0, []
        for weight in subject.weights:
            part = direction[start : start + weight.size].reshape(weight.shape)
            moved.append(weight.astype("float64") + distance * part)
            start += weight.size
        return program.at(moved, x, y, subject.state)

    product = np.asarray(at(0).matvec(direction))
    difference = (np.asarray(at(STEP).gradient()) - np.asarray(at(-STEP).gradient())) / (2 * STEP)
    size = max(float(np.linalg.norm(product)), float(np.linalg.norm(at(0).gradient())))
    apart = float(np.linalg.norm(product - difference))
    if not apart <= 1e-3 * size:
        raise ViolationError(
            f"A product with the Hessian and the difference of two gradients are {apart:.3g} "
            f"apart, and {1e-3 * size:.2g} is allowed. A kink of the loss (of relu, say) that lies "
            "near the first weights does that too."
        )


def a_saved_model_is_the_same(subject: ModelSubject) -> None:
    """Check the property ``saved model``."""
    model = plain_model(subject.task.model)
    x, _ = subject.rows
    with TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        read = keras.saving.load_model(f"{folder}/model.keras", compile=False)
    _require_close(_outputs(read, x), _outputs(subject.task.model, x), "The outputs after reading")


def engines_agree(subject: ModelSubject) -> None:
    """Check the property ``vectorized as sequential``."""
    told: list[str] = []
    engine = VectorizedEngine(2, Shape(tiles=1, width=2), told.append)
    try:
        results = {r.trial.number: r for r in run([subject.trial(0), subject.trial(1)], engine)}
    finally:
        engine.close()
    expected = run([subject.trial(0)], SequentialEngine())[0]
    _require_weights(expected, "sequential")
    _require_weights(results[0], "vectorized")
    start = starting_weights(subject.task, subject.trial(0))
    count = len(start)
    moved = max(_distance(expected.weights[:count], start), 1e-6)
    apart = _distance(results[0].weights[:count], expected.weights[:count])
    if apart > ENGINES * moved:
        raise ViolationError(
            f"After an epoch the weights of the engines are {apart:.3g} apart, of {moved:.3g} that "
            "they moved."
        )
    if told:
        raise NotApplicableError(" ".join(told))


Check = Callable[[ModelSubject], None]
MODEL_PROPERTIES: dict[str, tuple[str, Check]] = {
    "rows alone": (
        "When the model is evaluated, the outputs of a row do not depend on the other rows.",
        rows_do_not_matter_to_each_other,
    ),
    "gradients": (
        "The gradient of the loss is finite, and none of its parts is zero.",
        every_weight_has_a_gradient,
    ),
    "curvature": (
        "A product with the Hessian in float64 is the derivative of the gradient.",
        the_hessian_is_that_of_the_gradient,
    ),
    "saved model": (
        "The model can be saved, and has the same outputs when it is read.",
        a_saved_model_is_the_same,
    ),
    "vectorized as sequential": (
        "An epoch of training ends at the same weights in both engines, to within 0.2 % of the "
        "distance that they moved.",
        engines_agree,
    ),
}
"""What is checked of a model: a sentence and the check of each."""


def check_model(
    name: str,
    dataset: str = "iris",
    options: Mapping[str, Any] | None = None,
    properties: Iterable[str] = tuple(MODEL_PROPERTIES),
) -> Examination:
    """Check a model on a dataset, on the backend in use; takes some ten seconds.

    Args:
        name: a name of ``MODELS``, ``package.module:function`` or a ``.keras`` file.
        dataset: the name of a dataset card.
        options: options of the model.
        properties: names in ``MODEL_PROPERTIES``; all by default.

    Raises:
        ValueError: there is no such model or dataset, or the model is refused: a study with it
            would not begin.

    Example:
        >>> examination = check_model("linear", properties=["rows alone", "gradients"])
        >>> [result.outcome.value for result in examination.results]
        ['passed', 'passed']
    """
    subject = ModelSubject(name, dataset, options or {})
    started = time.monotonic()
    results = tuple(_checked(subject, key) for key in properties)
    return Examination(name, backend.name(), results, time.monotonic() - started)


def _checked(subject: ModelSubject, name: str) -> Result:
    try:
        MODEL_PROPERTIES[name][1](subject)
    except NotApplicableError as reason:
        return Result(name, Outcome.DOES_NOT_APPLY, str(reason))
    except ViolationError as violation:
        return Result(name, Outcome.FAILED, str(violation))
    except (Exception, SystemExit) as error:  # a model of anyone's
        return Result(name, Outcome.FAILED, f"It raises {failure_reason(error)}")
    return Result(name, Outcome.PASSED)


def _outputs(model: keras.Model, x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(ops.convert_to_numpy(model(x, training=False)))


def _require_close(values: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], what: str) -> None:
    apart = float(np.max(np.abs(values - expected)))
    allowed = ROUNDING * max(1.0, float(np.max(np.abs(expected))))
    if not apart <= allowed:
        raise ViolationError(f"{what} are {apart:.3g} apart; {allowed:.2g} is allowed.")


def _require_weights(result: TrialResult, engine: str) -> None:
    if not result.weights:
        raise ViolationError(f"The {engine} engine ends with: {result.reason}")


def _distance(values: Iterable[Any], others: Iterable[Any]) -> float:
    squares = (
        float(np.sum(np.square(np.asarray(value, "float64") - np.asarray(other, "float64"))))
        for value, other in zip(values, others, strict=True)
    )
    return float(np.sqrt(sum(squares)))
