"""What a trial trains: model, loss and arrays, from a dataset or a closed form."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import keras
import numpy as np
from keras import ops

from benchmark.data import Prepared, prepare
from benchmark.errors import did_you_mean
from benchmark.metrics import METRICS, Metric
from benchmark.models import build_model, initial_weights
from benchmark.models.foreign import OWN_INITIALIZER, is_foreign_model
from benchmark.models.foreign_building import Draw, own_weights, scaled_kernels
from benchmark.models.plain import plain_model
from benchmark.problems import build_problem
from benchmark.problems.base import Problem
from benchmark.problems.model import mean_value, problem_model
from benchmark.trial import ClosedFormProblem, Settings, Trial

Array = np.ndarray[Any, Any]
Entry = TypeVar("Entry")
DEFAULT_INITIALIZER = "glorot_uniform"
COORDINATES = ("weight_0", "weight_1")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Inputs and targets of one part of the data, row by row."""

    x: Array
    y: Array


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A model with what it is trained and evaluated on.

    Args:
        model: built and uncompiled; its weights are set by the engine.
        loss: a Keras loss whose value is the mean over the batch.
        metric: name of the metric besides the loss, or empty.
        parts: ``train`` always; ``validation`` and ``test`` where there is a dataset, and
            ``test`` of a closed-form problem with test data.
        state: the model's state besides its weights as it was built, in the order of
            ``model.non_trainable_variables``.
        key: names model and loss, for programs that are kept between processes; empty where
            nothing can name them, such as the code of a user.
        own_weights: of a model that is not shipped, its own initial weights for a seed.
    """

    model: keras.Model
    loss: keras.losses.Loss
    metric: str
    parts: dict[str, Part]
    state: tuple[Array, ...] = ()
    key: str = ""
    own_weights: Draw | None = None

    @property
    def coordinates(self) -> tuple[str, ...]:
        """What the weights of a closed-form problem of two dimensions are reported as.

        They are metrics like any other, so that its path can be drawn; other tasks have none.
        """
        is_closed_form = isinstance(self.loss, MeanOfOutputs)
        return COORDINATES if is_closed_form and self.model.count_params() == 2 else ()


class MeanOfOutputs(keras.losses.Loss):
    """The loss of a closed-form problem: the model's outputs are the values themselves."""

    is_linear = True  # see benchmark.optimizers.objective.is_linear_loss

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Ignore the targets; the base class takes the mean."""
        return mean_value(y_true, y_pred)


def build_loss(name: str) -> keras.losses.Loss:
    """Return the Keras loss of a study; the models give logits.

    Args:
        name: a key of ``LOSSES``.

    Raises:
        ValueError: there is none of that name.
    """
    return _named("loss", name, LOSSES)()


def mean_metric(name: str, y: Any, outputs: Any) -> Any:
    """Compute a metric of all rows, in ``keras.ops``.

    Args:
        name: a key of :data:`benchmark.metrics.METRICS`.
        y: targets of shape (rows,) or (rows, 1).
        outputs: outputs of shape (rows, units).

    Raises:
        ValueError: there is none of that name.
    """
    metric, rows = metric_named(name), metric_of_rows(name, y, outputs)
    if not metric.count(outputs.shape[-1]):
        return ops.mean(rows)
    return metric.of_means(ops, ops.mean(rows, axis=0))


def metric_of_rows(name: str, y: Any, outputs: Any) -> Any:
    """Compute what each row adds to a metric, before the mean; as :func:`mean_metric`."""
    return metric_named(name).of_rows(ops, y, outputs)


def metric_named(name: str) -> Metric:
    """Return the entry of a metric.

    Raises:
        ValueError: there is none of that name.
    """
    return _named("metric", name, METRICS)


LOSSES: dict[str, Callable[[], keras.losses.Loss]] = {
    "sparse_categorical_crossentropy": lambda: keras.losses.SparseCategoricalCrossentropy(
        from_logits=True
    ),
    "mean_squared_error": keras.losses.MeanSquaredError,
    "mean_absolute_error": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
}
"""The losses that ``benchmark.study.schema.LOSSES`` names."""


def _named(what: str, name: str, table: Mapping[str, Entry]) -> Entry:
    if name not in table:
        raise ValueError(
            f"the {what} must be one of {', '.join(table)}. Received {name!r}."
            f"{did_you_mean(name, table)}"
        )
    return table[name]


def build_task(trial: Trial) -> Task:
    """Build what a trial trains; the model's weights are still those of Keras."""
    if isinstance(trial.problem, ClosedFormProblem):
        problem = build_problem(trial.problem.function, dict(trial.problem.options))
        parts = {"train": _of_examples(problem.data)}
        if problem.test_data is not None:
            parts["test"] = _of_examples(problem.test_data)
        model = problem_model(problem)
        return Task(model, MeanOfOutputs(), "", parts, key=_key_of(problem))
    kind = trial.problem
    data = prepare(kind.dataset, kind.fractions, kind.scaling, kind.split_seed)
    shape = data.train.x.shape[1:]
    options = {k: v for k, v in trial.model_options.items() if k != "initializer"}
    model = build_model(trial.model, shape, data.card.units, options)
    parts = {name: Part(p.x, _column(p.y)) for name, p in _parts(data)}
    state = tuple(state_of(model))
    loss = build_loss(kind.loss)
    if is_foreign_model(trial.model):
        draw = own_weights(trial.model, shape, data.card.units, options)
        return Task(model, loss, kind.metric, parts, state, own_weights=draw)
    key = repr((kind, trial.model, Settings(options), data.card.units))
    return Task(model, loss, kind.metric, parts, state, key)


