"""The final weights of the best trials, one file a trial."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.errors import UserError
from benchmark.results.files import refuse_link, subfolder, write_atomically

FOLDER = "weights"
Weights = Sequence[np.ndarray[Any, Any]]


class DamagedWeightsError(UserError, ValueError):
    """The kept weights of a trial cannot be read."""


def weights_file(path: Path, number: int) -> Path:
    """Return where a run keeps the weights of a trial.

    Args:
        path: the run folder.
        number: the trial.

    Example:
        >>> weights_file(Path("run"), 12).as_posix()
        'run/weights/trial-000012.npz'
    """
    return path / FOLDER / f"trial-{number:06d}.npz"


def save_weights(path: Path, number: int, weights: Weights) -> None:
    """Keep the weights of a trial, atomically.

    Args:
        path: the run folder.
        number: the trial.
        weights: one array a variable, in order.
    """
    file = weights_file(path, number)
    subfolder(path, FOLDER)
    arrays = {f"weight_{index:03d}": np.asarray(array) for index, array in enumerate(weights)}

    def write(target: Path) -> None:
        with target.open("wb") as stream:  # a stream, since savez adds ".npz" to a bare name
            np.savez(stream, **arrays)  # type: ignore[arg-type]  # the stub knows allow_pickle

    write_atomically(file, write)


def load_weights(path: str | Path, number: int) -> tuple[np.ndarray[Any, Any], ...]:
    """Return the kept weights of a trial of a run, one array a variable.

    Args:
        path: the run folder.
        number: the trial.

    Raises:
        FileNotFoundError: no weights of this trial are kept.
        DamagedWeightsError: the file is not what :func:`save_weights` wrote.
    """
    file = weights_file(Path(path), number)
    if not file.is_file():
        raise FileNotFoundError(
            f"weights must have been kept. Received trial {number}, which has none in {path}. "
            "Only the best trials keep their weights."
        )
    try:
        # Opened here, since np.load leaves a file open that turns out to be no archive.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            weights = tuple(np.asarray(arrays[name]) for name in sorted(arrays.files))
        if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in weights):
            raise ValueError("an array of other things than finite numbers")
    # An archive of a single array has no such attributes; zlib and zipfile have their own errors.
    except (ValueError, EOFError, AttributeError, TypeError, KeyError, MemoryError) as error:
        raise _damaged(file, error) from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise _damaged(file, error) from None
    return weights


def discard_weights(path: Path, number: int) -> None:
    """Delete the kept weights of a trial, if there are any.

    Args:
        path: the run folder.
        number: the trial.
    """
    file = weights_file(path, number)
    refuse_link(file.parent)
    file.unlink(missing_ok=True)


def _damaged(file: Path, error: Exception) -> DamagedWeightsError:
    # NumPy goes on to say how a file can be loaded that may run code.
    sentence = str(error).partition(". ")[0]
    return DamagedWeightsError(
        f"kept weights must be an archive of arrays, as NumPy writes it. Received "
        f"{type(error).__name__}: {sentence} in {file}. Restore the file, or delete it: "
        "`curvature` then trains the trial again."
    )
