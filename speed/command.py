"""What the command ``speed`` does, from its options to its exit code."""

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table as RichTable
from rich.text import Text

from benchmark.commands.interruption import Interruption
from benchmark.commands.progress import counting_bar
from benchmark.commands.sections import check_output
from benchmark.commands.terminal import terminal, warn
from benchmark.errors import UserError

if TYPE_CHECKING:
    from speed.plan import Task
    from speed.record import Record
    from speed.tables import Table

DONE, FAILED, INTERRUPTED = 0, 1, 130


@dataclass(frozen=True, slots=True)
class SpeedRequest:
    """What the user asked for.

    Args:
        full: the sizes that the targets are stated for, instead of small ones.
        only: groups or names of measurements; none means all.
        output: the Markdown file to write, with a figure beside it.
        as_json: print one JSON document.
        gpu: measure an accelerator instead.
        any_device: let a CPU do for that.
        profile: measure only what shows where the time goes.
        optimizers: measure only the step of each optimizer.
        capacity: trials at once in ours.
        curvature: measure Hessians instead.
    """

    full: bool
    only: Sequence[str]
    output: Path | None
    as_json: bool
    gpu: bool
    any_device: bool
    profile: bool
    optimizers: bool
    capacity: int | None
    curvature: bool = False


def run_speed(request: SpeedRequest) -> int:
    """Measure, show and write; return the exit code.

    Args:
        request: what the user asked for.

    Raises:
        UserError: something that the user can fix.
    """
    from speed.machine import machine
    from speed.record import Record
    from speed.runner import run_tasks

    check_output(request.output)
    tasks = _tasks(request)
    started, here = time.monotonic(), machine()
    with Interruption() as interruption, counting_bar(len(tasks), "") as show:

        def began(index: int, task: "Task") -> None:
            show(index, task.title, f"{index + 1}/{len(tasks)} {task.title}")

        measured, finished = run_tasks(tasks, began, lambda: interruption.requested)
    if request.gpu and (refused := measured.get("accelerator")):
        raise UserError(refused.missing)
    record = Record(
        machine=here,
        command=shlex.join(["python", "-m", "speed", *sys.argv[1:]]),
        is_full=request.full,
        is_finished=finished,
        measured=measured,
        seconds=time.monotonic() - started,
    )
    _show(record, request)
    return _end(record, request)


def _end(record: "Record", request: SpeedRequest) -> int:
    output = request.output
    if not record.is_finished:
        warn("Interrupted; what was measured before is shown.")
    if output is not None and not record.is_finished and output.exists():
        warn(f"{output} stays as it was.")
    elif output is not None:
        for path in _written(output, record, request):
            warn(f"written: {path}")
    if not record.is_finished:
        return INTERRUPTED
    failed = [one for one in record.measured.values() if one.missing.startswith("failed")]
    for one in failed:
        warn(f"{one.name} {one.missing}")
    return FAILED if failed else DONE


def _written(output: Path, record: "Record", request: SpeedRequest) -> list[Path]:
    if not request.optimizers:
        from speed.page import write_page

        return write_page(output, record)
    from benchmark.commands.sections import write_section
    from speed.optimizer_cost import cost_section

    write_section(output, "cost", cost_section(record))
    return [output]


def _tasks(request: SpeedRequest) -> "list[Task]":
    from speed.accelerator import CAPACITIES
    from speed.plan import (
        FULL,
        QUICK,
        accelerator_task,
        chosen_tasks,
        optimizer_tasks,
        tasks,
    )

    if (request.gpu or request.profile or request.optimizers) and request.only:
        raise UserError(
            "--gpu, --profile and --optimizers choose what is measured. Received --only besides. "
            "Leave one out."
        )
    if request.optimizers:
        return optimizer_tasks()
    if request.gpu:
        capacities = CAPACITIES if request.full else CAPACITIES[:4]
        return [accelerator_task(any_device=request.any_device, capacities=capacities, trials=32)]
    if request.curvature:
        from speed.curvature import tasks as curvature

        sizes = curvature.FULL if request.full else curvature.QUICK
        return chosen_tasks(curvature.curvature_tasks(sizes), request.only)
    found = tasks(FULL if request.full else QUICK, request.capacity)
    if request.profile:
        return chosen_tasks(found, ["vectorized/digits_mlp/tensorflow", "whole_study", "overhead"])
    return chosen_tasks(found, request.only)


def _show(record: "Record", request: SpeedRequest) -> None:
    from speed.optimizer_cost import optimizer_table
    from speed.tables import (
        accelerator_table,
        cost_table,
        profile_table,
        share_table,
        target_table,
    )

    if request.as_json:
        from benchmark.commands.views import print_json

        print_json(record.document())
        return
    measured = record.measured
    if request.optimizers:
        shown = [optimizer_table(measured)]
    elif request.gpu:
        shown = [accelerator_table(measured)]
    elif request.profile:
        shown = [profile_table(measured)]
    elif request.curvature:
        from speed.curvature.targets import curvature_table

        verdicts = target_table(record.verdicts, is_full=request.full)
        shown = [curvature_table(measured), verdicts]
    else:
        shown = [
            cost_table(measured),
            share_table(measured),
            profile_table(measured),
            target_table(record.verdicts, is_full=request.full),
        ]
    console = terminal()
    for table in shown:
        if table.rows:
            console.print(_rich(table))


def _rich(table: "Table") -> RichTable:
    found = RichTable(title=table.title, title_justify="left", title_style="bold")
    for column in table.columns:
        found.add_column(column, overflow="fold")
    for row in table.rows:
        found.add_row(*(Text(cell) for cell in row))
    return found
