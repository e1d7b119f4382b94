"""Compare the speed of this project with other programs: ``python -m speed``."""

import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as RichTable
from rich.text import Text

from benchmark.commands.interruption import Interruption
from benchmark.commands.options import JsonOption
from benchmark.commands.sections import check_output
from benchmark.commands.terminal import (
    bad_input,
    terminal,
    user_errors,
    warn,
)
from benchmark.errors import UserError
from speed import children, machine, rows
from speed.page import Record, write_page

DONE, FAILED, INTERRUPTED = 0, 1, 130
PROFILED = ["vectorized/digits_mlp/tensorflow", "whole_study", "overhead"]
app = typer.Typer(add_completion=False)


@app.command(
    epilog="Examples:  python -m speed  |  python -m speed --only whole_study  |  "
    "python -m speed --gpu  |  python -m speed --optimizers --output docs/optimizers.md"
)
def speed(
    quick: Annotated[
        bool, typer.Option("--quick", help="Few trials, a few minutes; the default.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="The sizes that the targets are stated for.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A group of measurements or one of them; repeatable."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a page in Markdown, and a figure beside it; on a quiet machine only.",
        ),
    ] = None,
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Trials per second on a GPU instead, on JAX.")
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Only where the time of a trial goes.")
    ] = False,
    curvature: Annotated[
        bool, typer.Option("--curvature", help="Hessians beside PyHessian and curvlinops instead.")
    ] = False,
    optimizers: Annotated[
        bool,
        typer.Option("--optimizers", help="Only the step of each optimizer, against plain SGD."),
    ] = False,
    capacity: Annotated[
        int | None, typer.Option(min=1, help="How many trials ours trains at once.")
    ] = None,
    any_device: Annotated[
        bool, typer.Option("--any-device", hidden=True, help="Let a CPU do for --gpu.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast this is beside what people use instead, on this machine."""
    if quick and full:
        bad_input("--quick and --full exclude each other. Received both. Leave one out.")
    kinds = {
        "--gpu": gpu,
        "--profile": profile,
        "--curvature": curvature,
        "--optimizers": optimizers,
    }
    chosen = [name for name, is_set in kinds.items() if is_set]
    if len(chosen) > 1:
        bad_input(f"{' and '.join(chosen[:2])} exclude each other. Received both. Leave one out.")
    is_full = full or (gpu and not quick)
    with user_errors():
        if only and chosen and chosen != ["--curvature"]:
            raise UserError(
                "--gpu, --profile and --optimizers choose what is measured. Received --only "
                "besides. Leave one out."
            )
        if gpu:
            wanted = rows.accelerator_rows(is_full=is_full, any_device=any_device)
        elif optimizers:
            wanted = rows.optimizer_rows()
        elif curvature:
            wanted = rows.chosen_rows(rows.curvature_rows(is_full=is_full), only or [])
        else:
            names = PROFILED if profile else only or []
            wanted = rows.chosen_rows(rows.training_rows(is_full=is_full, capacity=capacity), names)
        code = _run(wanted, output, is_full=is_full, as_json=as_json, only_profile=profile)
    raise typer.Exit(code)


def _run(
    wanted: list[rows.Row], output: Path | None, *, is_full: bool, as_json: bool, only_profile: bool
) -> int:
    """Measure, show and write; return the exit code."""
    check_output(output)
    started, facts = time.monotonic(), machine.machine()
    busy = machine.busy(facts)
    if busy and output is not None:
        raise UserError(
            f"a page must be measured on a quiet machine. Received {busy} at --output. "
            "End other programs and try again after a minute, or leave out --output."
        )
    if busy:
        warn(f"Other programs keep the machine busy: {busy}. Do not rely on this run.")

    def began(index: int, row: rows.Row) -> None:
        warn(f"{index + 1}/{len(wanted)} {row.title}")

    with Interruption() as interruption:
        measured, is_finished = children.measure_rows(wanted, began, lambda: interruption.requested)
    if refused := measured.get("accelerator"):
        raise UserError(refused.missing)
    command = shlex.join(["python", "-m", "speed", *sys.argv[1:]])
    seconds = time.monotonic() - started
    record = Record(facts, command, is_full, is_finished, measured, seconds)
    if as_json:
        from benchmark.commands.views import print_json

        print_json(record.document())
    else:
        _show(record, only_profile=only_profile)
    return _end(record, output)


def _show(record: Record, *, only_profile: bool) -> None:
    """Print the tables, that of the targets last."""
    tables = record.tables()
    for table in sorted(tables, key=lambda table: table.title == "The targets"):
        if only_profile and table.title != "Where the time goes":
            continue
        shown = RichTable(title=table.title, title_justify="left", title_style="bold")
        for column in table.columns:
            shown.add_column(column, overflow="fold")
        for row in table.rows:
            shown.add_row(*(Text(cell) for cell in row))
        terminal().print(shown)


def _end(record: Record, output: Path | None) -> int:
    if not record.is_finished:
        warn("Interrupted; what was measured before is shown.")
    if output is not None and not record.is_finished and output.exists():
        warn(f"{output} stays as it was.")
    elif output is not None:
        for path in write_page(output, record):
            warn(f"written: {path}")
    if not record.is_finished:
        return INTERRUPTED
    failed = [m for m in record.measured.values() if m.missing.startswith("failed")]
    for measurement in failed:
        warn(f"{measurement.name} {measurement.missing}")
    return FAILED if failed else DONE


if __name__ == "__main__":
    app(prog_name="python -m speed")
