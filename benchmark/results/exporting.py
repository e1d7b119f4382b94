"""All numbers of a run as files for other programs."""

from functools import partial
from pathlib import Path

import pandas as pd

from benchmark.results.files import write_atomically
from benchmark.results.reader import read_run
from benchmark.results.tables import TABLES


def export_tables(path: str | Path, kind: str, folder: Path) -> list[Path]:
    """Write each table of a run as ``NAME.csv`` or ``NAME.parquet``.

    An unfinished run has tables too: those of the trials that have ended.

    Args:
        path: the run folder.
        kind: ``"csv"``, where numbers have all their digits, or ``"parquet"``.
        folder: an existing folder.

    Returns:
        The files.

    Raises:
        FileNotFoundError: the folder is no run.
    """
    tables = read_run(path)
    files = []
    for name in TABLES:
        files.append(folder / f"{name}.{kind}")
        write_atomically(files[-1], partial(_write, getattr(tables, name), kind))
    return files


def _write(frame: pd.DataFrame, kind: str, target: Path) -> None:
    if kind == "parquet":
        frame.to_parquet(target, index=False)
    else:
        frame.to_csv(target, index=False)
