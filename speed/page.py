"""The pages below ``docs/``: written anew by each run, but for what stands below a marker."""

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.commands.sections import write_section
from speed.measurement import Measured
from speed.tables import (
    Table,
    accelerator_table,
    cost_table,
    curvature_table,
    optimizer_table,
    profile_table,
    share_table,
    target_table,
)
from speed.targets import is_of_curvature, verdicts

MARKER = "<!-- Below this line the page is written by hand; the command keeps it. -->"
BY_HAND = "## What was tried and did not help\n\nNothing is noted yet.\n"


@dataclass(frozen=True, slots=True)
class Record:
    """What a run measured.

    Args:
        machine: as :func:`speed.machine.machine` described it.
        command: the command line.
        is_full: whether the sizes were those that the targets are stated for.
        is_finished: whether everything asked for was measured.
        measured: measurements by name.
        seconds: the run took.
    """

    machine: Mapping[str, Any]
    command: str
    is_full: bool
    is_finished: bool
    measured: Measured
    seconds: float

    def document(self) -> dict[str, Any]:
        """The run as plain values for JSON."""
        return {
            "machine": dict(self.machine),
            "command": self.command,
            "sizes": "full" if self.is_full else "quick",
            "finished": self.is_finished,
            "seconds": self.seconds,
            "measurements": [measurement.document() for measurement in self.measured.values()],
            "targets": [verdict.document() for verdict in verdicts(self.measured)],
        }

    def tables(self) -> list[Table]:
        """The tables of the run, those without rows left out."""
        measured = self.measured
        names = "".join(measured)
        targets = target_table(verdicts(measured), is_full=self.is_full)
        if names.startswith("accelerator"):
            tables = [accelerator_table(measured)]
        elif names.startswith("optimizers"):
            tables = [optimizer_table(measured)]
        elif is_of_curvature(measured):
            tables = [targets, curvature_table(measured)]
        else:
            tables = [targets, cost_table(measured), share_table(measured), profile_table(measured)]
        return [table for table in tables if table.rows]


def write_page(path: Path, record: Record) -> list[Path]:
    """Write the page and its figure, and return the files; of optimizers a part of a page."""
    if any(name.startswith("optimizers") for name in record.measured):
        write_section(path, "cost", cost_section(record))
        return [path]
    figure = path.with_suffix(".svg")
    is_drawn = write_figure(figure, record.measured)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    below = before.partition(MARKER)[2].lstrip("\n") or BY_HAND
    text = page(record, figure.name if is_drawn else None)
    path.write_text(f"{text}\n{MARKER}\n\n{below}", encoding="utf-8")
    return [path, *([figure] if is_drawn else [])]


def page(record: Record, figure: str | None) -> str:
    """Write the generated part of the page, with the name of its figure if there is one."""
    sizes = "full" if record.is_full else "quick"
    interrupted = "" if record.is_finished else " that was interrupted"
    machine = record.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    facts = {
        "processor": f"{machine['processor']}, {machine['cores']} cores",
        "memory": f"{machine['memory_gibibytes']} GiB",
        "platform": machine["platform"],
        "versions": f"Python {machine['python']}, {versions}",
    }
    facts = {"date": machine["date"], "commit": machine["commit"], **facts}
    title = "The speed of curvature" if is_of_curvature(record.measured) else "Speed"
    parts = [
        f"# {title}\n",
        f"Written by `{record.command}`, a {sizes} run of {record.seconds / 60:.0f} minutes"
        f"{interrupted}. Ratios hold between rows of this run; absolute times are this "
        "machine's.\n",
        "\n".join(["| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in facts.items())]) + "\n",
    ]
    for table in record.tables():
        parts.append(f"## {table.title}\n")
        parts.append(f"{table.markdown()}\n")
        if table.title == "The targets" and figure:
            parts.append(f"![Cost of a trial]({figure})\n")
    return "\n".join(parts)


def cost_section(record: Record) -> str:
    """Write the part of ``docs/optimizers.md`` that holds the table."""
    machine = record.machine
    known = ("keras", "tensorflow", "jax")
    versions = ", ".join(f"{n} {v}" for n, v in machine["versions"].items() if n in known)
    missing = [m for m in record.measured.values() if m.missing]
    parts = [
        "## Cost\n",
        f"Written by `{record.command}` on {machine['date']}: {machine['processor']}, "
        f"{machine['cores']} cores, {versions}.\n",
        optimizer_table(record.measured).markdown(),
        *(f"\n{measurement.title}: {measurement.missing}" for measurement in missing),
    ]
    return "\n".join(parts)


def write_figure(path: Path, measured: Measured) -> bool:
    """Draw cost of a trial in each way, and how it grows, as a standalone SVG.

    Returns:
        Whether there was something to draw, and Matplotlib to draw it with.
    """
    bars = [m for name, m in measured.items() if _is_bar(name) and m.spread]
    growing = {"whole study": "growth/", "everything but training": "overhead/"}
    curves = {
        label: sorted(
            (m.facts["trials"], m.spread.median)
            for n, m in measured.items()
            if n.startswith(prefix) and m.spread
        )
        for label, prefix in growing.items()
    }
    if not bars and not any(curves.values()):
        return False
    # Matplotlib logs which fonts it looks for; nobody asked.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with contextlib.suppress(ModuleNotFoundError):
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        with rc_context({"svg.hashsalt": "kappabench", "svg.fonttype": "none"}):
            height = 1.6 + 0.34 * max(len(bars), 6)
            drawing = Figure(figsize=(12, height), layout="constrained")
            FigureCanvasSVG(drawing)
            left, right = drawing.subplots(1, 2, width_ratios=(3, 2))
            _draw_bars(left, bars)
            _draw_growth(right, curves)
            # Without a date, the same measurements give the same file.
            drawing.savefig(path, format="svg", metadata={"Date": None})
        return True
    return False


def _is_bar(name: str) -> bool:
    group, workload, *_ = [*name.split("/"), ""]
    return workload == "digits_mlp" and group not in ("growth", "overhead", "pruning")


def _draw_bars(axes: Any, bars: list[Any]) -> None:
    bars = sorted(bars, key=lambda bar: -bar.spread.median)
    for index, bar in enumerate(bars):
        spread = bar.spread
        ends = [[spread.median - spread.low], [spread.high - spread.median]]
        is_ours = bar.name.split("/")[0] in ("sequential", "vectorized", "whole_study")
        color = "#1f6feb" if is_ours else "#8c8c8c"
        axes.barh(index, spread.median, color=color, xerr=ends, capsize=2)
    titles = [bar.title.replace(", digits MLP 64-64-10", "").replace("ours, ", "") for bar in bars]
    axes.set_yticks(range(len(bars)), titles, fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("seconds a trial (median; whiskers: smallest and largest)")
    axes.set_title("digits MLP 64-64-10, 20 epochs; ours in blue", fontsize=10)
    axes.grid(axis="x", alpha=0.3)


def _draw_growth(axes: Any, curves: Mapping[str, list[tuple[int, float]]]) -> None:
    for label, points in curves.items():
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("trials of the study")
    axes.set_ylabel("seconds a trial")
    axes.set_title("growth", fontsize=10)
    axes.grid(alpha=0.3)
    if any(curves.values()):
        axes.legend(fontsize=8)
