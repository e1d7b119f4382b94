"""Optimizers from plain numbers: ours, Keras's as they are, and adapted."""

import keras
import pytest

from benchmark.optimizers import (
    AdaptationError,
    build_optimizer,
    constant_hyperparameters,
    notices,
    plain_optimizer,
)
from benchmark.optimizers.mechanics import Mechanics


def test_constants_are_fixed_and_the_rest_is_adjustable() -> None:
    constants = {"momentum": 0, "nesterov": True}
    optimizer = build_optimizer("keras:SGD", {"learning_rate": 0.5}, {"clipnorm": 2.0}, constants)
    assert isinstance(optimizer, Mechanics) and isinstance(optimizer, keras.optimizers.SGD)
    assert optimizer.hyperparameters == {"learning_rate": 0.5, "clipnorm": 2.0}
    assert (optimizer.momentum, optimizer.nesterov) == (0.0, True)


def test_weight_decay_is_there_where_it_is_given() -> None:
    assert "weight_decay" not in build_optimizer("keras:Lion").hyperparameters
    given = build_optimizer("keras:Lion", {"weight_decay": 0.25})
    assert given.hyperparameters["weight_decay"] == given.weight_decay == 0.25


def test_what_an_optimizer_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Received 'beta1'. Did you mean `beta_1`\?"):
        build_optimizer("keras:Lion", {"beta1": 0.9})
    with pytest.raises(ValueError, match=r"^momentum must be >= 0 and < 1. Received 2"):
        build_optimizer("keras:SGD", {}, {}, {"momentum": 2.0})
    with pytest.raises(ValueError, match=r"a constant of keras:SGD must .* Received 'nestrov'"):
        build_optimizer("keras:SGD", {}, {}, {"nestrov": True})


def test_what_is_no_function_is_refused_adapted_and_trains_plain(tmp_path, monkeypatch) -> None:
    (tmp_path / "counting_rule.py").write_text(
        "import keras\n"
        "class Counting(keras.optimizers.Optimizer):\n"
        "    def __init__(self, learning_rate=0.5, share=0.5):\n"
        "        super().__init__(learning_rate)\n"
        "        self.share, self.count = share, 0\n"
        "    def update_step(self, gradient, variable, learning_rate):\n"
        "        self.count += 1\n"
        "        self.assign_sub(variable, gradient * learning_rate * self.count)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    name = "counting_rule:Counting"
    with pytest.raises(AdaptationError, match=r"Received counting_rule:Counting: .* sequential\."):
        build_optimizer(name)
    assert constant_hyperparameters(name, {}) == {"learning_rate", "share"}
    [sentence] = notices(name, {}, [])
    assert "must step as a pure function to train in the vectorized engine" in sentence
    assert sentence.endswith("Such trials are trained one after the other.")
    assert notices(name, {}, [], vectorized=False) == []
    plain = plain_optimizer(name, {"share": 0.25})
    variable = keras.Variable([1.0])
    for _ in range(2):
        plain.apply([keras.ops.ones((1,))], [variable])
    assert float(variable[0]) == 1 - 0.5 - 1.0


def test_only_what_is_searched_is_noticed() -> None:
    assert notices("keras:SGD", {}, ["learning_rate"]) == []
    assert notices("momentum", {}, ["momentum"]) == []
