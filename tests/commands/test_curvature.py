"""The command ``curvature``: on trials of a run, on saved models, and on mistakes."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmark.data import prepare
from benchmark.engine import SequentialEngine
from benchmark.engine.task import build_task
from benchmark.engine.trajectory import retrain
from benchmark.inspection import Settings as Wanted
from benchmark.inspection.examine import examine
from benchmark.inspection.plane import SliceProgram, projected
from benchmark.inspection.settings import recorded_trial
from benchmark.inspection.trials import trial_subject
from benchmark.results import RunWriter
from benchmark.run import app
from benchmark.trial import ClosedFormProblem, Settings, named_seed
from tests.engine.trials import make_trial, run_all

STUDY = """
question = "Does SGD train iris?"
compare = ["sgd", "momentum"]
[problem]
dataset = "iris"
[problem.model]
name = "linear"
[search.common]
learning_rate = 0.1
"""
QUICK = ("--epochs", "2", "--grid", "5", "--samples", "40")


def call(*arguments: object):
    return CliRunner().invoke(app, ["curvature", *map(str, arguments)])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two trials, of which the first kept its weights, and a diverged one."""
    root = tmp_path_factory.mktemp("results")
    trials = [
        make_trial(0),
        make_trial(1, optimizer="momentum"),
        make_trial(2, hyperparameters={"learning_rate": 1e30, "batch_size": 32}),
    ]
    ended = run_all(SequentialEngine(), trials)
    environment = {"backend": keras.backend.backend()}
    with RunWriter.create(root, "iris", STUDY, environment, "first") as writer:
        for number, (result, reports) in ended.items():
            writer.append(result, reports)
            if number == 0:
                writer.save_weights(number, result.weights)
    return root


