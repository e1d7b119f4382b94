"""The files of cards: their names, where they lie, and reading one."""

from pathlib import Path

from benchmark.data.cards import DatasetCard, DatasetError, read_card_file
from benchmark.errors import did_you_mean
from benchmark.resources import shipped


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

    What the card leaves out is inferred from the data, which are loaded for it.

    Args:
        path: a TOML file; its name without ending is the card's name.

    Raises:
        DatasetError: the file or the data cannot be read, or a line for each mistake in it.
    """
    file = read_card_file(path)
    if not file.is_complete:
        from benchmark.data.inference import completed_card  # with scikit-learn

        return completed_card(file, path)
    return DatasetCard.model_validate({name: getattr(file, name) for name in file.model_fields_set})


def _card_files() -> dict[str, Path]:
    folders = (shipped("datasets"), Path("datasets"))
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}
