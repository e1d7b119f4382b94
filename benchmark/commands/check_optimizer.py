"""What the command ``check-optimizer`` does, from its options to its exit code."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from benchmark.commands.terminal import Terminal, terminal, text_column, warn
from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.conformance.properties import Examination

PASSED, FAILED = 0, 1
STYLES = {"passed": "green", "failed": "bold red", "does not apply": "dim"}


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What the user asked for.

    Args:
        optimizers: names; empty with ``everything``.
        everything: check all optimizers of the registry.
        backends: the frameworks.
        output: the Markdown file to write.
        as_json: print one JSON document.
    """

    optimizers: Sequence[str]
    everything: bool
    backends: Sequence[str]
    output: Path | None
    as_json: bool


def run_check(request: CheckRequest) -> int:
    """Check, show and write; return the exit code.

    Raises:
        UserError: something that the user can fix.
    """
    from benchmark.commands.sections import check_output
    from benchmark.conformance.running import run_checks

    check_output(request.output)
    names = _names(request)
    backends = list(dict.fromkeys(request.backends))
    with _progress(len(names) * len(backends)) as checked:
        try:
            found = run_checks(names, backends, checked)
        except RuntimeError as error:
            warn(f"{error}")
            return FAILED
    if request.as_json:
        from benchmark.commands.views import print_json

        print_json({"examinations": [one.document() for one in found]})
    else:
        _show(found)
    if request.output is not None:
        _write(request.output, found)
    return FAILED if any(one.failures for one in found) else PASSED


def _names(request: CheckRequest) -> list[str]:
    from benchmark.errors import did_you_mean
    from benchmark.optimizers import OPTIMIZERS

    if request.everything and request.optimizers:
        raise UserError(
            "--all checks every optimizer of the registry. Received names besides. "
            "Leave one of the two out."
        )
    if request.everything:
        return list(OPTIMIZERS)
    if not request.optimizers:
        raise UserError(
            "at least one optimizer must be named. Received none. Write for instance adam, "
            "keras:Adam or my_package.my_module:MyOptimizer, or --all."
        )
    for name in request.optimizers:
        if ":" not in name and name not in OPTIMIZERS:
            raise UserError(
                f"the optimizer must be one of {', '.join(OPTIMIZERS)}, keras:Class or "
                f"package.module:Class. Received {name!r}.{did_you_mean(name, OPTIMIZERS)}"
            )
    return list(dict.fromkeys(request.optimizers))


def _show(found: "Sequence[Examination]") -> None:
    from benchmark.conformance.properties import PROPERTIES

    console = terminal()
    table = Table(title="Properties", title_justify="left", title_style="bold")
    table.add_column("property")
    for one in found:
        table.add_column(f"{one.optimizer}\n{one.backend}", justify="center", overflow="fold")
    outcomes = [{result.name: result.outcome.value for result in one.results} for one in found]
    for name in PROPERTIES:
        cells = [
            Text(by_name.get(name, ""), style=STYLES.get(by_name.get(name, ""), ""))
            for by_name in outcomes
        ]
        table.add_row(name, *cells)
    # Of many optimizers the table would be wider than any terminal: the page holds it.
    if len(found) <= 6:
        console.print(table)
    for one in found:
        for result in one.failures:
            # What is quoted from an exception may end without a full stop.
            words = result.words if result.words.endswith((".", "!", "?")) else f"{result.words}."
            meaning = PROPERTIES[result.name].sentence
            console.print(
                f"{one.optimizer} on {one.backend} fails “{result.name}”. {words} "
                f"Expected: {meaning}",
                style="red",
                highlight=False,
                soft_wrap=True,
            )
    failed = sum(bool(one.failures) for one in found)
    passed = len(found) - failed
    console.print(f"{passed} passed, {failed} failed, of {len(found)} examinations.")


def _write(output: Path, found: "Sequence[Examination]") -> None:
    from benchmark.commands.optimizer_page import limits_section, properties_section
    from benchmark.commands.sections import write_section
    from benchmark.results import environment

    here = environment()
    names = ("keras", "tensorflow", "jax", "numpy")
    versions = ", ".join(f"{k} {v}" for k, v in here["versions"].items() if k in names)
    command = shlex.join(["python", "-m", "benchmark.run", *sys.argv[1:]])
    text = properties_section(found, command, f"{datetime.now(UTC):%Y-%m-%d %H:%M UTC}, {versions}")
    write_section(output, "limits", limits_section())
    write_section(output, "properties", text)
    warn(f"written: {output}")


@contextmanager
def _progress(total: int) -> "Iterator[Callable[[Examination], None]]":
    """A bar on a terminal, a line for each examination elsewhere."""
    console = Terminal(stderr=True)
    bars = Progress(
        text_column("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    bar = bars.add_task("checking", total=total)

    def checked(one: "Examination") -> None:
        bars.update(bar, advance=1, description=f"{one.optimizer}, {one.backend}")
        if not console.is_terminal:
            said = ", ".join(result.name for result in one.failures)
            warn(
                f"{one.optimizer}, {one.backend}, {one.seconds:.0f} s: "
                f"{f'failed: {said}' if said else 'passed'}"
            )

    # Older releases of Rich end even disabled bars with an empty line.
    if not console.is_terminal:
        yield checked
        return
    with bars:
        yield checked
