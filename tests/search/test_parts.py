"""The parts of the search: spaces, samplers, pruners, trials, and what importing them costs."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, strategies
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.stats import qmc

from benchmark.search import SearchError, build_trial, settings_of
from benchmark.search.samplers import ScrambledSobol, make_pruner, make_sampler
from benchmark.search.space import make_space
from benchmark.study.dimension import Dimension
from benchmark.study.samplers import PRUNERS, SAMPLERS, startup_trials
from benchmark.study.schema import Study
from benchmark.trial import ClosedFormProblem, CurvatureRequest, DatasetProblem, Settings
from benchmark.trial import named_seed as seed_of

# Tables ---------------------------------------------------------------------


def test_tables_are_read_without_optuna() -> None:
    code = (
        "import sys; from benchmark.search import build_trial;"
        "from benchmark.study.samplers import PRUNERS, SAMPLERS;"
        "heavy = {'optuna', 'keras', 'scipy', 'sqlalchemy'} & set(sys.modules);"
        "assert not heavy, heavy;"
        "from benchmark.search import Search; assert 'optuna' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unknown_attribute_is_an_attribute_error() -> None:
    import benchmark.search

    with pytest.raises(AttributeError, match="no attribute 'Serach'"):
        benchmark.search.Serach  # noqa: B018


# Spaces ---------------------------------------------------------------------

DISTRIBUTIONS: list[tuple[dict[str, Any], bool, BaseDistribution, list[float] | None]] = [
    ({"low": 1e-3, "high": 1, "log": True}, False, FloatDistribution(1e-3, 1.0, log=True), None),
    ({"low": 0, "high": 1}, False, FloatDistribution(0.0, 1.0), None),
    (
        {"low": 0.0, "high": 0.3, "step": 0.1},
        False,
        FloatDistribution(0.0, 0.3, step=0.1),
        [0.0, 0.1, 0.2, 0.3],
    ),
    # Where the step does not divide the range, Optuna would warn and shorten it itself.
    (
        {"low": 0.0, "high": 0.95, "step": 0.3},
        False,
        FloatDistribution(0.0, 0.9, step=0.3),
        [0.0, 0.3, 0.6, 0.9],
    ),
    ({"choices": [0, 0.5]}, False, CategoricalDistribution([0.0, 0.5]), [0.0, 0.5]),
    ({"low": 16, "high": 128, "log": True}, True, IntDistribution(16, 128, log=True), None),
    ({"low": 16.0, "high": 128.0}, True, IntDistribution(16, 128), None),
    ({"low": 16, "high": 50, "step": 16}, True, IntDistribution(16, 48, step=16), [16, 32, 48]),
    ({"choices": [16, 32.0]}, True, CategoricalDistribution([16, 32]), [16, 32]),
]


@pytest.mark.parametrize(("dimension", "whole", "distribution", "points"), DISTRIBUTIONS)
def test_dimension_becomes_distribution(
    dimension: dict[str, Any],
    whole: bool,
    distribution: BaseDistribution,
    points: list[float] | None,
) -> None:
    space = make_space({"x": Dimension(**dimension)}, {"x"} if whole else set())
    assert space.distributions == {"x": distribution}
    assert space.points == ({} if points is None else {"x": points})
    assert (space.is_finite, space.size) == (points is not None, len(points or [None]))
    for value in space.points.get("x", []):
        assert type(value) is (int if whole else float)


def test_fixed_numbers_have_the_type_of_their_name() -> None:
    dimensions = {"learning_rate": Dimension(value=1), "batch_size": Dimension(value=32.0)}
    space = make_space(dimensions, {"batch_size"})
    assert space.fixed == {"batch_size": 32, "learning_rate": 1.0}
    assert isinstance(space.fixed["batch_size"], int)
    assert isinstance(space.fixed["learning_rate"], float)
    assert (space.distributions, space.size) == ({}, 1)


@pytest.mark.parametrize(
    "dimension",
    [
        {"value": 2.5},
        {"low": 2.5, "high": 8},
        {"low": 2, "high": 8, "step": 2.5},
        {"choices": [2.5]},
    ],
)
def test_fraction_of_a_whole_number_is_refused(dimension: dict[str, Any]) -> None:
    with pytest.raises(SearchError, match=r"Received 2.5 at search.sgd.batch_size"):
        make_space({"batch_size": Dimension(**dimension)}, {"batch_size"}, "sgd")


@given(
    low=strategies.integers(-50, 50),
    # From 2: for the schema, in binary, a step of 0.2 is longer than 0.3 - 0.1.
    steps=strategies.integers(2, 40),
    rest=strategies.integers(0, 9),
    step=strategies.integers(1, 40),
)
def test_points_lie_in_the_distribution_on_exact_decimals(
    low: int, steps: int, rest: int, step: int
) -> None:
    # Tenths, of which no binary fraction is exact; `rest` makes ranges that do not divide.
    high = low + steps * step + min(rest, step - 1)
    space = make_space({"x": Dimension(low=low / 10, high=high / 10, step=step / 10)}, set())
    points = space.points["x"]
    assert points == [(low + index * step) / 10 for index in range(steps + 1)]
    distribution = space.distributions["x"]
    assert all(distribution._contains(distribution.to_internal_repr(point)) for point in points)


# Samplers -------------------------------------------------------------------

PLANE = make_space({"x": Dimension(low=0.0, high=1.0), "y": Dimension(low=0.0, high=1.0)}, set())


def proposals(sampler: optuna.samplers.BaseSampler, count: int) -> list[dict[str, Any]]:
    study = optuna.create_study(sampler=sampler)
    return [study.ask(PLANE.distributions).params for _ in range(count)]


def test_quasi_random_is_the_sobol_sequence_from_the_first_trial_on() -> None:
    points = np.array([[p["x"], p["y"]] for p in proposals(ScrambledSobol(PLANE, seed=5), 16)])
    expected = qmc.Sobol(2, seed=5, scramble=True).random(16)
    np.testing.assert_array_equal(points, expected)
    # A (0, 4, 2)-net: each of the 16 boxes of the unit square holds one of 16 points.
    boxes = {(int(x * 4), int(y * 4)) for x, y in points}
    assert len(boxes) == 16


def test_skipping_continues_the_sequence() -> None:
    sampler = ScrambledSobol(PLANE, seed=5)
    study = optuna.create_study(sampler=sampler)
    sampler.skip(study, 7)
    later = [study.ask(PLANE.distributions).params for _ in range(3)]
    assert later == proposals(ScrambledSobol(PLANE, seed=5), 10)[7:]


def test_quasi_random_covers_choices_evenly() -> None:
    space = make_space({"x": Dimension(choices=[1, 2, 4, 8]), "y": Dimension(choices=[7])}, set())
    study = optuna.create_study(sampler=ScrambledSobol(space, seed=1))
    drawn = [study.ask(space.distributions).params for _ in range(16)]
    counts = np.unique([params["x"] for params in drawn], return_counts=True)[1]
    assert counts.tolist() == [4, 4, 4, 4]


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_is_made_from_its_entry(name: str) -> None:
    space = make_space({"x": Dimension(choices=[1, 2])}, set())
    sampler = make_sampler(name, space, study_seed=0, label_index=0, k=0, trials=2)
    assert isinstance(sampler, optuna.samplers.BaseSampler), (
        f"the target of {name!r} in benchmark/study/samplers.py must be a sampler of Optuna. "
        f"Received {SAMPLERS[name].target}. Name a subclass of BaseSampler."
    )
    asked = optuna.create_study(sampler=sampler).ask(space.distributions)
    assert asked.params["x"] in (1, 2)


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_is_made_from_its_entry(name: str) -> None:
    pruner = make_pruner(name, 1, 3, dict.fromkeys(PRUNERS[name].needs[-1:], 1.0))
    assert isinstance(pruner, optuna.pruners.BasePruner), (
        f"the target of {name!r} in benchmark/study/samplers.py must be a pruner of Optuna. "
        f"Received {PRUNERS[name].target}. Name a subclass of BasePruner."
    )
    assert PRUNERS[name].stops == (not isinstance(pruner, optuna.pruners.NopPruner))


def test_random_and_tpe_are_seeded_by_label_and_trial() -> None:
    def first(name: str, label_index: int, k: int) -> dict[str, Any]:
        sampler = make_sampler(name, PLANE, study_seed=0, label_index=label_index, k=k, trials=20)
        return proposals(sampler, 1)[0]

    for name in ("random", "tpe"):
        drawn = [first(name, label_index, k) for label_index in (0, 1) for k in (0, 1)]
        assert len({params["x"] for params in drawn}) == 4
        assert first(name, 0, 0) == drawn[0]
    assert first("quasi_random", 0, 0) == first("quasi_random", 1, 0)


@given(dimensions=strategies.integers(1, 8), trials=strategies.integers(1, 200))
def test_startup_is_at_most_ten_and_enough_for_a_density(dimensions: int, trials: int) -> None:
    count = startup_trials(dimensions, trials)
    assert dimensions + 1 <= count <= 10
    assert startup_trials(dimensions, trials + 1) >= count


# Pruners --------------------------------------------------------------------


def test_hyperband_has_the_brackets_of_its_paper() -> None:
    # R = 81, eta = 3: five brackets (table 1); the two below have floor(log_3(R / r)) + 1.
    for warmup, epochs, brackets in ((1, 81, 5), (3, 20, 2), (30, 20, 1)):
        pruner = make_pruner("hyperband", warmup, epochs)
        study = optuna.create_study(pruner=pruner)
        study.ask().should_prune()
        assert len(pruner._pruners) == brackets  # type: ignore[attr-defined]


# Trials ---------------------------------------------------------------------


def study(**more: Any) -> Study:
    problem = {
        "dataset": "iris",
        "split": {"train": 0.5, "validation": 0.25, "test": 0.25},
        "preprocessing": {"scaling": "min_max"},
        "model": {"name": "multilayer_perceptron", "hidden": [8, 4]},
    }
    return Study.model_validate(
        {
            "question": "?",
            "seed": 5,
            "compare": [{"label": "fast", "optimizer": "sgd"}, "adam"],
            "problem": problem,
            "training": {"epochs": 9, "batch_sampling": "bernoulli"},
            **more,
        }
    )


def test_trial_of_a_dataset() -> None:
    settings = settings_of(study(), "sparse_categorical_crossentropy", "accuracy")
    trial = build_trial(study(), settings, "fast", 3, {"learning_rate": 0.1})
    assert trial.problem == DatasetProblem(
        "iris",
        (0.5, 0.25, 0.25),
        "min_max",
        "sparse_categorical_crossentropy",
        "accuracy",
        seed_of(5, "split"),
    )
    assert (trial.label, trial.optimizer) == ("fast", "sgd")
    assert trial.model_options == Settings(hidden=(8, 4))
    assert trial.options == Settings(sampling="bernoulli", schedule="constant")
    assert (trial.epochs, trial.seed, trial.replicate, trial.phase) == (9, 5, 0, "search")
    assert (trial.objective, trial.direction) == ("validation_loss", "minimize")
    assert hash(trial) == hash(build_trial(study(), settings, "fast", 3, {"learning_rate": 0.1}))


def test_trial_of_a_closed_form_problem() -> None:
    given = study(problem={"function": "quadratic", "options": {"dimension": 2}})
    trial = build_trial(given, settings_of(given), "adam", 0, {}, phase="replicate", replicate=2)
    assert trial.problem == ClosedFormProblem("quadratic", Settings(dimension=2))
    assert (trial.model, trial.model_options) == ("", Settings())
    assert (trial.objective, trial.phase, trial.replicate) == ("train_loss", "replicate", 2)


@pytest.mark.parametrize("phase", ["search", "replicate"])
@pytest.mark.parametrize("trials", ["none", "search", "replicate", "all"])
def test_curvature_is_asked_in_the_phases_named(phase: Any, trials: str) -> None:
    given = study(curvature={"trials": trials, "exact_limit": 7, "samples": 32})
    trial = build_trial(given, settings_of(given), "adam", 0, {}, phase=phase)
    norms = () if trials == "none" else (0, 1, 4, 9)
    nothing = CurvatureRequest(gradient_norm_epochs=norms)
    asked = replace(nothing, epochs=(0, 9), exact_limit=7, lanczos_steps=40, samples=32)
    expected = asked if trials in (phase, "all") else nothing
    if phase == "search" and trials != "none":
        expected = replace(expected, monitored_epochs=(0, 1, 4, 9))
    assert trial.curvature == expected


@pytest.mark.parametrize(
    ("trials", "options", "is_monitored"),
    [("none", {}, False), ("none", {"monitor": True}, True), ("all", {"monitor": False}, False)],
)
def test_curvature_is_followed_where_it_is_asked_for(
    trials: str, options: dict[str, bool], is_monitored: bool
) -> None:
    more = {"monitor_epochs": [2, 5], "probe": 77}
    given = study(curvature={"trials": trials, **options, **more})
    trial = build_trial(given, settings_of(given), "adam", 0, {})
    assert trial.curvature.monitored_epochs == ((2, 5) if is_monitored else ())
    assert trial.curvature.probe == (77 if is_monitored else CurvatureRequest().probe)


@pytest.mark.parametrize("phase", ["search", "replicate"])
@pytest.mark.parametrize(
    ("section", "epochs"),
    [
        ({}, (0, 1, 4, 9)),
        ({"monitor_epochs": [2, 5]}, (2, 5)),
        ({"monitor": False}, ()),
        ({"monitor": False, "gradient_norm": "monitor_epochs"}, (0, 1, 4, 9)),
        ({"gradient_norm": "every_epoch"}, None),
        ({"gradient_norm": "never"}, ()),
        ({"trials": "none"}, ()),
    ],
)
def test_gradient_norm_is_taken_when_it_is_asked_for(
    section: dict[str, Any], epochs: tuple[int, ...] | None, phase: Any
) -> None:
    given = study(curvature=section)
    trial = build_trial(given, settings_of(given), "adam", 0, {}, phase=phase)
    assert trial.curvature.gradient_norm_epochs == epochs


def test_curvature_epochs_are_those_given() -> None:
    given = study(curvature={"epochs": [0, 3]})
    trial = build_trial(given, settings_of(given), "adam", 0, {}, phase="replicate")
    assert trial.curvature.epochs == (0, 3)
