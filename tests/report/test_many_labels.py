"""Tests of what the report leaves out or folds where it would be too much to read."""

import numpy as np
import pytest

from benchmark.report.convergence import _axis_of_curves
from benchmark.report.formatting import shortened


def test_a_loss_that_reaches_zero_keeps_its_logarithmic_axis() -> None:
    axis, scale, below = _axis_of_curves(np.array([100.0, 1e-3, 1e-9, 0.0]))
    assert scale == "log"
    assert axis["range"][0] < -9 and axis["range"][1] > 2
    assert "towards zero" in below


@pytest.mark.parametrize("values", [[0.0, -1.0, 100.0], [0.9, 0.95], [0.0, 0.0]])
def test_values_that_are_negative_or_close_together_are_on_a_linear_axis(
    values: list[float],
) -> None:
    assert _axis_of_curves(np.array(values))[1:] == ("linear", "")


def test_nothing_is_said_of_lines_that_stay_on_the_axis() -> None:
    assert _axis_of_curves(np.array([1.0, 1e-3]))[1:] == ("log", "")


def test_one_name_more_is_named_rather_than_counted() -> None:
    assert shortened(["a", "b", "c"], 2) == "a, b and c"
    assert shortened(["a", "b", "c", "d"], 2) == "a, b and 2 others"
