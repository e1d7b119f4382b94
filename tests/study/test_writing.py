"""A study written as text says the same as the study."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from benchmark.study.catalogue import catalogue
from benchmark.study.loading import StudyError, changed_study, parse_study, study_files
from benchmark.study.writing import content_text, study_text, value_text


@pytest.mark.parametrize("name", sorted(study_files()))
def test_a_shipped_study_is_the_same_after_it_was_written(name: str) -> None:
    study = changed_study(name, (), catalogue()).study
    assert parse_study(study_text(study), "text", name) == study


EVERY_FORM = """
question = "What is \\"quoted\\"?"
compare = ["sgd", { label = "b.c:d", optimizer = "adam", schedule = "cosine" }]
seed = 9007199254740993

[problem]
function = "quadratic"
options = { dimension = 3, condition_number = 1e-05 }

[training]
evaluation_epochs = [0, 5]

[search.common]
learning_rate = { low = 1e-4, high = 1.0, log = true }
batch_size = { choices = [1, 2] }

[search."b.c:d"]
beta_1 = 0.5
amsgrad = true
learning_rate = "optimal"
epsilon = { low = 0, high = 1, step = 0.25 }
start = [{ epsilon = 0.5, amsgrad = true }, { epsilon = 0.25 }]

[target]
metric = "train_loss"
value = 0
"""


def test_every_form_of_an_entry_is_kept() -> None:
    study = parse_study(EVERY_FORM, "text")
    text = study_text(study)
    assert parse_study(text, "text") == study
    assert "condition_number = 1e-05" in text and "[search.common]" in text


def test_values_of_python_become_those_of_toml() -> None:
    content = {
        "seed": np.int64(3),
        "compare": ("sgd", "adam"),
        "problem": {"dataset": Path("data/churn.csv"), "objective": None},
        "budget": {"trials": np.array(5)},
        "search": {"sgd": {"learning_rate": np.float64(0.25), "momentum": {"choices": [0, 1]}}},
    }
    assert tomllib.loads(content_text(content)) == {
        "seed": 3,
        "compare": ["sgd", "adam"],
        "problem": {"dataset": "data/churn.csv"},
        "budget": {"trials": 5},
        "search": {"sgd": {"learning_rate": 0.25, "momentum": {"choices": [0, 1]}}},
    }
    assert value_text("5") == '"5"' and value_text(5) == "5"


def test_a_value_that_no_file_can_hold_is_refused() -> None:
    sentence = "Received a object at problem.model in the study mine. Write one of these."
    with pytest.raises(StudyError, match=sentence):
        content_text({"problem": {"model": object()}}, "the study mine")
