"""The frozen values: settings, seeds, statuses, trials."""

import pickle
from dataclasses import FrozenInstanceError, replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies

from benchmark.trial import (
    AXES,
    ClosedFormProblem,
    CurvatureRequest,
    DatasetProblem,
    Report,
    Settings,
    Status,
    Trial,
    TrialResult,
    named_seed,
)
from tests.source_tree import ROOT

# Settings -------------------------------------------------------------------

plain = strategies.recursive(
    strategies.booleans()
    | strategies.integers()
    | strategies.floats(allow_nan=False)
    | strategies.text(max_size=5),
    lambda inner: strategies.lists(inner, max_size=3),
    max_leaves=4,
)
entries = strategies.dictionaries(strategies.text(max_size=5), plain, max_size=5)


@given(entries)
def test_settings_survive_pickling_with_order_and_hash(content: dict[str, Any]) -> None:
    settings = Settings(content)
    copy = pickle.loads(pickle.dumps(settings))
    assert copy == settings
    assert list(copy) == list(settings) == sorted(content)
    assert hash(copy) == hash(settings)


@given(entries)
def test_settings_do_not_depend_on_the_order_given(content: dict[str, Any]) -> None:
    backwards = Settings(dict(reversed(content.items())))
    assert backwards == Settings(content)
    assert hash(backwards) == hash(Settings(content))
    assert repr(backwards) == repr(Settings(content))


def test_settings_are_a_mapping() -> None:
    settings = Settings({"b": 2, "a": 1}, c=3)
    assert settings == {"a": 1, "b": 2, "c": 3}
    assert (len(settings), "b" in settings, settings.get("z")) == (3, True, None)
    assert {**settings} == {"a": 1, "b": 2, "c": 3}
    assert Settings(settings, a=9)["a"] == 9
    assert Settings() == {}
    with pytest.raises(KeyError, match="z"):
        settings["z"]


def test_settings_cannot_be_changed() -> None:
    hidden = [64, [32]]
    source = {"hidden": hidden}
    settings = Settings(source)
    hidden.append(16)
    source["more"] = [1]
    assert settings == {"hidden": (64, (32,))}
    with pytest.raises(TypeError, match="item assignment"):
        settings["hidden"] = 1  # type: ignore[index]
    with pytest.raises(AttributeError):
        settings.other = 1  # type: ignore[attr-defined]


def test_settings_with_one_difference_are_different() -> None:
    assert Settings(a=1) != Settings(a=2)
    assert Settings(a=1) != Settings(b=1)
    assert len({Settings(a=1), Settings(a=1), Settings(a=2)}) == 2


# Seeds ----------------------------------------------------------------------

# A change of these breaks the comparison of new runs with every earlier one.
GOLDEN = {
    "split": (1878776328, 917354989, 1037243377),
    "initial_weights": (336614359, 1991678553, 1437269159),
    "batches": (1620722436, 1365868735, 324605866),
    "dropout": (1842996703, 1988353980, 1565109131),
    "sampler": (608273276, 1955059659, 1602876832),
    "probe": (1039430863, 963330506, 2063453649),
    "diagnosis": (1235561164, 1693596094, 2116679602),
}


@pytest.mark.parametrize("axis", AXES)
def test_seeds_keep_their_values(axis: str) -> None:
    assert (named_seed(0, axis), named_seed(7, axis, 1), named_seed(7, axis, 1, 2)) == GOLDEN[axis]


@given(
    seed=strategies.integers(0, 2**63),
    axis=strategies.sampled_from(AXES),
    indices=strategies.lists(strategies.integers(0, 2**31), max_size=3),
)
def test_seeds_are_what_numpy_spawns(seed: int, axis: str, indices: list[int]) -> None:
    key = (AXES.index(axis), *indices)
    word = np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint32)[0]
    assert named_seed(seed, axis, *indices) == int(word) // 2
    assert 0 <= named_seed(seed, axis, *indices) < 2**31


def test_seeds_of_different_coordinates_differ() -> None:
    coordinates = [
        (seed, axis, *indices)
        for seed, axis in product(range(5), AXES)
        for indices in ((), (0,), (1,), (0, 0), (0, 1), (1, 0))
    ]
    assert len({named_seed(*point) for point in coordinates}) == len(coordinates)


