"""ARCHITECTURE.md's import table and the limits of size, enforced on the source."""

import ast
import json
import os
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests import source_tree
from tests.private_names import INTERNALS, private_names, tables
from tests.source_tree import PACKAGE, ROOT, Import, import_table

TOP_MODULES = sorted({source_tree.top_module(path) for path in source_tree.source_files()} - {""})
FRAMEWORKS = {"keras", "tensorflow", "jax", "sklearn", "optuna", "mlflow", "ray"}

# What importing a module must not load, directly or through what it imports: the "never"
# that keeps `--help`, `list`, `validate` and `report` quick. Others may load frameworks.
MUST_NOT_LOAD = {
    "commands": FRAMEWORKS | {"pandas", "plotly"},
    "conformance": FRAMEWORKS | {"pandas", "plotly"},
    "execution": FRAMEWORKS | {"pandas", "plotly"},
    "metrics": FRAMEWORKS | {"pandas", "plotly"},
    "resources": FRAMEWORKS | {"numpy", "pandas", "plotly", "pydantic"},
    "report": {"keras", "tensorflow", "jax", "mlflow", "ray"},
    "results": FRAMEWORKS,
    "run": FRAMEWORKS | {"pandas", "plotly"},
    "search": {"keras", "tensorflow", "jax", "mlflow", "ray"},
    "speed": FRAMEWORKS | {"pandas", "plotly", "matplotlib", "torch"},
    "statistics": {"keras", "tensorflow", "jax", "mlflow", "ray"},
    "study": FRAMEWORKS | {"pandas", "plotly"},
    "tracking": {"keras", "tensorflow", "jax", "optuna", "ray"},
    "trial": FRAMEWORKS | {"pandas", "plotly"},
} | {
    package: {"keras", "tensorflow", "jax", "sklearn", "optuna", "mlflow", "ray"}
    for package in source_tree.promised_light()
}

# Variables of the environment that the source names where it reads or sets them.
VARIABLES = {
    "DISPLAY",
    "KERAS_BACKEND",
    "MLFLOW_DISABLE_TELEMETRY",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_USERNAME",
    "PYTHONPATH",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO",
    "RAY_ADDRESS",
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "WAYLAND_DISPLAY",
    "XDG_CACHE_HOME",
    "XLA_PYTHON_CLIENT_PREALLOCATE",
}

MOST_LINES_OF_A_FUNCTION = 60  # its docstring apart
MOST_LINES_OF_A_FILE = 400
# Longer for a stated reason: {"benchmark/x.py": "…", "benchmark/x.py:function": "…"}.
LONGER: dict[str, str] = {}


def describe(problems: list[str]) -> str:
    return "\n".join(problems)


def forbidden(path: Path, imported: Import) -> str | None:
    """Say why a file may not import a name, or None if it may."""
    module = source_tree.top_module(path)
    first, _, rest = imported.name.partition(".")
    if first == module == "speed":
        return None
    if module == "":
        statement = f"{imported.location} imports {imported.name}"
        return f"{statement}, but benchmark/__init__.py imports nothing"
    rule = import_table()[module]
    if first != "benchmark":
        allowed = first in sys.stdlib_module_names or first in rule.outside
        return (
            None if allowed else f"{imported.location} imports {imported.name} ({module} may not)"
        )
    target = rest.split(".")[0]
    if target in {"", module} or target in rule.project or "all" in rule.project:
        return None
    return f"{imported.location} imports benchmark.{target} ({module} may not)"


def test_table_is_read() -> None:
    table = import_table()
    assert table["engine"].project >= {"trial", "data", "backend"}
    assert "sklearn" in table["data"].outside
    assert table["execution"].outside == frozenset()
    assert set(source_tree.promised_light()) >= {"optimizers", "models", "problems", "data"}


@pytest.mark.parametrize("module", TOP_MODULES)
def test_every_module_has_a_row(module: str) -> None:
    assert module in import_table(), f"add {module} to the import table of ARCHITECTURE.md"


@pytest.mark.parametrize("module", TOP_MODULES)
def test_imports_follow_the_table(module: str) -> None:
    files = [path for path in source_tree.source_files() if source_tree.top_module(path) == module]
    problems = [
        forbidden(path, imported) for path in files for imported in source_tree.imports(path)
    ]
    assert not any(problems), describe([problem for problem in problems if problem])


