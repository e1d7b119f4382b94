"""What the command ``export`` does: the tables of a run as files."""

from pathlib import Path

from benchmark.commands.file_requests import ExportKind, ExportRequest
from benchmark.commands.runs import opened_run
from benchmark.commands.terminal import say, warn
from benchmark.errors import UserError
from benchmark.results.files import subfolder

FOLDER = "export"
"""Where in the run folder the files go by default."""


def run_export(request: ExportRequest) -> None:
    """Write the tables and print the names of the files.

    Raises:
        UserError: something that the user can fix.
    """
    from benchmark.commands.views import completeness

    with opened_run(request.results, request.run, trust=request.trust) as path:
        folder = subfolder(path, FOLDER) if request.output is None else _folder(request.output)
        if request.kind is ExportKind.LATEX:
            from benchmark.report import write_tables

            files = write_tables(path, "latex", folder)
        else:
            from benchmark.results.exporting import export_tables

            files = export_tables(path, request.kind.value, folder)
        for file in files:
            say(file)
        if lacking := completeness(path):
            warn(f"The run {path} is {lacking}")


def _folder(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise UserError(
            f"--output must be a folder. Received {path}, which is a file. Name another."
        )
    path.mkdir(parents=True, exist_ok=True)
    return path
