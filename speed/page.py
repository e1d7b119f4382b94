"""The pages below ``docs/``: written anew by each run, but for what stands below a marker."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.commands.sections import write_section
from speed.measurement import Measured
from speed.tables import Table, tables_of

MARKER = "<!-- Below this line the page is written by hand; the command keeps it. -->"
BY_HAND = "## What was tried and did not help\n\nNothing is noted yet.\n"
TITLES = {
    "training": "Speed",
    "curvature": "The speed of curvature",
    "optimizers": "The speed of optimizers",
    "accelerator": "The speed on a GPU",
}
HEAD = """# {title}

Written by `{command}`, a {sizes} run of {minutes:.0f} minutes. Ratios hold between rows of this
run; absolute times are this machine's.

| | |
|---|---|
| date | {date} |
| commit | {commit} |
| processor | {processor}, {cores} cores |
| memory | {memory_gibibytes} GiB |
| platform | {platform} |
| versions | Python {python}, {versions} |
"""


@dataclass(frozen=True, slots=True)
class Record:
    """What a run of a kind measured, where, by which command, and in how many seconds."""

    kind: str
    machine: Mapping[str, Any]
    command: str
    is_full: bool
    is_finished: bool
    measured: Measured
    seconds: float

    def tables(self) -> list[Table]:
        """The tables of the run."""
        return tables_of(self.measured, is_full=self.is_full)


def write_page(path: Path, record: Record) -> None:
    """Write the page; of optimizers, a part of a page."""
    if record.kind == "optimizers":
        write_section(path, "cost", cost_section(record))
        return
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    below = before.partition(MARKER)[2].lstrip("\n") or BY_HAND
    path.write_text(f"{page(record)}\n{MARKER}\n\n{below}", encoding="utf-8")


def _facts(record: Record) -> dict[str, Any]:
    versions = ", ".join(f"{k} {v}" for k, v in record.machine["versions"].items())
    return {**record.machine, "command": record.command, "versions": versions}


def page(record: Record) -> str:
    """Write the generated part of the page."""
    sizes, minutes = "full" if record.is_full else "quick", record.seconds / 60
    head = HEAD.format(title=TITLES[record.kind], sizes=sizes, minutes=minutes, **_facts(record))
    tables = [f"## {table.title}\n\n{table.markdown()}\n" for table in record.tables()]
    return "\n".join([head, *tables])


def cost_section(record: Record) -> str:
    """Write the part of ``docs/optimizers.md`` that holds the table."""
    form = "## Cost\n\nWritten by `{command}` on {date}: {processor}, {cores} cores, {versions}.\n"
    tables = [table.markdown() for table in record.tables()]
    missing = [f"\n{m.title}: {m.missing}" for m in record.measured.values() if m.missing]
    return "\n".join([form.format(**_facts(record)), *tables, *missing])
