"""Dataset cards: the ``datasets/*.toml`` files that say what a dataset is, and their messages."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from benchmark.data.loader_settings import SETTINGS, ColumnSettings, LoaderSettings, Table
from benchmark.errors import UserError, did_you_mean
from benchmark.toml_text import TomlError, parse_toml, read_toml_text


class DatasetError(UserError, ValueError):
    """A dataset that cannot be found, read, trusted or split; its text says why and what to do."""


class SourceError(DatasetError):
    """A file that cannot be read as a study or a card says.

    Args:
        message: rule, value received and remedy.
        key: the key that it is about, as a study names it within ``[problem]``.
    """

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


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
        known = [tag for tag in known if tag] or sorted(k[7:] for k in keys if k[:7] == "loader.")
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
FILES = ("csv", "parquet")
"""The loaders of files whose columns have names, which can be read as tables."""


class CardFile(Table):
    """What the file of a card says; only ``loader`` must be given.

    Args:
        name: the name of the card's file without ending.
        title: the dataset's usual name.
        description: what a row is, and what is predicted.
        loader: the table ``[loader]``: where the data come from.
        columns: the table ``[columns]``: how the columns of a file become inputs. A card with this
            table, and one of a file that does not give ``features``, is read as a table whose
            missing values are filled in and whose categories are encoded, fitted to the training
            part.
        task: ``"classification"`` or ``"regression"``; by default it is inferred from the target.
        samples: number of rows, n; by default that of the data.
        features: number of input columns after encoding, d; by default that of the data.
        classes: number of classes; 0 for a regression; by default that of the data.
        class_names: their names in the order of the labels 0 … classes - 1, or nothing.
        checksum: SHA-256 in hexadecimal: of the file where the card is read as a table, otherwise
            of the loaded arrays, as computed by :func:`benchmark.data.checksum_of`. Without it the
            data may change. The last bits of generated numbers depend on the machine's linear
            algebra, so a generator has none.
        licence: under which terms the data are distributed.
        source: where the data come from (URL).
        reference: the literature to cite.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    title: str = ""
    description: str = ""
    loader: LoaderSettings
    columns: ColumnSettings | None = None
    task: Literal["classification", "regression"] | None = None
    samples: int | None = Field(None, ge=3)
    features: int | None = Field(None, ge=1)
    classes: int | None = Field(None, ge=0)
    class_names: Annotated[tuple[str, ...], Field(strict=False)] = ()
    checksum: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    licence: str = ""
    source: str = ""
    reference: str = ""

    @property
    def is_table(self) -> bool:
        """Whether the data are read by their columns, fitted to the training part."""
        is_file = self.loader.kind in FILES
        return is_file and (self.columns is not None or self.features is None)

    @property
    def is_complete(self) -> bool:
        """Whether the card says all that is asked before the data are loaded."""
        is_counted = self.task == "regression" or self.classes is not None
        return None not in (self.task, self.samples, self.features) and is_counted

    @model_validator(mode="after")
    def _classes_fit_task(self) -> Self:
        if self.task == "classification" and self.classes is not None and self.classes < 2:
            raise ValueError("classes must be >= 2 where task is classification")
        if self.task == "regression" and self.classes:
            raise ValueError("classes must be 0 or absent where task is regression")
        if self.class_names and len(self.class_names) != self.classes:
            raise ValueError("class_names must hold one name for each class")
        if self.columns is not None and self.loader.kind not in FILES:
            raise ValueError(f"columns must stand beside a loader of {', '.join(FILES)}")
        return self


class DatasetCard(CardFile):
    """What is known of a dataset before it is loaded: a card whose sizes are all known.

    Args:
        task: ``"classification"`` or ``"regression"``.
        samples: number of rows, n.
        features: number of input columns after encoding, d.
        classes: number of classes; 0 for a regression.

    Example:
        >>> from benchmark.data import load_card
        >>> card = load_card("iris")
        >>> card.task, card.samples, card.features, card.classes, card.units
        ('classification', 150, 4, 3, 3)
    """

    task: Literal["classification", "regression"]
    samples: int = Field(ge=3)
    features: int = Field(ge=1)
    classes: int = Field(0, ge=0)

    @property
    def units(self) -> int:
        """The number of outputs a model needs: one a class, or one for a regression."""
        return self.classes or 1


def read_card_file(path: Path) -> CardFile:
    """Read and check what a card says, without loading anything.

    Args:
        path: a TOML file.

    Raises:
        DatasetError: as :func:`read_card`.
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
    content.setdefault("title", path.stem)
    try:
        return CardFile.model_validate(content)
    except ValidationError as error:
        raise card_error(error, str(path), _keys()) from None


def _keys() -> dict[str, list[str]]:
    keys = {f"loader.{kind}": list(table.model_fields) for kind, table in SETTINGS.items()}
    keys["columns"] = list(ColumnSettings.model_fields)
    return {"": list(CardFile.model_fields), **keys}
