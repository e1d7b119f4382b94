"""Starting settings: what a study may give, and what it takes over from another run."""

import pytest

from benchmark.study.catalogue import catalogue
from benchmark.study.loading import StudyError, changed_study, parse_study
from benchmark.study.starts import BestSetting

STUDY = """
question = "Which?"
compare = ["sgd", "adam"]
problem = { dataset = "iris" }
budget = { trials = 3 }

[search.common]
batch_size = { low = 16, high = 64, step = 16 }

[search.sgd]
learning_rate = { low = 1e-3, high = 1.0, log = true }

[search.adam]
beta_1 = { choices = [0.8, 0.9] }
beta_2 = 0.99
"""


def changed(tmp_path, text, *changes, best=None):
    path = tmp_path / "x.toml"
    path.write_text(STUDY + text, encoding="utf-8")
    return changed_study(str(path), changes, catalogue(), None if best is None else lambda _: best)


@pytest.mark.parametrize(
    "text",
    [
        "[[search.adam.start]]\nlearning_rate = 0.01\nbatch_size = 32\n[[search.adam.start]]\n"
        "beta_1 = 0.8\nbeta_2 = 0.99",
        "start = [{ learning_rate = 0.01, batch_size = 32 }, { beta_1 = 0.8, beta_2 = 0.99 }]",
    ],
)
def test_starts_are_tables_whole_or_in_part(tmp_path, text):
    study = changed(tmp_path, text).study
    # The learning rate of adam is searched over its default space, and beta_2 is as it is fixed.
    assert study.starts("adam") == [
        {"learning_rate": 0.01, "batch_size": 32},
        {"beta_1": 0.8, "beta_2": 0.99},
    ]
    assert study.starts("sgd") == []
    assert set(study.space("adam")) == {"batch_size", "beta_1", "beta_2", "learning_rate"}


def test_one_start_may_be_a_table(tmp_path):
    study = changed(tmp_path, "[search.adam.start]\nlearning_rate = 0.01").study
    assert study.starts("adam") == [{"learning_rate": 0.01}]


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("learning_rate = 10.0", "learning_rate must be within the search space, 0.0001 to 1. "
         "Received 10.0 at search.adam.start[0].learning_rate in"),
        ("beta_1 = 0.85", "beta_1 must be within the search space, one of 0.8, 0.9. Received 0.85"),
        ("batch_size = 24", "within the search space, 16 to 64 in steps of 16. Received 24 at"),
        ("batch_size = 32.5", "batch_size must be a whole number. Received 32.5 at"),
        ("beta_2 = 0.9", "beta_2 must be searched to have a start, and it is fixed. Received 0.9"),
        ("momentum = 0.9", "a start of adam must give what is searched: "),
        ("lerning_rate = 0.1", "Did you mean `learning_rate`?"),
        ("learning_rate = 'big'", "within the search space, 0.0001 to 1. Received 'big' at"),
        ("learning_rate = [1]", "at search.adam.start[0].learning_rate in"),
        ("", "a start must give one or more of learning_rate, batch_size, beta_1"),
    ],
)  # fmt: skip
def test_a_wrong_start_is_refused_with_file_and_key(tmp_path, start, words):
    with pytest.raises(StudyError) as caught:
        changed(tmp_path, f"[[search.adam.start]]\n{start}")
    assert words in str(caught.value)
    assert "x.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        ("[[search.adam.start]]\nbeta_1=0.8\n" * 2, "seed=1", "starts must differ from each other"),
        ("start = [{beta_1=0.8}, {beta_1=0.9}]", "budget.trials=1", "as trials, 1. Received 2 at"),
        ("[[search.common.start]]\nbatch_size = 32", "seed=1", "Write [[search.sgd.start]], and"),
        (
            "start = [{beta_1=0.8}]\nlearning_rate = 0.1\n[search.sgd.start]\nbatch_size = 16",
            "budget.sampler=grid",
            "a start needs a sampler that does not try every setting anyway",
        ),
    ],
)
def test_starts_that_do_not_fit_the_study_are_refused(tmp_path, text, change, words):
    with pytest.raises(StudyError) as caught:
        changed(tmp_path, text, change)
    assert words in str(caught.value)


BEST = {
    "fast": BestSetting(
        "fast",
        "adam",
        12,
        {"learning_rate": 0.02, "beta_1": 0.7, "beta_2": 0.9, "batch_size": 48, "epsilon": 1e-7},
        "validation_loss",
    )
}


def test_the_best_settings_of_another_run_become_part_of_the_study(tmp_path):
    text = "[[search.adam.start]]\nbeta_1 = 0.8"
    new = changed(tmp_path, text, 'budget.start_from="other"', best=BEST)
    assert new.study.starts("adam") == [{"batch_size": 48, "learning_rate": 0.02}, {"beta_1": 0.8}]
    assert new.study.starts("sgd") == []
    assert parse_study(new.text, "frozen", "x") == new.study
    assert "start_from" not in new.text  # the new run does not need the other one
    sgd, adam = new.notices
    assert sgd == "sgd has no setting to start from: other has no best one."
    assert adam.startswith("adam starts from trial 12 of other, the best validation_loss of fast: ")
    assert "learning_rate = 0.02" in adam
    assert "beta_1 = 0.7 is outside one of 0.8, 0.9" in adam
    assert "beta_2 is fixed here, and was 0.9 there" in adam
    assert "epsilon = 1e-07 is not searched here" in adam


def test_a_run_without_a_matching_optimizer_is_refused(tmp_path):
    with pytest.raises(StudyError) as caught:
        changed(tmp_path, "", 'budget.start_from="other"', best={})
    assert "start_from must name a run with a best setting" in str(caught.value)
    assert "Received 'other' at budget.start_from in" in str(caught.value)
