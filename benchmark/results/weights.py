"""The final weights of the best trials, one file a trial."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.results.files import write_atomically

Weights = Sequence[np.ndarray[Any, Any]]


def weights_file(path: Path, number: int) -> Path:
    """Return where a run keeps the weights of a trial.

    Args:
        path: the run folder.
        number: the trial.

    Example:
        >>> weights_file(Path("run"), 12).as_posix()
        'run/weights/trial-000012.npz'
    """
    return path / "weights" / f"trial-{number:06d}.npz"


def save_weights(path: Path, number: int, weights: Weights) -> None:
    """Keep the weights of a trial, atomically.

    Args:
        path: the run folder.
        number: the trial.
        weights: one array a variable, in order.
    """
    file = weights_file(path, number)
    file.parent.mkdir(exist_ok=True)
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
    """
    file = weights_file(Path(path), number)
    if not file.is_file():
        raise FileNotFoundError(
            f"weights must have been kept. Received trial {number}, which has none in {path}. "
            "Only the best trials keep their weights."
        )
    with np.load(file, allow_pickle=False) as arrays:
        return tuple(arrays[name] for name in sorted(arrays.files))
