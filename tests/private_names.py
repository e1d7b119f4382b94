"""Private names of other libraries, found in the source; and the message when one has moved."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

from tests.source_tree import PACKAGE, ROOT, parsed, source_files

INTERNALS = {
    "keras": PACKAGE / "backend" / "keras_internals.py",
    "optuna": PACKAGE / "search" / "optuna_internals.py",
    "mlflow": PACKAGE / "tracking" / "mlflow_internals.py",
}
"""The only module that touches the private names of each library."""

PRIVATE = re.compile(r"_[a-zA-Z]\w*")
MODULE = re.compile(r"keras\.src\b|mlflow\.(store|utils|server)\b|[\w.]+\._[a-z]")
INHERITING = ("self", "cls", "super()")
TABLE = re.compile(r"\b(FROM|JOIN|INTO|UPDATE|TABLE) [a-z_]+\b|\balembic_version\b")
ATTRIBUTES = {"getattr", "hasattr", "setattr", "delattr"}


def moved(library: str, name: str, users: str) -> str:
    """Say that a library has moved a name, what of ours is broken by it, and where to fix it."""
    module = INTERNALS[library].relative_to(ROOT)
    return (
        f"{library} must have {name}. Received {library} {version(library)}, which has moved it. "
        f"Broken: {users}. Follow the change in {module}."
    )


@cache
def bound_in(path: Path) -> frozenset[str]:
    """Names that a file binds: functions, classes, variables, attributes, keys of `__dict__`."""
    names = set()
    for node in ast.walk(parsed(path)):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Attribute(attr=name, ctx=ast.Store()) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Subscript(value=ast.Attribute(attr="__dict__"), slice=ast.Constant(value=key)):
                names.add(str(key))
    return frozenset(names)


@cache
def bound_by_us() -> frozenset[str]:
    """Names that any file of ours binds, those apart that hold the private names."""
    files = set(source_files()) - set(INTERNALS.values())
    return frozenset().union(*(bound_in(path) for path in files))


def private_names(path: Path) -> Iterator[tuple[str, int]]:
    """Yield private names of other libraries that a file touches, each with its line."""
    ours = bound_in(path)
    for node in ast.walk(parsed(path)):
        name = _attribute(node)
        inherits = isinstance(node, ast.Attribute) and ast.unparse(node.value) in INHERITING
        if PRIVATE.fullmatch(name) and name not in (ours | bound_by_us() if inherits else ours):
            yield name, node.lineno  # type: ignore[attr-defined]
        for module in filter(MODULE.match, _modules(node)):
            yield module, node.lineno  # type: ignore[attr-defined]


def _attribute(node: ast.AST) -> str:
    """The attribute that a node reads or sets, or nothing."""
    match node:
        case ast.Attribute(attr=name):
            return name
        case ast.Call(func=ast.Name(id=function), args=[_, ast.Constant(value=str(name)), *_]):
            return name if function in ATTRIBUTES else ""
    return ""


def _modules(node: ast.AST) -> list[str]:
    """The modules that a node imports."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names):
            return [f"{module}.{alias.name}" for alias in names]
        case ast.Call(func=ast.Name(id="import_module"), args=[ast.Constant(value=module), *_]):
            return [str(module)]
    return []


def tables(path: Path) -> Iterator[tuple[str, int]]:
    """Yield fragments of SQL that name a table, each with its line."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = TABLE.search(node.value)
            if match and id(node) not in docstrings:
                yield match.group(), node.lineno
