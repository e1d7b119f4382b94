"""Where a model's outputs come from, which is not where its list of layers ends."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from benchmark.backend.outputs import output_activation, output_operation
from benchmark.curvature import (
    GaussNewtonProgram,
    HessianProgram,
    exact_eigenvalues,
    model_loss,
)


class Gated(keras.Model):
    """A subclassed model whose softmax is inside, though it is the last of its layers."""

    def __init__(self, *, ends_in_softmax=False):
        super().__init__()
        self.head = layers.Dense(3)
        self.gate = layers.Softmax()
        self.ends_in_softmax = ends_in_softmax

    def call(self, x, training=None):
        del training
        return self.gate(self.head(x)) if self.ends_in_softmax else self.head(self.gate(x))

    def build(self, shape):
        self.head.build(shape)
        self.built = True


def gated():
    """x · softmax(W x) → logits; a branch that ends later than the softmax."""
    x = keras.Input((3,))
    weights = layers.Softmax()(layers.Dense(3)(x))
    return keras.Model(x, layers.Dense(2)(layers.multiply([x, weights])))


def nested(activation):
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(2, activation)])
    x = keras.Input((3,))
    return keras.Model(x, inner(layers.Dense(3, "softmax")(x)))


def by_operation():
    x = keras.Input((3,))
    return keras.Model(x, ops.softmax(layers.Dense(2)(x)))


CASES = [
    (gated, ""),
    (lambda: nested(None), ""),
    (lambda: nested("softmax"), "softmax"),
    (lambda: nested("sigmoid"), "sigmoid"),
    (by_operation, "softmax"),
    (lambda: keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Softmax()]), "softmax"),
    (lambda: keras.Sequential([keras.Input((3,)), layers.Activation("sigmoid")]), "sigmoid"),
    (lambda: keras.Sequential([keras.Input((3,)), layers.Dense(2, "relu")]), ""),
]


@pytest.mark.parametrize(("make", "expected"), CASES)
def test_the_activation_is_that_of_the_outputs(make, expected):
    assert output_activation(output_operation(make())) == expected


@pytest.mark.parametrize(("make", "expected"), CASES[:5])
def test_the_gauss_newton_matrix_is_refused_for_probabilities_only(make, expected):
    loss = model_loss(make(), "categorical_crossentropy")
    if expected:
        with pytest.raises(
            ValueError, match=r"must be taken at the logits. Received a model whose"
        ):
            GaussNewtonProgram(loss)
    else:
        GaussNewtonProgram(loss)


def test_a_subclassed_model_with_a_softmax_inside_is_taken_at_its_logits():
    """Before, its last layer in the list, the inner softmax, had it refused."""
    model = Gated()
    model.build((None, 3))
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(6, 3)), generator.integers(0, 3, 6)
    weights = [
        generator.normal(size=tuple(variable.shape)) for variable in model.trainable_variables
    ]
    crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    loss = model_loss(model, crossentropy, "float32")
    # Linear in the weights behind the gate, so both matrices are one.
    matrices = [
        exact_eigenvalues(program(loss, dtype="float32").at(weights, x, y)).hessian
        for program in (GaussNewtonProgram, HessianProgram)
    ]
    np.testing.assert_allclose(matrices[0], matrices[1], atol=1e-6)  # float32
    assert np.abs(matrices[0]).max() > 1e-3


def test_a_subclassed_model_that_ends_in_probabilities_is_no_silent_zero():
    model = Gated(ends_in_softmax=True)
    model.build((None, 3))
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(6, 3)), generator.integers(0, 3, 6)
    weights = [
        generator.normal(size=tuple(variable.shape)) for variable in model.trainable_variables
    ]
    loss = model_loss(model, "sparse_categorical_crossentropy", "float32")
    program = GaussNewtonProgram(loss, dtype="float32")
    operator = program.at(weights, x, y)
    if keras.backend.backend() == "tensorflow":
        with pytest.raises(ValueError, match="must be taken at the logits"):
            operator.matvec(np.ones(operator.shape[0]))
    else:
        # JAX's tensors carry no logits: the loss is one of the probabilities themselves.
        assert exact_eigenvalues(operator).eigenvalues[-1] > 1e-3
