"""What Muon, Shampoo and SOAP decide by shape, and what they keep to beside the common table."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from benchmark import backend
from benchmark.optimizers import build_optimizer, load_optimizer
from tests.optimizers.cases.adaptive import adam_points
from tests.optimizers.cases.matrix import SHAMPOO, SOAP, inverse_root, shampoo_points, soap_points

START = np.array([[1.5, -2.0, 0.3], [0.7, -0.1, 3.0]])


def states_of(optimizer: Any, *shapes: tuple[int, ...]) -> list[set[str]]:
    optimizer.build([keras.Variable(np.zeros(shape, "float32")) for shape in shapes])
    return [set(states) for states in optimizer._states]


def numbers_kept(optimizer: Any, shape: tuple[int, ...]) -> int:
    """How many numbers an optimizer keeps for one variable, apart from its count of updates."""
    states_of(optimizer, shape)
    [states] = optimizer._states
    return sum(int(np.prod(value.shape)) for name, value in states.items() if name != "updates")


def test_what_is_kept_is_what_the_docstrings_say() -> None:
    matrix, vector = (3, 5), (4,)
    both = 2 * 3**2 + 2 * 5**2
    for name, of_matrix, of_vector in (
        ("lion", 15, 4),
        ("lamb", 30, 8),
        ("adafactor", 3 + 5, 4),
        ("muon", 15, 8),
        ("shampoo", 15 + both, 4 + 2 * 4**2),
        ("soap", 30 + both, 8),
    ):
        assert numbers_kept(build_optimizer(name), matrix) == of_matrix, name
        assert numbers_kept(build_optimizer(name), vector) == of_vector, name


def test_muon_takes_matrices_by_shape_and_path() -> None:
    inputs = keras.Input((6,), dtype="int32")
    outputs = keras.layers.Embedding(4, 3, name="word_embedding")(inputs)
    outputs = keras.layers.Conv1D(2, 2, name="convolution")(outputs)
    outputs = keras.layers.Dense(5, name="hidden")(keras.layers.Flatten()(outputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="logits")(outputs))
    has_velocity: dict[str, dict[str, bool]] = {}
    for label, options in (
        ("keras", {}),
        ("text", {"exclude_layers": "logits"}),
        ("list", {"exclude_layers": ["hid+en"], "exclude_embeddings": False}),
    ):
        optimizer = load_optimizer("muon")(**options)
        optimizer.build(model.trainable_variables)
        has_velocity[label] = {
            variable.path: "velocity" in states
            for variable, states in zip(model.trainable_variables, optimizer._states, strict=True)
        }
        assert type(optimizer).from_config(optimizer.get_config()).get_config() == (
            optimizer.get_config()
        )
    orthogonalized = {
        label: [k for k, v in flags.items() if v] for label, flags in has_velocity.items()
    }
    assert orthogonalized == {
        "keras": ["hidden/kernel", "logits/kernel"],
        "text": ["hidden/kernel"],
        "list": ["word_embedding/embeddings", "logits/kernel"],
    }


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "options",
    [{}, {"nesterov": False, "rms_rate": None, "ns_steps": 3, "weight_decay": None}],
    ids=["defaults", "further"],
)
def test_muon_takes_the_steps_of_keras_with_its_two_decays(options: dict[str, Any]) -> None:
    results = []
    for optimizer_class in (load_optimizer("muon"), keras.optimizers.Muon):
        # Keras on TensorFlow rounds its floats to float32, these but for the quintic's.
        numbers = {"momentum": 0.75, "adam_beta_1": 0.75, "adam_beta_2": 0.875, "epsilon": 2.0**-9}
        numbers |= {"muon_a": 3.5, "muon_b": -4.75, "muon_c": 2.0, "learning_rate": 2.0**-5}
        numbers |= {"weight_decay": 0.5, "adam_weight_decay": 0.25, "rms_rate": 0.25}
        optimizer = optimizer_class(**{**numbers, **options})
        shapes = [(3, 2), (2,), (2, 1, 3)]
        variables = [keras.Variable(np.ones(shape)) for shape in shapes]
        rng = np.random.default_rng(2)
        for _ in range(6):
            gradients = [rng.normal(size=shape) for shape in shapes]
            optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
        results.append(np.concatenate([variable.numpy().ravel() for variable in variables]))
    # Six steps of float64 rounding, small singular values enlarged by a⁵ = 525.
    np.testing.assert_allclose(results[0], results[1], rtol=1e-11, atol=1e-12)


def test_muon_refuses_a_count_of_steps_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"ns_steps must be a whole number >= 1. Received 0. Give"):
        load_optimizer("muon")(ns_steps=0)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", ["shampoo", "soap"])
def test_the_kernel_of_a_convolution_is_the_matrix_of_its_product(
    name: str, follow: Callable[..., Any]
) -> None:
    start = np.random.default_rng(4).normal(size=(2, 1, 3, 2))
    optimizer = build_optimizer(name, {"learning_rate": 0.1})
    kernel = follow(optimizer, start, lambda w, t: w + np.sin(3 * w), 4)
    matrix = follow(
        build_optimizer(name, {"learning_rate": 0.1}),
        start.reshape(6, 2),
        lambda w, t: w + np.sin(3 * w),
        4,
    )
    np.testing.assert_array_equal(np.reshape(kernel, (4, 6, 2)), matrix)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("name", "numbers", "points"),
    [("shampoo", SHAMPOO, shampoo_points), ("soap", SOAP, soap_points)],
    ids=["shampoo", "soap"],
)
def test_the_frequency_is_a_value(
    name: str, numbers: dict[str, float], points: Any, follow: Callable[..., Any], bumpy: Any
) -> None:
    optimizer = build_optimizer(name, numbers)
    runs = []
    for frequency in (1, 4):
        optimizer.reset()
        optimizer.set_hyperparameters({"precondition_frequency": frequency})
        weights = keras.Variable(START)
        if not optimizer.built:
            optimizer.build([weights])
        values, state = [weights.value], [variable.value for variable in optimizer.variables]
        for t in range(10):
            g = bumpy(np.array(keras.ops.convert_to_numpy(values[0])), t)
            values, state = optimizer.stateless_apply(
                state, [keras.ops.convert_to_tensor(g)], values
            )
        runs.append(keras.ops.convert_to_numpy(values[0]))
        expected = points(START, bumpy, 10, **numbers, precondition_frequency=frequency)[-1]
        # Ten steps of float64 rounding, in another order of operations.
        np.testing.assert_allclose(runs[-1], expected, rtol=1e-11, atol=1e-12)
    assert np.abs(runs[0] - runs[1]).max() > 1e-3


def test_large_sides_fall_back_by_shape() -> None:
    optimizer = load_optimizer("shampoo")(max_preconditioner_dim=4)
    assert states_of(optimizer, (5, 4), (5,), ()) == [
        {"velocity", "updates", "left_diagonal", "right_statistics", "right_root"},
        {"velocity", "updates", "left_diagonal"},
        {"velocity", "updates", "left_statistics", "left_root"},
    ]
    moments = {"first_moment", "second_moment"}
    assert states_of(load_optimizer("soap")(max_preconditioner_dim=4), (5, 4), (3,)) == [
        moments | {"updates", "right_statistics", "right_basis"},
        moments,
    ]


@pytest.mark.usefixtures("float64")
def test_shampoo_keeps_the_diagonal_of_a_large_side(follow: Callable[..., Any], bumpy: Any) -> None:
    optimizer = load_optimizer("shampoo")(0.1, epsilon=0.125, max_preconditioner_dim=2)
    points = follow(optimizer, START, bumpy, 5)
    w, left, right = START, 0.125 * np.eye(2), np.full(3, 0.125)
    for t in range(5):
        g = bumpy(w, t)
        left, right = left + g @ g.T, right + np.sum(g * g, axis=0)
        w = w - 0.1 * inverse_root(left, 4) @ g * right**-0.25
    # Five steps of float64 rounding, in another order of operations.
    np.testing.assert_allclose(points[-1], w, rtol=1e-11)


@pytest.mark.usefixtures("float64")
def test_soap_without_a_basis_is_adam(follow: Callable[..., Any], bumpy: Any) -> None:
    points = follow(load_optimizer("soap")(**SOAP, max_preconditioner_dim=1), START, bumpy, 8)
    expected = adam_points(START, bumpy, 8, amsgrad=False, **SOAP)
    # Eight steps of float64 rounding, in another order of operations.
    np.testing.assert_allclose(points, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_the_basis_of_soap_comes_to_the_eigenvectors(follow: Callable[..., Any]) -> None:
    rng = np.random.default_rng(8)
    axes = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    optimizer = build_optimizer("soap", {"beta_2": 0.99, "precondition_frequency": 1})
    gradients = (axes * [1.0, 9.0, 3.0, 27.0]) @ rng.normal(size=(30, 4, 6))
    follow(optimizer, np.zeros((4, 6)), lambda w, t: gradients[t], 30)
    states = optimizer._states[0]
    basis, statistics = states["left_basis"].numpy(), states["left_statistics"].numpy()
    within = basis.T @ statistics @ basis
    energies = np.diag(within)
    assert (np.diff(energies) < 0).all()
    np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-14)  # a few roundings
    # Eigenvalues a factor of nine apart, iterated thirty times while the statistics still move
    # by a hundredth at a step: what is left off the diagonal is a small part.
    assert np.abs(within - np.diag(energies)).max() < 0.02 * energies[0]
    np.testing.assert_allclose(energies, np.linalg.eigvalsh(statistics)[::-1], rtol=0.02)


def test_accumulated_gradients_make_the_first_root_at_the_first_update() -> None:
    weights = [keras.Variable(START.astype("float32")) for _ in range(2)]
    direct = build_optimizer("shampoo", {"precondition_frequency": 2})
    accumulating = load_optimizer("shampoo")(
        precondition_frequency=2, gradient_accumulation_steps=2
    )
    rng = np.random.default_rng(3)
    for _ in range(3):
        gradient = keras.ops.convert_to_tensor(rng.normal(size=(2, 3)).astype("float32"))
        direct.apply([gradient], [weights[0]])
        for _ in range(2):
            accumulating.apply([gradient], [weights[1]])
    # The mean of two equal gradients is their rounded sum's half: exact.
    np.testing.assert_array_equal(weights[0].numpy(), weights[1].numpy())
    assert np.abs(weights[0].numpy() - START).max() > 0.05


@pytest.mark.parametrize(
    "names",
    [
        ("lamb", "adafactor", "muon"),
        # Roots and bases of matrices take long to compile.
        pytest.param(("shampoo", "soap"), marks=pytest.mark.slow),
    ],
    ids="-".join,
)
def test_no_trial_feels_its_neighbours(names: tuple[str, ...]) -> None:
    """Two steps of each optimizer that sees more than a weight, in one program of four trials."""
    shapes = [(4, 3), (3,)]
    optimizers = [load_optimizer(name)() for name in names]
    for optimizer in optimizers:
        optimizer.build([keras.Variable(np.zeros(shape, "float32")) for shape in shapes])

    def train(weights: Any, gradients: Any, factor: Any) -> Any:
        results = []
        for optimizer in optimizers:
            now, state = (
                weights,
                [keras.ops.convert_to_tensor(v.value) for v in optimizer.variables],
            )
            rate_index = [id(v) for v in optimizer.variables].index(id(optimizer._learning_rate))
            state[rate_index] = state[rate_index] * factor
            for _ in range(2):
                now, state = optimizer.stateless_apply(state, gradients, now)
            results.append(now)
        return results

    mapped = backend.compile(backend.vectorize(train))
    rng = np.random.default_rng(6)
    weights = [rng.normal(size=(4, *shape)).astype("float32") for shape in shapes]
    gradients = [rng.normal(size=(4, *shape)).astype("float32") for shape in shapes]
    factors = np.array([1.0, 2.0, 0.5, 3.0], "float32")
    usual = mapped(weights, gradients, factors)
    noise = np.array([1, 0, 1e4, np.nan], "float32")
    others = [g * noise.reshape(4, *[1] * (g.ndim - 1)) for g in gradients]
    beside = mapped(weights, others, np.array([1.0, 9.0, 9.0, 9.0], "float32"))
    reversed_parts = ([a[::-1].copy() for a in part] for part in (weights, gradients))
    turned = mapped(*reversed_parts, factors[::-1].copy())
    for usual_weights, beside_weights, turned_weights in zip(usual, beside, turned, strict=True):
        for a, b, c in zip(usual_weights, beside_weights, turned_weights, strict=True):
            assert np.isfinite(np.asarray(a)).all()
            np.testing.assert_array_equal(np.asarray(a)[0], np.asarray(b)[0])
            np.testing.assert_array_equal(np.asarray(a), np.asarray(c)[::-1])
