"""What the source of `benchmark/` imports, read with `ast` and without importing it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "benchmark"
SPEED = ROOT / "speed"

# What a distribution is called where its import name differs.
IMPORT_NAMES = {
    "scikit-learn": "sklearn",
    "keras-tuner": "keras_tuner",
    "optuna-dashboard": "optuna_dashboard",
}


@dataclass(frozen=True)
class Import:
    """One imported name, and where it stands."""

    name: str
    location: str
    at_import: bool


@dataclass(frozen=True)
class Rule:
    """A row of ARCHITECTURE.md's table: what a module may import."""

    project: frozenset[str]
    outside: frozenset[str]


def source_files() -> list[Path]:
    """The files of the package, and of the comparison beside it."""
    return sorted([*PACKAGE.rglob("*.py"), *SPEED.rglob("*.py")])


def module_name(path: Path) -> str:
    """`benchmark/engine/sequential.py` is `benchmark.engine.sequential`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def top_module(path: Path) -> str:
    """The row of the table that a file belongs to; "" for `benchmark/__init__.py`."""
    name = module_name(path).removeprefix("benchmark").removeprefix(".")
    part_of = [row for row in import_table() if f"{name}.".startswith(f"{row}.")]
    # A package inside another may have a row of its own.
    return max(part_of, key=len, default=name.split(".")[0])


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from its first statement after the docstring to its end."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports(path: Path) -> list[Import]:
    """Every import of a file; `from package import module` counts as `package.module`."""
    tree = parsed(path)
    inside = {id(node) for function in functions(tree) for node in ast.walk(function)}
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            deeper = [f"{node.module}.{alias.name}" for alias in node.names]
            ours = node.module.split(".")[0] == "benchmark"
            names = [name if ours and _is_module(name) else node.module for name in deeper]
        else:
            continue
        location = f"{path.relative_to(ROOT)}:{node.lineno}"
        imported += [
            Import(name, location, id(node) not in inside) for name in dict.fromkeys(names)
        ]
    return imported


def _names(cell: str) -> frozenset[str]:
    """Names of a table cell: remarks in parentheses and dashes are not names."""
    words = re.sub(r"\([^)]*\)", "", cell).replace("`", "").split(",")
    names = {word.strip() for word in words} - {"", "–", "-"}
    return frozenset(IMPORT_NAMES.get(name, name) for name in names)


@cache
def import_table() -> dict[str, Rule]:
    """The rows of "Who may import whom" in ARCHITECTURE.md, by module."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("## Who may import whom", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip().strip("|").split("|") for line in section.splitlines() if "|" in line]
    table = {}
    for modules, project, outside in rows[2:]:
        for module in _names(modules):
            table[module] = Rule(_names(project), _names(outside))
    return table


@cache
def promised_light() -> tuple[str, ...]:
    """The packages of which ARCHITECTURE.md says that importing them loads no framework."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    sentence = re.search(r"`import benchmark\.[^.]*?(?:`benchmark\.\w+`[^.]*)*must not", text)
    return tuple(re.findall(r"benchmark\.(\w+)", sentence.group())) if sentence else ()
