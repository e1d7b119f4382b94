"""Compare the speed of this project with other programs: ``python -m speed``."""

import shlex
import signal
import sys
import time
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from benchmark.commands.options import JsonOption
from benchmark.commands.sections import check_output
from benchmark.commands.terminal import terminal, user_errors, warn
from benchmark.errors import UserError
from speed import children, machine, rows
from speed.page import Record, page, write_page

DONE, FAILED, INTERRUPTED = 0, 1, 130


class Kind(StrEnum):
    """What can be measured, each for a page of its own."""

    TRAINING = "training"
    CURVATURE = "curvature"
    OPTIMIZERS = "optimizers"
    ACCELERATOR = "accelerator"


app = typer.Typer(add_completion=False)


@app.command(
    epilog="Examples:  python -m speed  |  python -m speed --only whole_study  |  "
    "python -m speed curvature --full  |  python -m speed optimizers --output docs/optimizers.md"
)
def speed(
    kind: Annotated[Kind, typer.Argument(help="What is measured.")] = Kind.TRAINING,
    full: Annotated[
        bool, typer.Option("--full/--quick", help="The sizes of the targets, or a few minutes.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A group of measurements or one of them; repeatable."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page in Markdown; on a quiet machine only."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast this is beside what people use instead, on this machine."""
    with user_errors():
        wanted = rows.chosen_rows(rows.rows_of(kind, is_full=full), only or [])
        check_output(output)
        facts = machine.machine()
        if busy := machine.busy(facts):
            if output is not None:
                raise UserError(
                    f"a page must be measured on a quiet machine. Received {busy} at --output. "
                    "End other programs and try again after a minute, or leave out --output."
                )
            warn(f"Other programs keep the machine busy: {busy}. Do not rely on this run.")
        started = time.monotonic()
        signal.signal(signal.SIGTERM, signal.default_int_handler)

        def began(index: int, row: rows.Row) -> None:
            passed = time.monotonic() - started
            warn(f"{index + 1}/{len(wanted)} {row.name} (after {passed:.0f} s)")

        measured, is_finished = children.measure_rows(wanted, began)
        command = shlex.join(["python", "-m", "speed", *sys.argv[1:]])
        seconds = time.monotonic() - started
        record = Record(kind, facts, command, full, is_finished, measured, seconds)
        _show(record, as_json=as_json)
        raise typer.Exit(_end(record, output))


def _show(record: Record, *, as_json: bool) -> None:
    """Print the tables, or all that was measured as JSON."""
    if as_json:
        from benchmark.commands.views import print_json

        print_json(asdict(record))
    else:
        terminal().print(Markdown(page(record)))


def _end(record: Record, output: Path | None) -> int:
    """Write the page of a run that was finished, and return the exit code."""
    if not record.is_finished:
        page_too = f"; {output} stays as it was" if output else ""
        warn(f"Interrupted; what was measured before is shown{page_too}.")
        return INTERRUPTED
    if output:
        write_page(output, record)
        warn(f"written: {output}")
    failed = [m for m in record.measured.values() if m.missing.startswith("failed")]
    for measurement in failed:
        warn(f"{measurement.name} {measurement.missing}")
    return FAILED if failed else DONE


if __name__ == "__main__":
    app(prog_name="python -m speed")
