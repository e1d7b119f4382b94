"""The table of problems: names, options and refusals."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from benchmark.problems import PROBLEMS, ProblemEntry, build_problem, check_problem
from benchmark.problems.rosenbrock import Rosenbrock
from tests.source_tree import ROOT


def test_listing_imports_no_keras():
    code = "import sys, benchmark.problems as p; print(len(p.PROBLEMS), 'keras' in sys.modules)"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.split() == [str(len(PROBLEMS)), "False"]


@pytest.mark.parametrize("name", PROBLEMS)
def test_options_and_defaults_are_those_of_the_class(name):
    module, _, class_name = PROBLEMS[name].target.partition(":")
    problem_class = getattr(import_module(module), class_name)
    signature = inspect.signature(problem_class).parameters
    defaults = {key: parameter.default for key, parameter in signature.items()}
    assert defaults == dict(PROBLEMS[name].options), (
        f"the arguments of {class_name} and their defaults must be the options of {name!r} in "
        f"benchmark/problems/catalogue.py. Change one of the two."
    )
    assert problem_class.name == name
    assert build_problem(name).options == PROBLEMS[name].options


REFUSED = [
    (
        "quadratc",
        {},
        r"the problem must be one of .* Received 'quadratc'. Did you mean .quadratic.",
    ),
    ("beale", {"dimension": 2}, r"an option of beale must be one of \(it has none\)"),
    ("quadratic", {"dimension": 2.5}, r"quadratic.dimension must be an integer. Received 2.5"),
    ("quadratic", {"dimension": True}, r"quadratic.dimension must be an integer. Received True"),
    ("quadratic", {"condition_number": "big"}, r"condition_number must be a number"),
    ("quadratic", {"condition_number": 0.5}, r"condition_number must be finite and ≥ 1. Rec.* 0.5"),
    ("quadratic", {"dimension": 0}, r"dimension must be ≥ 1"),
    ("quadratic", {"dimension": 1}, r"condition_number must be 1 where dimension is 1"),
    ("quadratic", {"largest_eigenvalue": 0}, r"largest_eigenvalue must be finite and > 0"),
    ("quadratic", {"spectrum": "wide"}, r"spectrum must be one of geometric, linear, .* 'wide'"),
    ("quadratic", {"spectrum": 2}, r"quadratic.spectrum must be a text. Received 2"),
    ("quadratic", {"noise": -0.1}, r"noise must be finite and ≥ 0. Received -0.1"),
    ("quadratic", {"noise": 0.1}, r"samples must be even where noise is > 0.* instance 1000"),
    ("quadratic", {"samples": 0}, r"samples must be ≥ 1"),
    ("quadratic", {"seed": -1}, r"seed must be ≥ 0"),
    ("quadratic", {"dimension": -3}, r"dimension must be ≥ 1. Received -3"),
    ("quadratic", {"dimension": 10**6}, r"dimension must be ≤ 10000"),
    ("quadratic", {"dimension": float("inf")}, r"dimension must be an integer. Received inf"),
    ("quadratic", {"condition_number": 10**400}, r"condition_number must be a number"),
    ("quadratic", {"seed": 2**64}, r"seed must be ≤ 9223372036854775807"),
    ("rosenbrock", {"dimension": 1}, r"dimension must be ≥ 2"),
    ("saddle", {"offset": 0.0}, r"offset must be finite and > 0. Received 0.0 .* problem saddle"),
    ("deep_linear_chain", {"layers": 1}, r"layers must be ≥ 2"),
    ("deep_linear_chain", {"width": 0}, r"width must be ≥ 1"),
    (
        "deep_linear_chain",
        {"smallest_eigenvalue": 2.0},
        r"largest_eigenvalue must be .* ≥ smallest",
    ),
    ("deep_linear_chain", {"smallest_eigenvalue": -1.0}, r"smallest_eigenvalue must be > 0"),
    ("noisy_quadratic", {"dimension": 9}, r"dimension must be ≥ 10"),
    ("noisy_quadratic", {"noise": float("nan")}, r"noise must be finite and > 0"),
    ("noisy_quadratic", {"seed": 2**32}, r"seed must be in \[0, 2³² − 2\]"),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED)
def test_refusals_name_the_rule_and_the_value(name, options, message):
    with pytest.raises(ValueError, match=message):
        build_problem(name, options)
    # `validate` asks this one, which needs no Keras.
    with pytest.raises(ValueError, match=message):
        check_problem(name, options)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_remedy_of_a_rule_obeys_it(name):
    for rule in PROBLEMS[name].rules:
        # With the right neighbours.
        assert rule.holds({**PROBLEMS[name].options, rule.option: rule.example})


def test_every_file_of_a_problem_is_in_the_table():
    modules = {entry.target.partition(":")[0] for entry in PROBLEMS.values()}
    for file in (ROOT / "benchmark" / "problems").glob("*.py"):
        if "(Problem):" in file.read_text(encoding="utf-8"):
            assert f"benchmark.problems.{file.stem}" in modules, (
                f"{file.name} must be the target of a problem. "
                "Add an entry to PROBLEMS in benchmark/problems/catalogue.py."
            )


def test_an_option_without_a_rule_is_refused():
    with pytest.raises(TypeError, match=r"rules none for x:Y. Add .*catalogue.py"):
        ProblemEntry("a bowl", {"width": 1.0}, "x:Y")


def test_a_class_refuses_what_the_table_refuses():
    with pytest.raises(ValueError, match=r"dimension must be ≥ 2\. Received 1 "):
        Rosenbrock(dimension=1)


def test_whole_floats_count_as_integers():
    assert build_problem("rosenbrock", {"dimension": 3.0}).dimension == 3
