"""The catalogue: complete, light to import, and clear about mistakes."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.commands.listing import default_spaces
from benchmark.optimizers import (
    CLIPPING,
    OPTIMIZERS,
    REGULARIZATION,
    Hyperparameter,
    OptimizerEntry,
    build_optimizer,
    load_optimizer,
    rules,
)
from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.registry import RULES, declared_entry, rule_path
from benchmark.study.catalogue import CLIPPING as CLIPPING_OF_STUDIES
from benchmark.study.catalogue import TRAINING_HYPERPARAMETERS, catalogue
from benchmark.study.loading import changed_study, parse_study
from benchmark.study.validation import check_study
from tests.optimizers.cases import CASES
from tests.optimizers.objectives.cases import CASES as OBJECTIVE_CASES
from tests.source_tree import ROOT

ENTRIES = list(OPTIMIZERS.items())
NAMES = list(OPTIMIZERS)
NUMBERS = [
    (f"{name}.{key}", number)
    for name, entry in ENTRIES
    for key, number in entry.hyperparameters.items()
] + list({**CLIPPING, **REGULARIZATION}.items())


def test_the_catalogue_imports_no_framework() -> None:
    code = (
        "import sys, benchmark.optimizers\n"
        # Not NumPy: every command needs it, and schedules are computed with it.
        "print(sorted({'keras', 'tensorflow', 'jax', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "[]"


def test_every_file_of_a_rule_has_a_line_and_every_line_a_file() -> None:
    folder = ROOT / "benchmark" / "optimizers" / "rules"
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    without_line = sorted(files - set(RULES))
    assert not without_line, (
        "every file of benchmark/optimizers/rules/ must have a line in RULES. Received "
        f'{without_line} without one. Add `"NAME": "ITS_CLASS",` to '
        "benchmark/optimizers/registry.py."
    )
    without_file = [rule_path(name) for name in sorted(set(RULES) - files)]
    assert not without_file, (
        f"every line of RULES must have a file. Received lines without {without_file}. Write it, "
        "or take the line out of benchmark/optimizers/registry.py."
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_has_a_case_with_an_oracle(name: str) -> None:
    tested = {case.optimizer for case in (*CASES, *OBJECTIVE_CASES)}
    assert name in tested, (
        f"every optimizer must have a case with an oracle in NumPy. Received {name} without one. "
        f"Write tests/optimizers/cases/{name}.py, as CONTRIBUTING.md shows under `An optimizer`."
    )


def test_an_optimizer_without_a_file_or_a_declaration_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "__path__", [*rules.__path__, str(tmp_path)])
    (tmp_path / "silent.py").write_text("class Silent: ...\n")
    package = rules.__name__
    with pytest.raises(ValueError, match=r"no benchmark/optimizers/rules/absent\.py\. Write it"):
        declared_entry(f"{package}.absent", "Absent")
    with pytest.raises(ValueError, match=r"must declare ENTRY\. Received .*/silent\.py without"):
        declared_entry(f"{package}.silent", "Silent")


@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=NAMES)
def test_an_entry_agrees_with_its_class(name: str, entry: OptimizerEntry) -> None:
    loaded = load_optimizer(name)
    assert issubclass(loaded, Optimizer)
    arguments = inspect.signature(loaded).parameters
    for key, number in entry.hyperparameters.items():
        assert arguments[key].default == number.default
    built = build_optimizer(name)
    defaults = {key: number.default for key, number in entry.hyperparameters.items()}
    structural = {key: defaults.pop(key) for key in entry.constants}
    assert built.hyperparameters == defaults
    assert {key: built.get_config()[key] for key in structural} == structural
    assert entry.constants == frozenset(getattr(loaded, "constant_names", ()))


@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=NAMES)
def test_an_optimizer_needs_no_search_table(
    name: str, entry: OptimizerEntry, tmp_path: Path
) -> None:
    """Its default space is taken, is valid, and its defaults lie in it; its advice has a source."""
    path = tmp_path / "bare.toml"
    path.write_text(f'question = "?"\ncompare = ["{name}"]\n[problem]\ndataset = "iris"\n')
    facts = catalogue()
    changed = changed_study(str(path), [], facts)
    assert list(check_study(changed.study, facts)) == []
    expected = {
        key for key, hyperparameter in entry.hyperparameters.items() if hyperparameter.space
    }
    space = changed.study.space(name)
    assert set(space) == expected - {"tolerance"}
    for key, dimension in space.items():
        low, high = dimension.extremes
        number = entry.hyperparameters[key]
        assert (low, high) == (number.space["low"], number.space["high"])
        assert number.default is not None
        assert low <= number.default <= high
    # Its source has a year.
    assert re.search(r"\b(19|20)\d\d\b", entry.advice)
    lines = default_spaces(parse_study(path.read_text(), "bare", "bare"), facts)
    if expected - {"tolerance"}:
        assert lines[0].startswith(f"{name} takes its default space: ")
        assert f"  Advice: {entry.advice}." in lines


@pytest.mark.parametrize(("name", "number"), NUMBERS, ids=[name for name, _ in NUMBERS])
def test_default_and_search_space_obey_the_rule(name: str, number: Hyperparameter) -> None:
    assert number.source
    assert set(number.space) == {"low", "high", "log"}
    low, high = number.space["low"], number.space["high"]
    assert low < high
    assert number.allows(low)
    assert number.allows(high)
    assert low > 0 or not number.space["log"]
    if number.default is not None:
        assert low <= number.default <= high


def test_a_study_may_say_what_any_optimizer_may_be_given() -> None:
    assert set(CLIPPING_OF_STUDIES) == set(CLIPPING)
    for name, number in {**CLIPPING, **REGULARIZATION}.items():
        facts = TRAINING_HYPERPARAMETERS[name]
        assert (facts.low, facts.high) == (number.low, number.high)
        assert facts.low_included == number.low_included
        assert facts.high_included == number.high_included


def test_an_unknown_optimizer_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"Received 'nestrov'. Did you mean `nesterov`\?"):
        load_optimizer("nestrov")
    with pytest.raises(ValueError, match="one of gradient_descent, sgd, "):
        load_optimizer("zzz")


def test_an_unknown_hyperparameter_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"Received 'beta1'. Did you mean `beta_1`\?"):
        build_optimizer("adam", {"beta1": 0.9})
    with pytest.raises(ValueError, match=r"Received 'clip_norm'. Did you mean `clipnorm`\?"):
        build_optimizer("adam", {}, {"clip_norm": 1.0})
    with pytest.raises(ValueError, match=r"this SGD must .* Received 'momentum'"):
        build_optimizer("sgd").set_hyperparameters({"momentum": 0.9})


def test_the_sentence_names_rule_value_and_remedy() -> None:
    with pytest.raises(ValueError, match=r"^learning_rate must be > 0. Received -0.1. Give for"):
        build_optimizer("sgd", {"learning_rate": -0.1})
    with pytest.raises(ValueError, match=r"^momentum must be >= 0 and < 1. Received 1. Give for"):
        build_optimizer("momentum", {"momentum": 1.0})


@pytest.mark.parametrize(
    ("number", "rule", "allowed", "refused"),
    [
        (Hyperparameter(None), "a finite number", [-1e9, 0.0], [float("inf"), float("nan")]),
        (Hyperparameter(0.5, 0, 1), "> 0 and < 1", [0.5], [0.0, 1.0]),
        (Hyperparameter(0.5, 0, 1, True, True), ">= 0 and <= 1", [0.0, 1.0], [-0.1, 1.1]),
        (Hyperparameter(5, 1, integer=True), "a whole number and > 1", [2, 3.0], [1, 2.5]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rules(
    number: Hyperparameter, rule: str, allowed: list[float], refused: list[float]
) -> None:
    assert number.rule == rule
    assert all(number.allows(value) for value in allowed)
    assert not any(number.allows(value) for value in refused)


def test_booleans_are_no_numbers() -> None:
    with pytest.raises(TypeError, match=r"learning_rate must be a number. Received True"):
        build_optimizer("sgd", {"learning_rate": True})
