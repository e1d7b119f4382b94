"""Whether a class does what Keras's users expect: configuration, saving, fit, Keras's steps."""

import json
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmark.conformance.functions import bumpy, split, starting_point
from benchmark.conformance.properties import NotApplicableError, ViolationError
from benchmark.conformance.subject import (
    Array,
    Subject,
    arrays,
    take_steps,
    training_model,
    variables_of,
)
from benchmark.curvature.stability import missing_declaration
from benchmark.optimizers.constructor import parameters_of
from benchmark.optimizers.examination import distance, other_values, tolerance

HALF = 3


def resumes(subject: Subject) -> None:
    """Check the property ``resumed``."""
    start = split(starting_point(0))
    whole = variables_of(start)
    take_steps(subject.plain(), whole, bumpy, range(2 * HALF))
    weights, first = variables_of(start), subject.plain()
    take_steps(first, weights, bumpy, range(HALF))
    store: dict[str, Array] = {}
    first.save_own_variables(store)
    weights, second = variables_of(arrays(weights)), subject.plain()
    second.build(weights)
    second.load_own_variables({key: np.array(value) for key, value in store.items()})
    take_steps(second, weights, bumpy, range(HALF, 2 * HALF))
    require_same(arrays(weights), arrays(whole), "A resumed run")


def configuration_round_trip(subject: Subject) -> None:
    """Check the property ``configuration``."""
    optimizer = subject.plain(**other_numbers(subject))
    config = optimizer.get_config()
    try:
        json.dumps(config)
    except TypeError as error:
        raise ViolationError(f"get_config holds what is no plain value: {error}.") from error
    missing = [name for name in {**subject.numbers, **subject.entry.options} if name not in config]
    if missing:
        raise ViolationError(f"get_config lacks {', '.join(missing)}.")
    for name, value in other_numbers(subject).items():
        if np.float32(config[name]) != np.float32(value):
            raise ViolationError(f"{name} was {value:g} and is {config[name]!r} in get_config.")
    copies = {
        "from_config": type(optimizer).from_config(config),
        "keras.optimizers.deserialize": _revived(optimizer),
    }
    steps = _steps(optimizer)
    for way, copy in copies.items():
        if copy.get_config() != config:
            changed = [key for key in config if copy.get_config().get(key) != config[key]]
            raise ViolationError(f"{way} gives another configuration: {', '.join(changed)} differ.")
        require_same(_steps(copy), steps, f"What {way} gives")


def has_a_stability_limit(subject: Subject) -> None:
    """Check the property ``stability limit``."""
    forgotten = missing_declaration(subject.name)
    if forgotten:
        raise ViolationError(forgotten)
    if subject.entry.stability is None:
        raise NotApplicableError("It is not a built-in optimizer, so its update rule is unknown.")


def other_numbers(subject: Subject) -> dict[str, float]:
    """A value other than the default for each hyperparameter that a constructor takes."""
    changed = {}
    for name, usual in subject.numbers.items():
        for value in other_values(subject.entry.hyperparameters[name], usual):
            try:
                subject.plain(**{name: value})
            except (ValueError, TypeError):  # a range that no table knows
                continue
            changed[name] = value
            break
    return changed


def require_same(actual: list[Array], expected: list[Array], what: str) -> None:
    """Raise where weights are not the same bits.

    Raises:
        ViolationError: they are not.
    """
    for weight, expected_weight in zip(actual, expected, strict=True):
        if not np.array_equal(weight, expected_weight):
            apart = float(np.max(np.abs(weight.astype("float64") - expected_weight)))
            raise ViolationError(f"{what} ends elsewhere: a weight differs by {apart:.3g}.")


def _revived(optimizer: Any) -> Any:
    try:
        return keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    except (TypeError, ValueError) as error:
        raise ViolationError(
            "keras.optimizers.deserialize does not find the class. Put "
            "@keras.saving.register_keras_serializable() before it. "
            f"It says: {(str(error).splitlines() or [''])[0]}"
        ) from error


def _steps(optimizer: Any) -> list[Array]:
    variables = variables_of(split(starting_point(0)))
    take_steps(optimizer, variables, bumpy, range(2))
    return arrays(variables)


