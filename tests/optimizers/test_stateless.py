"""``stateless_apply``: pure on every backend, and vectorised over trials."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

TRIALS = 4
SHAPES = ((3, 2), (2,))


def vectorized(function: Callable[..., Any], *arguments: Any) -> Any:
    """Map a function over the leading axis of all arguments, compiled."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(jax.vmap(function))(*arguments)
    import tensorflow as tf

    mapped = tf.function(
        lambda *inputs: tf.vectorized_map(lambda inner: function(*inner), inputs),
    )
    return mapped(*arguments)


def numpy(tensors: Any) -> list[Any]:
    return [np.array(keras.ops.convert_to_numpy(tensor)) for tensor in tensors]


def test_equals_apply_and_leaves_the_variables_alone(case: Any) -> None:
    rng = np.random.default_rng(1)
    start = [rng.normal(size=shape).astype("float32") for shape in SHAPES]
    gradients = [keras.ops.convert_to_tensor(value + 1) for value in start]
    optimizer = case.build(clipnorm=1.0)
    with pytest.raises(ValueError, match=r"must be built before stateless_apply. Call"):
        optimizer.stateless_apply([], gradients, start)
    variables = [keras.Variable(value) for value in start]
    optimizer.build(variables)
    weights, state = [v.value for v in variables], [v.value for v in optimizer.variables]
    for _ in range(3):
        weights, state = optimizer.stateless_apply(state, gradients, weights)
    for variable, value in zip(variables, start, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert int(optimizer.iterations.value) == 0
    for _ in range(3):
        optimizer.apply(gradients)
    for pure, variable in zip([*weights, *state], [*variables, *optimizer.variables], strict=True):
        np.testing.assert_array_equal(numpy([pure])[0], np.array(variable.numpy()))


def test_one_program_trains_trials_with_their_own_hyperparameters(case: Any) -> None:
    rng = np.random.default_rng(2)
    starts = [rng.normal(size=(TRIALS, *shape)).astype("float32") for shape in SHAPES]
    gradients = [rng.normal(size=(TRIALS, *shape)).astype("float32") for shape in SHAPES]
    factors = np.array([1.0, 0.9, 0.5, 0.25])
    optimizer = case.build(global_clipnorm=1.0)
    optimizer.build([keras.Variable(start[0]) for start in starts])
    state = [np.stack([np.array(v.numpy())] * TRIALS) for v in optimizer.variables]
    numbers = {**case.numbers, "global_clipnorm": 1.0}
    for index, variable in enumerate(optimizer.variables):
        name = variable.name
        if name in numbers:
            state[index] = (numbers[name] * factors).astype("float32")

    def train(state: Any, weights: Any, gradients: Any) -> Any:
        for _ in range(2):
            weights, state = optimizer.stateless_apply(state, gradients, weights)
        return weights

    together = numpy(vectorized(train, state, starts, gradients))
    for trial, factor in enumerate(factors):
        alone = case.build(**{name: float(value * factor) for name, value in numbers.items()})
        variables = [keras.Variable(start[trial]) for start in starts]
        for _ in range(2):
            alone.apply([keras.ops.convert_to_tensor(g[trial]) for g in gradients], variables)
        for mapped, variable in zip(together, variables, strict=True):
            # Compilers fuse multiplications with additions: a rounding or two of 6e-8.
            np.testing.assert_allclose(mapped[trial], variable.numpy(), rtol=1e-5, atol=1e-6)


def test_keras_arguments_of_the_base_still_work(case: Any) -> None:
    if case.optimizer == "gradient_descent":
        pytest.skip("its rule leaves no room for averages and accumulation")
    start = np.array([1.0, -2.0], "float32")
    for arguments in (
        {"use_ema": True, "ema_overwrite_frequency": 2, "ema_momentum": 0.5},
        {"gradient_accumulation_steps": 2},
        {"loss_scale_factor": 4.0},
    ):
        results = []
        for optimizer in (case.build(**arguments), case.build_twin(**arguments)):
            weights = keras.Variable(start)
            for t in range(4):
                optimizer.apply([keras.ops.convert_to_tensor(start + t)], [weights])
            results.append(weights.numpy())
        # Four float32 roundings; for Adam see the departure in its docstring.
        np.testing.assert_allclose(results[0], results[1], rtol=2e-5, err_msg=str(arguments))


@pytest.mark.parametrize("clipping", [{}, {"clipnorm": 0.05}], ids=["unclipped", "clipped"])
def test_embeddings_get_their_gradients_summed(case: Any, clipping: dict[str, float]) -> None:
    if keras.backend.backend() == "jax":
        pytest.skip("JAX gives embeddings a dense gradient in any case")
    import tensorflow as tf

    table = np.arange(8.0, dtype="float32").reshape(4, 2) / 8
    slices = np.array([[0.1, 0.2], [0.3, -0.1], [0.5, 0.7]], "float32")
    rows = np.array([0, 2, 2])  # row 2 twice: its slices add up, before any norm is taken
    summed = np.zeros_like(table)
    np.add.at(summed, rows, slices)
    results = []
    for gradient in (
        tf.IndexedSlices(tf.constant(slices), tf.constant(rows), tf.constant(table.shape)),
        tf.constant(summed),
    ):
        weights = keras.Variable(table)
        optimizer = case.build(**clipping)
        for _ in range(2):
            optimizer.apply([gradient], [weights])
        results.append(weights.numpy())
    np.testing.assert_array_equal(*results)
