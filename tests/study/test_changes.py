"""Changing a study from the command line, and completing its search spaces."""

import pytest

from benchmark.study.catalogue import catalogue
from benchmark.study.loading import StudyError, changed_study, parse_study
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


@pytest.mark.parametrize(
    "search_tables",
    [
        "[search.adam]\nbeta_1 = 0.9",
        "[search.adam]\nbeta_1 = 0.9\n\n[budget]\ntrials = 2\n\n[search.momentum]\nmomentum = 0.5",
        "[search]\nadam = { beta_1 = 0.9 }\nmomentum.clipnorm = 1.0",
    ],
    ids=["one table", "tables apart", "inline"],
)
def test_a_table_of_its_own_does_not_keep_a_label_from_its_default_space(tmp_path, search_tables):
    path = tmp_path / "bare.toml"
    head = 'question = "Which?"\ncompare = ["sgd", "adam", "momentum"]\nproblem.dataset = "iris"\n'
    path.write_text(f"{head}\n{search_tables}\n", encoding="utf-8")
    result = changed(path)
    rates = [result.study.space(label)["learning_rate"] for label in ("sgd", "adam", "momentum")]
    # Schmidt, Schneider, Hennig 2021: the same range for all of them.
    assert [(rate.low, rate.high, rate.log) for rate in rates] == [(1e-4, 1.0, True)] * 3
    assert result.study.space("adam")["beta_1"].value == 0.9
    given = result.study.space("momentum")["momentum"]
    assert (
        given.value == 0.5 if "momentum = 0.5" in search_tables else given.extremes == (0.0, 0.99)
    )
    assert parse_study(result.text, "frozen", "bare") == result.study


@pytest.mark.parametrize("form", ["search = {{ {0} = {{ {1} }} }}", "search.{0}.{1}"])
def test_inline_and_dotted_tables_are_completed_in_their_own_form(tmp_path, form):
    path = tmp_path / "bare.toml"
    rest = 'question = "Which?"\ncompare = ["sgd", "adam"]\n[problem]\ndataset = "iris"\n'
    path.write_text(form.format("adam", "beta_1 = 0.9") + "\n" + rest, encoding="utf-8")
    study = changed(path).study
    assert set(study.space("adam")) == {"beta_1", "learning_rate"}
    assert set(study.space("sgd")) == {"learning_rate"}
    assert changed(path, "search.sgd.clipnorm=1").study.space("sgd")["clipnorm"].value == 1


def test_a_change_is_respected_by_the_completion(tmp_path):
    path = tmp_path / "bare.toml"
    path.write_text(BARE.replace("momentum = 0.5", "batch_size = 16"), encoding="utf-8")
    completed = changed(
        path, "search.sgd.learning_rate=0.25", "search.momentum.learning_rate=0.5"
    ).study
    assert completed.space("sgd")["learning_rate"].value == 0.25
    assert completed.space("momentum")["learning_rate"].value == 0.5
    both = changed(path, "search.common.learning_rate=0.125").study
    assert both.space("sgd")["learning_rate"].value == 0.125
    assert both.space("slow")["learning_rate"].value == 1e-4


def test_a_change_may_mend_a_file(tmp_path):
    path = write_study(tmp_path)
    path.write_text(path.read_text().replace('"iris"', '"iriss"'), encoding="utf-8")
    with pytest.raises(StudyError, match="Did you mean `iris`"):
        changed(path)
    assert changed(path, "problem.dataset=iris").study.problem.dataset == "iris"


def test_a_change_below_a_value_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"must lead through tables.*where seed is a value"):
        changed(write_study(tmp_path), "seed.x=1")


def test_a_byte_order_mark_is_not_frozen(tmp_path):
    path = write_study(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8-sig")
    assert changed(path).text == text


@pytest.mark.parametrize("number", ["1" * 5000, f"0x{'f' * 5000}"])
def test_a_change_to_a_number_of_too_many_digits_is_refused(tmp_path, number):
    with pytest.raises(StudyError, match=r"seed must be .* at seed in"):
        changed(write_study(tmp_path), f"seed={number}")


def test_a_common_value_is_not_searched_again(tmp_path):
    path = tmp_path / "bare.toml"
    text = BARE.replace('"sgd", { label = "slow", optimizer = "sgd" }', '"nesterov"')
    path.write_text(text.replace("[search.slow]", "[search.nesterov]"), encoding="utf-8")
    assert changed(path).study.space("momentum")["momentum"].value == 0.5
