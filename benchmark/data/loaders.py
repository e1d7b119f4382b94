"""The loaders: from a card to raw arrays, one function a kind of source."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import sklearn.datasets

from benchmark.data.cards import CardFile, DatasetError
from benchmark.data.loader_settings import (
    CsvSettings,
    FetcherSettings,
    GeneratorSettings,
    NpzSettings,
    OpenmlSettings,
    ParquetSettings,
    ToySettings,
)
from benchmark.errors import did_you_mean

Inputs = np.ndarray[Any, Any] | pd.DataFrame
"""The inputs as they were loaded: a table where their columns have names."""
Arrays = tuple[Inputs, np.ndarray[Any, Any]]
CACHE = Path("datasets") / ".cache"
"""Where remote data are kept, below the current folder."""


def load_toy(card: CardFile, folder: Path) -> Arrays:  # noqa: ARG001  (loaders share one form)
    """Load one of the datasets that scikit-learn carries.

    Args:
        card: a card whose loader is of the kind ``scikit_learn``.
        folder: not used.

    Example:
        >>> from benchmark.data import load_card
        >>> load_toy(load_card("iris"), Path())[0].shape
        (150, 4)
    """
    settings = cast("ToySettings", card.loader)
    load = getattr(sklearn.datasets, f"load_{settings.dataset}")
    if settings.dataset != "diabetes":
        bunch = load(as_frame=True)
        target = bunch.target[settings.target] if settings.target else bunch.target
        return bunch.data, target.to_numpy()
    bunch = load(as_frame=True, scaled=False)
    # Given to four decimals at most; scikit-learn 1.7 still carries 4.803999999999999 for
    # 4.804, and the checksum must not depend on its release.
    return bunch.data.round(4), bunch.target.to_numpy()


def load_generated(card: CardFile, folder: Path) -> Arrays:  # noqa: ARG001
    """Draw a random dataset with one of scikit-learn's generators.

    Args:
        card: a card whose loader is of the kind ``scikit_learn_generator``.
        folder: not used.

    Raises:
        DatasetError: the generator refuses its options.
    """
    settings = cast("GeneratorSettings", card.loader)
    generate = getattr(sklearn.datasets, settings.function)
    samples = {} if card.samples is None else {"n_samples": card.samples}
    try:
        drawn = generate(random_state=settings.seed, **samples, **settings.options)
    except (TypeError, ValueError) as error:
        raise DatasetError(
            f"loader.options must be accepted by sklearn.datasets.{settings.function}. "
            f"Received {settings.options} in the card {card.name}: {error}"
        ) from error
    return cast("Arrays", drawn)


def load_fetched(card: CardFile, folder: Path) -> Arrays:  # noqa: ARG001
    """Fetch a dataset by one of scikit-learn's fetchers, or take it from the cache.

    Args:
        card: a card whose loader is of the kind ``scikit_learn_fetcher``.
        folder: not used; the cache is ``datasets/.cache/`` of the current folder.

    Raises:
        DatasetError: it cannot be fetched, or the fetcher refuses its options.
    """
    settings = cast("FetcherSettings", card.loader)
    fetch = getattr(sklearn.datasets, f"fetch_{settings.dataset}")
    try:
        bunch = fetch(data_home=str(CACHE.resolve()), **settings.options)
    except (TypeError, ValueError) as error:
        raise DatasetError(
            f"loader.options must be accepted by sklearn.datasets.fetch_{settings.dataset}. "
            f"Received {settings.options} in the card {card.name}: {error}"
        ) from error
    except OSError as error:  # URLError is one
        raise DatasetError(
            f"the dataset {settings.dataset} must be in {CACHE} or fetched from the network. "
            f"Received {type(error).__name__}: {error} in the card {card.name}. Check the network "
            f"connection, or copy {CACHE} from a machine that has it."
        ) from error
    names = getattr(bunch, "feature_names", None)
    return pd.DataFrame(bunch.data, columns=names) if names else bunch.data, bunch.target


def load_openml(card: CardFile, folder: Path) -> Arrays:  # noqa: ARG001
    """Fetch a dataset of OpenML, or take it from the cache.

    Args:
        card: a card whose loader is of the kind ``openml``.
        folder: not used; the cache is ``datasets/.cache/`` of the current folder.

    Raises:
        DatasetError: it cannot be fetched, or its table cannot be used.
    """
    settings = cast("OpenmlSettings", card.loader)
    try:
        bunch = sklearn.datasets.fetch_openml(
            data_id=settings.data_id,
            data_home=str(CACHE.resolve()),
            target_column=settings.target or "default-target",
            as_frame=True,
            parser="auto",
        )
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(
            f"the dataset must be on OpenML or in {CACHE}. Received {type(error).__name__}: "
            f"{error} for data_id {settings.data_id} of the card {card.name}. "
            "Check data_id, target and the network connection."
        ) from error
    if not isinstance(bunch.target, pd.Series):
        raise DatasetError(
            f"a card must have one target. Received {_targets(bunch.target)} as the default target "
            f"of OpenML's dataset {settings.data_id} in the card {card.name}. "
            "Name one column at loader.target."
        )
    return _encoded(card, bunch.data, bunch.target)


def load_csv(card: CardFile, folder: Path) -> Arrays:
    """Read a text file with a row of column names.

    Args:
        card: a card whose loader is of the kind ``csv``.
        folder: the folder of the card, where relative paths start.

    Raises:
        DatasetError: the file is missing or its table cannot be used.
    """
    settings = cast("CsvSettings", card.loader)
    path = _existing(card, folder, settings.path)
    with _reading(card, path):
        # Apache Arrow rounds every number correctly; the default parser of pandas 2 may miss
        # the last bit, and the checksum with it.
        frame = pd.read_csv(path, sep=settings.separator, engine="pyarrow")
    return _from_frame(card, frame, settings.target, settings.features)


def load_parquet(card: CardFile, folder: Path) -> Arrays:
    """Read an Apache Parquet file.

    Args:
        card: a card whose loader is of the kind ``parquet``.
        folder: the folder of the card, where relative paths start.

    Raises:
        DatasetError: the file is missing or its table cannot be used.
    """
    settings = cast("ParquetSettings", card.loader)
    path = _existing(card, folder, settings.path)
    with _reading(card, path):
        frame = pd.read_parquet(path)
    return _from_frame(card, frame, settings.target, settings.features)


def load_npz(card: CardFile, folder: Path) -> Arrays:
    """Read two arrays of an archive written by ``numpy.savez``.

    Args:
        card: a card whose loader is of the kind ``npz``.
        folder: the folder of the card, where relative paths start.

    Raises:
        DatasetError: the file or one of its arrays is missing.
    """
    settings = cast("NpzSettings", card.loader)
    path = _existing(card, folder, settings.path)
    # Pickled objects could run code, and no dataset needs them.
    with (
        _reading(card, path),
        # Opened here, since np.load leaves a file open that turns out to be no archive.
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as archive,
    ):
        for key, name in (("inputs", settings.inputs), ("target", settings.target)):
            if name not in archive.files:
                raise _missing_name(card, key, name, archive.files)
        x, y = archive[settings.inputs], archive[settings.target]
    return x.reshape(len(x), -1), y


LOADERS: dict[str, Callable[[CardFile, Path], Arrays]] = {
    "csv": load_csv,
    "npz": load_npz,
    "openml": load_openml,
    "parquet": load_parquet,
    "scikit_learn": load_toy,
    "scikit_learn_fetcher": load_fetched,
    "scikit_learn_generator": load_generated,
}
"""The loaders by the ``kind`` of a card's table ``[loader]``."""


