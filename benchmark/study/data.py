"""The data of a study, loaded and checked before anything is trained or written."""

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmark.data import DatasetCard, card_names, load_card
from benchmark.data.cards import SourceError
from benchmark.data_source import DataSource
from benchmark.errors import did_you_mean
from benchmark.study.messages import Mistake
from benchmark.study.own_file import FileSection
from benchmark.study.schema import Study
from benchmark.trial import DatasetProblem, named_seed

LARGE = 5_000_000
"""Values in a dataset from which loading it takes seconds."""
OF_A_FILE = ("target", "task", "columns", "file")
"""The keys of ``[problem]`` that only an own file has."""


def dataset_problem(study: Study, label: str = "") -> DatasetProblem:
    """Return what the trials of a compared optimizer are trained on, its loss and metric open.

    Args:
        study: read and checked, on a dataset.
        label: the compared optimizer; by default what all share.

    Example:
        >>> entries = {"question": "?", "compare": ["sgd"], "problem": {"dataset": "iris"}}
        >>> dataset_problem(Study.model_validate(entries)).scaling
        'standard'
    """
    section = study.problem
    return DatasetProblem(
        dataset=section.dataset,
        fractions=(section.split.train, section.split.validation, section.split.test),
        scaling=study.scaling(label),
        split_seed=named_seed(study.seed, "split"),
        source=_source(study),
    )


def check_data(study: Study, tell: Callable[[str], object], *, with_inferred: bool = True) -> None:
    """Load, verify, split and scale what the trials of a study train on.

    The engine of this process finds it prepared. A closed-form problem has nothing to load.

    Args:
        study: read and checked.
        tell: shows a sentence where loading takes long, and what was inferred from an own file.
        with_inferred: whether to show the latter.

    Raises:
        DatasetError: the data cannot be loaded, or they are not what their card says.

    Example:
        >>> entries = {"question": "?", "compare": ["sgd"], "problem": {"dataset": "iris"}}
        >>> check_data(Study.model_validate(entries), print)
    """
    name = study.problem.dataset
    if not name:
        return
    from benchmark.data import prepare_problem  # with scikit-learn, which closed forms do without

    if study.problem.file is None:
        card = load_card(name)
        if card.loader.kind in ("openml", "scikit_learn_fetcher"):
            tell(f"Loading {name} from the network, or from datasets/.cache if it is there.")
        elif card.samples * card.features >= LARGE:
            size = f"{card.samples} × {card.features} values"
            tell(f"Loading and checking the dataset {name}: {size}.")
    for sentence in data_sentences(study) if with_inferred else ():
        tell(sentence)
    labels = [entry.label for entry in study.compare]
    for problem in dict.fromkeys(dataset_problem(study, label) for label in labels):
        prepare_problem(problem)


def data_sentences(study: Study) -> list[str]:
    """Say what was inferred from the own file of a study; nothing of any other dataset.

    Args:
        study: read and checked.
    """
    source = _source(study)
    if source is None:
        return []
    from benchmark.data.tables import load_table, sentences

    return list(sentences(load_table(source, study.problem.dataset)))


def with_own_file(study: Study, folder: Path) -> Study:
    """Return a study whose own file is found, with its checksum and its task.

    The file is looked for beside the study, then in the current folder. A study on a card or a
    function, and one whose file is not there, is returned as it is.

    Args:
        study: its shape checked.
        folder: the folder of the study file.

    Raises:
        SourceError: the file cannot be used as the study asks.
    """
    problem = study.problem
    if not problem.dataset or (problem.file is not None and problem.file.path):
        return study
    path = _found(problem.dataset, folder)
    if path is None:
        return study
    checksum = problem.file.checksum if problem.file else ""
    asked = _with(study, file=FileSection(path=str(path), checksum=checksum))
    if not problem.target:
        raise _no_target(path)
    source = _source(asked)
    assert source is not None, "it has a file"
    from benchmark.data.tables import load_table

    table = load_table(source, problem.dataset)
    file = FileSection(path=str(path), checksum=table.source.checksum)
    return _with(study, file=file, task=table.task)


def _found(name: str, folder: Path) -> Path | None:
    """Return the own file of a study; nothing where the name is that of a card, or of nothing."""
    from benchmark.data.files import ENDINGS, find_file, format_of

    places = list(dict.fromkeys([folder.absolute(), Path.cwd()]))
    path = find_file(name, places)
    if path is not None and format_of(name):
        return path
    if name in card_names() or not (path or format_of(name)):
        return None
    if path is not None:
        raise SourceError(
            f"the name of an own file must end in {', '.join(ENDINGS)}. Received {name!r}. "
            "Save the table in one of these formats.",
            "dataset",
        )
    beside = {file.name for place in places for file in place.glob("*") if format_of(file.name)}
    raise SourceError(
        f"dataset must be a file or one of {', '.join(card_names())}. Received {name!r}, and there "
        f"is no such file in {' or '.join(map(str, places))}.{did_you_mean(name, beside)} "
        "Put it beside the study, or write its path.",
        "dataset",
    )


def _no_target(path: Path) -> SourceError:
    from benchmark.data.files import format_of, names_of, read_frame

    example, columns = "y", "the arrays of the archive"
    if format_of(path.name) != "npz":
        names = list(read_frame(path).columns)
        example, columns = names[-1], names_of(names)
    return SourceError(
        f"target must be given where dataset is a file: the column to predict, one of {columns}. "
        f'Received nothing. Write for instance target = "{example}" in [problem].',
        "target",
    )


def check_own_file(study: Study) -> Iterator[Mistake]:
    """Yield a mistake for each key that needs an own file in a study that has none.

    Args:
        study: as :func:`with_own_file` returned it.
    """
    problem = study.problem
    if problem.function or (problem.file is not None and problem.file.path):
        return
    for name in OF_A_FILE:
        if name in problem.model_fields_set:
            rule = f'{name} needs a file as dataset, such as "churn.csv"'
            remedy = "Remove it: a dataset with a card has this in its card, or needs none of it."
            yield Mistake(f"problem.{name}", rule, problem.dataset, remedy)


def own_facts(study: Study) -> DatasetCard | None:
    """Return what is known of the own file of a study; nothing of any other dataset.

    Args:
        study: as :func:`with_own_file` returned it.
    """
    source = _source(study)
    if source is None:
        return None
    from benchmark.data.inference import card_of
    from benchmark.data.tables import load_table

    return card_of(load_table(source, study.problem.dataset))


def mistake_of(error: SourceError) -> Mistake:
    """Return what is wrong with an own file as a mistake in the study."""
    return Mistake(f"problem.{error.key}", sentence=str(error))


def _with(study: Study, **changes: object) -> Study:
    problem = study.problem.model_copy(update=changes)
    return study.model_copy(update={"problem": problem})


def _source(study: Study) -> DataSource | None:
    problem = study.problem
    if problem.file is None or not problem.file.path:
        return None
    columns = problem.columns
    return DataSource(
        target=problem.target,
        task=problem.task or "",
        checksum=problem.file.checksum,
        features=tuple(columns.features),
        ignore=tuple(columns.ignore),
        categorical=tuple(columns.categorical),
        missing=columns.missing,
        categories=columns.categories,
        max_categories=columns.max_categories,
        path=problem.file.path,
    )
