import json
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speed.measurement import Measurement, Spread, ratio
from tests.speed.measured import measurement

positive = st.floats(1e-3, 1e3)


@given(st.lists(positive, min_size=1))
def test_spread_is_median_and_ends(values) -> None:
    spread = Spread.of(values)
    assert spread.median == statistics.median(values)
    assert (spread.low, spread.high) == (min(values), max(values))


@given(st.lists(positive, min_size=1), st.lists(positive, min_size=1))
def test_ratio_holds_every_ratio_of_two_values(numerators, denominators) -> None:
    found = ratio(Spread.of(numerators), Spread.of(denominators))
    assert found is not None
    every = [a / b for a in numerators for b in denominators]
    assert (found.low, found.high) == (min(every), max(every))
    assert found.median == statistics.median(numerators) / statistics.median(denominators)


def test_ratio_to_something_missing_is_missing() -> None:
    assert ratio(Spread.of([1.0]), None) is None
    assert ratio(None, Spread.of([1.0])) is None


@pytest.mark.parametrize(
    "one", [measurement("a/b", 1.0, 2.0, trials=3), measurement("c", missing="not installed")]
)
def test_measurement_survives_json(one) -> None:
    again = Measurement.of_document(json.loads(json.dumps(one.document())))
    assert again == one
    assert (again.spread is None) == bool(one.missing)
