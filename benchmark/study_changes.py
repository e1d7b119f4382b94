"""The text of a study as it will be run: the file, changed from the command line."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

import tomlkit
from tomlkit.exceptions import TOMLKitError

from benchmark.study import Study
from benchmark.study_checks import Catalogue, check_study
from benchmark.study_file import StudyError, find_study, load_study, parse_study

DEFAULT_SEARCHED = ("learning_rate", "momentum")
"""Searched over their default spaces by an optimizer that no table of the study is about."""


@dataclass(frozen=True, slots=True)
class ChangedStudy:
    """A study that has passed every check.

    Args:
        text: the TOML text that is frozen in the run folder, comments kept.
        study: what it says.
    """

    text: str
    study: Study


def changed_study(name: str, changes: Sequence[str], catalogue: Catalogue) -> ChangedStudy:
    """Find a study, change keys of it, complete its search spaces, and check it.

    Args:
        name: a path or the name of a study.
        changes: ``key=value`` with a dotted key and a TOML value; a value that is no
            TOML is taken as a string.
        catalogue: what the study may name.

    Raises:
        StudyError: with a line for each mistake.
    """
    path = find_study(name)
    study = load_study(path, catalogue)
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for change in changes:
        _apply(document, change)
    _complete_spaces(document, study, catalogue)
    text = tomlkit.dumps(document)
    source = f"{path} with {', '.join(changes)}" if changes else str(path)
    study = parse_study(text, source, name=path.stem)
    mistakes = [mistake.line(source) for mistake in check_study(study, catalogue)]
    if mistakes:
        raise StudyError(mistakes)
    return ChangedStudy(text, study)


def _apply(document: tomlkit.TOMLDocument, change: str) -> None:
    key, equals, value = change.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise StudyError(
            [
                f"a change must be KEY=VALUE. Received {change!r} at --set. "
                "Write for instance --set training.epochs=5."
            ]
        )
    table: object = document
    for part in parts[:-1]:
        assert isinstance(table, dict)
        table = table.setdefault(part, tomlkit.table())
        if not isinstance(table, dict):
            raise StudyError(
                [
                    f"the key of a change must lead through tables. Received {change!r} at --set, "
                    f"where {part} is a value."
                ]
            )
    assert isinstance(table, dict)
    table[parts[-1]] = _value(value.strip())


def _value(text: str) -> object:
    try:
        tomllib.loads(f"value = {text}")
        return tomlkit.parse(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, TOMLKitError):
        return text


def _complete_spaces(document: tomlkit.TOMLDocument, study: Study, catalogue: Catalogue) -> None:
    """Write default search spaces into the text, so that a resumed run finds the same."""
    for entry in study.compare:
        if entry.label in study.search:
            continue
        known = catalogue.optimizers[entry.optimizer].hyperparameters
        given = study.space(entry.label)
        for name in DEFAULT_SEARCHED:
            space = known[name].space if name in known else None
            if space is not None and name not in given:
                search = document.setdefault("search", tomlkit.table(is_super_table=True))
                table = search.setdefault(entry.label, tomlkit.table())
                dimension = tomlkit.inline_table()
                dimension.update(dict(space))
                table[name] = dimension
