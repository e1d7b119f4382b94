"""Where a user's class lies, and when a run may have it imported."""

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmark.optimizers import foreign, optimizer_entry
from benchmark.optimizers.provenance import (
    UntrustedCodeError,
    find_source,
    only_recorded,
    recorded_sources,
)

CODE = """
from pathlib import Path
Path("executed").write_text("yes")
import keras
class Mine(keras.optimizers.SGD):
    pass
"""
RUN = Path("results/small/y")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder with a class of a user's, a package of theirs, and a run."""
    (tmp_path / RUN).mkdir(parents=True)
    (tmp_path / RUN / "study.toml").write_text("")
    (tmp_path / RUN / "records.jsonl").write_text("")
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "__init__.py").write_text(CODE)
    (tmp_path / "rules" / "inner.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in {"mine", "rules", "results", "evil", "linked", "below"}:
            del sys.modules[name]
    foreign.imported_class.cache_clear()


def refusal(name: str, recorded: Any = None, run: Path = RUN) -> str:
    with only_recorded(run, recorded), pytest.raises(UntrustedCodeError) as caught:
        foreign.foreign_class(name)
    assert not Path("executed").exists()
    return str(caught.value)


def forged(name: str) -> dict[str, dict[str, str]]:
    """What a run would have recorded, as anybody can write it."""
    sources = recorded_sources([name])
    assert sources, name
    return sources


def test_a_class_is_found_without_running_anything() -> None:
    source = find_source("rules.inner:Mine")
    assert source is not None
    assert source.name == "rules/inner.py"
    assert [path.name for path in source.packages] == ["__init__.py"]
    assert recorded_sources(["adam", "keras:Adam", "mine:Mine", "mine.nothing:X"]) == {
        "mine:Mine": {"file": "mine.py", "sha256": hashlib.sha256(CODE.encode()).hexdigest()}
    }
    installed = find_source("keras.src.optimizers.adam:Adam")
    assert installed is not None
    assert installed.name == "keras/src/optimizers/adam.py"
    assert not Path("executed").exists()
    assert not {"mine", "rules", "rules.inner"} & set(sys.modules)


def test_the_class_of_the_run_is_imported() -> None:
    with only_recorded(RUN, forged("mine:Mine")):
        assert foreign.foreign_class("mine:Mine").__name__ == "Mine"
        assert optimizer_entry("keras:Adam").target == "keras:Adam"
    assert Path("executed").exists()


def test_another_file_or_none_recorded_is_refused() -> None:
    recorded = forged("mine:Mine")
    Path("mine.py").write_text(CODE + "# edited")
    message = refusal("mine:Mine", recorded)
    assert (
        "Received 'mine:Mine' in results/small/y, recorded as mine.py with the SHA-256" in message
    )
    assert "--trust" in message
    message = refusal("mine:Mine")
    assert "which recorded no file for it. Read mine.py; add --trust to import it." in message
    odds: tuple[Any, ...] = (
        [],
        "mine",
        {"mine:Mine": "mine.py"},
        {"mine:Mine": {"file": 1, "sha256": []}},
    )
    for odd in odds:
        refusal("mine:Mine", odd)
    with only_recorded(RUN, None, trust=True):
        foreign.foreign_class("mine:Mine")
    assert Path("executed").exists()


def test_the_same_content_elsewhere_is_another_file() -> None:
    recorded = {"rules.inner:Mine": forged("mine:Mine")["mine:Mine"]}
    assert "and now rules/inner.py" in refusal("rules.inner:Mine", recorded)


@pytest.mark.parametrize(
    "file",
    [
        "results/small/y/evil.py",
        "results/small/y/code/evil.py",
        "results/small/evil.py",
        "results/evil.py",
        "other/small/z/evil.py",
    ],
)
def test_code_in_a_folder_of_results_is_refused_whatever_is_recorded(file: str) -> None:
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CODE)
    (Path("other/small/z")).mkdir(parents=True, exist_ok=True)
    (Path("other/small/z") / "study.toml").write_text("")
    (Path("other/small/z") / "run.lock").write_text("")
    name = file.removesuffix(".py").replace("/", ".") + ":Mine"
    message = refusal(name, forged(name))
    assert f"Received {name!r} in results/small/y" in message
    assert file in message and "--trust" in message


def test_a_parent_package_in_the_results_is_refused_before_it_runs() -> None:
    (RUN / "package").mkdir()
    (RUN / "package" / "__init__.py").write_text(CODE)
    (RUN / "package" / "good.py").write_text("")
    name = "results.small.y.package.good:X"
    assert "package/__init__.py" in refusal(name, forged(name))


def test_links_hide_nothing() -> None:
    (RUN / "evil.py").write_text(CODE)
    Path("linked.py").symlink_to(RUN / "evil.py")
    assert "results/small/y" in refusal("linked:Mine", forged("linked:Mine"))
    (RUN / "outside.py").symlink_to(Path("mine.py").absolute())
    refusal("results.small.y.outside:Mine", forged("results.small.y.outside:Mine"))


def test_within_a_run_folder_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    (RUN / "evil.py").write_text(CODE)
    monkeypatch.chdir(RUN)
    assert "folder of results" in refusal("evil:Mine", forged("evil:Mine"), Path())


def test_who_works_below_a_folder_of_runs_has_code_of_their_own(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `--results ..`, or a run copied beside the project.
    below = project / "results" / "project"
    below.mkdir()
    (below / "below.py").write_text(CODE)
    monkeypatch.chdir(below)
    with only_recorded(project / RUN, forged("below:Mine")):
        assert foreign.foreign_class("below:Mine").__module__ == "below"


def test_what_is_not_there_is_a_sentence() -> None:
    assert "there is no such module" in refusal("no_such_module:X")
    with only_recorded(RUN, None), pytest.raises(ValueError, match="must be written as"):
        foreign.foreign_class("a:b:c")
