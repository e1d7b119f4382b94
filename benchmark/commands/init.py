"""What the command ``init`` does: a commented study of a dataset as a file."""

from pathlib import Path

from benchmark.commands.backends import select_backend
from benchmark.commands.file_requests import InitRequest
from benchmark.commands.terminal import command, say
from benchmark.errors import UserError
from benchmark.results.files import write_text

FOLDER = Path("studies")
"""Where ``study`` finds a study by its name."""


def run_init(request: InitRequest) -> None:
    """Write the study file and print how to go on.

    Raises:
        UserError: something that the user can fix.
    """
    from benchmark.study.catalogue import catalogue
    from benchmark.study.data import check_data
    from benchmark.study.first import OPTIMIZERS, first_study

    file = request.output or FOLDER / f"{request.dataset}.toml"
    _check(file)
    known = catalogue(before_import=lambda: select_backend(None))
    new = first_study(request.dataset, request.optimizers or OPTIMIZERS, file.stem, known)
    check_data(new.study, say)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, new.text)
    say(f"{file} compares {', '.join(entry.label for entry in new.study.compare)}. Next:")
    say(f"  {command('validate', file)}\n  {command('study', file)}")


def _check(file: Path) -> None:
    if file.suffix != ".toml":
        raise UserError(
            f"--output must end in .toml. Received {file}. Write for instance studies/first.toml."
        )
    if file.exists():
        raise UserError(
            f"the study file must be new. Received {file}, which exists. "
            "Name another by --output, or delete it."
        )
