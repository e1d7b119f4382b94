"""Study files: found, changed by ``--set``, read, completed and checked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from pydantic import ValidationError
from tomlkit.exceptions import TOMLKitError

from benchmark.errors import UserError, did_you_mean
from benchmark.resources import shipped
from benchmark.study.catalogue import Catalogue
from benchmark.study.completion import complete_spaces, find_saved_model, table_at
from benchmark.study.dimension import START
from benchmark.study.messages import Mistake, mistakes_of
from benchmark.study.renamed import use_new_names
from benchmark.study.schema import Study
from benchmark.study.starts import BestSetting, taken_over
from benchmark.study.validation import check_study
from benchmark.toml_text import MOST_PARTS, TomlError, parse_toml, read_toml_text

WHAT = "a study"


class StudyError(UserError, ValueError):
    """A study file that cannot be run, with one line for every mistake in it."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


def study_files() -> dict[str, Path]:
    """All studies by name: the shipped ones, overlaid by ``studies/`` of the current folder."""
    folders = (shipped("studies"), Path("studies"))
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def find_study(name: str) -> Path:
    """Return the file of a study given by path or by name.

    A path or a name in the current folder wins over a shipped study.

    Raises:
        StudyError: there is no such file.
    """
    for path in (Path(name), Path(f"{name}.toml"), Path("studies") / f"{name}.toml"):
        if path.is_file():
            return path
    known = study_files()
    if name in known:
        return known[name]
    raise StudyError(
        [
            f"a study must be a TOML file or the name of a study. Received {name!r}."
            f"{did_you_mean(name, known)} `python -m benchmark.run list studies` shows them all."
        ]
    )


def parse_study(text: str, source: str, name: str = "study") -> Study:
    r"""Read the text of a study file, checking its shape only.

    Args:
        text: the TOML text.
        source: the file named in messages.
        name: the study's name if the text gives none.

    Raises:
        StudyError: with one line for each mistake.

    Example:
        >>> text = 'question = "?"\ncompare = ["sgd"]\n[problem]\ndataset = "iris"'
        >>> parse_study(text, "x.toml").budget.trials
        20
        >>> parse_study(text + "\nmetrik = 1", "x.toml")
        Traceback (most recent call last):
        benchmark.study.loading.StudyError: ... Received 'metrik' at problem.metrik in x.toml. ...
    """
    try:
        content = parse_toml(text, source, WHAT)
    except TomlError as error:
        raise StudyError([str(error)]) from None
    use_new_names(content)
    try:
        return Study.model_validate({"name": name, **content})
    except ValidationError as error:
        raise StudyError([m.line(source) for m in mistakes_of(error)]) from None


def read_text(path: Path) -> str:
    """Return the text of a study file, without the mark that some editors begin it with.

    Raises:
        StudyError: the file cannot be read.
    """
    try:
        return read_toml_text(path, WHAT)
    except TomlError as error:
        raise StudyError([str(error)]) from None
    except OSError as error:
        raise StudyError(
            [
                f"a study must be a readable UTF-8 file. Received {error} at {path}. "
                "Save it as UTF-8 where you may read it."
            ]
        ) from None


def old_names(path: Path) -> tuple[str, ...]:
    """Return a sentence for each key that a study file gives under an old name.

    Raises:
        StudyError: the file cannot be read.
    """
    return use_new_names(_document(read_text(path), str(path)))


def load_study(path: Path, catalogue: Catalogue) -> Study:
    """Read a study file and check all of it.

    Raises:
        StudyError: the file cannot be read, or with one line for each mistake.
    """
    document = _document(read_text(path), str(path))
    find_saved_model(document, path.parent)
    return checked_study(tomlkit.dumps(document), str(path), path.stem, catalogue)


def checked_study(text: str, source: str, name: str, catalogue: Catalogue) -> Study:
    """Read the text of a study file and check all of it.

    Args:
        text: the TOML text.
        source: the file named in messages.
        name: the study's name if the text gives none.
        catalogue: what the study may name.

    Raises:
        StudyError: with one line for each mistake.
    """
    study = parse_study(text, source, name)
    mistakes = [mistake.line(source) for mistake in check_study(study, catalogue)]
    if mistakes:
        raise StudyError(mistakes)
    return study


def study_of_run(path: Path) -> Study:
    """Read the frozen study of a run; its name is that of the folder above.

    Args:
        path: the run folder.
    """
    file = path / "study.toml"
    return parse_study(read_text(file), str(file), path.parent.name)


def with_trials(path: Path, trials: int) -> str:
    """Return the study file of a run with another number of trials.

    Args:
        path: the run folder.
        trials: search trials of each compared optimizer.

    Raises:
        StudyError: no study may have that number.
    """
    file = path / "study.toml"
    change = f"budget.trials={trials}"
    document = _document(read_text(file), str(file))
    _apply(document, change)
    text = tomlkit.dumps(document)
    parse_study(text, f"{file} with {change}", path.parent.name)
    return text


BestOf = Callable[[str], Mapping[str, BestSetting]]
"""Finds the best settings of another run by its name."""
MOST_SHOWN = 200
"""Characters of a change that a message repeats."""


