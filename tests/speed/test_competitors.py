"""Each competitor is broken on purpose: its row must say so, and report no seconds."""

import contextlib
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from speed import children, proof
from speed.competitors import eigenvalues, pytorch, usual_way
from speed.measurement import WorkNotDoneError
from speed.proof import Done, check_work, expected_loss
from speed.workloads import WORKLOADS, arrays, made_up_settings

DIGITS = WORKLOADS["digits_mlp"]
EPOCHS = 3


@pytest.fixture
def answer(monkeypatch, tmp_path):
    """What the process that measures would answer."""
    monkeypatch.chdir(tmp_path)

    def answer_of(function: str, **more: Any) -> dict[str, Any]:
        arguments = {"workload": "digits_mlp", "trials": 2, "epochs": EPOCHS, **more}
        function = f"speed.competitors.{function}"
        return children.answer({"function": function, "backend": "", "arguments": arguments})

    return answer_of


def trained(settings: Any, epochs: int = EPOCHS, loss: float | None = None) -> Done:
    """What a competitor that trained says, or one that says other epochs or another loss."""
    right = expected_loss(DIGITS, settings, EPOCHS)
    return Done(settings, epochs, right if loss is None else loss)


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "stopped early": ({"epochs": 1}, "must be trained for 3 epochs to .* Received 1 and"),
    "learned nothing": ({"loss": 9.0}, "a validation loss between .* Received 3 and 9"),
    "diverged": ({"loss": float("nan")}, "Received 3 and nan"),
    "too good": ({"loss": 0.0}, "Received 3 and 0"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_a_trial_says_is_checked(fault: str) -> None:
    changes, message = BROKEN[fault]
    done = [trained(settings) for settings in made_up_settings(3)]
    facts = check_work(done, DIGITS, 3, EPOCHS)
    assert facts["loss"] == pytest.approx(facts["expected_loss"])
    done[1] = trained(done[1].settings, **changes)
    with pytest.raises(WorkNotDoneError, match=message):
        check_work(done, DIGITS, 3, EPOCHS)
    with pytest.raises(WorkNotDoneError, match=r"4 trials must be trained\. Received 3"):
        check_work(done, DIGITS, 4, EPOCHS)


def test_the_expected_loss_is_that_of_keras() -> None:
    """The same network by Keras's own training, from other weights and orders of the rows."""
    data, settings = arrays(), made_up_settings(1)[0]
    history = usual_way.compiled_model(DIGITS, settings).fit(
        data.train.x,
        data.train.y,
        batch_size=settings["batch_size"],
        epochs=EPOCHS,
        validation_data=(data.validation.x, data.validation.y),
        verbose=0,
    )
    low, high = proof.band(expected_loss(DIGITS, settings, EPOCHS))
    assert low < history.history["val_loss"][-1] < high
    assert not low < history.history["val_loss"][0] < expected_loss(DIGITS, settings, EPOCHS)


def test_the_gradient_of_the_proof_is_that_of_differences() -> None:
    random = np.random.default_rng(0)
    weights = [random.normal(size=shape) for shape in ((5, 4), 4, (4, 3), 3)]
    x, y = random.normal(size=(6, 5)), random.integers(0, 3, 6)
    slopes = proof.gradient(weights, x, y)
    for place, weight in enumerate(weights):
        for index in np.ndindex(weight.shape):
            moved = [w.copy() for w in weights]
            values = []
            for step in (1e-6, -1e-6):
                moved[place][index] = weight[index] + step
                values.append(proof.cross_entropy(moved, x, y))
            slope = (values[0] - values[1]) / 2e-6
            assert slope == pytest.approx(float(slopes[place][index]), abs=1e-7)


def test_scikit_learn_that_stops_early_is_no_measurement(answer, monkeypatch) -> None:
    # One worker is this process, where the class is broken.
    monkeypatch.setattr("speed.competitors.scikit_learn.cores", lambda: 1)
    (measurement, _) = answer("scikit_learn:measure", repetitions=1)["measurements"]
    assert measurement["values"] and not measurement["missing"]
    fit = MLPClassifier.fit

    def lazy(self: Any, x: Any, y: Any) -> Any:
        self.max_iter = 1
        return fit(self, x, y)

    monkeypatch.setattr(MLPClassifier, "fit", lazy)
    missing = answer("scikit_learn:measure", repetitions=1)["missing"]
    assert missing.startswith("failed: a measured trial must be trained for 3 epochs")


class PlayedModel:
    """A Keras model that says it has been fitted, and reaches some loss."""

    def __init__(self, settings: Any, loss: float | None) -> None:
        self._settings, self._loss = settings, loss

    def fit(self, *_: Any, epochs: int, batch_size: int = 0, **__: Any) -> Any:
        if batch_size:
            self._settings = {**self._settings, "batch_size": batch_size}
        loss = expected_loss(DIGITS, self._settings, epochs) if self._loss is None else self._loss
        return SimpleNamespace(epoch=list(range(epochs)), history={"val_loss": [loss]})


@pytest.mark.parametrize("loss", [None, 2.5])
def test_the_usual_way_that_learns_nothing_is_no_measurement(answer, monkeypatch, loss) -> None:
    mlflow = SimpleNamespace(
        set_tracking_uri=lambda uri: None,
        set_experiment=lambda **_: None,
        create_experiment=lambda *_: "1",
        start_run=contextlib.nullcontext,
        log_params=lambda _: None,
        keras=SimpleNamespace(MlflowCallback=lambda: None),
    )
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.setattr(usual_way, "compiled_model", lambda _, numbers: PlayedModel(numbers, loss))
    reply = answer("usual_way:measure")
    if loss is None:
        assert reply["measurements"][0]["facts"]["loss"] > 0
    else:
        assert reply["missing"].endswith("Received 3 and 2.5.")


@pytest.mark.parametrize("epochs", [EPOCHS, EPOCHS - 1])
def test_pytorch_that_stops_early_is_no_measurement(answer, monkeypatch, epochs) -> None:
    torch = SimpleNamespace(
        from_numpy=lambda array: array,
        manual_seed=lambda _: None,
        get_num_threads=lambda: 1,
        set_num_threads=lambda _: None,
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(pytorch, "train", lambda *given: trained(given[3], epochs))
    reply = answer("pytorch:measure")
    if epochs == EPOCHS:
        assert len(reply["measurements"][0]["values"]) == 2
    else:
        assert "must be trained for 3 epochs" in reply["missing"]


class Hyperparameters:
    """What KerasTuner hands to a model: the lower end of every range."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def Float(  # noqa: N802 - KerasTuner's name
        self, name: str, low: float, *_: Any, **__: Any
    ) -> float:
        return self.values.setdefault(name, low)

    def Choice(self, name: str, choices: list[int]) -> int:  # noqa: N802 - KerasTuner's name
        return self.values.setdefault(name, choices[0])


class PlayedSearch:
    """KerasTuner's loop: a trial that raises becomes INVALID, and the search goes on."""

    broken = False

    def __init__(self, model: Any, *, max_trials: int, **_: Any) -> None:
        self._model, self._trials = model, max_trials

    def search(self, *data: Any, **options: Any) -> None:
        for _ in range(self._trials):
            trial = SimpleNamespace(status="COMPLETED", message=None)
            numbers = Hyperparameters()
            built = self._model.build(numbers)
            if self.broken:
                trial.status = "INVALID"
                trial.message = "Traceback …\nModuleNotFoundError: No module named 'tensorboard'\n"
            else:
                self._model.fit(numbers, built, *data, **options)
            self.on_trial_end(trial)

    def on_trial_end(self, trial: Any) -> None:
        """Keep the trial."""


@pytest.mark.parametrize("broken", [False, True])
def test_keras_tuner_whose_trials_are_invalid_is_no_measurement(
    answer, monkeypatch, broken
) -> None:
    module = ModuleType("keras_tuner")
    module.__dict__.update(HyperModel=object, RandomSearch=PlayedSearch)
    monkeypatch.setitem(sys.modules, "keras_tuner", module)
    monkeypatch.setattr(PlayedSearch, "broken", broken)
    monkeypatch.setattr(
        "speed.competitors.keras_tuner.compiled_model",
        lambda _, numbers: PlayedModel(numbers, None),
    )
    reply = answer("keras_tuner:measure")
    if broken:
        assert reply["missing"] == (
            "failed: a measured trial must have the status COMPLETED. Received "
            "INVALID: ModuleNotFoundError: No module named 'tensorboard'."
        )
    else:
        assert reply["measurements"][0]["facts"]["batch_sizes"] == [16, 16]


@pytest.mark.parametrize(("share", "is_right"), [(1.0, True), (0.9, False), (0.0, False)])
def test_eigenvalues_that_are_wrong_are_no_measurement(monkeypatch, share, is_right) -> None:
    truth = np.arange(1.0, 11.0)
    monkeypatch.setattr(eigenvalues, "trained_weights", list)
    monkeypatch.setattr(eigenvalues, "true_eigenvalues", lambda _: truth)
    torch = SimpleNamespace(get_num_threads=lambda: 1, set_num_threads=lambda _: None)

    def measure() -> Any:
        return eigenvalues.measured(torch, "x", "x", lambda: list(share * truth), 2)

    if is_right:
        assert len(measure()[0].values) == 2
        return
    with pytest.raises(WorkNotDoneError, match="eigenvalues of a measured run must be right to"):
        measure()


@pytest.mark.parametrize("package", ["pyhessian", "curvlinops"])
def test_competitors_find_the_eigenvalues(package) -> None:
    pytest.importorskip("torch")
    pytest.importorskip(package)
    (measurement,) = getattr(eigenvalues, f"measure_{package}")(repetitions=1)
    assert measurement.facts["relative_error"] <= proof.TOLERANCE
