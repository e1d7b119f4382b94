"""What the distribution carries, and that its pins and bounds agree with each other."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from benchmark import __version__
from tests.source_tree import IMPORT_NAMES, PACKAGE, ROOT, imports, source_files

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SUPPORTED = ("3.11", "3.12", "3.13")


def pins(name: str, python: str) -> dict[str, Version]:
    """Versions that a constraints file fixes on Linux for a Python, by canonical name."""
    here = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    versions: dict[str, Version] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        requirement = Requirement(text)
        assert len(requirement.specifier) == 1, f"{name}: {line} must be an exact version"
        pin = next(iter(requirement.specifier))
        assert pin.operator == "==", f"{name}: {line} must be an exact version"
        if requirement.marker is None or requirement.marker.evaluate(here):
            key = canonicalize_name(requirement.name)
            assert key not in versions, f"{name}: {key} is pinned twice for Python {python}"
            versions[key] = Version(pin.version)
    return versions


def runtime_requirements() -> list[Requirement]:
    return [Requirement(text) for text in PROJECT["dependencies"]]


def all_requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return runtime_requirements() + [Requirement(text) for extra in extras for text in extra]


def lower_bound(requirement: Requirement) -> Version:
    bounds = [part for part in requirement.specifier if part.operator == ">="]
    assert len(bounds) == 1, f"{requirement} must state one lower bound"
    return Version(bounds[0].version)


@pytest.mark.parametrize("python", SUPPORTED)
def test_constraints_pin_every_requirement_within_its_bounds(python: str) -> None:
    pinned = pins("constraints.txt", python)
    for requirement in all_requirements():
        version = pinned[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f"{requirement} excludes the pinned {version}"


def test_oldest_constraints_are_the_lower_bounds() -> None:
    pinned = pins("constraints-oldest.txt", "3.11")
    wanted = [*runtime_requirements(), Requirement(PROJECT["optional-dependencies"]["jax"][0])]
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        if name in pinned:
            assert pinned[name] == lower_bound(requirement), f"run `tox -e constraints`: {name}"
        else:
            assert name == "jax", f"run `tox -e constraints`: {name} is not pinned"


def test_dependencies_are_what_the_package_imports() -> None:
    runtime = {IMPORT_NAMES.get(need.name, need.name) for need in runtime_requirements()}
    extras = {IMPORT_NAMES.get(need.name, need.name) for need in all_requirements()}
    imported = {
        imported_name.name.split(".")[0]
        for path in source_files()
        for imported_name in imports(path)
    }
    outside = imported - set(sys.stdlib_module_names) - {"benchmark", "speed"}
    # What `speed` compares with where it is installed; with torch 900 MB that nothing needs.
    outside -= {"torch", "pyhessian", "curvlinops"}
    assert outside <= extras, f"declare {sorted(outside - extras)} in pyproject.toml"
    # pandas reads and writes Parquet through pyarrow without our importing it.
    unused = runtime - outside - {"pyarrow"}
    assert not unused, f"nothing imports {sorted(unused)}"
    optional = {"cmaes", "jax", "kaleido", "keras_tuner", "optuna_dashboard", "ray"}
    assert outside - runtime <= optional, "only these are extras"


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-oldest.txt", "pyproject.toml"])
def test_no_registry_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", text)


def test_python_versions_agree() -> None:
    assert SpecifierSet(PROJECT["requires-python"]).contains("3.11.0")
    assert not SpecifierSet(PROJECT["requires-python"]).contains("3.14.0")
    stated = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if ":: 3." in text]
    assert tuple(stated) == SUPPORTED
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    assert all(f"py{version.replace('.', '')}" in tox for version in SUPPORTED)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the sdist and the wheel built from it, as a release is made."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    return distributions / f"kappabench-{__version__}-py3-none-any.whl"


def files_of_package() -> set[str]:
    """Every file of the package that is not a by-product of running it."""
    paths = (path for path in PACKAGE.rglob("*") if path.is_file())
    files = (path for path in paths if "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in files}


def test_wheel_carries_package_studies_and_cards(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {
        f"benchmark/shipped/{folder}/{path.name}"
        for folder in ("studies", "datasets")
        for path in (ROOT / folder).glob("*.toml")
    }
    assert {
        "benchmark/shipped/studies/quickstart.toml",
        "benchmark/shipped/datasets/digits.toml",
    } <= shipped
    information = {name for name in names if name.startswith(f"kappabench-{__version__}.dist-info")}
    assert names - information == files_of_package() | shipped
    assert any(name.endswith("licenses/LICENSE") for name in information)


def test_wheel_names_the_console_script(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    entry_points = archive.read(f"kappabench-{__version__}.dist-info/entry_points.txt").decode()
    assert "kappabench = benchmark.run:main" in entry_points


def test_unpacked_wheel_finds_what_it_ships(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    program = "from benchmark.resources import shipped; print(shipped('studies'))"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    expected = tmp_path / "site" / "benchmark" / "shipped" / "studies"
    assert Path(done.stdout.strip()) == expected


def test_sdist_carries_what_builds_and_tests_it(distributions: Path) -> None:
    root = f"kappabench-{__version__}"
    with tarfile.open(distributions / f"{root}.tar.gz") as archive:
        names = set(archive.getnames())
    for path in ("pyproject.toml", "LICENSE", "tox.ini", "constraints.txt", "README.md"):
        assert f"{root}/{path}" in names
    assert f"{root}/tests/test_packaging.py" in names
    assert f"{root}/studies/quickstart.toml" in names
    results = {name for name in names if name.startswith(f"{root}/results/")}
    assert results == {f"{root}/results/README.md"}


@pytest.mark.slow
def test_installed_wheel_runs_quickstart_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    python = tmp_path / "environment" / "bin" / "python"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONPATH", "PIP_CONSTRAINT", "MLFLOW_TRACKING_URI"}
    }
    constraints = str(ROOT / "constraints.txt")
    for command in (
        [sys.executable, "-m", "venv", str(python.parent.parent)],
        [str(python), "-m", "pip", "install", "--quiet", "-c", constraints, str(wheel)],
        [str(python), "-m", "benchmark.run", "study", "quickstart"],
        [str(python.parent / "kappabench"), "list", "studies"],
    ):
        done = subprocess.run(
            command,
            cwd=elsewhere,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=1200,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert "quickstart" in done.stdout
    reports = list(elsewhere.glob("results/quickstart/*/report.html"))
    assert len(reports) == 1
    assert (reports[0].parent / "trials.parquet").is_file()
