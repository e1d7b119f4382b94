"""The page ``docs/speed.md``: written anew by each run, but for what stands below a marker."""

from pathlib import Path

from speed.curvature.targets import curvature_table, is_of_curvature
from speed.figure import write_figure
from speed.record import Record
from speed.tables import (
    accelerator_table,
    cost_table,
    profile_table,
    share_table,
    target_table,
)

MARKER = "<!-- Below this line the page is written by hand; the command keeps it. -->"
BY_HAND = """## What was tried and did not help

Nothing is noted yet.
"""
RULES = """## How it was measured

Each row was measured in a process of its own, one after another, on the same machine in the
same run. All train the same network in float32 on the same 1078 rows of digits for 20 epochs,
with momentum SGD and, where the batch size is not named, with batches of 16, 32, 64 and 128
in turn. Imports, a first unmeasured piece of work and our compiling are out of the clock; the
compiling is shown. Programs that compile anew in each trial keep that in theirs. Ours evaluates
every trial after each epoch, loss and metric on the whole training and validation part, in the
clock; the norm of the whole gradient is not taken, as in none of the others. Where a row says
"evaluated at start and end", `training.evaluation_epochs = []` is set: MLPClassifier evaluates
nothing between either, and that row is compared with it.
The usual way is measured on few trials and taken to cost the same in each of many.
What is in and out of each clock stands in the modules of `speed/`.

The rate of the machine is a large float32 matrix product on all cores (NumPy). The work of a
trial is counted from its model: 6 floating-point operations for each weight in a matrix and
each sample trained, 2 for each sample evaluated. The target and the first share count training
alone, over a clock that holds the evaluating too; the second share counts both.
"""
CURVATURE_RULES = """## How it was measured

Each row was measured in a process of its own, one after another. All take the Hessian of the mean
cross-entropy of the digits MLP 64-64-10 (ReLU, 4810 parameters) over all 1078 training rows, at
the same trained weights, and find its ten largest eigenvalues to a relative 1e-4. The largest
relative error is against a float64 reference of NumPy and ARPACK alone. In the clock: from bound
weights and data to the eigenvalues. Imports, a first run and our compiling are out of it.
"""
CLOCKS = """The clocks are those of the run's `summary.json`, a trial. Work that runs beside the
training, as MLflow's does, is in none of them: what of it was still to be done stands under
"after the last trial", with the logging of the best model. Where engines compute in the
background the clocks of a trial may add up to more than the wall clock.
"""


def write_page(path: Path, record: Record) -> list[Path]:
    """Write the page and its figure.

    Args:
        path: a Markdown file; what stands below ``MARKER`` in it is kept.
        record: what was measured.

    Returns:
        The files that were written.
    """
    figure = path.with_suffix(".svg")
    drawn = write_figure(figure, record.measured)
    kept = by_hand(path.read_text(encoding="utf-8")) if path.exists() else BY_HAND
    text = page(record, figure.name if drawn else None)
    path.write_text(f"{text}\n{MARKER}\n\n{kept}", encoding="utf-8")
    return [path, *([figure] if drawn else [])]


def by_hand(text: str) -> str:
    r"""Return what stands below the marker of an earlier page.

    Args:
        text: the earlier page.

    Example:
        >>> by_hand("generated\n" + MARKER + "\n\n## Mine\n")
        '## Mine\n'
        >>> by_hand("no marker") == BY_HAND
        True
    """
    _, mark, below = text.partition(MARKER)
    return below.lstrip("\n") if mark else BY_HAND


def page(record: Record, figure: str | None) -> str:
    """Write the generated part of the page.

    Args:
        record: what was measured.
        figure: the figure's file name, or nothing.
    """
    measured = record.measured
    sizes = "full" if record.is_full else "quick"
    parts = [
        "# Speed\n",
        f"Written by `{record.command}`, a {sizes} run of {record.seconds / 60:.0f} minutes"
        + ("" if record.is_finished else " that was interrupted")
        + ". Ratios hold between rows of this run; absolute times are this machine's."
        + _busy(record)
        + "\n",
        _machine(record),
    ]
    if any(name.startswith("accelerator") for name in measured):
        parts += ["## On the accelerator\n", accelerator_table(measured).markdown() + "\n"]
        return "\n".join(parts)
    if is_of_curvature(measured):
        parts += [
            "## The targets\n",
            target_table(record.verdicts, is_full=record.is_full).markdown(),
        ]
        parts += ["", "## What was measured\n", curvature_table(measured).markdown(), ""]
        return "\n".join([*parts, CURVATURE_RULES])
    parts += ["## The targets\n", target_table(record.verdicts, is_full=record.is_full).markdown()]
    parts += ["", f"![Cost of a trial]({figure})\n"] if figure else [""]
    tables = (cost_table(measured), share_table(measured), profile_table(measured))
    for table in tables:
        parts += [f"## {table.title}\n"]
        parts += [CLOCKS] if table.title == "Where the time goes" else []
        parts += [table.markdown() if table.rows else "Not measured in this run.", ""]
    return "\n".join([*parts, RULES])


def _busy(record: Record) -> str:
    """Warn where other programs had the machine's cores too."""
    load, cores = record.machine["load"], record.machine["cores"]
    if load is None or load < cores / 2:
        return ""
    return (
        f" **Other programs kept the machine busy: {load} processes on {cores} cores before the "
        "first measurement. Judge nothing by this run.**"
    )


def _machine(record: Record) -> str:
    machine = record.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    rows = [
        ("date", machine["date"]),
        ("commit", machine["commit"]),
        ("processor", f"{machine['processor']}, {machine['cores']} cores"),
        ("memory", f"{machine['memory_gibibytes']} GiB"),
        ("platform", machine["platform"]),
        ("versions", f"Python {machine['python']}, {versions}"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows), ""])
