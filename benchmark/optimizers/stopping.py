"""End ``fit`` when gradient descent has met its stopping rule."""

from typing import Any

import keras

from benchmark.optimizers.rules.gradient_descent import GradientDescent


class StopOnConvergence(keras.callbacks.Callback):
    """Keras callback that ends training once a :class:`GradientDescent` has converged.

    It looks after each epoch. The weights rest from the step that met the rule, so
    they do not depend on when training ends; with the full batch an epoch is a step.

    Raises:
        TypeError: at the start of training, if the model has another optimizer.

    Example:
        >>> import keras, numpy
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(GradientDescent(0.1, tolerance=1e-2), "mse")
        >>> x = numpy.ones((4, 1), "float32")
        >>> history = model.fit(x, x, batch_size=4, epochs=100, verbose=0,
        ...                     callbacks=[StopOnConvergence()])
        >>> len(history.epoch) < 100
        True
    """

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Refuse models whose optimizer has no stopping rule."""
        optimizer = self.model.optimizer
        if not isinstance(optimizer, GradientDescent):
            raise TypeError(
                "the model's optimizer must be GradientDescent for StopOnConvergence. "
                f"Received {type(optimizer).__name__}. Compile with GradientDescent, or "
                "use keras.callbacks.EarlyStopping."
            )

    def on_epoch_end(
        self,
        epoch: int,
        logs: dict[str, Any] | None = None,
    ) -> None:
        """Stop the model's training if its optimizer has converged."""
        if bool(self.model.optimizer.converged.value):
            self.model.stop_training = True