def feature_names(inputs: Inputs) -> tuple[str, ...]:
    """Return a name for each column of loaded inputs, no name twice.

    Args:
        inputs: a table, or an array of shape (n, d), whose columns are x0 … as scikit-learn
            names them; so are those of a table in which a name stands twice.

    Example:
        >>> feature_names(pd.DataFrame({"length": [1.0], "width": [2.0]}))
        ('length', 'width')
        >>> feature_names(np.zeros((1, 2)))
        ('x0', 'x1')
    """
    names = tuple(map(str, inputs.columns)) if isinstance(inputs, pd.DataFrame) else ()
    is_named = names and len(set(names)) == len(names)
    return names if is_named else tuple(f"x{index}" for index in range(inputs.shape[1]))


def _existing(card: CardFile, folder: Path, path: str) -> Path:
    file = folder / path
    if not file.is_file():
        raise DatasetError(
            f"path must be a file. Received {path!r} at loader.path in the card {card.name}, "
            f"and there is no {file}. Put the file there or correct the path."
        )
    return file


@contextmanager
def _reading(card: CardFile, path: Path) -> Iterator[None]:
    try:
        yield
    except DatasetError:
        raise
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(
            f"the file must be readable as {card.loader.kind}. Received {path}: {error} at "
            f"loader.path in the card {card.name}. Restore the file, or correct the table [loader]."
        ) from error


def _targets(target: object) -> str:
    return ", ".join(map(str, target.columns)) if isinstance(target, pd.DataFrame) else "none"


def _missing_name(card: CardFile, key: str, name: str, known: Sequence[str]) -> DatasetError:
    return DatasetError(
        f"{key} must be one of {', '.join(known)}. Received {name!r} at loader.{key} "
        f"in the card {card.name}.{did_you_mean(name, known)}"
    )


def _from_frame(
    card: CardFile, frame: pd.DataFrame, target: str, features: Sequence[str]
) -> Arrays:
    columns = [str(column) for column in frame.columns]
    for key, name in [("target", target), *(("features", name) for name in features)]:
        if name not in columns:
            raise _missing_name(card, key, name, columns)
    inputs = frame[list(features)] if features else frame.drop(columns=[target])
    return _encoded(card, inputs, frame[target])


def _encoded(card: CardFile, inputs: pd.DataFrame, target: "pd.Series[Any]") -> Arrays:
    """Turn a table into numbers: one-hot for columns of words, refusing missing values."""
    table = inputs.assign(**{"the target": target})
    empty = [str(name) for name, count in table.isna().sum().items() if count]
    if empty:
        raise DatasetError(
            f"every value must be present. Received missing values in {', '.join(empty)} "
            f"in the data of the card {card.name}. Remove or fill those rows first."
        )
    return pd.get_dummies(inputs, dtype=float), target.to_numpy()
