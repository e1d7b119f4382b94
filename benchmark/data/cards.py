"""Dataset cards: the ``datasets/*.toml`` files that say what a dataset is, and their messages."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from benchmark.data.loader_settings import SETTINGS, LoaderSettings, Table
from benchmark.errors import UserError, did_you_mean
from benchmark.resources import shipped
from benchmark.toml_text import TomlError, parse_toml, read_toml_text


class DatasetError(UserError, ValueError):
    """A dataset that cannot be found, read, trusted or split; its text says why and what to do."""


def card_error(
    error: ValidationError, file: str, keys: Mapping[str, Sequence[str]]
) -> DatasetError:
    """Turn each of pydantic's errors into a sentence: rule, value, place, remedy.

    Args:
        error: what pydantic raised.
        file: the card's file, for the message.
        keys: the known keys, by the dotted place of their table (``""`` is the top level,
            ``"loader.csv"`` the table ``[loader]`` of the kind ``csv``).
    """
    lines = [_line(dict(entry), file, keys) for entry in error.errors()]
    return DatasetError("\n".join(lines))


def _line(entry: dict[str, Any], file: str, keys: Mapping[str, Sequence[str]]) -> str:
    location = [str(part) for part in entry["loc"]]
    table = ".".join(location[:-1])
    # pydantic puts the kind of the loader into the place; the file has no such table.
    shown = [p for i, p in enumerate(location) if not (i == 1 and location[0] == "loader")]
    key = shown[-1] if shown else "the card"
    where = f"at {'.'.join(shown)} in {file}." if shown else f"in {file}."
    kind, value = entry["type"], entry["input"]
    if kind == "extra_forbidden":
        known = keys.get(table, ())
        rule = f"a key must be one of {', '.join(known)}"
        return f"{rule}. Received {key!r} {where}{did_you_mean(key, known)}"
    if kind == "missing":
        return f"{key} must be given. Received nothing {where} Add `{key} = …`."
    if kind == "value_error":
        return f"{entry['ctx']['error']}. Received {_short(value)} {where}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        known = [tag.strip("' ") for tag in entry["ctx"].get("expected_tags", "").split(",")]
        known = [tag for tag in known if tag] or sorted(k[7:] for k in keys if "." in k)
        received = value.get("kind") if isinstance(value, dict) else value
        offer = did_you_mean(str(received), known)
        return f"kind must be one of {', '.join(known)}. Received {received!r} {where}{offer}"
    rule = entry["msg"].replace("Input should be ", "").replace("String should ", "a text to ")
    words = re.findall(r"'([^']*)'", rule) if kind == "literal_error" else []
    return (
        f"{key} must be {rule}. Received {_short(value)} {where}{did_you_mean(str(value), words)}"
    )


def _short(value: object, limit: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


WHAT = "a dataset card"


class DatasetCard(Table):
    """What is known of a dataset before it is loaded.

    Args:
        name: the name of the card's file without ending.
        title: the dataset's usual name.
        description: what a row is, and what is predicted.
        loader: the table ``[loader]``: where the data come from.
        task: ``"classification"`` or ``"regression"``.
        samples: number of rows, n.
        features: number of input columns after one-hot encoding, d.
        classes: number of classes; 0 for a regression.
        class_names: their names in the order of the labels 0 … classes - 1, or nothing.
        checksum: SHA-256 of the loaded arrays in hexadecimal, as computed by
            :func:`benchmark.data.checksum_of`. It may be empty for a generator only: the
            last bits of generated numbers depend on the machine's linear algebra.
        licence: under which terms the data are distributed.
        source: where the data come from (URL).
        reference: the literature to cite.

    Example:
        >>> card = load_card("iris")
        >>> card.task, card.samples, card.features, card.classes, card.units
        ('classification', 150, 4, 3, 3)
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    title: str = Field(min_length=1)
    description: str = Field(min_length=1)
    loader: LoaderSettings
    task: Literal["classification", "regression"]
    samples: int = Field(ge=3)
    features: int = Field(ge=1)
    classes: int = Field(0, ge=0)
    class_names: Annotated[tuple[str, ...], Field(strict=False)] = ()
    checksum: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    licence: str = Field(min_length=1)
    source: str = Field(min_length=1)
    reference: str = ""

    @property
    def units(self) -> int:
        """The number of outputs a model needs: one a class, or one for a regression."""
        return self.classes or 1

    @model_validator(mode="after")
    def _classes_fit_task(self) -> Self:
        if self.task == "classification" and self.classes < 2:
            raise ValueError("classes must be >= 2 where task is classification")
        if self.task == "regression" and self.classes:
            raise ValueError("classes must be 0 or absent where task is regression")
        if self.class_names and len(self.class_names) != self.classes:
            raise ValueError("class_names must hold one name for each class")
        return self


def card_names() -> list[str]:
    """Return the names of all cards: those in ``datasets/`` here, and the shipped ones.

    Example:
        >>> {"digits", "diabetes"} <= set(card_names())
        True
    """
    return sorted(_card_files())


def find_card(name: str) -> Path:
    """Return the file of a card; one in ``datasets/`` of the current folder wins.

    Args:
        name: the file's name without ending.

    Raises:
        DatasetError: there is no such card.

    Example:
        >>> find_card("wine").name
        'wine.toml'
    """
    known = _card_files()
    if name not in known:
        names = ", ".join(sorted(known))
        raise DatasetError(
            f"dataset must be one of {names}. Received {name!r}.{did_you_mean(name, known)} "
            f"A new dataset needs a card datasets/{name}.toml."
        )
    return known[name]


def load_card(name: str) -> DatasetCard:
    """Read and check the card of a dataset, without loading the data.

    Args:
        name: the file's name without ending.

    Raises:
        DatasetError: there is no such card, or a line for each mistake in it.

    Example:
        >>> load_card("digits").class_names[3]
        '3'
        >>> load_card("digit")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        benchmark.data.cards.DatasetError: dataset must be one of ... Received 'digit'. \
Did you mean `digits`? A new dataset needs a card datasets/digit.toml.
    """
    return read_card(find_card(name))


def read_card(path: Path) -> DatasetCard:
    """Read and check a card given by its file.

    Args:
        path: a TOML file; its name without ending is the card's name.

    Raises:
        DatasetError: the file cannot be read, or a line for each mistake in it.
    """
    try:
        content = parse_toml(read_toml_text(path, WHAT), str(path), WHAT)
    except TomlError as error:
        raise DatasetError(str(error)) from None
    except OSError as error:
        raise DatasetError(
            f"a dataset card must be a readable TOML file. Received {error} in {path}."
        ) from error
    if content.setdefault("name", path.stem) != path.stem:
        raise DatasetError(
            f"name must be that of the file, {path.stem!r}. Received {content['name']!r} "
            f"at name in {path}. Remove the line."
        )
    try:
        return DatasetCard.model_validate(content)
    except ValidationError as error:
        raise card_error(error, str(path), _keys()) from None


def _card_files() -> dict[str, Path]:
    folders = (shipped("datasets"), Path("datasets"))
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def _keys() -> dict[str, list[str]]:
    keys = {f"loader.{kind}": list(table.model_fields) for kind, table in SETTINGS.items()}
    return {"": list(DatasetCard.model_fields), **keys}