def document(*arguments: object) -> dict[str, Any]:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def softmax_hessian(weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """The Hessian of the mean cross-entropy of a linear softmax model, kernel then bias."""
    x = x.astype(np.float64)
    z = x @ weights[0].astype(np.float64) + weights[1]
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    inputs = np.column_stack([x, np.ones(len(x))])
    blocks = np.einsum("ni,ij->nij", p, np.eye(3)) - np.einsum("ni,nj->nij", p, p)
    size = 3 * inputs.shape[1]
    return np.einsum("na,nij,nb->aibj", inputs, blocks, inputs).reshape(size, size) / len(x)


def test_kept_weights_give_the_spectrum_of_the_closed_form(results: Path) -> None:
    report = document("first", "--trial", 0, "--results", results, "--epochs", 2, "--grid", 5)
    assert "The weights are those that the run stored." in report["notes"][0]
    trial = make_trial(0)
    task = build_task(trial)
    with np.load(results / "iris" / "first" / "weights" / "trial-000000.npz") as archive:
        weights = [archive[name] for name in sorted(archive.files)]
    values = np.linalg.eigvalsh(softmax_hessian(weights, task.parts["train"].x))
    shown = [pair["value"] for pair in report["largest_eigenvalues"]]
    np.testing.assert_allclose(shown, values[::-1][:10], atol=1e-10)  # rounding of float64
    assert report["sums"]["trace"]["value"] == pytest.approx(values.sum())
    assert report["quantities"]["stability_limit"] == 2.0
    folder = results / "iris" / "first" / "curvature" / "trial-000000"
    np.testing.assert_allclose(
        pd.read_parquet(folder / "spectrum.parquet")["eigenvalue"], values, atol=1e-10
    )
    plane = pd.read_parquet(folder / "plane.parquet")
    path = pd.read_parquet(folder / "path.parquet")
    assert len(plane) == 25
    assert list(path["epoch"]) == [0, 1, 2, 3]
    # The way ends where the kept weights are.
    assert path["distance"].iloc[-1] == pytest.approx(0.0, abs=1e-5)
    assert set(pd.read_parquet(folder / "spectra.parquet")["epoch"]) == {0, 3}
    text = (folder / "curvature.html").read_text(encoding="utf-8")
    for name in ("density", "landscape", "eigenvalues", "curvature-quantities"):
        assert f'id="plot-{name}"' in text


def test_penalties_that_train_are_part_of_what_is_examined(tmp_path: Path) -> None:
    """Before, they were left out of H and of the plane, and nothing said so."""
    numbers = {"learning_rate": 0.1, "batch_size": 32, "l2": 0.5, "weight_decay": 0.01}
    trial = make_trial(0, hyperparameters=numbers)
    result, reports = run_all(SequentialEngine(), [trial])[0]
    environment = {"backend": keras.backend.backend()}
    with RunWriter.create(tmp_path, "iris", STUDY, environment, "first") as writer:
        writer.append(result, reports)
        writer.save_weights(0, result.weights)
    report = document("first", "--results", tmp_path, "--epochs", 0, "--grid", 5)
    kernel = result.weights[0].astype(np.float64)
    hessian = softmax_hessian(list(result.weights), build_task(trial).parts["train"].x)
    hessian[np.arange(kernel.size), np.arange(kernel.size)] += 2 * 0.5
    shown = [pair["value"] for pair in report["largest_eigenvalues"]]
    np.testing.assert_allclose(shown, np.linalg.eigvalsh(hessian)[::-1][:10], atol=1e-10)
    sentences = " ".join(report["sentences"])
    assert "2 · l2 = 1 to the diagonal of H" in sentences
    assert "leave out weight_decay = 0.01" in sentences
    expected = result.metrics["train_loss"] + 0.5 * (kernel**2).sum()
    # The recorded loss is float32.
    assert report["quantities"]["loss"] == pytest.approx(expected, rel=1e-5)
    folder = tmp_path / "iris" / "first" / "curvature" / "trial-000000"
    plane = pd.read_parquet(folder / "plane.parquet")
    nearest = int(np.argmin(np.hypot(plane["across"], plane["along"])))
    # Not at the weights themselves, but near: they are nearly the minimum.
    assert plane["loss"].iloc[nearest] > expected - 1e-3


def test_the_cost_is_said_before_anything_is_computed(results: Path, tmp_path: Path) -> None:
    arguments = ("first", "--trial", 0, "--results", results, "--output", tmp_path / "o", *QUICK)
    exact = call(*arguments)
    assert exact.exit_code == 0, exact.output
    lines = exact.stderr.splitlines()
    cost = next(index for index, line in enumerate(lines) if "All 15 eigenvalues take" in line)
    assert cost < lines.index("diagnosis …")
    assert "formed at 3 points of the trajectory" in lines[cost]
    assert re.search(r"15 products and 9e-06 GB of memory; .* GB may be taken", lines[cost])
    assert re.search(r"about [0-9.e-]+ s each time", lines[cost])
    bounded = call(*arguments, "--exact-limit", 0, "--no-density").stderr
    # 15 parameters are fewer than the products of Lanczos' method: the whole matrix costs less.
    assert "All 15 eigenvalues take" in bounded


def test_a_trial_without_kept_weights_is_trained_again_and_it_is_said(
    results: Path, tmp_path: Path
) -> None:
    result = call("latest", "--trial", 1, "--results", results, "--output", tmp_path / "o", *QUICK)
    assert result.exit_code == 0, result.output
    output = " ".join(result.stdout.split())
    assert "stored no weights of this trial, so the sequential engine trained it again" in output
    assert "Extreme eigenvalues" in output
    assert (tmp_path / "o" / "curvature.html").is_file()


def test_retraining_gives_the_weights_of_every_epoch() -> None:
    trial = make_trial(0)
    course = retrain(trial)
    whole = run_all(SequentialEngine(), [trial])[0][0]
    assert course.epochs == [0, 1, 2, 3]
    for retrained, other in zip(course.weights[-1], whole.weights, strict=True):
        np.testing.assert_array_equal(retrained, other)
    shorter = retrain(trial, epochs=2)
    assert shorter.epochs == [0, 1, 2]
    np.testing.assert_array_equal(shorter.weights[2][0], course.weights[2][0])


def test_a_closed_form_trial_lies_on_its_plane() -> None:
    options = Settings(dimension=2, condition_number=4.0)
    trial = make_trial(
        0,
        problem=ClosedFormProblem("quadratic", options),
        model="",
        sampling="full_batch",
        hyperparameters={"learning_rate": 0.1},
    )
    course = retrain(trial)
    ways = [list(arrays) for arrays in course.weights]
    coordinates = projected(ways, ways[-1], np.eye(2))
    np.testing.assert_allclose(np.hypot(coordinates[:, 0], coordinates[:, 1]), coordinates[:, 2])


def test_the_slice_is_the_loss_at_each_point() -> None:
    matrix = np.diag([4.0, 2.0, 1.0])

    def value(parameters, x, y):
        del y
        flat = keras.ops.concatenate(
            [keras.ops.reshape(parameter, (-1,)) for parameter in parameters]
        )
        return keras.ops.mean(x) * keras.ops.sum(flat * keras.ops.matmul(matrix, flat)) / 2

    x = np.arange(1.0, 2501.0).reshape(-1, 1)  # more than one chunk, of unequal size
    weights, plane = [np.array([1.0]), np.array([0.5, 2.0])], np.eye(3)[:, [2, 0]]
    across, along = np.linspace(-1, 1, 7), np.linspace(0, 2, 6)
    program = SliceProgram(value)
    loss_slice = program.slice(weights, plane, (across, along), x, np.zeros(2500))
    for i, j in ((0, 0), (3, 2), (5, 6)):
        point = np.array([1.0 + along[i], 0.5, 2.0 + across[j]])
        expected = x.mean() * point @ matrix @ point / 2
        assert loss_slice.values[i, j] == pytest.approx(expected, rel=1e-12)  # rounding of float64
    assert program.compilations <= 2  # whole chunks, and the last one


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved convex model on iris, whose outputs are probabilities."""
    keras.utils.set_random_seed(1)
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    file = tmp_path_factory.mktemp("models") / "model.keras"
    network.save(file)
    return file


def test_a_saved_model_is_examined_on_a_dataset(model: Path) -> None:
    arguments = ("--model", model, "--dataset", "iris", "--grid", 3)
    hessian = document(*arguments)
    assert "softmax" in hessian["facts"]["loss"]
    # The outputs of a linear model do not bend: both matrices are one.
    gauss_newton = document(*arguments, "--matrix", "gauss_newton", "--no-density")
    ends = [[pair["value"] for pair in d["largest_eigenvalues"]] for d in (hessian, gauss_newton)]
    np.testing.assert_allclose(ends[0][:5], ends[1][:5], atol=1e-10)  # rounding of float64
    assert "cannot tell a saddle from a minimum" in gauss_newton["sentences"][-1]
    assert (model.with_suffix(".curvature") / "curvature.json").is_file()


@keras.saving.register_keras_serializable("tests")
class Centred(keras.layers.Layer):
    """Statistics of the batch."""

    def call(self, x):
        return x - keras.ops.mean(x, axis=0, keepdims=True)


def test_a_layer_with_statistics_of_the_batch_is_refused(tmp_path: Path) -> None:
    stack = [keras.Input((4,)), Centred(), keras.layers.Dense(3)]
    file = tmp_path / "centred.keras"
    keras.Sequential(stack).save(file)
    result = call("--model", file, "--dataset", "iris", "--grid", 3)
    assert result.exit_code == 2
    assert "the loss must be a mean over single examples." in " ".join(result.output.split())
    assert f"In {file}" in result.output


def test_mixed_precision_is_named(tmp_path: Path) -> None:
    layer = keras.layers.Dense(3, dtype="mixed_bfloat16")
    file = tmp_path / "mixed.keras"
    keras.Sequential([keras.Input((4,)), layer]).save(file)
    report = document("--model", file, "--dataset", "iris", "--grid", 0, "--no-density")
    assert "The model computes in bfloat16" in " ".join(report["notes"])


@pytest.mark.parametrize("last", ["activation", "layer", "operation"])
def test_logits_are_taken_behind_the_softmax_of_the_outputs(tmp_path: Path, last: str) -> None:
    """Wherever it stands, also with another softmax inside, H is that of the logits."""
    keras.utils.set_random_seed(2)
    x = keras.Input((4,))
    gate = keras.layers.Dense(4, "softmax")(x)
    z = keras.layers.Dense(3, "softmax" if last == "activation" else None)
    outputs = z(keras.layers.multiply([x, gate]))
    if last == "layer":
        outputs = keras.layers.Softmax()(outputs)
    if last == "operation":
        outputs = keras.ops.softmax(outputs)
    logits = keras.Model(x, outputs)
    file = tmp_path / "gated.keras"
    logits.save(file)
    arguments = ("--dataset", "iris", "--grid", 0, "--no-density")
    report = document("--model", file, *arguments)
    assert report["facts"]["loss"].endswith("of the inputs of the softmax")
    z.activation = keras.activations.linear
    plain = keras.Model(x, z.output)
    plain.save(tmp_path / "plain.keras")
    expected = document("--model", tmp_path / "plain.keras", *arguments)
    values = [[pair["value"] for pair in d["largest_eigenvalues"]] for d in (report, expected)]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-9)  # rounding of float64


def test_a_softmax_inside_a_nested_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """Before, the cross-entropy was silently taken of probabilities as if they were logits."""
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Softmax()])
    x = keras.Input((4,))
    file = tmp_path / "nested.keras"
    keras.Model(x, inner(x)).save(file)
    result = call("--model", file, "--dataset", "iris", "--grid", 0)
    assert result.exit_code == 2
    assert "a softmax must be the last layer of the model itself" in " ".join(result.output.split())


def test_probabilities_of_any_layer_are_not_taken_for_logits(tmp_path: Path) -> None:
    """The mean of two softmaxes: its cross-entropy is −log p, which was taken of a softmax of p."""
    keras.utils.set_random_seed(3)
    x = keras.Input((4,))
    parts = [keras.layers.Dense(3, "softmax")(x) for _ in range(2)]
    model = keras.Model(x, keras.layers.Average()(parts))
    model.save(tmp_path / "two.keras")
    report = document("--model", tmp_path / "two.keras", "--dataset", "iris", "--grid", 0)
    assert report["facts"]["loss"] == "sparse_categorical_crossentropy of probabilities"
    train = prepare("iris", (0.6, 0.2, 0.2), "standard", named_seed(0, "split")).train
    outputs = keras.ops.convert_to_numpy(model(train.x))
    expected = -np.log(outputs[np.arange(len(train.y)), train.y]).mean()
    assert report["quantities"]["loss"] == pytest.approx(expected, rel=1e-5)  # float32 outputs


def test_a_sigmoid_is_refused_for_backends_differ_on_it(tmp_path: Path) -> None:
    file = tmp_path / "sigmoid.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "sigmoid")]).save(file)
    result = call("--model", file, "--dataset", "iris", "--grid", 0)
    assert result.exit_code == 2
    assert "must be of logits or of a softmax" in " ".join(result.output.split())


def test_the_way_has_the_learning_rate_of_each_epoch(tmp_path: Path) -> None:
    """η·λmax of every epoch was that of the last learning rate."""
    trial = make_trial(0, schedule="cosine")
    [(result, reports)] = run_all(SequentialEngine(), [trial]).values()
    environment = {"backend": keras.backend.backend()}
    with RunWriter.create(tmp_path, "iris", STUDY, environment, "way") as writer:
        writer.append(result, reports)
    settings = Wanted(epochs=4, grid=0, density=False)
    subject = trial_subject(tmp_path / "iris" / "way", result, settings, lambda *_: None)
    measured = examine(subject, settings, lambda *_: None).epochs
    table = measured.pivot(index="epoch", columns="quantity", values="value")
    rates = (table["scaled_sharpness"] / table["lambda_max"]).to_dict()
    for report in reports:
        base = trial.hyperparameters["learning_rate"]
        expected = report.metrics.get("learning_rate", base)
        assert rates[report.epoch] == pytest.approx(expected, rel=1e-6)
    assert rates[3] < 0.99 * rates[0]


BAD_INPUT = {
    "nothing": ((), "either a run or --model must be named"),
    "no run": (("no_such",), "a run must exist"),
    "no trial": (("first", "--trial", "9"), "--trial must be a finished trial of the run"),
    "two subjects": (("first", "--model", "x.keras"), "Received both"),
    "a loss of a run": (("first", "--loss", "huber"), "--loss needs --model"),
    "no dataset": (("--model", "{model}"), "--model needs --dataset"),
    "no model": (("--model", "no.keras", "--dataset", "iris"), "which is not there"),
    "no such dataset": (("--model", "{model}", "--dataset", "irs"), "Did you mean `iris`"),
    "another dataset": (("--model", "{model}", "--dataset", "wine"), "must fit the dataset"),
    "another loss": (
        ("--model", "{model}", "--dataset", "iris", "--loss", "nonsense"),
        "--loss must be the name of a Keras loss",
    ),
    "a loss that does not fit": (
        ("--model", "{model}", "--dataset", "iris", "--loss", "categorical_crossentropy"),
        "--loss must fit",
    ),
    "no model in the file": (("--model", "{broken}", "--dataset", "iris"), "which is no archive"),
    "no such scaling": (
        ("--model", "{model}", "--dataset", "iris", "--scaling", "standrd"),
        "--scaling must be one of none, standard, min_max",
    ),
    "a file as output": (
        ("--model", "{model}", "--dataset", "iris", "--output", "{model}"),
        "--output must be a folder",
    ),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_mistakes_are_told_in_a_sentence(
    name: str, model: Path, results: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.keras"
    broken.write_text("no model", encoding="utf-8")
    arguments, expected = BAD_INPUT[name]
    filled = [argument.format(model=model, broken=broken) for argument in arguments]
    result = call(*filled, "--results", results)
    assert result.exit_code == 2, result.output
    assert expected in " ".join((result.output + result.stderr).split())


@keras.saving.register_keras_serializable("kappabench_tests")
class AlwaysNoisy(keras.layers.Layer):
    """A random layer that inference does not freeze."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), seed=self.generator)


REFUSED = {
    "outputs": ([keras.layers.Dense(2)], "the outputs of the model must fit the dataset"),
    "random": ([AlwaysNoisy(), keras.layers.Dense(3)], "every layer must be deterministic"),
    "weights": ([keras.layers.Dense(3, trainable=False)], "must have trainable weights"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_has_no_such_curvature_is_refused(name: str, tmp_path: Path) -> None:
    layers, expected = REFUSED[name]
    keras.Sequential([keras.Input((4,)), *layers]).save(tmp_path / "model.keras")
    result = call("--model", tmp_path / "model.keras", "--dataset", "iris")
    assert result.exit_code == 2, result.output
    assert expected in result.stderr


def test_a_trial_that_diverged_is_examined_where_it_was_finite(results: Path) -> None:
    report = document("first", "--trial", 2, "--results", results, *QUICK, "--no-density")
    # The loss on record is that before it diverged: compared with this one it would look wrong.
    assert "The trial diverged" in report["notes"][0]
    assert "as recorded" not in report["notes"][0]
    assert report["parameters"] == 15


def test_the_best_trial_is_one_of_the_search(tmp_path: Path) -> None:
    trials = [make_trial(0), replace(make_trial(1), phase="replicate", replicate=1)]
    with RunWriter.create(tmp_path, "iris", STUDY, {}, "first") as writer:
        for result, reports in run_all(SequentialEngine(), trials).values():
            # A lucky replicate: no weights are kept of it.
            better = replace(result, objective=result.objective - result.trial.number)
            writer.append(better, reports)
    assert recorded_trial(writer.path, None).trial.number == 0


def test_help_has_examples_and_says_what_is_written() -> None:
    result = call("--help")
    assert result.exit_code == 0
    assert "Examples" in result.output
