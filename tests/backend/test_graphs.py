"""A graph that was traced once is not traced again, and computes the same."""

import keras
import numpy as np
import pytest
from keras import ops

from benchmark import backend

if keras.backend.backend() != "tensorflow":
    pytest.skip("JAX keeps no graphs", allow_module_level=True)

from benchmark.backend import graphs
from benchmark.engine import VectorizedEngine
from benchmark.engine.programs import Programs
from tests.engine.trials import make_trial, run

X = np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(graphs, "tensorflow_cache", lambda: tmp_path)
    return tmp_path


def powers(x, shift):
    """A loop, a mapped function and nested outputs."""
    (power,) = backend.repeat(lambda _, now: (now[0] * x,), (ops.ones_like(x),), 3)
    return [power, (backend.vectorize(ops.sum)(power), shift)]


def untraced(x, shift):
    raise AssertionError("it was traced again")


untraced.__qualname__ = powers.__qualname__


def compiled(f, key):
    with backend.kept_as(key):
        return backend.compile(f)


def assert_powers(outputs):
    cubes, (sums, shifts) = outputs
    np.testing.assert_allclose(cubes, X**3, rtol=1e-6)
    np.testing.assert_allclose(sums, (X**3).sum(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(shifts, 0.5)


def test_a_kept_graph_is_taken_in_place_of_the_function():
    first = compiled(powers, "powers")
    traced = first(X, 0.5)
    assert_powers(traced)
    loaded = compiled(untraced, "powers")
    outputs = loaded(X, 0.5)
    assert_powers(outputs)
    np.testing.assert_array_equal(outputs[0], traced[0])
    assert loaded.compilations == first.compilations == 1


def test_signatures_differ_where_the_written_shapes_do():
    x, y = ops.zeros((2, 3)), ops.zeros((2, 3), "int32")
    scalar = ops.zeros(())
    nests = [x, y, scalar, [x], (x,), [x, x], [[x], x], [x, [x]], {"a": x}, {"a": y}, {"b": x}, []]
    nests += [ops.ones((2, 3)), [ops.ones((2, 3))]]
    for first in nests:
        for second in nests:
            is_same = graphs.shapes_of(first) == graphs.shapes_of(second)
            assert (graphs.signature_of(first) == graphs.signature_of(second)) == is_same


@pytest.mark.parametrize(
    ("key", "x"), [("other", X), ("powers", X[:, :2]), ("powers", X.astype("f8"))]
)
def test_another_key_shape_or_type_is_traced(key, x):
    compiled(powers, "powers")(X, 0.5)
    with pytest.raises(AssertionError, match="traced again"):
        compiled(untraced, key)(x, 0.5)


def test_another_source_is_traced(monkeypatch):
    compiled(powers, "powers")(X, 0.5)
    monkeypatch.setattr(graphs, "_source", lambda: "edited")
    with pytest.raises(AssertionError, match="traced again"):
        compiled(untraced, "powers")(X, 0.5)


def test_a_damaged_graph_is_traced_again(folder):
    compiled(powers, "powers")(X, 0.5)
    (file,) = folder.glob("graph_*.pb")
    file.write_bytes(file.read_bytes()[:-1])
    assert_powers(compiled(powers, "powers")(X, 0.5))
    assert_powers(compiled(untraced, "powers")(X, 0.5))


def test_nothing_is_kept_without_a_key_or_of_what_holds_values_from_outside(folder):
    compiled(powers, "")(X, 0.5)
    outside = ops.convert_to_tensor(X)
    compiled(lambda x: x + outside, "outside")(X)
    assert not list(folder.iterdir())


def test_a_kept_program_trains_bit_for_bit_as_a_traced_one(folder, monkeypatch):
    ended = []
    for cache in (folder, None):
        monkeypatch.setattr(graphs, "tensorflow_cache", lambda cache=cache: cache)
        monkeypatch.setattr("benchmark.engine.groups.PROGRAMS", Programs())
        ended.append(run(VectorizedEngine(capacity=1), make_trial(optimizer="adam", epochs=2)))
    assert len(list(folder.glob("graph_*.pb"))) == 4  # training, and three of evaluating
    (loaded, loaded_reports), (traced, traced_reports) = ended
    assert loaded_reports == traced_reports
    for weights, expected in zip(loaded.weights, traced.weights, strict=True):
        np.testing.assert_array_equal(weights, expected)
