"""A finished trial as one line of JSON, and back to the same frozen values."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.data_source import DataSource
from benchmark.errors import UserError
from benchmark.results.checking import check_fields
from benchmark.results.files import parse_json
from benchmark.trial import (
    ClosedFormProblem,
    CurvatureRequest,
    DatasetProblem,
    Problem,
    Report,
    Settings,
    Status,
    Trial,
    TrialResult,
)

FILE = "records.jsonl"
Record = tuple[TrialResult, list[Report]]


class DamagedRecordsError(UserError, ValueError):
    """A line of ``records.jsonl`` cannot be read, and was not torn by a kill."""


class _NoRecordError(ValueError):
    """A whole line of JSON that is not the record of a trial."""


def encode(result: TrialResult, reports: Sequence[Report]) -> bytes:
    r"""Return a trial's line, its line end included; weights are left out.

    Floats are written with the shortest digits that give the same float back;
    NaN and the infinities as ``NaN``, ``Infinity`` and ``-Infinity``, which
    Python's :mod:`json` writes and reads although strict JSON has no word for them.

    Args:
        result: how the trial ended.
        reports: what the engine reported of it, in order of epochs.
    """
    content = {"result": _plain(result), "reports": [_plain(report) for report in reports]}
    return _JSON.encode(content).encode() + b"\n"


def decode(line: bytes) -> Record:
    """Return the frozen values of one line.

    Args:
        line: what :func:`encode` returned.

    Raises:
        ValueError: the line is torn or no record.
    """
    content = parse_json(line)
    if not isinstance(content, dict) or "result" not in content:
        raise ValueError("the line holds no result")
    try:
        return _checked(*_values(content))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise _NoRecordError(reason) from error


def _values(content: dict[str, Any]) -> Record:
    result = content["result"]
    record = TrialResult(
        **{
            **result,
            "trial": _trial(result["trial"]),
            "status": Status(result["status"]),
            "metrics": Settings(result["metrics"]),
            "seconds": Settings(result["seconds"]),
        }
    )
    return record, [_report(report) for report in content["reports"]]


def _checked(result: TrialResult, reports: list[Report]) -> Record:
    """Return a record whose values are of the right types and belong together."""
    check_fields(result, "result")
    if not result.status.is_final:
        raise ValueError(f"result.status must be final. Received {result.status.value!r}")
    if result.objective != result.objective:
        raise ValueError("result.objective must be a number or an infinity. Received NaN")
    for report in reports:
        check_fields(report, "report")
        if not all(map(math.isfinite, report.spectrum)):
            raise ValueError("report.spectrum must be finite numbers. Received others")
        if report.trial_number != result.trial.number:
            raise ValueError(
                f"report.trial_number must be {result.trial.number}, that of the result. "
                f"Received {report.trial_number}"
            )
    return result, reports


def read_lines(path: Path) -> Iterator[tuple[int, Record]]:
    """Yield each whole record of a file with the offset in bytes of its end.

    A torn last line, left by a process killed while it wrote, is skipped.

    Args:
        path: a ``records.jsonl``; one that is not there has no records.

    Raises:
        DamagedRecordsError: a line that is not the last is no record, or the last one is a
            record with other values than the program writes, or a trial is recorded twice.
    """
    if not path.exists():
        return
    end = 0
    numbers: set[int] = set()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            end += len(line)
            try:
                if not line.endswith(b"\n"):
                    return
                record = decode(line)
                trial = record[0].trial.number
                if trial in numbers:
                    raise _NoRecordError(f"trial {trial} is on an earlier line too")
            except ValueError as error:
                # What a kill leaves is no whole record.
                if not isinstance(error, _NoRecordError) and not file.peek(1):
                    return
                raise DamagedRecordsError(
                    f"each line of {FILE} must be a trial's record. Received {line[:60]!r} "
                    f"({error}) at line {number} of {path}. Delete that line to keep the others."
                ) from error
            numbers.add(trial)
            yield end, record


def _plain(value: Any) -> Any:
    """Turn a frozen value into what JSON can hold, the values of mappings left as they are."""
    if isinstance(value, Settings):
        return dict(value.items())
    if not is_dataclass(value) or isinstance(value, type):
        return value
    plain = {name: _plain(getattr(value, name)) for name in _field_names(type(value))}
    if isinstance(value, DatasetProblem | ClosedFormProblem):
        plain["kind"] = type(value).__name__
        if plain.get("source", plain) is None:  # a card, as in runs of earlier releases
            del plain["source"]
    return plain


@cache
def _field_names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(item.name for item in fields(kind) if item.name != "weights")


def _odd(value: Any) -> Any:
    """Turn a value that :mod:`json` does not know into one that it does."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):  # a NumPy scalar
        return value.item()
    raise TypeError(f"a record must hold plain values. Received {value!r}.")


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_odd)


def _trial(plain: dict[str, Any]) -> Trial:
    settings = ("model_options", "hyperparameters", "options")
    curvature = dict(plain["curvature"])
    if "tracked_epochs" in curvature:  # its name until curvature monitoring was called that
        curvature["monitored_epochs"] = curvature.pop("tracked_epochs")
    return Trial(
        **{
            **plain,
            **{name: Settings(plain[name]) for name in settings},
            "problem": _problem(plain["problem"]),
            "evaluation_epochs": _epochs(plain.get("evaluation_epochs")),
            "curvature": CurvatureRequest(
                **{
                    **curvature,
                    "epochs": tuple(curvature["epochs"]),
                    "monitored_epochs": tuple(curvature.get("monitored_epochs", ())),
                    "gradient_norm_epochs": _epochs(curvature.get("gradient_norm_epochs")),
                },
            ),
        }
    )


def _epochs(plain: list[int] | None) -> tuple[int, ...] | None:
    return None if plain is None else tuple(plain)


def _problem(plain: dict[str, Any]) -> Problem:
    content = {key: value for key, value in plain.items() if key != "kind"}
    if plain["kind"] == ClosedFormProblem.__name__:
        return ClosedFormProblem(content["function"], Settings(content["options"]))
    source = content.get("source")
    return DatasetProblem(
        **{
            **content,
            "fractions": tuple(content["fractions"]),
            "source": None if source is None else _source(source),
        }
    )


def _source(plain: dict[str, Any]) -> DataSource:
    lists = {name: tuple(plain[name]) for name in ("features", "ignore", "categorical")}
    return DataSource(**{**plain, **lists})


def _report(plain: dict[str, Any]) -> Report:
    return Report(
        **{
            **plain,
            "metrics": Settings(plain["metrics"]),
            "curvature": Settings(plain["curvature"]),
            "status": Status(plain["status"]),
            "spectrum": tuple(plain["spectrum"]),
            "findings": Settings(plain.get("findings", {})),  # runs of earlier releases have none
        }
    )
