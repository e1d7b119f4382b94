"""Options of the model that stand in a search space."""

from pathlib import Path

import pytest

from benchmark.study.catalogue import catalogue
from benchmark.study.loading import StudyError, changed_study
from benchmark.study.model_options import programs_sentence, whole_options
from benchmark.study.schema import Study

TEXT = """
question = "How wide?"
compare = ["sgd", "adam"]
[problem]
dataset = "iris"
[search.common]
{}
[budget]
trials = 10
"""


def study_with(folder: Path, *lines: str, changes: tuple[str, ...] = ()) -> Study:
    file = folder / "wide.toml"
    file.write_text(TEXT.format("\n".join(lines)))
    return changed_study(str(file), changes, catalogue()).study


@pytest.mark.parametrize(
    "line",
    [
        '"model.hidden" = { choices = [[8], [8, 4]] }',
        "model.hidden = { choices = [[8], [8, 4]] }",
        "model = { hidden = { choices = [[8], [8, 4]] } }",
    ],
)
def test_an_option_is_written_with_or_without_quotes(tmp_path: Path, line: str) -> None:
    space = study_with(tmp_path, line).space("sgd")
    assert space["model.hidden"].alternatives == ["[8]", "[8, 4]"]
    assert space["model.hidden"].size == 2


def test_numbers_keep_their_types(tmp_path: Path) -> None:
    study = study_with(
        tmp_path,
        "model.depth = { low = 1, high = 4 }",
        "model.width = { choices = [8, 16] }",
        "model.dropout = { low = 0.0, high = 0.5 }",
        "model.layer_normalization = { choices = [true, false] }",
        changes=("problem.model=residual_perceptron",),
    )
    assert whole_options(study) == {"model.depth", "model.width"}
    assert study.space("adam")["model.layer_normalization"].alternatives == [True, False]
    # A range of fractions may give every trial its own value.
    assert programs_sentence(study).endswith("at most 20 (10 for sgd, 10 for adam).")


def test_the_number_of_programs_is_said(tmp_path: Path) -> None:
    lines = ("model.hidden = { choices = [[4], [8]] }", "model.dropout = { choices = [0.0, 0.5] }")
    sentence = programs_sentence(study_with(tmp_path, *lines))
    assert sentence.startswith("model.hidden and model.dropout shape the model: each combination")
    assert sentence.endswith("at most 8 (4 for sgd, 4 for adam).")
    initializers = 'model.initializer = { choices = ["he_normal", "zeros"] }'
    assert programs_sentence(study_with(tmp_path, initializers)) == ""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("model.hidden = { choices = [[8], 4] }", "Received 4. Write for instance [64, 32]. It st"),
        ("model.hiden = { choices = [[8]] }", "Did you mean `hidden`? It stands at search.common."),
        ("model.dropout = { low = 0.0, high = 1.5 }", "must be >= 0 and < 1, the share of hidden"),
        ("model.dropout = 0.5", "Received 0.5 at search.common.model.dropout"),
        ('model.activation = "tanh"', "Write activation = … in [problem.model]."),
        ('model.activation = { choices = ["tanh", "tanh"] }', "different values"),
        ('learning_rate = { choices = ["a"] }', "search.common.learning_rate.choices[0]"),
    ],
)
def test_a_wrong_option_is_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        study_with(tmp_path, line)
    assert message in str(caught.value)


def test_an_option_is_given_once(tmp_path: Path) -> None:
    line = "model.hidden = { choices = [[8], [4]] }"
    with pytest.raises(StudyError, match=r"hidden must be given once.*Remove hidden from"):
        study_with(tmp_path, line, changes=("problem.model.hidden=[3]",))
    with pytest.raises(StudyError, match=r"model\.hidden needs a model"):
        study_with(tmp_path, line, changes=('problem={function="quadratic"}',))