def test_package_root_imports_nothing_of_ours() -> None:
    # What it hands out is imported when it is asked for; the names below are for type checkers.
    path = PACKAGE / "__init__.py"
    for_types = {
        id(node)
        for block in ast.walk(source_tree.parsed(path))
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    imported = {
        node.module
        for node in ast.walk(source_tree.parsed(path))
        if isinstance(node, ast.ImportFrom) and id(node) not in for_types
    }
    assert imported == {"importlib", "typing"}
    assert not [n for n in ast.walk(source_tree.parsed(path)) if isinstance(n, ast.Import)]


def test_nobody_imports_run() -> None:
    users = [
        imported.location
        for path in source_tree.source_files()
        for imported in source_tree.imports(path)
        if imported.name.split(".")[:2] == ["benchmark", "run"]
        and source_tree.top_module(path) not in {"run", "__main__"}
    ]
    assert not users, describe(users)


def test_frameworks_are_imported_in_backend_only() -> None:
    users = [
        f"{imported.location} imports {imported.name}"
        for path in source_tree.source_files()
        if source_tree.top_module(path) != "backend"
        for imported in source_tree.imports(path)
        if imported.name.split(".")[0] in {"tensorflow", "jax", "jaxlib"}
    ]
    assert not users, describe(users)


def test_no_relative_imports() -> None:
    # `imports` reads absolute ones only; a relative one would slip through the table.
    users = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in source_tree.source_files()
        for node in ast.walk(source_tree.parsed(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not users, describe(users)


def test_only_known_variables_of_the_environment_are_read() -> None:
    # One that is left from an experiment changes results, and nobody knows of it.
    readers = [
        (node.args[0].value, f"{path.relative_to(ROOT)}:{node.lineno}")
        for path in source_tree.source_files()
        for node in ast.walk(source_tree.parsed(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("os.environ.get", "os.getenv", "os.environ.setdefault")
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]
    names = {name for name, _ in readers}
    assert names == VARIABLES, describe([f"{location} reads {name}" for name, location in readers])


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one cycle, the first of them again at the end; none where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_a_cycle_is_found() -> None:
    chain = {"a": {"b"}, "b": {"c"}}
    assert cycle_in(chain) == []
    cycle = cycle_in(chain | {"c": {"a"}})
    assert cycle[0] == cycle[-1]
    assert set(cycle) == {"a", "b", "c"}


def test_no_import_cycles() -> None:
    graph: dict[str, set[str]] = {}
    for path in source_tree.source_files():
        name = source_tree.module_name(path)
        # An import inside a function counts: deferring a cycle does not remove it.
        targets = {imported.name for imported in source_tree.imports(path)}
        graph[name] = {target for target in targets if target.split(".")[0] == "benchmark"}
        graph[name].discard(name)
    graph["benchmark"] = set()  # hands out what lies above all others, when it is asked for
    cycle = cycle_in(graph)
    assert not cycle, " → ".join(cycle)


def loaded_by(module: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after importing a module."""
    name = module if module == "speed" else f"benchmark.{module}"
    program = f"import json, sys, {name}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize("module", sorted(MUST_NOT_LOAD))
def test_import_stays_light(module: str) -> None:
    if module not in TOP_MODULES:
        pytest.skip(f"benchmark.{module} does not exist")
    heavy = loaded_by(module) & MUST_NOT_LOAD[module]
    assert not heavy, f"import benchmark.{module} loads {sorted(heavy)}"


@pytest.mark.parametrize("path", source_tree.source_files(), ids=source_tree.module_name)
def test_sizes(path: Path) -> None:
    relative_path = str(path.relative_to(ROOT))
    problems = []
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > MOST_LINES_OF_A_FILE and relative_path not in LONGER:
        problems.append(f"{relative_path} has {lines} lines; split it.")
    for function in source_tree.functions(source_tree.parsed(path)):
        length = source_tree.body_lines(function)
        if length > MOST_LINES_OF_A_FUNCTION and f"{relative_path}:{function.name}" not in LONGER:
            problems.append(
                f"{relative_path}:{function.lineno} {function.name} has {length} lines."
            )
    assert not problems, describe(problems)


def test_exceptions_from_sizes_are_needed() -> None:
    for location, reason in LONGER.items():
        assert reason.endswith("."), f"give the reason for {location} in a sentence"
        assert (ROOT / location.split(":")[0]).is_file(), (
            f"{location} is gone; remove its exception"
        )


def test_private_names_of_libraries_are_touched_in_one_module_each() -> None:
    users = [
        f"{path.relative_to(ROOT)}:{line} touches {name}"
        for path in source_tree.source_files()
        if path not in INTERNALS.values()
        for name, line in (*private_names(path), *tables(path))
    ]
    modules = ", ".join(str(path.relative_to(ROOT)) for path in INTERNALS.values())
    assert not users, f"{describe(users)}\nAsk for it in {modules}, with a contract test."


def test_private_names_are_found(tmp_path: Path) -> None:
    source = """
import mlflow.utils.validation
from keras.src.backend import common
from optuna.storages._rdb import models
class Ours:
    def __init__(self, trial):
        self._trial = trial
        self._trial._trial_id + getattr(trial, "_study", 0) + self._of_a_base
SQL = "SELECT 1 FROM runs"
"""
    file = tmp_path / "touching.py"
    file.write_text(source)
    assert {name for name, _ in (*private_names(file), *tables(file))} == {
        "mlflow.utils.validation",
        "keras.src.backend.common",
        "optuna.storages._rdb.models",
        "_trial_id",
        "_study",
        "_of_a_base",
        "FROM runs",
    }
