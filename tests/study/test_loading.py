"""Study files: each mistake is refused with file, key, value, rule and remedy."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmark.data.cards import DatasetError
from benchmark.optimizers import SCHEDULES
from benchmark.study.catalogue import Catalogue, TrainingHyperparameter, catalogue
from benchmark.study.loading import (
    StudyError,
    checked_study,
    find_study,
    load_study,
    parse_study,
    study_files,
)
from tests.study.refusals import MORE_REFUSALS

GOOD = """
question = "Which?"
compare = ["sgd", { label = "fast", optimizer = "adam" }]
seed = 1

[problem]
dataset = "digits"

[training]
epochs = 3

[search.common]
batch_size = { choices = [16, 32] }

[search.sgd]
learning_rate = { low = 0.001, high = 1.0, log = true }
"""


@dataclass
class Dataset:
    samples: int
    task: str
    features: int
    units: int = 1


@dataclass
class Optimizer:
    hyperparameters: dict[str, TrainingHyperparameter] = field(default_factory=dict)
    full_batch: bool = False
    weight_decay: bool = True
    options: dict[str, bool | str] = field(default_factory=dict)


def check_model(name, options, dataset):
    if "hiden" in options:
        raise ValueError("an option of multilayer_perceptron must be hidden. Received 'hiden'.")


def check_problem(name, options):
    if options.get("condition_number", 1) < 1:
        raise ValueError("condition_number must be >= 1. Received a smaller one. Write 100.")
    return {"condition_number": 100.0, **options}


def check_optimizer(name):
    raise ValueError(f"the optimizer must be a class. Received {name!r}. Write keras:Adam.")


def train_size(samples, fractions):
    if min(fractions) * samples < 1:
        raise ValueError("every part must have a row. Received less. Take more.")
    return int(samples * fractions[0])


CATALOGUE = Catalogue(
    datasets={
        "digits": Dataset(1797, "classification", 64),
        "diabetes": Dataset(442, "regression", 10),
    },
    models=["multilayer_perceptron", "linear"],
    optimizers={
        "sgd": Optimizer({"learning_rate": TrainingHyperparameter(0)}),
        "adam": Optimizer(
            {
                "learning_rate": TrainingHyperparameter(0, space={"low": 1e-4, "high": 1.0}),
                "beta_1": TrainingHyperparameter(0, 1, low_included=True),
            },
            options={"amsgrad": False, "form": "first"},
        ),
        "gradient_descent": Optimizer(
            {"learning_rate": TrainingHyperparameter(0)}, full_batch=True, weight_decay=False
        ),
    },
    problems=["quadratic"],
    check_model=check_model,
    check_problem=check_problem,
    train_size=train_size,
    schedules=SCHEDULES,
    check_optimizer=check_optimizer,
)


def load(tmp_path, text):
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    return load_study(path, CATALOGUE)


def test_a_good_file_is_read(tmp_path):
    study = load(tmp_path, GOOD)
    assert study.name == "x"
    assert [(entry.label, entry.optimizer) for entry in study.compare] == [
        ("sgd", "sgd"),
        ("fast", "adam"),
    ]
    assert set(study.space("sgd")) == {"batch_size", "learning_rate"}
    assert set(study.space("fast")) == {"batch_size"}


REFUSALS = {
    "misspelt hyperparameter": (
        ("learning_rate =", "learnin_rate ="),
        ["Received 'learnin_rate' at search.sgd.learnin_rate in", "Did you mean `learning_rate`?"],
    ),
    "text for a number": (
        ("learning_rate = { low = 0.001, high = 1.0, log = true }", 'learning_rate = "0.1"'),
        [
            "learning_rate must be a number, {low, high, log, step} or {choices}. "
            "Received '0.1' at search.sgd.learning_rate in"
        ],
    ),
    "boolean for a rate": (
        ("learning_rate = { low = 0.001, high = 1.0, log = true }", "learning_rate = true"),
        ["learning_rate must be a number", "Received True at search.sgd.learning_rate in"],
    ),
    "number for an option": (
        ("[search.sgd]", "[search.fast]\namsgrad = 1\n[search.sgd]"),
        ["amsgrad must be true or false", "Received a number or a space at search.fast.amsgrad"],
    ),
    "text for a boolean": (
        ("[search.sgd]", '[search.fast]\namsgrad = "yes"\n[search.sgd]'),
        ["amsgrad must be true or false", "Received 'yes' at search.fast.amsgrad in", "a label"],
    ),
    "misspelt option": (
        ("[search.sgd]", "[search.fast]\namsgard = true\n[search.sgd]"),
        ["Received 'amsgard' at search.fast.amsgard in", "Did you mean `amsgrad`?"],
    ),
    "option of another optimizer": (
        ("[search.sgd]", "[search.sgd]\namsgrad = true"),
        ["a hyperparameter of sgd must be one of", "Received 'amsgrad' at search.sgd.amsgrad in"],
    ),
    "class that is not there": (
        ('"sgd",', '"sgd", "keras:Adm",'),
        ["the optimizer must be a class. Received 'keras:Adm'", "It stands at compare[1] in"],
    ),
    "unknown key": (
        ("epochs = 3", "epoch = 3"),
        ["Received 'epoch' at training.epoch in", "Did you mean `epochs`?"],
    ),
    "unknown table": (
        ("[training]", "[trainin]"),
        ["the key must be one of", "at trainin in", "Did you mean `training`?"],
    ),
    "wrong type": (("epochs = 3", 'epochs = "3"'), ["epochs must be", "'3' at training.epochs in"]),
    "boolean for a number": (("seed = 1", "seed = true"), ["seed must be", "True at seed in"]),
    "learning rate below zero": (
        ("learning_rate = { low = 0.001, high = 1.0, log = true }", "learning_rate = -0.1"),
        ["learning_rate must be > 0. Received -0.1 at search.sgd.learning_rate in", "Raise it."],
    ),
    "batch above the training set": (
        ("[16, 32]", "[16, 3200]"),
        ["batch_size must be <= 1078", "Received 3200 at search.common.batch_size in"],
    ),
    "batch of a half": (("[16, 32]", "[16, 32.5]"), ["batch_size must be a whole number", "32.5"]),
    "batch of none": (
        ("[16, 32]", "[0, 32]"),
        ["batch_size must be >= 1. Received 0", "Raise it."],
    ),
    "empty choices": (("[16, 32]", "[]"), ["choices must be a list of one or more"]),
    "unknown dataset": (
        ('"digits"', '"digit"'),
        ["dataset must be one of diabetes, digits", "'digit' at problem.dataset in", "`digits`"],
    ),
    "unknown optimizer": (
        ('["sgd"', '["sdg"'),
        ["'sdg' at compare[0] in", "Did you mean `sgd`?"],
    ),
    "unknown model": (
        ("[training]", '[problem.model]\nname = "perceptron"\n[training]'),
        ["'perceptron' at problem.model.name in", "`multilayer_perceptron`"],
    ),
    "unknown model option": (
        ("[training]", "[problem.model]\nhiden = [3]\n[training]"),
        ["Received 'hiden'", "at problem.model in"],
    ),
    "unknown metric": (
        ("[training]", '[target]\nmetric = "accuracy"\nvalue = 0.9\n[training]'),
        ["'accuracy' at target.metric in", "validation_accuracy"],
    ),
    "unknown sampler": (
        ("[training]", '[budget]\nsampler = "tpee"\n[training]'),
        [
            "sampler must be one of tpe, random, quasi_random, grid",
            "Received 'tpee' at budget.sampler in",
            "Did you mean `tpe`?",
        ],
    ),
    "range with the grid sampler": (
        ("[training]", '[budget]\nsampler = "grid"\n[training]'),
        ["the grid sampler needs finite dimensions", "Add step"],
    ),
    "the word clipping": (
        ("[search.sgd]", "[search.sgd]\nclipping = 1.0"),
        ["spelled as in Keras", "global_clipnorm"],
    ),
    "two kinds of clipping": (
        ("[search.sgd]", "[search.sgd]\nclipnorm = 1.0\nclipvalue = 1.0"),
        ["at most one of clipvalue, clipnorm, global_clipnorm"],
    ),
    "a space for nobody": (
        ("[search.sgd]", "[search.momentum]"),
        ["momentum must be one of common, fast, sgd"],
    ),
    "two equal labels": (('"sgd", {', '"sgd", "sgd", {'), ["labels must differ", "compare[1]"]),
    "no question": (('question = "Which?"', ""), ["question must be given"]),
    "no problem": (("[problem]\ndataset", "[problems]\ndataset"), ["problem must be given"]),
    "split beyond the whole": (
        ("[training]", "[problem.split]\ntrain = 0.9\n[training]"),
        [
            "train + validation + test must be 1. Received 0.9 + 0.2 + 0.2 = 1.3 at problem.split",
            "for instance 0.6, 0.2 and 0.2",
        ],
    ),
    "split with an empty part": (
        (
            "[training]",
            "[problem.split]\ntrain = 0.9998\nvalidation = 0.0001\ntest = 0.0001\n[training]",
        ),
        ["every part must have a row", "It stands at problem.split in"],
    ),
    "not a number": (("high = 1.0", "high = nan"), ["high must be", "finite"]),
    "not TOML": (("epochs = 3", "epochs 3"), ["a study must be valid TOML", "line 10"]),
    "accuracy of a regression": (
        ('"digits"', '"diabetes"\nmetric = "accuracy"'),
        [
            "the metric of a regression must be mean_absolute_error or mean_squared_error",
            "Received 'accuracy' at problem.metric in",
        ],
    ),
    "loss of another task": (
        ('"digits"', '"digits"\nloss = "mean_squared_error"'),
        ["'mean_squared_error' at problem.loss in"],
    ),
    **MORE_REFUSALS,
    "batch size of a full-batch method": (
        (
            'compare = ["sgd"',
            'search.gradient_descent.batch_size = 8\ncompare = ["gradient_descent", "sgd"',
        ),
        ["gradient_descent uses the full batch and takes no batch_size"],
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_mistake_is_refused_with_place_and_remedy(tmp_path, name):
    (old, new), expected = REFUSALS[name]
    assert old in GOOD
    with pytest.raises(StudyError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    message = str(caught.value)
    assert "x.toml" in message and "Received" in message
    assert message.splitlines() == list(caught.value.lines)
    for part in expected:
        assert part in message, message


COMMON_MISTAKES = [
    "batch_size = 0",
    "clipping = 1",
    "learnin_rate = 1",
    "clipnorm = 1\nclipvalue = 1",
]


@pytest.mark.parametrize("line", COMMON_MISTAKES)
def test_a_mistake_in_the_common_table_is_told_once(tmp_path, line):
    with pytest.raises(StudyError) as caught:
        load(tmp_path, GOOD.replace("batch_size = { choices = [16, 32] }", line))
    assert len(caught.value.lines) == 1, caught.value.lines
    assert "at search.common" in caught.value.lines[0]


def test_what_only_looks_wrong_is_read(tmp_path):
    function = GOOD.replace('dataset = "digits"', 'function = "quadratic"')
    assert load(tmp_path, function.replace("[16, 32]", "[1]"))
    whole = function.replace("epochs = 3", 'epochs = 3\nbatch_sampling = "full_batch"')
    assert load(tmp_path, whole)  # batch_size is not used
    late = "[curvature]\nepochs = [5]\ntrials = 'none'\n[training]"
    assert load(tmp_path, GOOD.replace("[training]", late))
    partly = "[curvature]\nepochs = [0, 5]\n[training]"
    assert load(tmp_path, GOOD.replace("[training]", partly)).curvature.epochs == [0, 5]
    assert load(tmp_path, GOOD.replace("seed = 1", f"seed = {2**63 - 1}")).seed == 2**63 - 1


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = tmp_path / "marked.toml"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert load_study(path, CATALOGUE).question == "Which?"
    assert parse_study(path.read_text(encoding="utf-8"), "marked.toml").question == "Which?"


def test_a_file_called_latest_is_refused(tmp_path):
    path = tmp_path / "latest.toml"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(StudyError, match="which stands for the newest run"):
        load_study(path, CATALOGUE)


def test_all_mistakes_are_told_at_once(tmp_path):
    text = GOOD.replace('"digits"', '"digit"').replace('"sgd",', '"sdg",')
    with pytest.raises(StudyError) as caught:
        load(tmp_path, text)
    assert len(caught.value.lines) >= 2


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(StudyError, match="readable UTF-8 file"):
        load_study(tmp_path / "none.toml", CATALOGUE)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(StudyError, match="readable UTF-8 file"):
        load_study(tmp_path / "binary.toml", CATALOGUE)


def test_a_name_in_the_current_folder_wins_over_a_shipped_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_study("quickstart") == study_files()["quickstart"]
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "quickstart.toml").write_text(GOOD)
    assert find_study("quickstart").resolve() == tmp_path / "studies" / "quickstart.toml"
    (tmp_path / "quickstart.toml").write_text(GOOD)
    assert find_study("quickstart").resolve() == tmp_path / "quickstart.toml"


def test_an_unknown_study_is_refused_with_the_nearest_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match="Did you mean `quickstart`"):
        find_study("quickstar")


def test_every_shipped_study_has_the_right_shape():
    for name, path in study_files().items():
        study = parse_study(path.read_text(encoding="utf-8"), str(path), name)
        assert study.question.endswith("?")


def test_each_compared_optimizer_may_have_a_schedule_of_its_own(tmp_path):
    text = GOOD.replace('optimizer = "adam"', 'optimizer = "adam", schedule = "step"')
    text = text.replace("epochs = 3", 'epochs = 3\nschedule = "cosine"')
    study = load(tmp_path, f"{text}\n[search.fast]\nschedule_decay_rate = 0.5\n")
    assert [study.schedule(label) for label in ("sgd", "fast")] == ["cosine", "step"]
    assert load(tmp_path, GOOD).schedule("sgd") == "constant"


def test_a_shipped_catalogue_refuses_an_image_that_the_rows_do_not_hold(tmp_path):
    path = tmp_path / "x.toml"
    model = '[problem.model]\nname = "convolutional_network"\nimage = [8, 9, 1]\n\n[training]'
    path.write_text(GOOD.replace("[training]", model), encoding="utf-8")
    with pytest.raises(
        StudyError, match=r"image must multiply to 64.* \[8, 9, 1\].*problem\.model"
    ):
        load_study(path, catalogue())


def test_a_bad_card_refuses_the_studies_of_its_dataset_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "broken.toml").write_text("title = 3", encoding="utf-8")
    text = 'question = "?"\ncompare = ["sgd"]\n[problem]\ndataset = "{}"\n'
    assert checked_study(text.format("iris"), "x.toml", "x", catalogue()).name == "x"
    with pytest.raises(DatasetError, match=r"broken\.toml"):
        checked_study(text.format("broken"), "x.toml", "x", catalogue())
