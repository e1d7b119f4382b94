"""What the program writes into the text of a study before it is frozen in the run folder."""

from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import InlineTable

from benchmark.optimizers.provenance import is_saved_model
from benchmark.study.catalogue import Catalogue
from benchmark.study.schema import Study
from benchmark.study.spaces import missing_spaces


def find_saved_model(document: tomlkit.TOMLDocument, folder: Path) -> None:
    """Write the path of a saved model that lies beside the study file, so that a run finds it.

    Args:
        document: the study.
        folder: that of the study file.
    """
    problem = document.get("problem")
    model = problem.get("model") if isinstance(problem, MutableMapping) else None
    holder, key = (model, "name") if isinstance(model, MutableMapping) else (problem, "model")
    name = holder.get(key) if isinstance(holder, MutableMapping) else None
    if not isinstance(name, str) or not is_saved_model(name):
        return
    beside = folder / name
    if beside.is_file():
        file, here = beside.absolute(), Path.cwd()
        shown = file.relative_to(here) if file.is_relative_to(here) else file
        holder[key] = shown.as_posix()  # type: ignore[index]


def complete_spaces(document: tomlkit.TOMLDocument, study: Study, catalogue: Catalogue) -> None:
    """Write default search spaces into the text, so that a resumed run finds the same."""
    for entry in study.compare:
        for name, space in missing_spaces(study, entry, catalogue).items():
            dimension = tomlkit.inline_table()
            dimension.update(dict(space))
            table_at(document, ["search", entry.label])[name] = dimension


def table_at(document: tomlkit.TOMLDocument, path: Sequence[str]) -> MutableMapping[str, Any]:
    """Return the table at a path, made where there is none.

    Raises:
        TypeError: with the name of what is no table.
    """
    table: MutableMapping[str, Any] = document
    # Inline tables hold inline tables only, and a header amid dotted keys would take over those
    # that follow.
    keys = [key for key, _ in document.body if key is not None]
    inline = any(key.is_dotted() and [key.key] == list(path[:1]) for key in keys)
    for index, part in enumerate(path):
        inline = inline or isinstance(table, InlineTable)
        is_last = index == len(path) - 1
        new = tomlkit.inline_table() if inline else tomlkit.table(is_super_table=not is_last)
        inner = table.setdefault(part, new)
        if not isinstance(inner, MutableMapping):
            raise TypeError(part)
        table = inner
    return table
