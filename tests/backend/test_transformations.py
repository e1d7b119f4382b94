"""The transformations against closed forms, in float32 and float64, nested and compiled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from benchmark import backend

DTYPES = ("float32", "float64")
MATRIX = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, -1.0], [0.0, -1.0, 4.0]])


def quartic(parameters, scale):
    """¼ Σ aᵢ⁴ + scale · ½ bᵀ M b, whose derivatives are simple."""
    a, b = parameters
    matrix = ops.convert_to_tensor(MATRIX, dtype=b.dtype)
    return ops.sum(a**4) / 4 + scale * ops.sum(b * ops.matmul(matrix, b)) / 2


def tensors(dtype, *arrays):
    return [ops.convert_to_tensor(np.asarray(array, dtype)) for array in arrays]


@pytest.fixture(params=DTYPES)
def dtype(request):
    return request.param


@pytest.fixture
def point():
    generator = np.random.default_rng(3)
    return generator.normal(size=(2, 2)), generator.normal(size=3)


def tolerance(dtype):
    # A few roundings of numbers of order one.
    return {"rtol": 20 * np.finfo(dtype).eps, "atol": 20 * np.finfo(dtype).eps}


def test_value_and_grad_equals_the_closed_form(dtype, point):
    a, b = point
    scale = np.asarray(2.0, dtype)
    for f in (backend.value_and_grad(quartic), backend.compile(backend.value_and_grad(quartic))):
        value, (slope_a, slope_b) = f(tensors(dtype, a, b), scale)
        np.testing.assert_allclose(value, (a**4).sum() / 4 + b @ MATRIX @ b, **tolerance(dtype))
        np.testing.assert_allclose(slope_a, a**3, **tolerance(dtype))
        np.testing.assert_allclose(slope_b, 2 * MATRIX @ b, **tolerance(dtype))
        assert ops.convert_to_numpy(slope_a).dtype == dtype


def test_hessian_vector_product_equals_the_closed_form(dtype, point):
    a, b = point
    u, v = np.arange(4.0).reshape(2, 2), np.array([1.0, -2.0, 0.5])
    product = backend.hessian_vector_product(quartic)
    for f in (product, backend.compile(product)):
        along_a, along_b = f(tensors(dtype, a, b), tensors(dtype, u, v), np.asarray(2.0, dtype))
        np.testing.assert_allclose(along_a, 3 * a**2 * u, **tolerance(dtype))
        np.testing.assert_allclose(along_b, 2 * MATRIX @ v, **tolerance(dtype))


def test_auxiliary_outputs_pass_through(point):
    def f(parameters, scale):
        return quartic(parameters, scale), {"a": parameters[0] + 1}

    parameters = tensors("float64", *point)
    scale = np.float64(1.0)
    (value, extra), slopes = backend.value_and_grad(f, has_aux=True)(parameters, scale)
    plain, expected = backend.value_and_grad(quartic)(parameters, scale)
    assert float(value) == float(plain)
    np.testing.assert_array_equal(extra["a"], point[0] + 1)
    np.testing.assert_array_equal(slopes[1], expected[1])


def test_a_parameter_that_takes_no_part_has_zero_derivatives(point):
    def f(parameters):
        return ops.sum(parameters[0] ** 2)

    parameters = tensors("float64", *point)
    _, slopes = backend.value_and_grad(f)(parameters)
    products = backend.hessian_vector_product(f)(parameters, parameters)
    for unused in (slopes[1], products[1]):
        np.testing.assert_array_equal(unused, np.zeros(3))


def test_a_linear_function_has_zero_hessian():
    theta = tensors("float64", [1.0, 2.0])
    product = backend.hessian_vector_product(lambda parameters: ops.sum(parameters[0]))
    np.testing.assert_array_equal(product(theta, theta)[0], np.zeros(2))


def test_gauss_newton_products_equal_the_dense_matrix():
    """Jᵀ (∇²g) J with a Jacobian by hand, singly and vectorised, data handed to both parts."""

    def f(parameters, scale):
        return scale * ops.tanh(ops.matmul(MATRIX, parameters[0])) + parameters[1][0]

    def g(z, scale):
        return ops.sum(z**4) * scale

    a, b, scale = np.array([0.1, -0.2, 0.3]), np.array([0.5, 9.0]), np.float64(1.5)
    hidden = np.tanh(MATRIX @ a)
    jacobian = np.c_[scale * (1 - hidden**2)[:, None] * MATRIX, np.ones(3), np.zeros(3)]
    bend = 12 * (scale * hidden + b[0]) ** 2 * scale
    expected = jacobian.T @ (bend[:, None] * jacobian)

    def product(parameters, row, scale):
        vectors = [row[:3], row[3:]]
        return backend.gauss_newton_vector_product(f, g)(parameters, vectors, scale)

    parameters = tensors("float64", a, b)
    rows = backend.compile(backend.vectorize(product, in_axes=(None, 0, None)))
    products = np.concatenate(rows(parameters, np.eye(5), scale), axis=1)
    np.testing.assert_allclose(products, expected, rtol=1e-12, atol=1e-14)
    single = product(parameters, ops.convert_to_tensor(np.eye(5)[1]), scale)
    np.testing.assert_allclose(np.concatenate(single), expected[1], rtol=1e-12, atol=1e-14)


def test_vectorized_products_are_the_columns_of_the_hessian(dtype, point):
    def f(b, vectors):
        product = backend.hessian_vector_product(lambda p: quartic([p[0][:0], p[0]], 1.0))
        return product([b], [vectors])[0]

    (b,) = tensors(dtype, point[1])
    columns = backend.compile(backend.vectorize(f, in_axes=(None, 0)))
    np.testing.assert_allclose(columns(b, np.eye(3, dtype=dtype)), MATRIX, **tolerance(dtype))


def test_vectorize_maps_nests_and_keeps_shared_arguments():
    def f(tree, shared):
        return {"sum": ops.sum(tree["x"]) + tree["y"], "shared": shared * 2}

    tree = {"x": np.arange(6.0).reshape(3, 2), "y": np.array([10.0, 20.0, 30.0])}
    result = backend.vectorize(f, in_axes=(0, None))(tree, np.float64(4.0))
    np.testing.assert_array_equal(result["sum"], [11.0, 25.0, 39.0])
    np.testing.assert_array_equal(result["shared"], [8.0, 8.0, 8.0])


@pytest.mark.parametrize("in_axes", [None, 1, (None, None), (0, -1), ()])
def test_vectorize_refuses_other_axes(in_axes):
    with pytest.raises(ValueError, match=r"in_axes must hold 0 or None.*Received"):
        backend.vectorize(lambda x, _: x, in_axes=in_axes)


def test_vectorize_refuses_a_wrong_number_of_axes():
    with pytest.raises(ValueError, match=r"in_axes|vmap"):
        backend.vectorize(lambda x: x, in_axes=(0, 0))(np.ones(3))


def test_new_values_compile_nothing_and_new_shapes_once():
    f = backend.compile(lambda x, scale: x * scale)
    for value in (0.5, 1.0, 2.0):
        np.testing.assert_array_equal(f(np.ones(2, np.float32), value), [value, value])
    assert f.compilations == 1
    for _ in range(2):
        f(np.ones(3, np.float32), 1.0)
    assert f.compilations == 2
    f(np.ones(3, np.float64), np.float64(1.0))
    assert f.compilations == 3


def test_two_runs_are_bitwise_equal():
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=(64, 64)).astype("float32") for _ in range(2)]
    x = generator.normal(size=(512, 64)).astype("float32")

    def f(parameters, x):
        return ops.mean(
            ops.square(ops.matmul(ops.tanh(ops.matmul(x, parameters[0])), parameters[1]))
        )

    compiled = backend.compile(backend.value_and_grad(f))
    again = backend.compile(backend.value_and_grad(f))
    (_, first), (_, second), (_, third) = (g(weights, x) for g in (compiled, compiled, again))
    for slopes in (second, third):
        for expected, slope in zip(first, slopes, strict=True):
            np.testing.assert_array_equal(expected, slope)


QUARTIC = backend.compile(
    backend.hessian_vector_product(lambda p: ops.sum(p[0]) ** 3 + ops.sum(p[0] ** 4))
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(-2, 2))
def test_products_are_linear_in_the_vector(entries, factor):
    theta, size, product = np.array(entries), len(entries), QUARTIC
    u, v = np.linspace(-1, 1, size), np.linspace(2, 1, size)

    def along(vector):
        return ops.convert_to_numpy(
            product(tensors("float64", theta), tensors("float64", vector))[0]
        )

    combined = along(u + factor * v)
    # Cancellation between the two terms: relative to their size, not to the sum.
    scale = np.abs(along(u)).max() + abs(factor) * np.abs(along(v)).max() + 1
    np.testing.assert_allclose(combined, along(u) + factor * along(v), atol=1e-13 * scale, rtol=0)


def test_trace_runs_without_values_and_refuses_whoever_needs_them() -> None:
    calls = []

    def doubled(x, y):
        calls.append(1)
        return {"sum": x + 2 * y}

    traced = backend.trace(backend.vectorize(doubled, (0, None)), np.ones(3, "float32"), 1.0)
    assert calls
    sums = traced(np.arange(3.0, dtype="float32"), 2.0)["sum"]
    assert ops.convert_to_numpy(sums).tolist() == [4.0, 5.0, 6.0]
    for needy in (lambda x: x if x > 0 else -x, lambda x: 2 * float(x)):
        with pytest.raises(Exception, match=r"bool|float|[Cc]oncret"):
            backend.trace(needy, 1.0)


def test_cond_computes_the_branch_that_holds():
    def f(x, is_taken):
        return backend.cond(is_taken, lambda: (x, ops.sum(x)), lambda: (-x, ops.max(x)))

    x = np.array([[1.0, 3.0], [2.0, -1.0], [0.5, 4.0]], "float32")
    choices = np.array([True, False, True])
    expected = np.where(choices[:, None], x, -x), np.where(choices, x.sum(1), x.max(1))
    for mapped in (backend.vectorize(f), backend.compile(backend.vectorize(f))):
        for part, value in zip(mapped(x, choices), expected, strict=True):
            np.testing.assert_array_equal(part, value)
    for alone in (f, backend.compile(f)):
        signed, value = alone(ops.convert_to_tensor(x[1]), ops.convert_to_tensor(choices[1]))
        np.testing.assert_array_equal(signed, -x[1])
        assert float(value) == 2.0


def test_repeat_applies_a_step_with_its_index():
    def f(x):
        return backend.repeat(
            lambda i, now: (now[0] + ops.cast(i, x.dtype) * x, -now[1]), (x, x), 5
        )

    x = np.array([[1.0, 3.0], [2.0, -1.0]], "float32")
    for g in (f, backend.compile(f), backend.compile(backend.vectorize(f))):
        total, turned = g(ops.convert_to_tensor(x))
        np.testing.assert_array_equal(total, 11 * x)  # 1 + (0 + 1 + 2 + 3 + 4)
        np.testing.assert_array_equal(turned, -x)


def test_apart_returns_the_same_as_often_as_asked():
    x, y = np.array([[1.0, 3.0], [2.0, -1.0]], "float32"), np.array([0.5, 2.0], "float32")

    def f(x, y):
        return backend.apart(lambda given: {"sum": given[0] + 2 * given[1]}, [x, y], 3)

    given = (ops.convert_to_tensor(x[0]), ops.convert_to_tensor(y))
    for alone in (f, backend.compile(f)):
        assert [np.asarray(output["sum"]).tolist() for output in alone(*given)] == [[2.0, 7.0]] * 3
    for mapped in (backend.vectorize(f), backend.compile(backend.vectorize(f))):
        for output in mapped(x, np.stack([y, y])):
            np.testing.assert_array_equal(output["sum"], x + 2 * y)


def test_hessian_products_pass_through_a_normalisation():
    generator = np.random.default_rng(0)
    x, slope, direction = (generator.normal(size=(4, 3)) for _ in range(3))

    def value(parameters):
        mean, variance = ops.moments(parameters[0], axes=[1], keepdims=True)
        outputs = (parameters[0] - mean) / ops.sqrt(variance + 1e-3)
        return ops.sum(outputs * slope) + ops.sum(outputs[:, 0] ** 3)

    step = 1e-5
    gradient = backend.value_and_grad(value)
    ends = [np.asarray(gradient([x + s * step * direction])[1][0]) for s in (1, -1)]
    product = np.asarray(backend.hessian_vector_product(value)([x], [direction])[0])
    # A central difference, whose error is of the order of step² and of rounding over step.
    np.testing.assert_allclose(product, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-6)
