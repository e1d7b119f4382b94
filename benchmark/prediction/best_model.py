"""The best models of a run, found by label and loaded without running code of the run's."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import pandas as pd

from benchmark.errors import did_you_mean, failure_reason
from benchmark.optimizers.foreign import check_permission
from benchmark.prediction.signature import Array, PredictionError, Signature, signature_of
from benchmark.results import best_numbers, model_file, read_records, read_run, read_summary
from benchmark.results.files import refuse_link
from benchmark.statistics import verdict
from benchmark.trial import DatasetProblem

BATCH = 1024
"""Rows that the model computes at once."""


@dataclass(frozen=True, slots=True, eq=False)
class BestModel:
    """The trained model of a label's best trial; :func:`load_best_model` reads it.

    Args:
        label: of the compared optimizer.
        trial: the number of the trial.
        model: the Keras model: raw features in, logits or the target in its own unit out.
        signature: its columns, and what it predicts.
    """

    label: str
    trial: int
    model: Any
    signature: Signature

    def predict(self, rows: "pd.DataFrame | Array | Sequence[Sequence[float]]") -> pd.DataFrame:
        """Return what the model predicts for raw rows.

        Args:
            rows: a DataFrame, whose columns are found by name in any order while others are
                ignored; or numbers of shape (rows, features).

        Returns:
            A row for each, with the index of ``rows``. A column called as the target holds the
            predicted class, and a column ``probability_CLASS`` the probability of each; or it
            holds the predicted number in the dataset's own unit.

        Raises:
            PredictionError: a column is missing, or a value is not a finite number.
        """
        inputs = self.signature.inputs(rows)
        units = len(self.signature.classes) or 1
        outputs = np.zeros((0, units))
        if len(inputs):
            predicted = self.model.predict(inputs, batch_size=BATCH, verbose=0)
            outputs = np.asarray(predicted, np.float64).reshape(len(inputs), units)
        return self.signature.predictions(
            outputs, rows.index if isinstance(rows, pd.DataFrame) else None
        )


def best_trials(path: Path) -> dict[str, int]:
    """Return the number of each label's best trial, the label that came first at the front.

    Args:
        path: the run folder.

    Raises:
        PredictionError: the run has not spent its budget, or no trial ran to its end.
    """
    numbers = best_numbers(read_summary(path))
    if not numbers:
        raise PredictionError(
            "a run must be finished, with a trial that ran to its end, to have best models. "
            f"Received {path}, which has none. Finish it with: "
            f"python -m benchmark.run study --resume {path}"
        )
    ranked = [standing.label for standing in verdict(read_run(path).trials).standings]
    order = dict.fromkeys([*ranked, *numbers])
    return {label: numbers[label] for label in order if label in numbers}


def load_best_model(
    path: Path, label: str | None = None, before_import: Callable[[], None] | None = None
) -> BestModel:
    """Return the best model of a run.

    Args:
        path: the run folder.
        label: of the compared optimizer; by default the one that came first in the run.
        before_import: called before Keras is imported, once all else is checked.

    Raises:
        PredictionError: there is no such label, its model is not there or not readable, or the
            problem is a closed form.
        UntrustedCodeError: the file names code that the run did not record.
    """
    numbers = best_trials(path)
    label = next(iter(numbers)) if label is None else label
    if label not in numbers:
        raise PredictionError(
            f"the label must be one of {', '.join(numbers)}. Received {label!r} for {path}."
            f"{did_you_mean(label, numbers)}"
        )
    number = numbers[label]
    problem = _problem(path, number)
    file = model_file(path, label)
    refuse_link(file.parent)
    refuse_link(file)
    if not file.is_file():
        raise PredictionError(
            f"the best model of {label} must be in the run. Received {path}, which has no file "
            f"{file.relative_to(path)}. Make it again with: "
            f"python -m benchmark.run study --resume {path}"
        )
    signature = signature_of(problem, path)
    _check_classes(file, path)
    if before_import is not None:
        before_import()
    return BestModel(label, number, _loaded(file, path), signature)


def _problem(path: Path, number: int) -> DatasetProblem:
    problems = (r.trial.problem for r, _ in read_records(path) if r.trial.number == number)
    for problem in problems:
        if isinstance(problem, DatasetProblem):
            return problem
        raise PredictionError(
            f"only a run on a dataset has models that predict. Received {path}, which trains on "
            f"the function {problem.function}. Name another run."
        )
    raise PredictionError(
        f"the record of a best trial must be in the run. Received {path}, where that of trial "
        f"{number} is gone. Train it again with: python -m benchmark.run study --resume {path}"
    )


def _check_classes(file: Path, path: Path) -> None:
    """Refuse a file that would have Keras import code which the run did not record."""
    try:
        with ZipFile(file) as archive:
            configuration = json.loads(archive.read("config.json"))
    except (BadZipFile, KeyError, OSError, ValueError) as error:
        raise _unreadable(file, path, error) from None
    for name in dict.fromkeys(_classes(configuration)):
        check_permission(name)


def _loaded(file: Path, path: Path) -> Any:
    import keras

    try:
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except (Exception, SystemExit) as error:  # whatever the file holds
        raise _unreadable(file, path, error) from None
    if not isinstance(model, keras.Model):
        raise _unreadable(file, path, TypeError(f"a {type(model).__name__}"))
    return model


def _unreadable(file: Path, path: Path, error: BaseException) -> PredictionError:
    return PredictionError(
        f"the best model must be a file that Keras can load. Received {file}: "
        f"{failure_reason(error)}. Delete the file, and make it again with: "
        f"python -m benchmark.run study --resume {path}"
    )


def _classes(configuration: Any) -> Iterator[str]:
    """The classes that Keras would import and that are not its own, as ``module:Class``."""
    if isinstance(configuration, dict):
        module = configuration.get("module")
        if isinstance(module, str) and module.split(".")[0] not in ("keras", "builtins"):
            yield f"{module}:{configuration.get('class_name')}"
        for value in configuration.values():
            yield from _classes(value)
    elif isinstance(configuration, list):
        for value in configuration:
            yield from _classes(value)
