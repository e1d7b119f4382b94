"""What the command ``check-model`` does, from its options to its exit code."""

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from benchmark.commands.backends import select_backend
from benchmark.commands.check_optimizer import FAILED, PASSED, STYLES
from benchmark.commands.check_requests import CheckModelRequest
from benchmark.commands.terminal import terminal
from benchmark.errors import UserError
from benchmark.study.catalogue import catalogue

if TYPE_CHECKING:
    from benchmark.conformance.properties import Examination


def run_model_check(request: CheckModelRequest) -> int:
    """Check and show; return the exit code.

    Raises:
        UserError: there is no such model or dataset, or a study with it would not begin.
    """
    options = _options(request.set_options or [])
    select_backend(request.backend)
    facts = catalogue()
    if request.dataset not in facts.datasets:
        raise UserError(
            f"--dataset must be one of {', '.join(facts.datasets)}. Received {request.dataset!r}."
        )
    from benchmark.conformance.models import check_model

    try:
        examination = check_model(request.model, request.dataset, options)
    except ValueError as error:
        raise UserError(str(error)) from None
    if request.as_json:
        from benchmark.commands.views import print_json

        document = examination.document()
        print_json({"model": document.pop("optimizer"), "dataset": request.dataset, **document})
    else:
        _show(examination, request.dataset)
    return FAILED if examination.failures else PASSED


def _options(given: list[str]) -> dict[str, Any]:
    """The options of the model, each written as ``NAME=VALUE`` with a TOML value or a text."""
    from benchmark.toml_text import TomlError, parse_toml

    options: dict[str, Any] = {}
    for change in given:
        name, equals, text = change.partition("=")
        if not equals or not name:
            raise UserError(
                f"an option of a model must be NAME=VALUE. Received {change!r} at --set. "
                "Write for instance --set hidden=[32]."
            )
        try:
            options[name] = parse_toml(f"value = {text}", "--set", "a value")["value"]
        except TomlError:
            options[name] = text
    return options


def _show(examination: "Examination", dataset: str) -> None:
    from benchmark.conformance.models import MODEL_PROPERTIES

    title = f"{examination.optimizer} on {dataset}, {examination.backend}"
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in ("property", "result", "what that means"):
        table.add_column(column, overflow="fold")
    for result in examination.results:
        outcome = result.outcome.value
        words = result.words or MODEL_PROPERTIES[result.name][0]
        table.add_row(result.name, Text(outcome, style=STYLES[outcome]), Text(words))
    terminal().print(table)