def test_streams_of_axes_and_replicates_are_uncorrelated() -> None:
    seeds = [named_seed(0, axis, replicate) for axis in AXES for replicate in range(4)]
    draws = np.stack([np.random.default_rng(seed).standard_normal(4000) for seed in seeds])
    correlation = np.corrcoef(draws) - np.eye(len(seeds))
    # 190 pairs with a deviation of 1/sqrt(4000) = 0.016: five deviations.
    assert np.abs(correlation).max() < 0.08


def test_unknown_axis_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one of split, .*, diagnosis. Received 'wheights'"):
        named_seed(0, "wheights")


# Status ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [status for status in Status if status.is_final])
def test_every_final_status_is_documented(status: Status) -> None:
    page = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    assert f"`{status}`" in page, (
        f"every final status must stand in the row `status` of results/README.md. Add `{status}`."
    )


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_sentence(status: Status) -> None:
    assert len(status.sentence.split()) >= 4
    assert Status(str(status)) is status


def test_statuses_are_sorted_into_final_and_usable() -> None:
    assert [status for status in Status if not status.is_final] == [Status.RUNNING]
    assert {status for status in Status if status.is_usable} == {
        Status.COMPLETED,
        Status.CONVERGED,
    }
    assert len({status.sentence for status in Status}) == len(Status)


# Trials ---------------------------------------------------------------------


def trial(**changes: Any) -> Trial:
    base = Trial(
        number=3,
        phase="search",
        problem=DatasetProblem("digits"),
        model="multilayer_perceptron",
        model_options=Settings(hidden=[64]),
        label="sgd",
        optimizer="sgd",
        hyperparameters=Settings(learning_rate=0.1),
        options=Settings(sampling="shuffle"),
        epochs=20,
        seed=7,
    )
    return replace(base, **changes)


@pytest.mark.parametrize(
    "value",
    [
        trial(),
        trial(problem=ClosedFormProblem("quadratic", Settings(dimension=2))),
        trial(curvature=CurvatureRequest(epochs=(0, 20))),
        Report(3, 1, 10, 320, 10, Settings(train_loss=0.5), Status.DIVERGED, "why"),
    ],
)
def test_values_survive_pickling_and_are_hashable(value: Any) -> None:
    copy = pickle.loads(pickle.dumps(value))
    assert copy == value
    assert hash(copy) == hash(value)


def test_values_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        trial().number = 4  # type: ignore[misc]


def test_every_field_enters_the_identity_of_a_trial() -> None:
    changes: list[dict[str, Any]] = [
        {"number": 4},
        {"problem": DatasetProblem("digits", split_seed=1)},
        {"hyperparameters": Settings(learning_rate=0.2)},
        {"replicate": 1},
        {"curvature": CurvatureRequest(epochs=(0,))},
        {"options": Settings(sampling="round_robin")},
    ]
    trials = {trial(), *(trial(**change) for change in changes)}
    assert len(trials) == 1 + len(changes)


def test_problems_are_named_by_their_catalogue_entry() -> None:
    assert DatasetProblem("digits").name == "digits"
    assert ClosedFormProblem("rosenbrock").name == "rosenbrock"


def test_worst_objective_is_infinite_in_the_direction_of_worse() -> None:
    assert trial().worst_objective == float("inf")
    assert trial(direction="maximize").worst_objective == float("-inf")


def test_random_numbers_are_common_to_optimizers_and_new_in_replicates() -> None:
    adam_trial = trial(number=9, label="adam", optimizer="adam", hyperparameters=Settings())
    for axis in AXES:
        assert adam_trial.random_seed(axis) == trial().random_seed(axis) == named_seed(7, axis, 0)
        assert trial(replicate=1).random_seed(axis) != trial().random_seed(axis)


def test_results_with_weights_are_compared_by_identity() -> None:
    # Comparing arrays for equality has no single truth value.
    def result() -> TrialResult:
        weights = (np.zeros(3),)
        return TrialResult(
            trial(), Status.COMPLETED, "", 0.1, 1, 1, 1, 1, Settings(), Settings(), weights
        )

    first, second = result(), result()
    assert first != second
    assert pickle.loads(pickle.dumps(first)).trial == first.trial
