"""Files of rows: where they are looked for, and how they are read into a table of pandas."""

import gzip
import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from benchmark.data.cards import SourceError
from benchmark.errors import did_you_mean

ENDINGS = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".tsv.gz": "csv",
    ".parquet": "parquet",
    ".npz": "npz",
}
"""The formats by the ending of a file's name."""
SEPARATORS = (",", ";", "\t", "|")
MOST_NAMES = 20
"""Columns that a message names."""


def format_of(name: str) -> str:
    """Return the format of a file by its name; empty where it is no file of rows.

    Example:
        >>> format_of("data/Churn.CSV"), format_of("iris")
        ('csv', '')
    """
    lowered = PurePath(name).name.lower()
    return next((kind for ending, kind in ENDINGS.items() if lowered.endswith(ending)), "")


def find_file(name: str, folders: Sequence[Path]) -> Path | None:
    """Return the first file of that name, looked for in some folders in their order.

    Args:
        name: the path as the user wrote it; an absolute one is taken as it is.
        folders: where a relative path may start.
    """
    candidates = (folder / Path(name).expanduser() for folder in folders)
    return next((path.absolute() for path in candidates if path.is_file()), None)


def file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, as ``sha256sum`` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_frame(path: Path, separator: str = "", target: str = "") -> pd.DataFrame:
    """Read a file of rows with named columns.

    The array ``target`` of an archive of NumPy becomes the last column, and the columns of its
    other array ``x``, or of the only other one, are ``x0``, ``x1`` …

    Args:
        path: a CSV, TSV, Parquet or NPZ file.
        separator: the character between the columns of a text file; by default it is inferred
            from the first line.
        target: the array of an archive that is predicted; without it only the inputs are read.

    Raises:
        SourceError: the file cannot be read, it has no rows, or two columns have one name.
    """
    kind = format_of(path.name)
    try:
        frame = _read(path, kind, separator, target)
    except SourceError:
        raise
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise SourceError(
            f"the file must be readable as {kind or 'a table'}. Received {path}: {error}. "
            f"Restore the file; its name must end in {', '.join(ENDINGS)}.",
            "dataset",
        ) from error
    frame.columns = pd.Index([str(name) for name in frame.columns])
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise SourceError(
            f"each column must have a name of its own. Received {twice[0]!r} twice in {path.name}. "
            "Rename one of them.",
            "dataset",
        )
    return frame


def names_of(columns: Sequence[str]) -> str:
    """Return names for a message, the first ones of many.

    Example:
        >>> names_of(["a", "b"])
        'a, b'
    """
    rest = len(columns) - MOST_NAMES
    shown = ", ".join(columns[:MOST_NAMES])
    return f"{shown} and {rest} more" if rest > 0 else shown


def _read(path: Path, kind: str, separator: str, target: str) -> pd.DataFrame:
    if kind == "parquet":
        frame = pd.read_parquet(path)
        # A named index was a column of the file that pandas wrote.
        return frame.reset_index() if frame.index.name is not None else frame
    if kind == "npz":
        return _read_arrays(path, target)
    # Apache Arrow rounds every number correctly; the default parser of pandas 2 may miss the
    # last bit.
    frame = pd.read_csv(path, sep=separator or _separator(path), engine="pyarrow")
    for name in frame.columns:
        values = frame[name]
        # So Arrow hands out text of another encoding.
        if values.dtype.kind == "O" and any(isinstance(value, bytes) for value in values):
            raise SourceError(
                f"a text file must be encoded in UTF-8. Received other bytes in the column {name} "
                f"of {path.name}. Save it as UTF-8.",
                "dataset",
            )
    return frame


def _separator(path: Path) -> str:
    if path.name.lower().endswith((".tsv", ".tsv.gz")):
        return "\t"
    compressed = path.name.lower().endswith(".gz")
    with gzip.open(path) if compressed else path.open("rb") as file:
        first = file.readline().decode(errors="replace")
    return max(SEPARATORS, key=first.count)


def _read_arrays(path: Path, target: str) -> pd.DataFrame:
    # Pickled objects could run code, and no dataset needs them.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        names = list(archive.files)
        if target and target not in names:
            raise SourceError(
                f"target must be an array of {path.name}: {', '.join(names)}. "
                f"Received {target!r}.{did_you_mean(target, names)}",
                "target",
            )
        inputs = [name for name in names if name != target]
        preferred = [name for name in inputs if name.lower() == "x"]
        if len(inputs) != 1 and len(preferred) != 1:
            raise SourceError(
                f"{path.name} must hold one array of inputs beside the target, or one that is "
                f"called x. Received {', '.join(inputs) or 'none'}. Save it with "
                "numpy.savez(file, x=inputs, y=target).",
                "dataset",
            )
        x = archive[(preferred or inputs)[0]]
        y = archive[target] if target else None
    x = x.reshape(len(x), -1)
    if y is not None and y.shape not in {(len(x),), (len(x), 1)}:
        raise SourceError(
            f"the target must have one value for each of the {len(x)} rows. "
            f"Received the shape {y.shape} of {target} in {path.name}.",
            "target",
        )
    frame = pd.DataFrame(x, columns=[f"x{index}" for index in range(x.shape[1])], copy=False)
    return frame if y is None else frame.assign(**{target: y.reshape(-1)})
