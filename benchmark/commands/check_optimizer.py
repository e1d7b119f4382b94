"""What the command ``check-optimizer`` does, from its options to its exit code."""

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from benchmark.commands.backends import backend_name
from benchmark.commands.check_requests import CheckRequest
from benchmark.commands.progress import counting_bar
from benchmark.commands.terminal import terminal, warn
from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.conformance.properties import Examination

PASSED, FAILED = 0, 1
STYLES = {"passed": "green", "failed": "bold red", "does not apply": "dim"}


def run_check(request: CheckRequest) -> int:
    """Check, show and write; return the exit code.

    Raises:
        UserError: something that the user can fix.
    """
    from benchmark.commands.sections import check_output
    from benchmark.conformance.running import run_checks

    check_output(request.output)
    names = _names(request)
    backends = list(dict.fromkeys(map(str, request.backend or []))) or [backend_name(None)]
    ended = count(1)
    with counting_bar(len(names) * len(backends), "checking") as show:

        def checked(examination: "Examination") -> None:
            name = f"{examination.optimizer}, {examination.backend}"
            show(next(ended), name, f"{name}, {examination.seconds:.0f} s: {_outcome(examination)}")

        try:
            examinations = run_checks(names, backends, checked)
        except RuntimeError as error:
            warn(f"{error}")
            return FAILED
    if request.as_json:
        from benchmark.commands.views import print_json

        print_json({"examinations": [examination.document() for examination in examinations]})
    else:
        _show(examinations)
    if request.output is not None:
        _write(request.output, examinations)
    return FAILED if any(examination.failures for examination in examinations) else PASSED


def _outcome(examination: "Examination") -> str:
    failed = ", ".join(result.name for result in examination.failures)
    return f"failed: {failed}" if failed else "passed"


def _names(request: CheckRequest) -> list[str]:
    from benchmark.errors import did_you_mean
    from benchmark.optimizers import OPTIMIZERS

    if request.everything and request.optimizers:
        raise UserError(
            "--all checks every built-in optimizer. Received names as well. "
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


def _show(examinations: "Sequence[Examination]") -> None:
    from benchmark.conformance.properties import PROPERTIES

    console = terminal()
    # Of many optimizers the table would be wider than any terminal: the page holds it.
    if len(examinations) <= 6:
        console.print(_terminal_table(examinations))
    for examination in examinations:
        for result in examination.failures:
            # What is quoted from an exception may end without a full stop.
            words = result.words if result.words.endswith((".", "!", "?")) else f"{result.words}."
            console.print(
                f"{examination.optimizer} on {examination.backend} fails “{result.name}”. {words} "
                f"Expected: {PROPERTIES[result.name].sentence}",
                style="red",
                highlight=False,
                soft_wrap=True,
            )
    failed = sum(bool(examination.failures) for examination in examinations)
    passed = len(examinations) - failed
    console.print(f"{passed} passed, {failed} failed, of {len(examinations)} examinations.")


def _terminal_table(examinations: "Sequence[Examination]") -> Table:
    from benchmark.commands.optimizer_page import outcomes_by_name
    from benchmark.conformance.properties import PROPERTIES

    table = Table(title="Properties", title_justify="left", title_style="bold")
    table.add_column("property")
    for examination in examinations:
        heading = f"{examination.optimizer}\n{examination.backend}"
        table.add_column(heading, justify="center", overflow="fold")
    outcomes = [
        {name: outcome.value for name, outcome in outcomes_by_name(examination).items()}
        for examination in examinations
    ]
    for name in PROPERTIES:
        cells = [outcome_of.get(name, "") for outcome_of in outcomes]
        table.add_row(name, *(Text(cell, style=STYLES.get(cell, "")) for cell in cells))
    return table


def _write(output: Path, examinations: "Sequence[Examination]") -> None:
    from benchmark.commands.optimizer_page import limits_section, properties_section
    from benchmark.commands.sections import write_section
    from benchmark.results import environment

    here = environment()
    names = ("keras", "tensorflow", "jax", "numpy")
    versions = ", ".join(f"{k} {v}" for k, v in here["versions"].items() if k in names)
    command = shlex.join(["python", "-m", "benchmark.run", *sys.argv[1:]])
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M UTC}, {versions}"
    write_section(output, "limits", limits_section())
    write_section(output, "properties", properties_section(examinations, command, when))
    warn(f"written: {output}")
