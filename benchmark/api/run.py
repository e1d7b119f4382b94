"""A run as Python sees it: tables, figures, the verdict, and its best models."""

import html
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmark import backend
from benchmark.commands.options import RESULTS
from benchmark.commands.runs import code_of_run
from benchmark.errors import UserError
from benchmark.results import RunTables, find_run, is_finished, read_environment, read_run

if TYPE_CHECKING:
    from benchmark.prediction.best_model import BestModel
    from benchmark.report.rendering import Figure
    from benchmark.report.run_data import RunData
    from benchmark.study.schema import Study


def load_run(
    name: str | Path = "latest", *, results: str | Path = RESULTS, trust: bool = False
) -> "Run":
    """Return a run by its name or folder.

    Args:
        name: a run folder, ``STUDY/RUN``, ``RUN``, ``STUDY`` for its newest run, or ``latest``.
        results: the folder of all results.
        trust: whether to import classes that the run names from wherever they are; otherwise
            only from the files that the run was made with.

    Raises:
        RunNotFoundError: there is no such run.

    Example:
        >>> load_run("latest", results="no_such_folder")
        Traceback (most recent call last):
        benchmark.results.reader.RunNotFoundError: a run must exist. Received 'latest', and \
no_such_folder holds no run. Run a study first.
    """
    return Run(find_run(Path(results), name), trust=trust)


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A run folder; what is asked of it is read once.

    Args:
        path: the run folder.
        trust: as for :func:`load_run`.
    """

    path: Path
    trust: bool = False

    @property
    def name(self) -> str:
        """``STUDY/RUN``."""
        return self._tables.name

    @property
    def is_finished(self) -> bool:
        """Whether the whole budget was spent, and models and report were made."""
        return is_finished(self.path)

    @property
    def trials(self) -> pd.DataFrame:
        """A row for each finished trial; ``results/README.md`` explains the columns."""
        return self._tables.trials

    @property
    def curves(self) -> pd.DataFrame:
        """A row for each metric and epoch of a trial."""
        return self._tables.curves

    @property
    def curvature(self) -> pd.DataFrame:
        """A row for each curvature quantity and epoch of a trial."""
        return self._tables.curvature

    @property
    def spectra(self) -> pd.DataFrame:
        """A row for each eigenvalue and epoch of a trial."""
        return self._tables.spectra

    @property
    def findings(self) -> pd.DataFrame:
        """A row for each sentence on the curvature of a trial."""
        return self._tables.findings

    @property
    def summary(self) -> dict[str, Any]:
        """The run in a few numbers; empty until the whole budget is spent."""
        return self._tables.summary

    @property
    def study(self) -> "Study":
        """The study as the run was started."""
        return self._data.study

    @cached_property
    def verdict(self) -> str:
        """The answer to the study's question, in a few sentences."""
        from benchmark.report.sentences import answer

        with self.code():
            return " ".join(answer(self._data))

    @cached_property
    def figures(self) -> "Mapping[str, Figure]":
        """The figures of the report by name; a notebook shows each, with its words."""
        from benchmark.report.page import sections_of

        with self.code():
            sections = sections_of(self._data)
        return {figure.name: figure for section in sections for figure in section.figures}

    @cached_property
    def report_tables(self) -> dict[str, pd.DataFrame]:
        """The tables of the report by name, such as ``optimizers``, with all digits."""
        from benchmark.report.exports import tables_of

        with self.code():
            tables = tables_of(self._data, is_narrow=False)
        return {
            table.name: pd.DataFrame(list(table.rows), columns=list(table.header))
            for table in tables
        }

    def best_model(self, label: str | None = None) -> "BestModel":
        """Return the trained model of a label's best trial.

        Args:
            label: of a compared optimizer; by default the one that came first.

        Raises:
            PredictionError: there is none, or its file is not in the run.
        """
        from benchmark.prediction.best_model import load_best_model

        with self.code():
            return load_best_model(self.path, label, self._import_keras)

    def code(self) -> AbstractContextManager[None]:
        """Within, classes that the run names are imported only as ``trust`` allows."""
        return code_of_run(self.path, trust=self.trust)

    @cached_property
    def _tables(self) -> RunTables:
        return read_run(self.path)

    @cached_property
    def _data(self) -> "RunData":
        from benchmark.report.run_data import RunData

        return RunData.read(self.path)

    def _import_keras(self) -> None:
        """Import Keras on the run's backend, unless the program has chosen another."""
        if "keras" in sys.modules:
            return
        recorded = str(read_environment(self.path).get("backend", ""))
        names = (recorded, *backend.BACKENDS)
        installed = [name for name in names if name and find_spec(name) is not None]
        os.environ.setdefault("KERAS_BACKEND", installed[0] if installed else recorded)
        try:
            backend.name()
        except (ImportError, RuntimeError) as error:
            raise UserError(str(error)) from None

    def __repr__(self) -> str:
        state = "finished" if self.is_finished else "unfinished"
        return f"<Run {self.name}: {len(self.trials)} trials, {state}>"

    def _repr_html_(self) -> str:
        """Return the question, the answer and the main table, as a notebook shows a run."""
        tables = list(self.report_tables.values())[:1]
        shown = "".join(
            table.to_html(index=False, float_format="{:.4g}".format) for table in tables
        )
        state = "" if self.is_finished else " (unfinished)"
        return (
            f"<p><b>{html.escape(self.study.question)}</b></p><p>{html.escape(self.verdict)}</p>"
            f"{shown}<p>{html.escape(str(self.path))}{state}</p>"
        )
