"""Which file a user's code or saved model comes from, and when a run may have it read.

A folder of results is data, also one that somebody else sent. The names in it are imported only
from where no run lies, and only from the file with which the run was made. Nothing here executes
the code that it looks for.
"""

import hashlib
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.optimizers.foreign import KERAS, add_current_folder, is_foreign, permissions

STUDY = "study.toml"
SAVED = ".keras"
"""How the name of a saved model ends."""
RUN_FILES = ("environment.json", "records.jsonl", "run.lock", "optuna.journal", "summary.json")
"""Beside a ``study.toml`` any of these makes a folder that of a run."""


class UntrustedCodeError(UserError, ValueError):
    """A run names code that may not be imported."""


@dataclass(frozen=True, slots=True)
class Source:
    """The file of a module, found without importing anything.

    Args:
        path: the file; for a built-in module a word.
        folder: the folder of ``sys.path`` that it was found in.
        packages: the ``__init__.py`` files that are executed before it.
    """

    path: Path
    folder: Path
    packages: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """Its path below the current folder, or below the folder of ``sys.path`` or of packages."""
        for folder in (*_installed(), Path.cwd(), self.folder):
            if self.path.is_relative_to(folder):
                return self.path.relative_to(folder).as_posix()
        return self.path.name

    @property
    def sha256(self) -> str:
        """The checksum of the file; empty for a built-in module."""
        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest()
        except OSError:
            return ""


def find_source(name: str) -> Source | None:
    """Return the file that ``package.module:Class`` would be imported from, or nothing.

    The parents of a module are looked up one by one: ``importlib.util.find_spec`` would import
    them.

    Args:
        name: ``"package.module:Class"``, whose class itself is not looked for; or a ``.keras``
            file.

    Example:
        >>> source = find_source("keras.optimizers:Adam")
        >>> source.name, [path.parent.name for path in source.packages]
        ('keras/optimizers/__init__.py', ['keras'])
        >>> find_source("no_such_module:X")
    """
    add_current_folder()
    if is_saved_model(name):
        file = Path(name).absolute()
        return Source(file, file.parent) if file.is_file() else None
    parts = name.partition(":")[0].split(".")
    packages: list[Path] = []
    folders: Iterable[str] | None = None
    for index in range(len(parts)):
        spec = _spec(".".join(parts[: index + 1]), folders)
        if spec is None:
            return None
        if spec.origin is not None:
            packages.append(Path(spec.origin))
        folders = spec.submodule_search_locations
        if folders is None and index < len(parts) - 1:
            return None
    if spec.origin is None:  # a folder without code
        return None
    *before, path = packages
    parents = path.absolute().parents
    depth = len(parts) - (folders is None)  # a package's own file lies one folder deeper
    return Source(path, parents[min(depth, len(parents) - 1)], tuple(before))


def _spec(name: str, folders: Iterable[str] | None) -> Any:
    """What ``importlib`` would load a module from, whose parent has these folders."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__spec__", None)
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        # With its whole name, a folder without code would be looked up in a parent that this
        # must not import.
        short = name.rpartition(".")[2] if finder is PathFinder else name
        spec = find(short, None if folders is None else list(folders)) if find else None
        if spec is not None:
            return spec
    return None


def recorded_sources(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return what a run records of its user's code and saved models: files and checksums.

    Args:
        names: of optimizers and models; ours and those of Keras are passed over.

    Example:
        >>> recorded_sources(["adam", "keras:Adam"])
        {}
    """
    sources = {}
    for name in names:
        source = find_source(name) if _is_recorded(name) else None
        if source is not None:
            sources[name] = {"file": source.name, "sha256": source.sha256}
    return sources


@contextmanager
def only_recorded(run: Path, recorded: Any, *, trust: bool = False) -> Iterator[None]:
    """Within, read of a user's code and saved models only those that a run was made with.

    Args:
        run: the run folder, or any folder of results that a name comes from.
        recorded: what :func:`recorded_sources` returned when the run was made.
        trust: import whatever is named.

    Raises:
        UntrustedCodeError: by what imports such a class, here within.
    """
    checked: set[str] = set()

    def check(name: str) -> None:
        if _is_recorded(name) and name not in checked:
            check_source(name, run, recorded)
            checked.add(name)

    permission: Callable[[str], None] = (lambda _: None) if trust else check
    permissions.append(permission)
    try:
        yield
    finally:
        permissions.remove(permission)


