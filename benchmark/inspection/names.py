"""Finding what was named, before any framework is imported."""

from pathlib import Path
from zipfile import is_zipfile

from benchmark.inspection.settings import InspectionError
from benchmark.results import read_records
from benchmark.trial import Status, TrialResult

SUFFIXES = (".keras", ".h5")


def recorded_trial(path: Path, number: int | None) -> TrialResult:
    """Return the record of a trial.

    Args:
        path: the run folder.
        number: the trial; by default the best usable one of the search, whose weights a run
            keeps, or of all where the search has none.

    Raises:
        InspectionError: there is no such trial, or it was never trained.
    """
    results = {result.trial.number: result for result, _ in read_records(path)}
    name = f"{path.resolve().parent.name}/{path.resolve().name}"
    usable = [result for result in results.values() if result.status.is_usable]
    if number is None:
        if not usable:
            raise InspectionError(
                f"a run must have a trial that ran to its end. Received {name}, which has none. "
                "Name one of its other trials by --trial."
            )
        usable = [one for one in usable if one.trial.phase == "search"] or usable
        sign = 1 if usable[0].trial.direction == "minimize" else -1
        return min(usable, key=lambda result: sign * result.objective)
    if number not in results:
        shown = f"0 to {max(results)}" if results else "none"
        raise InspectionError(
            f"--trial must be a finished trial of the run. Received {number}; {name} has {shown}. "
            f"`show {name}` lists the best ones."
        )
    found = results[number]
    if found.status is Status.FAILED:
        raise InspectionError(
            f"the trial must have been trained. Received trial {number} of {name}, which failed: "
            f"{found.reason}. Name another one."
        )
    return found


def check_model_file(file: Path) -> None:
    """Refuse what cannot be a saved model.

    Raises:
        InspectionError: there is no such file, or its name has another end.
    """
    if not file.is_file():
        raise InspectionError(
            f"--model must be a file that model.save wrote. Received {file}, which is not there."
        )
    if file.suffix == ".keras" and not is_zipfile(file):
        # Keras would say that the file cannot be found.
        raise InspectionError(
            f"--model must be a file that model.save wrote. Received {file}, which is no archive "
            "as .keras files are. Save the model again."
        )
    if file.suffix not in SUFFIXES:
        raise InspectionError(
            f"--model must end in {' or '.join(SUFFIXES)}. Received {file}. "
            "Save it as model.save('model.keras')."
        )
