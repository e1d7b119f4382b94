"""Rows read from a file, and predictions written to one."""

from pathlib import Path

import pandas as pd

from benchmark.prediction.signature import PredictionError
from benchmark.results.files import write_atomically

SEPARATORS = {".csv": ",", ".tsv": "\t"}
PARQUET = ".parquet"
ENDINGS = (*SEPARATORS, PARQUET)


def read_rows(path: Path) -> pd.DataFrame:
    """Return the rows of a table, whose kind is told by the ending of its name.

    Args:
        path: a CSV, TSV or Parquet file.

    Raises:
        PredictionError: there is no such file, or it is no table.
    """
    _check_ending(path, "ROWS")
    if not path.is_file():
        raise PredictionError(
            f"ROWS must be a file. Received {path}, which is not there. Name a table of new rows."
        )
    try:
        if path.suffix == PARQUET:
            return pd.read_parquet(path)
        return pd.read_csv(path, sep=SEPARATORS[path.suffix])
    except (ValueError, OSError, KeyError) as error:  # pyarrow's and pandas' own are among them
        raise PredictionError(
            f"ROWS must be a readable table. Received {path}: {' '.join(str(error).split())} "
            "Save it anew as UTF-8 CSV with a row of column names, or as Parquet."
        ) from None


def check_output(path: Path, rows: Path) -> None:
    """Refuse a file that predictions cannot be written to, before anything is computed.

    Args:
        path: where they will be written.
        rows: the file that the rows come from.

    Raises:
        PredictionError: its ending is unknown, its folder is not there, or it is that file.

    Example:
        >>> check_output(Path("predictions.xlsx"), Path("rows.csv"))
        Traceback (most recent call last):
        benchmark.prediction.signature.PredictionError: --output must end in .csv, .tsv or \
.parquet. Received predictions.xlsx. Write for instance predictions.csv.
    """
    _check_ending(path, "--output")
    if not path.absolute().parent.is_dir():
        raise PredictionError(
            f"the folder of --output must be there. Received {path}. Make its folder first."
        )
    if path.resolve() == rows.resolve():
        raise PredictionError(
            f"--output must not be the file of the rows. Received {path} for both. Name another."
        )


def write_predictions(predictions: pd.DataFrame, path: Path) -> None:
    """Write predictions, a row for each row that was read.

    Args:
        predictions: as :meth:`benchmark.prediction.best_model.BestModel.predict` made them.
        path: a file that :func:`check_output` accepts.
    """

    def write(target: Path) -> None:
        if path.suffix == PARQUET:
            predictions.to_parquet(target, index=False)
        else:
            predictions.to_csv(target, sep=SEPARATORS[path.suffix], index=False)

    write_atomically(path, write)


def _check_ending(path: Path, what: str) -> None:
    if path.suffix not in ENDINGS:
        raise PredictionError(
            f"{what} must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}. Received {path}. "
            "Write for instance predictions.csv."
        )