def check_source(name: str, run: Path, recorded: Any) -> None:
    """Refuse what a run names unless it is in the file that the run was made with.

    Args:
        name: ``"package.module:Class"``, or a ``.keras`` file, which may lie anywhere: it is read
            as data.
        run: the run folder.
        recorded: what :func:`recorded_sources` returned then, as it was read back.

    Raises:
        UntrustedCodeError: the module lies in a folder of results, or the file is another one.
    """
    source, is_data = find_source(name), is_saved_model(name)
    if source is None and is_data:
        raise UntrustedCodeError(
            f"the saved model of a run must be there. Received {name!r} in {run}, and there is no "
            "such file. Run from the same folder as then, or restore the file."
        )
    if source is None:
        raise UntrustedCodeError(
            f"the module of a run's code must be there. Received {name!r} in {run}, and there is "
            "no such module. Run from the folder that holds it, or install it."
        )
    for path in () if is_data else (*source.packages, source.path):
        folder = _results_folder(path, source.folder, run)
        if folder is not None:
            raise UntrustedCodeError(
                "code must not come from a folder of results. "
                f"Received {name!r} in {run}, whose module is {_shown(path)} in "
                f"{_shown(folder)}. Read that file; add --trust to run it."
            )
    known = recorded.get(name) if isinstance(recorded, Mapping) else None
    if not isinstance(known, Mapping):
        raise UntrustedCodeError(
            f"{_WHAT[is_data]} must be in the file that the run was made with. "
            f"Received {name!r} in {run}, which recorded no file for it. "
            f"Read {_shown(source.path)}; add --trust to import it."
        )
    if known.get("sha256") != source.sha256 or known.get("file") != source.name:
        raise UntrustedCodeError(
            f"{_WHAT[is_data]} must be in the file that the run was made with. "
            f"Received {name!r} in {run}, recorded as {_described(known)}, and now "
            f"{_described({'file': source.name, 'sha256': source.sha256})}. "
            "Restore that file and run from the same folder; add --trust to import it as it is."
        )


def run_above(file: Path) -> Path | None:
    """Return the run folder that a file lies in, or nothing.

    Args:
        file: a file by whatever path.
    """
    for path in (file.absolute(), file.resolve()):
        for folder in path.parents:
            if _is_run(folder):
                return folder
    return None


def _described(known: Mapping[Any, Any]) -> str:
    return f"{known.get('file')} with the SHA-256 {str(known.get('sha256'))[:12]}…"


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


_WHAT = {False: "code of a run", True: "the saved model of a run"}


def is_saved_model(name: str) -> bool:
    """Return whether a name stands for a file that ``model.save`` wrote.

    Example:
        >>> is_saved_model("my.keras"), is_saved_model("my_module:build")
        (True, False)
    """
    return name.endswith(SAVED)


def _is_recorded(name: str) -> bool:
    return is_saved_model(name) or (is_foreign(name) and name.partition(":")[0] != KERAS)


def _results_folder(path: Path, top: Path, run: Path) -> Path | None:
    """The folder of results that a file lies in, by its name or by what its links point to."""
    if any(path.is_relative_to(folder) for folder in _installed()):
        return None
    for file in (path.absolute(), path.resolve()):
        for folder in file.parents:
            if folder in (run.absolute(), run.resolve()) or _is_run(folder):
                return folder
            # Who works somewhere below a folder has their own code there too.
            if folder in Path.cwd().parents:
                continue
            is_below = folder == top or top in folder.parents
            if _holds_run(folder, "*") or (is_below and _holds_run(folder, "*/*")):
                return folder
    return None


def _is_run(folder: Path) -> bool:
    return (folder / STUDY).is_file() and any((folder / name).exists() for name in RUN_FILES)


def _holds_run(folder: Path, pattern: str) -> bool:
    return any(_is_run(file.parent) for file in folder.glob(f"{pattern}/{STUDY}"))


def _installed() -> tuple[Path, ...]:
    """The folders of the interpreter's own and of installed modules."""
    paths = sysconfig.get_paths()
    names = ("purelib", "platlib", "stdlib", "platstdlib")
    # Packages first: they lie below the standard library.
    return tuple(dict.fromkeys(Path(paths[name]) for name in names))