ROWS, STEPS = 12, 5
# Read by the random generator of this module alone, so that every check sees the same.
X = np.random.default_rng(5).normal(size=(ROWS, 3)).astype("float32")
Y = np.random.default_rng(6).normal(size=(ROWS, 2)).astype("float32")


def fits(subject: Subject) -> None:
    """Check the property ``compile and fit``."""
    model = _model(subject.plain())
    start = model.get_weights()
    history = model.fit(X, Y, batch_size=ROWS, epochs=3, shuffle=False, verbose=0).history["loss"]
    if not np.all(np.isfinite(history)):
        raise ViolationError(f"The losses of three epochs of fit are {history}.")
    if all(np.array_equal(a, b) for a, b in zip(start, model.get_weights(), strict=True)):
        raise ViolationError("Three epochs of fit moved no weight.")


def survives_saving(subject: Subject) -> None:
    """Check the property ``saved model``."""
    model = _model(subject.plain())
    for _ in range(2):
        model.train_on_batch(X, Y)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = _loaded(path)
    names = [type(trained.optimizer).__name__ for trained in (model, loaded)]
    if names[0] != names[1]:
        raise ViolationError(f"A loaded model has the optimizer {names[1]} instead of {names[0]}.")
    if int(loaded.optimizer.iterations.value) != int(model.optimizer.iterations.value):
        raise ViolationError("A loaded optimizer has forgotten its iterations.")
    for trained in (model, loaded):
        for _ in range(2):
            trained.train_on_batch(X, Y)
    require_same(_weights(loaded), _weights(model), "A loaded model's training")


def steps_as_keras(subject: Subject) -> None:
    """Check the property ``as in Keras``."""
    name = subject.optimizer_class.__name__
    theirs = getattr(keras.optimizers, name, None)
    if theirs is None:
        raise NotApplicableError(f"Keras has no class {name}.")
    if theirs is subject.optimizer_class:
        raise NotApplicableError("It is Keras's own class.")
    _require_arguments(subject.optimizer_class, theirs)
    departure = getattr(subject.optimizer_class, "departure_from_keras", "")
    if departure:
        raise NotApplicableError(
            f"It has the same arguments but deliberately takes other steps: {departure}"
        )
    ends = [_end(subject.plain()), _end(theirs(**subject.options))]
    apart, allowed = distance(*ends), tolerance(ends[1], split(starting_point(0)))
    if apart > allowed:
        raise ViolationError(
            f"After {STEPS} steps at the defaults a weight is {apart:.3g} from where "
            f"keras.optimizers.{name} leads; {allowed:.2g} is allowed."
        )


def _require_arguments(ours: Any, theirs: Any) -> None:
    taken = parameters_of(ours)
    for name, default in parameters_of(theirs).items():
        if name not in taken:
            raise ViolationError(f"Keras's class takes {name}, this one does not.")
        if taken[name] != default and name != "name":
            raise ViolationError(f"{name} is {taken[name]!r} by default and {default!r} in Keras.")


def _end(optimizer: Any) -> list[Array]:
    variables = variables_of(split(starting_point(0)))
    take_steps(optimizer, variables, bumpy, range(STEPS))
    return arrays(variables)


def _model(optimizer: Any) -> Any:
    initializer = keras.initializers.GlorotUniform(seed=1)
    layers = [
        keras.layers.Dense(4, "tanh", kernel_initializer=initializer),
        keras.layers.Dense(2, kernel_initializer=initializer),
    ]
    model = training_model(keras.Sequential([keras.Input((3,)), *layers]), optimizer)
    # On JAX there is no program without it; on TensorFlow XLA only takes longer.
    model.compile(optimizer, "mean_squared_error", jit_compile=keras.backend.backend() == "jax")
    return model


def _loaded(path: Path) -> Any:
    try:
        return keras.saving.load_model(path)
    except TypeError as error:
        if "Could not locate class" not in str(error):
            raise
        raise ViolationError(
            "keras.saving.load_model does not find the class. Put "
            "@keras.saving.register_keras_serializable() before it."
        ) from error


def _weights(model: Any) -> list[Array]:
    return arrays(model.trainable_variables)
