import statistics

from hypothesis import given
from hypothesis import strategies as st

from speed.measurement import Spread, ratio

positive = st.lists(st.floats(1e-3, 1e3), min_size=1)


@given(positive, positive)
def test_ratio_holds_every_ratio_of_two_values(numerators, denominators) -> None:
    times = ratio(Spread.of(numerators), Spread.of(denominators))
    assert times is not None
    every = [a / b for a in numerators for b in denominators]
    assert (times.low, times.high) == (min(every), max(every))
    assert times.median == statistics.median(numerators) / statistics.median(denominators)


def test_ratio_to_something_missing_is_missing() -> None:
    assert ratio(Spread.of([1.0]), None) is ratio(None, Spread.of([1.0])) is None
