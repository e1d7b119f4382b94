"""The conformance suite: optimizers that keep every property, and some that break one."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmark.conformance import (
    PROPERTIES,
    Examination,
    Outcome,
    Result,
    check_optimizer,
    check_property,
)
from benchmark.optimizers import OPTIMIZERS
from benchmark.trial import Status

HERE = "tests.conformance.broken_optimizers"
ENGINES = ("vectorized as sequential", "any neighbours")
BROKEN = [
    ("Climbing", "parabola", "must fall from 11.25 to 0.113 or below within 400 steps"),
    ("Climbing", "Rosenbrock", "Rosenbrock's function"),
    ("Climbing", "ill-conditioned quadratic", "A quadratic with κ = 1e+04"),
    ("Restless", "zero gradient", "Three steps with a gradient of zero move a weight by 0.03"),
    ("Dividing", "zero gradient", "not finite"),
    ("ByRows", "zero gradient", "zero in a row and a column, weights are not finite"),
    ("Waiting", "zero gradient", "6 of the 6 weights that have a gradient do not move in 11 steps"),
    ("Rounding", "types and shapes", "make a step that float32 holds exactly"),
    ("Branching", "compile and fit", "It raises"),
    ("Forgetful", "resumed", "A resumed run ends elsewhere: a weight differs by"),
    ("Silent", "configuration", "get_config lacks share."),
    ("Unregistered", "saved model", "register_keras_serializable() before it"),
    ("SGD", "as in Keras", "Keras's class takes"),
    ("OfMatrices", "sizes", "It raises"),
    ("Halting", "types and shapes", "did not move in a few steps"),
    ("Halting", "compile and fit", "moved no weight"),
    ("Stubborn", "one compilation", "Other values of learning_rate change no step."),
    ("Stubborn", "arrays as floats", "With learning_rate = "),
]


def test_the_table_names_functions_that_are_there() -> None:
    for name, entry in PROPERTIES.items():
        assert entry.sentence.endswith("."), name
        assert entry.target.startswith("benchmark.conformance."), name


def test_a_class_of_a_user_keeps_every_property() -> None:
    examination = check_optimizer(
        f"{HERE}:Good", properties=[p for p in PROPERTIES if p not in ENGINES]
    )
    examination.require()
    skipped = {
        result.name: result.words
        for result in examination.results
        if result.outcome is not Outcome.PASSED
    }
    assert skipped == {
        "as in Keras": "Keras has no class Good.",
        "stability limit": "It is not a built-in optimizer, so its update rule is unknown.",
    }


def test_steps_are_those_of_keras() -> None:
    for name in ("sgd", "adam"):
        result = check_property(name, "as in Keras")
        assert result.outcome is Outcome.PASSED, result.words


@pytest.mark.parametrize(("name", "broken", "words"), BROKEN)
def test_what_is_broken_is_said_in_words(name: str, broken: str, words: str) -> None:
    result = check_property(f"{HERE}:{name}", broken)
    assert result.outcome is Outcome.FAILED, result
    assert words in result.words
    assert "\n" not in result.words
    with pytest.raises(AssertionError, match=broken):
        result.require()


def test_the_engines_find_a_class_out_that_remembers_beside_its_variables() -> None:
    """Which cannot be a pure function; the engines train it one trial after the other."""
    result = check_property(f"{HERE}:Forgetful", "one compilation")
    assert result.outcome is Outcome.DOES_NOT_APPLY
    assert result.words.startswith("It does not step as a pure function: ")


def test_a_branch_on_a_value_is_no_pure_function() -> None:
    for name in ("one compilation", "any neighbours", "vectorized as sequential"):
        result = check_property(f"{HERE}:Branching", name)
        assert result.outcome is Outcome.DOES_NOT_APPLY, result
        assert result.words.startswith("It does not step as a pure function: ")


class Crowded:
    """An engine whose trials end elsewhere where others run beside them."""

    capacity = 3

    def __init__(self, *, coupling: float) -> None:
        self._coupling = coupling
        self._running: dict[int, Any] = {}
        self._most = 0

    def start(self, trial: Any) -> None:
        self._running[trial.number] = trial
        self._most = max(self._most, len(self._running))

    def advance(self) -> list[Any]:
        number = next(iter(self._running))
        return [SimpleNamespace(trial_number=number, status=Status.COMPLETED, reason="")]

    def stop(self, number: int, *_: Any) -> Any:
        trial = self._running.pop(number)
        weights = np.ones(2) + self._coupling * (self._most - 1)
        self._most = max(1, len(self._running)) if self._running else 0
        return SimpleNamespace(trial=trial, weights=(weights,), reason="")


def test_a_trial_that_feels_its_neighbours_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pure function can look at another trial; an engine that mixes their rows would."""
    for coupling, outcome in ((1e-12, Outcome.FAILED), (0.0, Outcome.PASSED)):
        engine = Crowded(coupling=coupling)
        monkeypatch.setattr("benchmark.conformance.engines._engine", lambda engine=engine: engine)
        result = check_property(f"{HERE}:Good", "any neighbours")
        assert result.outcome is outcome, result
    assert check_property(f"{HERE}:Good", "any neighbours").words == ""


@pytest.mark.slow  # tests/engine has the engines; this shows that the suite drives them
def test_engines_agree_on_a_users_class() -> None:
    examination = check_optimizer(f"{HERE}:Good", properties=ENGINES)
    assert [result.outcome for result in examination.results] == [Outcome.PASSED] * 2, examination


def test_options_are_fixed() -> None:
    check_optimizer("keras:Adam", {"amsgrad": True}, ["resumed", "configuration"]).require()
    with pytest.raises(ValueError, match="an option of keras:Adam must be one of amsgrad"):
        check_optimizer("keras:Adam", {"nesterov": True})


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="Did you mean `adam`"):
        check_property("adm", "parabola")
    with pytest.raises(ValueError, match="Did you mean `parabola`"):
        check_property("adam", "parabla")


def test_a_class_can_be_given_itself() -> None:
    from tests.conformance.broken_optimizers import Restless

    assert check_property(Restless, "zero gradient").outcome is Outcome.FAILED


def test_an_examination_survives_json() -> None:
    results = (
        Result("parabola", Outcome.PASSED),
        Result("sizes", Outcome.FAILED, "Too large."),
        Result("as in Keras", Outcome.DOES_NOT_APPLY, "It is Keras's own class."),
    )
    examination = Examination("adam", "jax", results, 1.5)
    assert Examination.of_document(examination.document()) == examination
    with pytest.raises(AssertionError, match=r"adam on jax: sizes: Too large\."):
        examination.require()


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_of_ours_keeps_every_property(optimizer: str) -> None:
    check_optimizer(optimizer).require()
