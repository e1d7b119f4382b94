"""Depth on the deep linear chain, where all is known, and on networks against plain NumPy."""

import keras
import numpy as np
import pytest

from benchmark.curvature.depth import Layer, SignalProgram, diagnose_depth, layer_quantities
from benchmark.problems.deep_linear_chain import DeepLinearChain


def layers_of(chain):
    """The layers of a chain at its start, with the gradients of its closed form."""
    shape = (-1, chain.options["width"], chain.options["width"])
    weights, slopes = (a.reshape(shape) for a in (chain.start, chain.gradient(chain.start)))
    pairs = enumerate(zip(weights, slopes, strict=True))
    return [Layer(f"W_{index}", [weight], [slope]) for index, (weight, slope) in pairs]


CHAINS = [
    # λ = 0.5 … 0.9, twenty layers: λⁿ from 1e-6 to 0.12
    ({"layers": 20, "smallest_eigenvalue": 0.5, "largest_eigenvalue": 0.9}, "Gradients neither"),
    ({"layers": 20, "smallest_eigenvalue": 0.5, "largest_eigenvalue": 0.7}, "Vanishing"),
    ({"layers": 20, "smallest_eigenvalue": 0.5, "largest_eigenvalue": 1.5}, "Exploding"),
    ({"layers": 4, "smallest_eigenvalue": 0.5, "largest_eigenvalue": 1.5}, "Gradients neither"),
]


@pytest.mark.parametrize(("options", "verdict"), CHAINS)
def test_the_chain_is_the_power_of_its_layer(options, verdict):
    """End to end QΛⁿQᵀ; every gradient is QΛⁿ⁻¹(Λⁿ − I)Qᵀ, so its norm is known."""
    chain = DeepLinearChain(width=3, **options)
    count, eigenvalues = options["layers"], chain.eigenvalues
    quantities, findings = diagnose_depth(layers_of(chain), chain.end_to_end(chain.start)[None])
    ends = eigenvalues**count
    assert quantities["jacobian_singular_value_max"] == pytest.approx(ends[-1], rel=1e-9)
    # Products of twenty layers round at 1e-15 of the largest singular value.
    assert quantities["jacobian_singular_value_min"] == pytest.approx(
        ends[0], rel=1e-9, abs=1e-13 * ends[-1]
    )
    expected = np.linalg.norm(eigenvalues ** (count - 1) * (ends - 1))
    for index in range(1, count + 1):
        prefix = f"layer.{index:02d}.W_{index - 1}"
        assert quantities[f"{prefix}.gradient_norm"] == pytest.approx(expected, rel=1e-9)
        assert quantities[f"{prefix}.singular_value_max"] == pytest.approx(
            eigenvalues[-1], rel=1e-12
        )
        assert quantities[f"{prefix}.singular_value_min"] == pytest.approx(
            eigenvalues[0], rel=1e-12
        )
    assert findings["depth"].startswith(verdict), findings["depth"]


def test_the_layer_and_the_rule_are_named():
    chain = DeepLinearChain(width=2, layers=12, smallest_eigenvalue=0.9, largest_eigenvalue=1.0)
    layers = layers_of(chain)
    weak = np.diag([1e-4, 1e-5])
    layers[7] = Layer("weak", [weak], layers[7].gradients)
    product = np.linalg.multi_dot([layer.weights[0] for layer in layers[::-1]])
    _, findings = diagnose_depth(layers, product[None])
    assert findings["depth"].startswith("Vanishing at weak: the largest singular value")
    assert "below 0.001" in findings["depth"]
    slopes = [1e-5, 1e-3, 1.0]
    layers = [Layer(str(i), [np.eye(2)], [slope * np.eye(2)]) for i, slope in enumerate(slopes)]
    _, findings = diagnose_depth(layers)
    assert findings["depth"].startswith("Vanishing at 0: the gradient norms of the layers")
    _, findings = diagnose_depth(layers[::-1])
    assert findings["depth"].startswith("Exploding at 2: the gradient norms")


def test_a_layer_of_dead_units_is_named_before_the_least_stretch():
    layers = [Layer(name, [np.eye(2)], [np.eye(2)]) for name in ("a", "b", "c")]
    _, findings = diagnose_depth(layers, np.zeros((1, 2, 2)), {"a": 0.5, "b": 1.0})
    assert findings["depth"].startswith("Vanishing at b:")
    assert findings["depth"].endswith("all units of b are dead.")
    assert findings["dead_units"].startswith("100 % of the units of b")


def test_a_gradient_of_zero_is_no_verdict_of_its_own():
    quantities, findings = diagnose_depth([Layer("a", [np.eye(2)], [np.zeros((2, 2))])])
    assert "gradient_norm_ratio" not in quantities
    assert findings["depth"].startswith("The gradient is zero in every layer")


def test_a_layer_is_measured_over_all_its_arrays():
    kernel = np.arange(24.0).reshape(2, 3, 4)
    bias = np.ones(4)
    layer = Layer("c", [kernel, bias], [2 * kernel, bias], [0.9 * kernel, bias])
    quantities = layer_quantities(layer)
    size = np.sqrt((kernel**2).sum() + 4)
    assert quantities["weight_norm"] == pytest.approx(size)
    assert quantities["gradient_norm"] == pytest.approx(np.sqrt(4 * (kernel**2).sum() + 4))
    assert quantities["update_ratio"] == pytest.approx(0.1 * np.linalg.norm(kernel) / size)
    values = np.linalg.eigvalsh(kernel.reshape(6, 4).T @ kernel.reshape(6, 4))
    assert quantities["singular_value_max"] == pytest.approx(np.sqrt(values[-1]))


