"""Changing a study from the command line, and completing its search spaces."""

import pytest

from benchmark.catalogue import catalogue
from benchmark.study_changes import changed_study
from benchmark.study_file import StudyError, parse_study
from tests.small_study import write_study

BARE = """
# A comment that stays.
question = "Which?"
compare = ["momentum", "sgd", { label = "slow", optimizer = "sgd" }]

[problem]
dataset = "iris"

[search.common]
momentum = 0.5

[search.slow]
learning_rate = 1e-4
"""


def changed(path, *changes):
    return changed_study(str(path), changes, catalogue())


def test_without_changes_the_text_stays_to_the_letter(tmp_path):
    path = write_study(tmp_path)
    assert changed(path).text == path.read_text(encoding="utf-8")


def test_a_change_is_a_dotted_key_and_a_toml_value(tmp_path):
    path = write_study(tmp_path)
    result = changed(
        path,
        "training.epochs=9",
        "budget.sampler=random",
        "search.adam.beta_1={low=0.5, high=0.9}",
        "target={metric='validation_accuracy', value=0.9}",
    )
    study = result.study
    assert study.training.epochs == 9
    assert study.budget.sampler == "random"
    assert study.space("adam")["beta_1"].extremes == (0.5, 0.9)
    assert study.target is not None and study.target.value == 0.9
    # What is frozen in the run folder says the same.
    assert parse_study(result.text, "frozen", study.name) == study


def test_a_change_is_checked_like_the_file_and_named_in_the_message(tmp_path):
    path = write_study(tmp_path)
    with pytest.raises(StudyError) as caught:
        changed(path, "search.adam.learning_rate=-1")
    assert "Received -1 at search.adam.learning_rate in" in str(caught.value)
    assert "with search.adam.learning_rate=-1" in str(caught.value)


@pytest.mark.parametrize("change", ["seed", "=3", ".seed=3", "seed..x=3"])
def test_a_change_of_another_form_is_refused(tmp_path, change):
    with pytest.raises(StudyError, match="must be KEY=VALUE"):
        changed(write_study(tmp_path), change)


def test_an_optimizer_without_a_table_searches_its_own_default_space(tmp_path):
    path = tmp_path / "bare.toml"
    path.write_text(BARE.replace("momentum = 0.5", "batch_size = 16"), encoding="utf-8")
    result = changed(path)
    momentum, sgd, slow = (result.study.space(x) for x in ("momentum", "sgd", "slow"))
    assert set(momentum) == {"batch_size", "learning_rate", "momentum"}
    assert set(sgd) == {"batch_size", "learning_rate"} and not sgd["learning_rate"].is_fixed
    assert slow["learning_rate"].value == 1e-4
    assert "# A comment that stays." in result.text
    assert parse_study(result.text, "frozen", "bare") == result.study


def test_a_common_value_is_not_searched_again(tmp_path):
    path = tmp_path / "bare.toml"
    text = BARE.replace('"sgd", { label = "slow", optimizer = "sgd" }', '"nesterov"')
    path.write_text(text.replace("[search.slow]", "[search.nesterov]"), encoding="utf-8")
    assert changed(path).study.space("momentum")["momentum"].value == 0.5
