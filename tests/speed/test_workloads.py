"""FLOP counts against hand-written loops over every product of a network."""

from itertools import pairwise

import keras
import pytest

from speed import workloads as flops
from speed.workloads import WORKLOADS, arrays, new_model


def counted_by_hand(rows, inputs, units):
    """Multiply-adds of x W for x (rows, inputs) and W (inputs, units), one by one."""
    return sum(1 for _ in range(rows) for _ in range(inputs) for _ in range(units))


@pytest.mark.parametrize(("name", "widths"), [("digits_mlp", [64, 64, 10])])
def test_multiply_adds_of_a_workload(name, widths) -> None:
    expected = sum(counted_by_hand(1, a, b) for a, b in pairwise(widths))
    assert flops.multiply_adds(new_model(WORKLOADS[name])) == expected


def test_multiply_adds_of_the_wide_network() -> None:
    expected = 64 * 512 + 512 * 512 + 512 * 10
    assert flops.multiply_adds(new_model(WORKLOADS["wide_mlp"])) == expected


def test_multiply_adds_of_convolutions_count_each_position() -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="valid"),
            layers.MaxPooling2D(2),
            keras.Sequential([keras.Input((3, 3, 4)), layers.Conv2D(2, 3, padding="same")]),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    first = counted_by_hand(6 * 6, 3 * 3 * 1, 4)
    second = counted_by_hand(3 * 3, 3 * 3 * 4, 2)
    assert flops.multiply_adds(model) == first + second + 3 * 3 * 2 * 10


def test_training_is_three_products_of_two_operations() -> None:
    # Forward, gradient of the weights, gradient of the inputs; a product and a sum each.
    assert flops.training_flops(100, 7) == 3 * 2 * 100 * 7


def test_evaluation_counts_every_row_that_is_evaluated() -> None:
    total = 0
    for _epoch in range(3 + 1):  # the starting point too
        total += 10 * 2  # loss on the training part
        total += 4 * 2  # loss on the validation part
    total += 5 * 2  # the test part, once
    assert flops.evaluation_flops(1, (10, 4, 5), evaluated=4) == total


def test_workload_has_the_rows_of_the_issue() -> None:
    data = arrays()
    assert data.train.x.shape == (1078, 64)
    assert len(data.train.x) + len(data.validation.x) + len(data.test.x) == 1797
