"""Nothing that a user or a library wrote is taken for markup, or reaches the terminal raw."""

import ast
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.markup import render
from rich.progress import Progress
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from benchmark.commands import terminal as spoken
from benchmark.commands.terminal import Terminal, guard_streams, printable, text_column
from benchmark.commands.views import print_json
from benchmark.run import app
from benchmark.urls import remember
from tests.source_tree import PACKAGE

HOSTILE = "a[/x]\x1b[31mred\x1b]0;title\x07 :x: [bold]b\x9b2J\r\u202ec\x7f\udcff"
SEEN = r"a[/x]\x1b[31mred\x1b]0;title\x07 :x: [bold]b\x9b2J\x0d\u202ec\x7f\udcff"


def test_the_oracle_would_fail() -> None:
    """Rich's own console takes the text for markup, and passes escape characters on."""
    with pytest.raises(Exception, match="closing tag"):
        render(HOSTILE)
    stream = io.StringIO()
    Console(file=stream).print("a\x1b[31mred", markup=False)
    assert "\x1b" in stream.getvalue()


def test_every_control_character_is_escaped_and_nothing_else() -> None:
    for code in (*range(0x180), 0x202A, 0x202E, 0x2066, 0xD800, 0xDFFF, 0x1F600):
        text = chr(code)
        is_plain = text in "\n\t" or text.isprintable()
        # A blank that is no space, and the soft hyphen, move nothing.
        assert (printable(text) == text) is (is_plain or code in (0xA0, 0xAD)), hex(code)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_texts_of_anyone_are_shown_as_they_are(monkeypatch, is_terminal: bool) -> None:
    stream = io.StringIO()
    if is_terminal:
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stdout", stream)
    console = Terminal(width=300)
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE))
    console.print(HOSTILE)
    console.print(HOSTILE, style="yellow", soft_wrap=True, highlight=False)
    console.print(table)
    with Progress(text_column("{task.description}"), console=console) as bars:
        bars.add_task(HOSTILE)
    spoken.say(HOSTILE)
    shown = stream.getvalue()
    # Rich drops some control characters itself, which is as good.
    plain = shown.replace(r"\x07", "").replace(r"\x0d", "")
    assert plain.count(SEEN.replace(r"\x07", "").replace(r"\x0d", "")) >= 7
    assert not {"\x9b", "\r", "\x07", "\u202e", "\udcff"} & set(shown)
    assert "\x1b[31m" not in shown and "\x1b]" not in shown


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({HOSTILE: [HOSTILE]})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {HOSTILE: [HOSTILE]}
    assert printed.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "arguments",
    [
        [HOSTILE],
        [f"--{HOSTILE}"],
        ["study", f"--{HOSTILE}"],
        ["study", "--trials", HOSTILE],
        ["study", "--backend", HOSTILE],
        ["list", HOSTILE],
        ["study", HOSTILE],
        ["validate", HOSTILE],
        ["show", HOSTILE, "--results", HOSTILE],
        ["report", "x", "--results", HOSTILE],
        ["curvature", "--model", HOSTILE],
    ],
)
def test_what_is_refused_is_shown_without_control_characters(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.output
    assert not set(result.output) & set("\x1b\x9b\x07\r\x7f\u202e\udcff")


def test_a_library_and_a_traceback_show_no_secret(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    guard_streams()
    remember("postgresql://ada:first5ecret@host/d")
    sys.stdout.write("log in with first5ecret\n")
    sys.stderr.writelines(["at postgresql://ada:first5ecret@host/d\n", "and x://u:other@h/\n"])
    assert sys.stdout.encoding and sys.stdout.writable()
    captured = capsys.readouterr()
    assert captured.out == "log in with ***\n"
    assert captured.err == "at postgresql://ada:***@host/d\nand x://u:***@h/\n"


def test_commands_print_through_this_module_alone() -> None:
    """Otherwise somebody has to remember what a name may hold."""
    terminal_file = PACKAGE / "commands" / "terminal.py"
    problems = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {ast.unparse(node.func)}"
        for path in [*(PACKAGE / "commands").rglob("*.py"), PACKAGE / "run.py"]
        if path != terminal_file
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _prints(node, path)
    ]
    assert not problems, "\n".join(problems)


def _prints(call: ast.Call, path: Path) -> bool:
    name = ast.unparse(call.func)
    if name == "sys.stdout.write" and path.name == "views.py":
        return False  # JSON, cleared in its own way
    return name in {"typer.echo", "typer.secho", "print", "Console", "TextColumn"} or (
        name.startswith(("sys.stdout", "sys.stderr")) or _has(call, "markup")
    )


def _has(call: ast.Call, name: str) -> Any:
    return any(keyword.arg == name for keyword in call.keywords)
