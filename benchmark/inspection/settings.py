"""What to measure at a point, and how the named trial or model is found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zipfile import is_zipfile

from benchmark.errors import UserError
from benchmark.results import read_records
from benchmark.trial import Status, TrialResult

Matrix = Literal["hessian", "gauss_newton"]
Part = Literal["train", "validation", "test"]
MATRICES = {"hessian": "Hessian", "gauss_newton": "Gauss-Newton matrix"}
"""The names of the matrices in sentences."""


class InspectionError(UserError, ValueError):
    """The named trial or model cannot be examined."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured, and how much.

    Args:
        matrix: ``"hessian"`` or ``"gauss_newton"``.
        part: the part of the dataset.
        samples: examples drawn from it, 0 for all.
        eigenvalues: how many at the upper end, ≥ 2; half as many at the lower end.
        exact_limit: the most parameters whose full matrix is formed.
        lanczos_steps: products of the diagnosis above that limit.
        density: whether the density is estimated.
        trajectory: whether a trial is trained again for its trajectory.
        epochs: at how many epochs of the trajectory curvature is measured, on a logarithmic
            scale; 0 for none.
        grid: points along each side of the plane, 0 for no plane.
        seed: seed of the drawn examples and of all random vectors.
    """

    matrix: Matrix = "hessian"
    part: Part = "train"
    samples: int = 0
    eigenvalues: int = 10
    exact_limit: int = 1000
    lanczos_steps: int = 40
    density: bool = True
    trajectory: bool = True
    epochs: int = 8
    grid: int = 41
    seed: int = 0

    def wants_exact(self, size: int) -> bool:
        """Return whether all eigenvalues are asked for, given the number of parameters.

        A matrix with fewer columns than Lanczos' method takes products costs no more than it.

        Args:
            size: the number of parameters.
        """
        return size <= max(self.exact_limit, self.lanczos_steps)


SUFFIXES = (".keras", ".h5")


def recorded_trial(path: Path, number: int | None) -> TrialResult:
    """Return the record of a trial.

    Args:
        path: the run folder.
        number: the number of the trial. By default the best usable one of the search, whose
            weights a run keeps, or of all trials if the search has none.

    Raises:
        InspectionError: there is no such trial, or it was not trained.
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
        usable = [result for result in usable if result.trial.phase == "search"] or usable
        sign = 1 if usable[0].trial.direction == "minimize" else -1
        return min(usable, key=lambda result: sign * result.objective)
    if number not in results:
        shown = f"0 to {max(results)}" if results else "none"
        raise InspectionError(
            f"--trial must be a finished trial of the run. Received {number}; {name} has {shown}. "
            f"`show {name}` lists the best ones."
        )
    result = results[number]
    if result.status is Status.FAILED:
        raise InspectionError(
            f"the trial must have been trained. Received trial {number} of {name}, which failed: "
            f"{result.reason}. Name another one."
        )
    return result


def check_model_file(file: Path) -> None:
    """Refuse a file that cannot be a saved model.

    Raises:
        InspectionError: there is no such file, or its name has a different ending.
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
