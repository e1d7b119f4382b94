"""What the command ``init`` does: a commented study of a dataset as a file."""

import re
from pathlib import Path, PurePath

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

    file = request.output or FOLDER / f"{_name(request.dataset)}.toml"
    _check(file)
    check_target(request.dataset, request.target)
    known = catalogue(before_import=lambda: select_backend(None))
    new = first_study(
        request.dataset,
        request.optimizers or OPTIMIZERS,
        file.stem,
        known,
        request.target,
        request.ignore or (),
    )
    check_data(new.study, say)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, new.text)
    say(f"{file} compares {', '.join(entry.label for entry in new.study.compare)}. Next:")
    say(f"  {command('validate', file)}\n  {command('study', file)}")


def _name(dataset: str) -> str:
    """The name of a dataset without folder and endings, fit for a study."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", PurePath(dataset).name.split(".")[0])
    return name.lstrip("_-") or "first"


def check_target(dataset: str, target: str | None) -> None:
    """Refuse a file without a target in the words of the command.

    Args:
        dataset: a file, or the name of a card.
        target: the column to predict.

    Raises:
        UserError: a file has none.
    """
    from benchmark.data.files import format_of, names_of, read_frame

    path = Path(dataset)
    kind = format_of(dataset)
    if target is not None or kind in ("", "npz") or not path.is_file():
        return
    columns = list(read_frame(path).columns)
    raise UserError(
        f"--target must be the column to predict, one of {names_of(columns)}. "
        f"Received nothing for {path}. Write for instance --target {columns[-1]}."
    )


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