def _key_of(problem: Problem) -> str:
    """Name a closed form by its options and the bits of its arrays, which programs hold."""
    arrays = {
        name: hashlib.sha256(value.tobytes()).hexdigest()
        for name, value in sorted(vars(problem).items())
        if isinstance(value, np.ndarray)
    }
    return repr((problem.name, sorted(problem.options.items()), arrays))


def _of_examples(x: Array) -> Part:
    """A part of a closed-form problem, which has no targets."""
    return Part(np.asarray(x, dtype="float32"), np.zeros(len(x), dtype="float32"))


def starting_weights(task: Task, trial: Trial) -> list[Array]:
    """The initial weights of a trial, the same on every backend and for every optimizer."""
    if isinstance(trial.problem, ClosedFormProblem):
        problem = build_problem(trial.problem.function, dict(trial.problem.options))
        return [np.asarray(problem.start, dtype="float32")]
    scale = trial.hyperparameters.get("fuzz")
    seed = trial.random_seed("initial_weights")
    if task.own_weights is None:
        initializer = trial.model_options.get("initializer", DEFAULT_INITIALIZER)
        return initial_weights(task.model, initializer, scale, seed)
    initializer = trial.model_options.get("initializer", OWN_INITIALIZER)
    values = task.own_weights(seed)
    if initializer == OWN_INITIALIZER:
        return scaled_kernels(task.model, values, scale)
    return initial_weights(task.model, initializer, scale, seed, values)


def starting_state(task: Task, trial: Trial) -> list[Array]:
    """The state besides the weights that a trial starts from.

    Moving averages are as the model was built. Every generator of random numbers (of a
    Dropout layer, for instance) has a seed of its own from the axis ``dropout``, the same
    for every optimizer and hyperparameter.

    Args:
        task: what the trial trains.
        trial: asked for its seed.

    Returns:
        Copies in the order, the shapes and the types of ``model.non_trainable_variables``.
    """
    seed = trial.random_seed("dropout")
    values = [value.copy() for value in task.state]
    variables = task.model.non_trainable_variables
    generators = [i for i, variable in enumerate(variables) if _is_generator(variable)]
    for order, index in enumerate(generators):
        drawn = np.random.SeedSequence(seed, spawn_key=(order,)).generate_state(1)[0]
        # Two numbers: a seed, and a count of draws. 31 bits of the seed fit every backend.
        values[index] = np.array([drawn >> np.uint32(1), 0], values[index].dtype)
    return values


def _is_generator(variable: Any) -> bool:
    return str(variable.path).endswith("seed_generator_state")


def state_of(model: keras.Model) -> list[Array]:
    """Copy what a model keeps besides its trainable weights."""
    # Not ops.convert_to_numpy: NumPy 2 warns of how Keras copies a variable.
    return [np.asarray(variable.value).copy() for variable in model.non_trainable_variables]


def kept_variables(model: keras.Model) -> list[Any]:
    """What of a model is worth keeping: the weights, then moving averages and the like."""
    floats = [v for v in model.non_trainable_variables if keras.backend.is_float_dtype(v.dtype)]
    return [*model.trainable_variables, *floats]


def trained_model(trial: Trial, weights: Sequence[Array]) -> keras.Model:
    """Return the Keras model of a trial with the given weights, of Keras's own layers.

    Args:
        trial: a trial on a dataset.
        weights: those of the trial's result, in the order of :func:`kept_variables`.
    """
    model = build_task(trial).model
    for variable, value in zip(kept_variables(model), weights, strict=True):
        variable.assign(value)
    return plain_model(model)


def _column(y: Array) -> Array:
    """Keras compares regression targets with outputs of shape (rows, 1)."""
    return y if np.issubdtype(y.dtype, np.integer) else y.reshape(-1, 1)


def _parts(data: Prepared) -> tuple[tuple[str, Any], ...]:
    return (("train", data.train), ("validation", data.validation), ("test", data.test))