@dataclass(frozen=True, slots=True)
class ChangedStudy:
    """A study that has passed every check.

    Args:
        text: the TOML text that is frozen in the run folder, comments kept.
        study: what it says.
        notices: a sentence for each key that the file gives under an old name, and on what each
            compared optimizer takes over from another run.
    """

    text: str
    study: Study
    notices: tuple[str, ...] = ()


def changed_study(
    name: str,
    changes: Sequence[str],
    catalogue: Catalogue,
    best_of: BestOf | None = None,
) -> ChangedStudy:
    """Find a study, change keys of it, complete its search spaces, and check it.

    What the study takes over from another run becomes part of its text, so that the new run does
    not need the other one.

    Args:
        name: a path or the name of a study.
        changes: ``key=value`` with a dotted key and a TOML value; a value that is no
            TOML is taken as a string.
        catalogue: what the study may name.
        best_of: finds the best settings of another run by its name, for ``start_from``.

    Raises:
        StudyError: with a line for each mistake.
    """
    path = find_study(name)
    return completed_study(
        read_text(path), str(path), path.stem, changes, catalogue, best_of, folder=path.parent
    )


def completed_study(
    text: str,
    place: str,
    name: str,
    changes: Sequence[str],
    catalogue: Catalogue,
    best_of: BestOf | None = None,
    *,
    folder: Path = Path(),
) -> ChangedStudy:
    """Change keys of the text of a study, complete its search spaces, and check it.

    Args:
        text: the TOML text.
        place: the file, or whatever else the text comes from, for messages.
        name: the study's name if the text gives none.
        changes: as for :func:`changed_study`.
        catalogue: what the study may name.
        best_of: as for :func:`changed_study`.
        folder: where files that the study names are looked for first.

    Raises:
        StudyError: with a line for each mistake.
    """
    document = _document(text, place)
    for change in changes:
        _apply(document, change)
    notices = use_new_names(document)
    find_saved_model(document, folder)
    # Checked and completed as changed: a change may add or fix what the file lacks.
    source = f"{place} with {', '.join(changes)}" if changes else place
    study = checked_study(tomlkit.dumps(document), source, name, catalogue)
    if study.budget.start_from and best_of is not None:
        notices += _begin_from(document, study, catalogue, best_of(study.budget.start_from), source)
        study = checked_study(tomlkit.dumps(document), source, name, catalogue)
    complete_spaces(document, study, catalogue)
    text = tomlkit.dumps(document)
    return ChangedStudy(text, parse_study(text, source, name), notices)


def _document(text: str, source: str) -> tomlkit.TOMLDocument:
    try:
        parse_toml(text, source, WHAT)  # tomlkit has no limits of its own
        return tomlkit.parse(text)
    except TomlError as error:
        raise StudyError([str(error)]) from None
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise StudyError(
            [f"a study must be valid TOML. Received: {error}, in {source}. Fix that line."]
        ) from None


def _apply(document: tomlkit.TOMLDocument, change: str) -> None:
    key, equals, value = change.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise StudyError(
            [
                f"a change must be KEY=VALUE. Received {_shown(change)} at --set. "
                "Write for instance --set training.epochs=5."
            ]
        )
    if len(parts) > MOST_PARTS:
        raise StudyError(
            [
                f"the key of a change must have at most {MOST_PARTS} parts. "
                f"Received {len(parts)} in {_shown(change)} at --set. Shorten it."
            ]
        )
    try:
        table_at(document, parts[:-1])[parts[-1]] = _value(value.strip())
    except TypeError as error:
        raise StudyError(
            [
                "the key of a change must lead through tables. "
                f"Received {_shown(change)} at --set, "
                f"where {error} is a value. Change that value instead."
            ]
        ) from None


def _shown(change: str) -> str:
    return repr(change if len(change) <= MOST_SHOWN else f"{change[:MOST_SHOWN]}…")


def _value(text: str) -> object:
    try:
        parse_toml(f"value = {text}", "--set", "a value")
        return tomlkit.parse(f"value = {text}")["value"]
    except (TOMLKitError, ValueError, RecursionError):
        return text


def _begin_from(
    document: tomlkit.TOMLDocument,
    study: Study,
    catalogue: Catalogue,
    best: Mapping[str, BestSetting],
    source: str,
) -> tuple[str, ...]:
    """Write the best settings of another run into the text as starts, before those it has.

    Raises:
        StudyError: nothing of that run can be taken over.
    """
    run = study.budget.start_from
    taken = taken_over(study, catalogue, best, run)
    if not taken.starts:
        rule = "start_from must name a run with a best setting of a compared optimizer"
        mistake = Mistake("budget.start_from", rule, run, " ".join(taken.notices))
        raise StudyError([mistake.line(source)])
    for label, start in taken.starts.items():
        others = [other for other in study.starts(label) if other != start]
        starts = tomlkit.array()
        for settings in (start, *others):
            table = tomlkit.inline_table()
            table.update(settings)
            starts.append(table)
        space = table_at(document, ["search", label])
        space.pop(START, None)
        space[START] = starts
    del table_at(document, ["budget"])["start_from"]
    return taken.notices
