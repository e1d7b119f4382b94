"""Classes by name: Keras's, a user's, and what is none."""

import sys
from pathlib import Path
from typing import Any

import keras
import pytest

from benchmark.optimizers import load_optimizer, optimizer_entry
from benchmark.optimizers.foreign import imported_class

MODULES = {
    "good_rules": '''
import keras
from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.rules.gradient_descent import gradient_descent
from benchmark.optimizers.registry import OPTIMIZERS

class Half(keras.optimizers.SGD):
    """Half of a step.

    And more.
    """
    def __init__(self, half=True, share=0.5, form="first", count=3, **more):
        super().__init__(**more)

class Ours(Optimizer):
    """A rule of our base."""
    hyperparameter_table = OPTIMIZERS["sgd"].hyperparameters
    def __init__(self, learning_rate=0.01, **more):
        super().__init__(learning_rate, **more)
    def rule(self, state, gradient, numbers):
        return gradient_descent(state, gradient, numbers)

class Needy(keras.optimizers.Optimizer):
    def __init__(self, inner, learning_rate=0.1):
        super().__init__(learning_rate)

class Broken(keras.optimizers.Optimizer):
    def __init__(self):
        raise RuntimeError("out of order")

class Other(dict): ...
number = 1
''',
    "raising_rules": 'raise RuntimeError("boom\\nand more")',
    "leaving_rules": "import sys; sys.exit(3)",
    "missing_rules": "import nothing_of_that_name",
}
REFUSALS = [
    ("keras:Adm", "a class of keras.optimizers. Received 'keras:Adm'. Did you mean `keras:Adam`?"),
    ("keras:schedules", "must be a subclass of keras.optimizers.Optimizer. Received 'keras:sched"),
    ("keras:losses", "Received 'keras:losses'"),
    ("keras:serialize", "which is of type function"),
    ("keras:LossScaleOptimizer", "which requires inner_optimizer. Give them defaults."),
    ("no_such_module:X", "there is no no_such_module. Run from the folder that holds it"),
    ("good_rules.sub:X", "Received 'good_rules.sub:X'"),
    ("good_rules:Hal", "Received 'good_rules:Hal'. Did you mean `good_rules:Half`?"),
    ("good_rules:zzz", "Its optimizers are Broken, Half, Needy, Optimizer, Ours."),
    ("good_rules:number", "which is of type int"),
    ("good_rules:Other", "which is a class of dict"),
    ("good_rules:Needy", "which requires inner"),
    ("good_rules:Broken", "which raises RuntimeError: out of order"),
    ("raising_rules:X", "import raises RuntimeError: boom and more (raising_rules.py:1). Fix"),
    ("leaving_rules:X", "whose import raises SystemExit: 3 (leaving_rules.py:1)."),
    ("missing_rules:X", "whose import raises ModuleNotFoundError: No module named 'nothing_of"),
    ("a:b:c", "must be written as keras:Class or package.module:Class. Received 'a:b:c'"),
    (":X", "must be written as keras:Class"),
]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The current folder holds a user's modules; as for an installed command, no path does."""
    path: Path = tmp_path_factory.mktemp("modules")
    for name, text in MODULES.items():
        (path / f"{name}.py").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setattr(sys, "path", [entry for entry in sys.path if entry])
        yield
    for name in MODULES:
        sys.modules.pop(name, None)
    imported_class.cache_clear()


@pytest.mark.parametrize(("name", "sentence"), REFUSALS, ids=[name for name, _ in REFUSALS])
def test_what_is_no_optimizer_is_refused_in_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"^the (optimizer|module) ") as caught:
        optimizer_entry(name)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_entry_is_read_off_the_constructor() -> None:
    entry = optimizer_entry("keras:Adam")
    assert load_optimizer("keras:Adam") is keras.optimizers.Adam
    assert entry.summary == "Optimizer that implements the Adam algorithm"
    numbers = {
        name: hyperparameter.default for name, hyperparameter in entry.hyperparameters.items()
    }
    assert numbers == {
        "learning_rate": 0.001,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
        "weight_decay": None,
    }
    assert entry.options == {"amsgrad": False}
    assert not entry.full_batch
    rules = {name: hyperparameter.rule for name, hyperparameter in entry.hyperparameters.items()}
    assert rules["learning_rate"] == rules["epsilon"] == "> 0"
    assert rules["beta_1"] == ">= 0 and < 1"
    assert rules["weight_decay"] == ">= 0"
    spaces = {
        name: dict(hyperparameter.space) for name, hyperparameter in entry.hyperparameters.items()
    }
    assert spaces["learning_rate"] == {"low": 1e-5, "high": 0.1, "log": True}
    assert spaces["beta_1"] == {}


def test_a_users_class_has_the_arguments_of_its_bases_too() -> None:
    entry = optimizer_entry("good_rules:Half")
    assert entry.summary == "Half of a step"
    numbers = entry.hyperparameters
    assert set(numbers) == {"share", "count", "learning_rate", "momentum", "weight_decay"}
    assert numbers["share"].rule == "a finite number"
    assert numbers["count"].integer and not numbers["share"].integer
    assert entry.options == {"half": True, "form": "first", "nesterov": False}


def test_a_subclass_of_our_base_keeps_its_own_table() -> None:
    entry = optimizer_entry("good_rules:Ours")
    assert entry.hyperparameters == optimizer_entry("sgd").hyperparameters


def test_keras_says_of_an_integer_that_it_is_a_float() -> None:
    if not hasattr(keras.optimizers, "Muon"):
        pytest.skip("this Keras has no Muon")
    numbers = optimizer_entry("keras:Muon").hyperparameters
    assert numbers["ns_steps"].integer
    assert not numbers["adam_lr_ratio"].integer
    assert numbers["adam_beta_1"].rule == ">= 0 and < 1"
    assert numbers["weight_decay"].default == keras.optimizers.Muon().weight_decay
