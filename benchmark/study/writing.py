"""Studies written as the text of a study file: those that a program built."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from benchmark.study.dimension import Dimension
from benchmark.study.loading import StudyError
from benchmark.study.schema import Study


def study_text(study: Study) -> str:
    r"""Return the text of a study file that says the same as a study.

    What is at its default is left out, and the name, which is that of the file.

    Args:
        study: of any origin.

    Example:
        >>> entries = {"question": "Which?", "compare": ["sgd"], "problem": {"dataset": "iris"},
        ...            "search": {"sgd": {"learning_rate": 0.5}}}
        >>> print(study_text(Study.model_validate(entries)))
        question = "Which?"
        compare = ["sgd"]
        <BLANKLINE>
        [problem]
        dataset = "iris"
        <BLANKLINE>
        [search.sgd]
        learning_rate = 0.5
        <BLANKLINE>
    """
    content = study.model_dump(exclude={"name", "search"}, exclude_defaults=True, exclude_none=True)
    content["compare"] = [
        entry["label"] if set(entry) == {"label", "optimizer"} and len(set(entry.values())) == 1
        else entry
        for entry in content["compare"]
    ]  # fmt: skip
    content["search"] = {
        label: {name: _of_dimension(dimension) for name, dimension in space.items()}
        for label, space in study.search.items()
    }
    return content_text(content)


def content_text(content: Mapping[str, Any], place: str = "the study") -> str:
    """Return nested mappings as the text of a study file; an entry of None is left out.

    Args:
        content: the keys of a study file.
        place: what they are, for messages.

    Raises:
        StudyError: an entry is of a type that no study file can hold.
    """
    return tomlkit.dumps(_table(content, tomlkit.document(), place, ()))


def value_text(value: Any, place: str = "a change") -> str:
    """Return a value of a study as a study file spells it.

    Args:
        value: a text, a number, true, false, a list or a mapping.
        place: what it belongs to, for messages.

    Raises:
        StudyError: it is of a type that no study file can hold.

    Example:
        >>> print(value_text({"low": 0.1, "high": 1.0, "log": True}), value_text(["sgd"]))
        {low = 0.1, high = 1.0, log = true} ["sgd"]
    """
    plain = _plain(value, place, ())
    return str(tomlkit.item(_inline("" if plain is None else plain)).as_string())


def _of_dimension(dimension: Dimension) -> Any:
    for value in (dimension.value, dimension.option, dimension.theory, dimension.starts):
        if value is not None:
            return value
    return dimension.model_dump(exclude_defaults=True)


def _table(content: Mapping[str, Any], table: Any, place: str, keys: tuple[str, ...]) -> Any:
    """Fill a table: values come first, for a header takes over all lines below it."""
    is_headed = len(keys) < 2
    entries = {str(key): _plain(value, place, (*keys, str(key))) for key, value in content.items()}
    given = {key: value for key, value in entries.items() if value is not None}
    for key, value in given.items():
        if not (is_headed and isinstance(value, dict)):
            table[key] = _inline(value)
    for key, value in given.items():
        if is_headed and isinstance(value, dict):
            only_tables = bool(value) and all(isinstance(item, dict) for item in value.values())
            inner = tomlkit.table(is_super_table=only_tables and not keys)
            table[key] = _table(value, inner, place, (*keys, key))
    return table


def _inline(value: Any) -> Any:
    """A value of one line."""
    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        inline.update({key: _inline(item) for key, item in value.items() if item is not None})
        return inline
    if isinstance(value, list):
        array = tomlkit.array()
        array.extend([_inline(item) for item in value])
        return array
    return value


def _plain(value: Any, place: str, keys: tuple[str, ...]) -> Any:
    """Return a value of the types of TOML, or nothing for None."""
    if hasattr(value, "tolist"):  # of NumPy
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item, place, (*keys, str(key))) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, place, keys) for item in value]
    if isinstance(value, Path):
        return value.as_posix()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise StudyError(
        [
            "an entry of a study must be a text, a number, true, false, a list or a table. "
            f"Received a {type(value).__name__} at {'.'.join(keys)} in {place}. "
            "Write one of these."
        ]
    )