def perceptron():
    layers = [keras.layers.Dense(5, "tanh"), keras.layers.Dense(4, "relu"), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((2,)), *layers])
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=v.shape).astype("float32") for v in model.trainable_variables]
    weights[3][:] = [0, 0, -50, -50]  # two units that no input awakens
    return model, weights, rng.normal(size=(7, 2)).astype("float32")


def test_the_jacobian_is_that_of_central_differences():
    model, weights, x = perceptron()

    def outputs(x):
        a = np.tanh(x @ weights[0] + weights[1])
        return np.maximum(a @ weights[2] + weights[3], 0) @ weights[4] + weights[5]

    x64, step = x.astype("float64"), 1e-6
    expected = np.stack(
        [(outputs(x64 + d) - outputs(x64 - d)) / (2 * step) for d in step * np.eye(2)], axis=2
    )
    jacobians = SignalProgram(model).jacobians(weights, [], x)
    # The program computes in float32.
    np.testing.assert_allclose(jacobians, expected, rtol=1e-4, atol=1e-5)


def test_dead_units_are_those_that_no_example_awakens():
    model, weights, x = perceptron()
    first, second = SignalProgram(model).dead_units(weights, [], x).values()
    hidden = np.tanh(x @ weights[0] + weights[1]) @ weights[2] + weights[3]
    assert first == 0
    assert second == np.mean((hidden <= 0).all(axis=0))
    assert second >= 0.5
    names = [layer.name for layer in model.layers]
    layers = [Layer(name, [np.eye(2)], [np.eye(2)]) for name in names]
    quantities, findings = diagnose_depth(layers, None, {names[0]: first, names[1]: second})
    assert quantities[f"layer.02.{names[1]}.dead_units"] == second
    assert f"of the units of {names[1]} are dead" in findings["dead_units"]


def test_a_convolution_counts_channels_and_states_pass_through():
    layers = [
        keras.layers.Conv2D(3, 2, use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(2),
    ]
    model = keras.Sequential([keras.Input((4, 4, 1)), *layers])
    weights = [np.asarray(v.value).copy() for v in model.trainable_variables]
    state = [np.asarray(v.value).copy() for v in model.non_trainable_variables]
    weights[2][:] = [-9.0, 9.0, 9.0]  # the offset: the first channel never answers
    weights[1][:] = 0.1
    x = np.random.default_rng(0).normal(size=(5, 4, 4, 1)).astype("float32")
    program = SignalProgram(model)
    dead = program.dead_units(weights, state, x)
    assert dead[layers[2].name] == pytest.approx(1 / 3)
    assert dead[layers[0].name] == 0
    assert program.jacobians(weights, state, x).shape == (5, 2, 16)


def test_a_linear_model_has_nothing_to_die():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    weights = [np.ones((2, 3), "float32"), np.zeros(3, "float32")]
    program = SignalProgram(model)
    assert program.dead_units(weights, [], np.ones((1, 2), "float32")) == {}


def relu_model(switch):
    """One unit for each input, so that unit i answers where x_i > 0."""
    stack = [keras.layers.Dense(3, use_bias=False), switch, keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((3,)), *stack])
    weights = [np.eye(3, dtype="float32"), np.ones((3, 1), "float32"), np.zeros(1, "float32")]
    return model, weights


def test_a_layer_of_its_own_that_switches_units_off_is_watched():
    """Before, `layers.ReLU()` was passed over, and the linear layer before it never dies."""
    x = np.array([[1.0, -1.0, -2.0], [2.0, -3.0, 1.0]], "float32")
    for switch in (keras.layers.ReLU(), keras.layers.Activation("relu")):
        model, weights = relu_model(switch)
        shares = SignalProgram(model).dead_units(weights, [], x)
        assert shares[switch.name] == pytest.approx(1 / 3)
        assert shares[model.layers[0].name] == 0


def test_one_example_among_many_awakens_a_unit(monkeypatch):
    monkeypatch.setattr("benchmark.curvature.depth.CHUNK", 64)
    x = -np.ones((1000, 3), "float32")
    x[997, 0] = x[131, 1] = 1.0
    model, weights = relu_model(keras.layers.ReLU())
    program = SignalProgram(model)
    assert program.dead_units(weights, [], x)[model.layers[1].name] == pytest.approx(1 / 3)
    assert program._answer.compilations == 1


def test_no_gradient_at_all_neither_vanishes_nor_explodes():
    """It was said of zeros that they lie within a factor of 1."""
    still = [Layer(str(index), [np.eye(2)], [np.zeros((2, 2))]) for index in range(3)]
    _, findings = diagnose_depth(still)
    assert findings["depth"].startswith("The gradient is zero in every layer")
    _, findings = diagnose_depth([Layer("a", [np.eye(2)], [np.eye(2)]), *still])
    assert findings["depth"].startswith("Exploding at a")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_has_no_verdict(bad):
    layers = [Layer(str(index), [np.eye(2)], [np.eye(2)]) for index in range(2)]
    quantities, findings = diagnose_depth(layers, np.full((3, 2, 2), bad))
    assert "is not known" in findings["depth"]
    assert "jacobian_singular_value_max" not in quantities
    overflown = [*layers, Layer("2", [np.eye(2)], [np.full((2, 2), bad)])]
    assert "is not known" in diagnose_depth(overflown)[1]["depth"]
