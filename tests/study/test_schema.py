"""The study schema: forms of dimensions, defaults, and what it refuses."""

import tracemalloc
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies
from pydantic import ValidationError

from benchmark.study.dimension import Dimension, Section
from benchmark.study.schema import SplitSection, Study


def content(**more: Any) -> dict[str, Any]:
    base = {"question": "?", "compare": ["sgd", "adam"], "problem": {"dataset": "digits"}}
    return {**base, **more}


def study(**more: Any) -> Study:
    return Study.model_validate(content(**more))


# Dimensions -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "extremes", "grid"),
    [
        ({"value": 0.9}, (0.9, 0.9), [0.9]),
        ({"choices": [64, 16, 32]}, (16, 64), [64, 16, 32]),
        ({"low": 1e-4, "high": 1.0, "log": True}, (1e-4, 1.0), None),
        ({"low": 0, "high": 1}, (0, 1), None),
        ({"low": 16, "high": 64, "step": 16}, (16, 64), [16, 32, 48, 64]),
        ({"low": 16, "high": 60, "step": 16}, (16, 60), [16, 32, 48]),
        ({"low": 0.0, "high": 1.0, "step": 1.0}, (0.0, 1.0), [0.0, 1.0]),
    ],
)
def test_forms_of_a_dimension(
    entries: dict[str, Any], extremes: tuple[float, float], grid: list[float] | None
) -> None:
    dimension = Dimension(**entries)
    assert dimension.extremes == extremes
    assert dimension.grid == grid
    assert dimension.size == (None if grid is None else len(grid))
    assert dimension.is_fixed == ("value" in entries)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, "must be one of: a number"),
        ({"log": True}, "must be one of: a number"),
        ({"value": 1, "choices": [1]}, "must be one of: a number"),
        ({"value": 1, "low": 0, "high": 2}, "must be one of: a number"),
        ({"choices": [1], "low": 0, "high": 2}, "must be one of: a number"),
        ({"value": 1, "log": True}, "neither log nor step"),
        ({"value": 1, "step": 1}, "neither log nor step"),
        ({"choices": []}, "one or more different numbers"),
        ({"choices": [1, 1.0]}, "one or more different numbers"),
        ({"choices": [1, 2], "log": True}, "choices must have neither"),
        ({"low": 1}, "both low and high"),
        ({"high": 1}, "both low and high"),
        ({"low": 1, "high": 1}, "low must be < high"),
        ({"low": 2, "high": 1}, "low must be < high"),
        ({"low": 0, "high": 1, "log": True}, "low must be > 0 where log"),
        ({"low": -1, "high": 1, "log": True}, "low must be > 0 where log"),
        ({"low": 1, "high": 2, "log": True, "step": 0.5}, "left out where log = true"),
        ({"low": 1, "high": 2, "step": 0}, "step must be > 0"),
        ({"low": 1, "high": 2, "step": -1}, "step must be > 0"),
        ({"low": 1, "high": 2, "step": 3}, "at most high - low"),
        ({"low": 0, "high": 100_000, "step": 1}, "at most 100000 points"),
        ({"low": 0.0, "high": 1.0, "step": 1e-300}, "at most 100000 points"),
        ({"low": 0, "high": 10**400}, "within"),
        ({"choices": [1, 10**400]}, "within"),
        ({"value": float("nan")}, "finite number"),
        ({"low": 0.0, "high": float("inf")}, "finite number"),
        ({"value": "0.1"}, "valid number"),
        ({"value": True}, "valid number"),
        ({"value": 1, "scale": "log"}, "Extra inputs are not permitted"),
    ],
)
def test_refused_dimensions(entries: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Dimension.model_validate(entries)


@given(
    low=strategies.integers(-100, 100),
    count=strategies.integers(2, 60),
    step=strategies.integers(1, 50),
    unit=strategies.sampled_from([1, 10, 1000]),
)
def test_grid_holds_both_ends_where_the_step_divides(
    low: int, count: int, step: int, unit: int
) -> None:
    high = low + count * step
    grid = Dimension(low=low / unit, high=high / unit, step=step / unit).grid
    assert grid is not None
    assert len(grid) == count + 1
    exact = [float(Fraction(low + index * step, unit)) for index in range(count + 1)]
    # low + index * step rounds twice.
    assert grid == pytest.approx(exact, rel=1e-14, abs=1e-14)


def test_a_fine_step_is_counted_without_its_points() -> None:
    finest = Dimension(low=1, high=100_000, step=1)
    tracemalloc.start()
    assert finest.size == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000  # bytes: less than one a point
    assert finest.grid is not None and len(finest.grid) == finest.size


# Studies --------------------------------------------------------------------


def test_defaults_of_the_smallest_study() -> None:
    smallest = study()
    assert (smallest.name, smallest.seed) == ("study", 0)
    assert [(entry.label, entry.optimizer) for entry in smallest.compare] == [
        ("sgd", "sgd"),
        ("adam", "adam"),
    ]
    split = smallest.problem.split
    assert (split.train, split.validation, split.test) == (0.6, 0.2, 0.2)
    assert (smallest.training.epochs, smallest.training.batch_sampling) == (20, "shuffle")
    budget = smallest.budget
    assert (budget.trials, budget.replicates, budget.warmup_epochs) == (20, 3, 3)
    assert (budget.sampler, budget.pruner) == ("tpe", "none")
    assert smallest.target is None
    assert smallest.curvature.trials == "replicate"
    assert smallest.space("sgd") == {}


def test_own_space_wins_over_the_common_one() -> None:
    spaces = study(
        search={
            "common": {"learning_rate": 0.1, "batch_size": {"choices": [16, 32]}},
            "sgd": {"learning_rate": {"low": 0.01, "high": 1.0, "log": True}, "momentum": 0.9},
        }
    )
    assert list(spaces.space("sgd")) == ["learning_rate", "batch_size", "momentum"]
    assert spaces.space("sgd")["learning_rate"].log
    assert spaces.space("sgd")["momentum"] == Dimension(value=0.9)
    assert spaces.space("adam") == {
        "learning_rate": Dimension(value=0.1),
        "batch_size": Dimension(choices=[16, 32]),
    }


def test_options_stand_beside_the_numbers_of_a_space() -> None:
    common = {"amsgrad": False, "learning_rate": 0.1}
    space = {"amsgrad": True, "form": "first", "beta_1": 0.5}
    given = study(compare=["keras:Adam"], search={"common": common, "keras:Adam": space})
    assert given.options("keras:Adam") == {"amsgrad": True, "form": "first"}
    assert set(given.space("keras:Adam")) == {"learning_rate", "beta_1"}
    assert given.options("other") == {"amsgrad": False}
    assert Study.model_validate_json(given.model_dump_json()) == given


def test_one_optimizer_may_be_compared_under_two_labels() -> None:
    labels = [{"label": "plain", "optimizer": "sgd"}, "sgd"]
    assert [entry.label for entry in study(compare=labels).compare] == ["plain", "sgd"]


def test_model_options_are_free_and_apart_from_the_name() -> None:
    problem = {"dataset": "digits", "model": {"name": "linear", "hidden": [64, 32], "bias": True}}
    model = study(problem=problem).problem.model
    assert (model.name, model.options) == ("linear", {"hidden": [64, 32], "bias": True})
    assert study().problem.model.options == {}


@pytest.mark.parametrize(
    ("more", "location", "words"),
    [
        ({"question": ""}, "question", "at least 1 character"),
        ({"question": " \t"}, "question", "at least 1 character"),
        ({"name": "latest"}, "name", "must differ from 'latest'"),
        ({"compare": [{"label": "latest", "optimizer": "sgd"}]}, "compare.0.label", "must differ"),
        ({"seed": 2**63}, "seed", "less than 9223372036854775808"),
        ({"budget": {"trials": 10**10}}, "budget.trials", "less than or equal to 1000000000"),
        (
            {"problem": {"function": "quadratic", "options": {"dimension": 10**400}}},
            "problem.options.dimension",
            "within",
        ),
        ({"target": {"metric": "train_loss", "value": 10**400}}, "target.value", "within"),
        ({"compare": []}, "compare", "at least 1 item"),
        ({"compare": [{"label": "a b", "optimizer": "sgd"}]}, "compare.0.label", "match pattern"),
        ({"compare": [{"label": "../x", "optimizer": "sgd"}]}, "compare.0.label", "match pattern"),
        ({"compare": [{"optimizer": "sgd"}]}, "compare.0.label", "required"),
        ({"name": "a/b"}, "name", "match pattern"),
        ({"name": ".hidden"}, "name", "match pattern"),
        ({"seed": -1}, "seed", "greater than or equal to 0"),
        ({"seed": 1.5}, "seed", "valid integer"),
        ({"sede": 1}, "sede", "not permitted"),
        ({"problem": {}}, "problem", "exactly one of dataset and function"),
        (
            {"problem": {"dataset": "digits", "function": "beale"}},
            "problem",
            "exactly one of dataset and function",
        ),
        (
            {"problem": {"dataset": "digits", "split": {"train": 0.7}}},
            "problem.split",
            "must be 1",
        ),
        (
            {"problem": {"dataset": "digits", "split": {"test": 0.0}}},
            "problem.split.test",
            "greater than 0",
        ),
        (
            {"problem": {"dataset": "digits", "preprocessing": {"scaling": "sturdy"}}},
            "problem.preprocessing.scaling",
            "'none', 'standard', 'min_max' or 'robust'",
        ),
        ({"training": {"epochs": 0}}, "training.epochs", "greater than or equal to 1"),
        ({"training": {"epochs": "20"}}, "training.epochs", "valid integer"),
        ({"training": {"epochs": True}}, "training.epochs", "valid integer"),
        ({"training": {"batch_sampling": "random"}}, "training.batch_sampling", "shuffle"),
        ({"budget": {"trials": 0}}, "budget.trials", "greater than or equal to 1"),
        ({"budget": {"replicates": -1}}, "budget.replicates", "greater than or equal to 0"),
        ({"budget": {"sampler": "cmaes"}}, "budget.sampler", "one of tpe, random"),
        ({"budget": {"pruner": "asha"}}, "budget.pruner", "one of none, median"),
        ({"target": {"metric": "validation_loss"}}, "target.value", "required"),
        ({"curvature": {"epochs": [-1]}}, "curvature.epochs.0", "greater than or equal to 0"),
        ({"curvature": {"lanczos_steps": 1}}, "curvature.lanczos_steps", "or equal to 2"),
        ({"search": {"sgd": {"momentum": [0.9]}}}, "search.sgd.momentum", "valid dictionary"),
        ({"search": {"sgd": {"momentum": None}}}, "search.sgd.momentum", "valid dictionary"),
    ],
)
def test_refused_studies(more: dict[str, Any], location: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        study(**more)
    errors = caught.value.errors()
    assert len(errors) == 1
    assert ".".join(str(part) for part in errors[0]["loc"]) == location
    assert words in errors[0]["msg"]


@pytest.mark.parametrize("missing", ["question", "compare", "problem"])
def test_required_keys(missing: str) -> None:
    entries = content()
    del entries[missing]
    with pytest.raises(ValidationError, match=f"{missing}\n  Field required"):
        Study.model_validate(entries)


@given(strategies.integers(1, 998), strategies.integers(1, 998))
def test_a_split_is_whole_or_refused(train: int, validation: int) -> None:
    shares = {"train": train / 1000, "validation": validation / 1000}
    test = 1 - shares["train"] - shares["validation"]
    if test > 1e-6:
        assert SplitSection(**shares, test=test).train == shares["train"]
    with pytest.raises(ValidationError):
        SplitSection(**shares, test=test + 0.001 if test > 0 else 0.001)


def test_studies_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        study().seed = 1  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        study().budget.trials = 1  # type: ignore[misc]


def test_a_study_survives_json() -> None:
    given_study = study(
        search={"common": {"learning_rate": {"low": 1e-3, "high": 1.0, "log": True}, "fuzz": 1}},
        target={"metric": "validation_accuracy", "value": 0.97},
        problem={"dataset": "digits", "model": {"name": "linear", "bias": False}},
    )
    assert Study.model_validate_json(given_study.model_dump_json()) == given_study


def test_every_section_refuses_unknown_keys_but_the_model() -> None:
    def sections(base: type[Section]) -> list[type[Section]]:
        return [base, *(section for sub in base.__subclasses__() for section in sections(sub))]

    lenient = [s.__name__ for s in sections(Section) if s.model_config.get("extra") != "forbid"]
    assert lenient == ["ModelSection"]
