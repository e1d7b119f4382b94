"""Whether a class does what Keras's users expect: fit, saving, and Keras's own steps."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmark.conformance.functions import bumpy, split, starting_point
from benchmark.conformance.result import NotApplicableError, ViolationError
from benchmark.conformance.state import require_same
from benchmark.conformance.subject import (
    Array,
    Subject,
    arrays,
    take_steps,
    training_model,
    variables_of,
)
from benchmark.optimizers.constructor import parameters_of
from benchmark.optimizers.examination import distance, tolerance

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
    own = [type(one.optimizer).__name__ for one in (model, loaded)]
    if own[0] != own[1]:
        raise ViolationError(f"A loaded model has the optimizer {own[1]} instead of {own[0]}.")
    if int(loaded.optimizer.iterations.value) != int(model.optimizer.iterations.value):
        raise ViolationError("A loaded optimizer has forgotten its iterations.")
    for one in (model, loaded):
        for _ in range(2):
            one.train_on_batch(X, Y)
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
        raise NotApplicableError(f"The same arguments, but on purpose not its steps: {departure}")
    ends = [_end(subject.plain()), _end(theirs(**subject.options))]
    apart, allowed = distance(*ends), tolerance(ends[1], split(starting_point(0)))
    if apart > allowed:
        raise ViolationError(
            f"After {STEPS} steps at the defaults a weight is {apart:.3g} from where "
            f"keras.optimizers.{name} leads; {allowed:.2g} is allowed."
        )


def _require_arguments(ours: Any, theirs: Any) -> None:
    own = parameters_of(ours)
    for name, default in parameters_of(theirs).items():
        if name not in own:
            raise ViolationError(f"Keras's class takes {name}, this one does not.")
        if own[name] != default and name != "name":
            raise ViolationError(f"{name} is {own[name]!r} by default and {default!r} in Keras.")


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
