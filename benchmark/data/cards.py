"""Dataset cards: the ``datasets/*.toml`` files that say what a dataset is."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from benchmark.data.card_messages import DatasetError, card_error
from benchmark.data.loader_settings import SETTINGS, LoaderSettings, Table
from benchmark.errors import did_you_mean
from benchmark.resources import shipped
from benchmark.toml_text import TomlError, parse_toml, read_toml_text

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
        benchmark.data.card_messages.DatasetError: dataset must be one of ... Received 'digit'. \
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
