"""The private names of Keras and TensorFlow that we use: nobody else touches them.

``tests/backend/test_keras_internals.py`` checks each of them, and says what of ours breaks
where a new version of Keras has moved one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import keras

Tensor = Any


class OptimizerHooks(keras.optimizers.Optimizer):
    """Keras's optimizer, with the private steps of ``apply`` handed to methods of ours.

    Keras makes a step in this order: ``_prepare_gradients``, ``_clip_all``, ``_decay_all`` and
    ``_update_all``. A subclass defines the last three. A class of Keras or of a user may
    override Keras's own steps, whose names stay as they are.
    """

    def _prepare_gradients(
        self, gradients: Sequence[Tensor], variables: Sequence[Any]
    ) -> Sequence[Tensor]:
        """Return the gradients that are clipped, of the variables that have one."""
        del variables
        return gradients

    def _clip_all(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the clipped gradients."""
        raise NotImplementedError

    def _decay_all(self, variables: Sequence[Any]) -> None:
        """Decay the weights."""
        raise NotImplementedError

    def _update_all(
        self, gradients: Sequence[Tensor], variables: Sequence[Any], learning_rate: Tensor
    ) -> None:
        """Update the weights and the state variables."""
        raise NotImplementedError

    def _backend_apply_gradients(
        self, grads: Sequence[Tensor], trainable_variables: Sequence[Any]
    ) -> None:
        grads = self._prepare_gradients(grads, trainable_variables)
        super()._backend_apply_gradients(grads, trainable_variables)

    def _clip_gradients(self, grads: Sequence[Tensor]) -> Sequence[Tensor]:
        return self._clip_all(grads)

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        self._decay_all(variables)

    def _backend_update_step(
        self, grads: Sequence[Tensor], trainable_variables: Sequence[Any], learning_rate: Tensor
    ) -> None:
        # Keras's on TensorFlow hands over tf.Variables, for tf.distribute.
        self._update_all(grads, trainable_variables, learning_rate)

    def _overwrite_model_variables_with_average_value(
        self, trainable_variables: Sequence[Any]
    ) -> None:
        # Keras's on TensorFlow assigns to tf.Variables, for tf.distribute.
        averages = self._model_variables_moving_average
        for variable, average in zip(trainable_variables, averages, strict=True):
            if average is not None:
                variable.assign(average.value)

    def _var_key(self, variable: Any) -> int:
        # Keras's on TensorFlow reads the variable's value, which a stateless scope replaces.
        return id(variable)


def learning_rate(optimizer: Any) -> Any:
    """Return the learning rate as an optimizer keeps it: a variable or a schedule."""
    return optimizer._learning_rate


def iteration_counter(optimizer: Any) -> Any:
    """Return the variable that counts calls of ``apply``, accumulated ones too."""
    return optimizer._iterations


def trained_variables(optimizer: Any) -> list[Any]:
    """Return the weights that an optimizer was built with, in that order."""
    variables: list[Any] = optimizer._trainable_variables
    return variables


def variable_index(optimizer: Any, variable: Any) -> int:
    """Return the place of a weight among :func:`trained_variables`."""
    return int(optimizer._get_variable_index(variable))


def is_decayed(optimizer: Any, variable: Any) -> bool:
    """Whether a weight is not excluded from weight decay."""
    return bool(optimizer._use_weight_decay(variable))


def layout(variable: Any) -> Any:
    """Return the distribution layout of a variable, or nothing where it has none."""
    return getattr(variable, "_layout", None)


def loss_tracker(model: Any) -> Any:
    """Return the metric in which a compiled model averages the loss over batches."""
    return model._loss_tracker


def compiled_loss(model: Any, y: Any, outputs: Any, sample_weight: Any) -> Tensor:
    """Return the loss that ``compile`` was given, with its weights."""
    return model._compile_loss(y, outputs, sample_weight)


def operation_of(output: Any) -> Any:
    """Return the layer or operation that made a symbolic tensor."""
    return output._keras_history.operation


def input_of(output: Any) -> Any:
    """Return the first of the symbolic tensors that a symbolic tensor was made of."""
    history = output._keras_history
    return history.operation._inbound_nodes[history.node_index].input_tensors[0]


def remembers_logits(outputs: Any) -> bool:
    """Whether Keras hung the logits on probabilities, from which it takes a cross-entropy."""
    return hasattr(outputs, "_keras_logits")


def layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield all layers of a model; ``model.layers`` leaves out the one inside a wrapper."""
    yield from model._flatten_layers(include_self=False)


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """Return the shape of a computed tensor of TensorFlow.

    Its public ``shape`` takes eight times as long, for it wraps each number in an object.
    """
    shape: tuple[int, ...] = tensor._shape_tuple()
    return shape


def keep_float64() -> None:
    """Let operations on JAX keep float64, which Keras rounds to float32; has no public switch."""
    from keras.src.backend.common import dtypes

    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


@contextmanager
def fresh_names() -> Iterator[None]:
    """Let Keras count the names of new layers from the start within the block.

    Otherwise an unnamed layer is `dense` in a new process and `dense_7` in another one.
    """
    from keras.src.backend.common import global_state

    key = "object_name_uids"
    counted = global_state.get_global_attribute(key)
    global_state.set_global_attribute(key, None)
    try:
        yield
    finally:
        global_state.set_global_attribute(key, counted)


_is_twice: ContextVar[bool] = ContextVar("is_twice", default=False)


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Within, let mean and variance on TensorFlow have right second derivatives.

    ``tf.nn.moments`` holds the mean of a variance constant. That changes no first derivative, for
    there the mean's part is zero, but the second ones of every normalisation.
    """
    _dispatch_moments()
    token = _is_twice.set(True)
    try:
        yield
    finally:
        _is_twice.reset(token)


@cache
def _dispatch_moments() -> None:
    from keras.src.backend.tensorflow import nn

    usual = nn._compute_moments

    def moments(x: Tensor, axes: Any, keepdims: bool) -> Any:
        if not _is_twice.get():
            return usual(x, axes, keepdims)
        mean = keras.ops.mean(x, axis=axes, keepdims=True)
        variance = keras.ops.mean(keras.ops.square(x - mean), axis=axes, keepdims=keepdims)
        return mean if keepdims else keras.ops.squeeze(mean, axes), variance

    nn._compute_moments = moments
