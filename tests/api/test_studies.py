"""A study built in code is completed and checked as one of a file."""

from pathlib import Path

import pytest

import benchmark
from benchmark import Study, UserError, load_study
from tests.small_study import write_study

CONTENT = {"question": "Which?", "compare": ["sgd", "adam"], "problem": {"dataset": "iris"}}


def test_code_and_file_give_the_same_study(tmp_path: Path) -> None:
    file = write_study(tmp_path)
    study = load_study(file, {"budget.trials": 3, "search.adam.beta_1": {"low": 0.1, "high": 0.9}})
    changes = ["budget.trials=3", "search.adam.beta_1={low=0.1, high=0.9}"]
    assert load_study(file, changes) == study
    assert load_study(study) == study and study.name == "small"
    assert load_study(study.model_dump(exclude_unset=True), name="small") == study


def test_a_study_of_entries_is_completed() -> None:
    built = Study(question="Which?", compare=["sgd", "adam"], problem={"dataset": "iris"})  # type: ignore[arg-type,list-item]
    assert not built.search
    study = load_study(built)
    assert study == load_study(CONTENT) and "learning_rate" in study.space("adam")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"problem.dataset": "irs"}, "problem.dataset in the study mine with"),
        ({"problem.metrik": 1}, "Received 'metrik' at problem.metrik in the study mine"),
        ({"compare": ["sgdd"]}, "Did you mean `sgd`?"),
        ({"search.sgd.learning_rate": -0.1}, "learning_rate must be > 0. Received -0.1"),
        (["training.epochs"], "a change must be KEY=VALUE"),
    ],
)
def test_mistakes_are_the_sentences_of_the_command(change: object, sentence: str) -> None:
    with pytest.raises(UserError) as raised:
        load_study(CONTENT, change, name="mine")  # type: ignore[arg-type]
    assert sentence in str(raised.value)


def test_names_of_the_package_are_known_before_they_are_imported() -> None:
    names = {"Run", "Study", "load_run", "load_study", "resume_run", "run_study"}
    assert names <= set(dir(benchmark))
    with pytest.raises(AttributeError, match="no attribute 'run_studdy'"):
        benchmark.run_studdy  # noqa: B018
