"""Storages that hold another run, or cannot be reached, are named in a sentence."""

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmark.search import Search, SearchError, settings_of
from benchmark.study.schema import Study
from benchmark.trial import Status
from tests.search.searching import (
    RUNNING,
    open_search,
    report_of,
    result_of,
    states,
    study,
)


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_run_is_not_started_twice(kind: str, new_location: Callable[[str], str | Path]) -> None:
    location = new_location(kind)
    open_search(study(), location).close()
    with pytest.raises(SearchError, match=r"Received '.*sgd'.*--resume RUN"):
        open_search(study(), location)


def test_resuming_another_space_or_budget_is_refused(tmp_path: Path) -> None:
    search = open_search(study(), tmp_path)
    for _ in range(4):
        search.ask()
    changed = study().model_dump()
    changed["search"]["common"]["learning_rate"]["high"] = 5.0
    with pytest.raises(SearchError, match="must keep its search space"):
        open_search(Study.model_validate(changed), tmp_path, resume=True)
    with pytest.raises(SearchError, match="budget of 1 trials where sgd holds 2"):
        open_search(study(trials=1), tmp_path, resume=True)


def test_restoring_what_the_storage_never_had_is_refused(tmp_path: Path) -> None:
    search = open_search(study(), tmp_path)
    trial = search.ask()
    assert trial is not None
    result = result_of(trial, Status.COMPLETED, 1.0)
    with pytest.raises(SearchError, match="before the first trial is asked for"):
        search.restore([result])
    empty_folder = tmp_path / "other"
    empty_folder.mkdir()
    with pytest.raises(SearchError, match="its own search storage"):
        open_search(study(), empty_folder, resume=True).restore([result])


UNREACHABLE = [
    ("sqlite:////no/such/folder/optuna.db", "unable to open database file"),
    ("nonsense://host/db", "nonsense"),
    pytest.param(
        "postgresql+psycopg://ada:secret@127.0.0.1:1/studies",
        "ada:\\*\\*\\*@127",
        marks=pytest.mark.skipif(find_spec("psycopg") is None, reason="psycopg is an extra"),
    ),
]


@pytest.mark.parametrize(("url", "words"), UNREACHABLE)
def test_unreachable_storage_is_named_without_its_password(url: str, words: str) -> None:
    with pytest.raises(SearchError, match=words) as caught:
        open_search(study(), url, resume=True)
    assert "secret" not in str(caught.value)
    assert "--resume RUN" in str(caught.value)
    assert ("Check user, password and address" in str(caught.value)) != url.startswith("sqlite")


def test_no_message_offers_to_resume_a_run_that_was_not_begun() -> None:
    with pytest.raises(SearchError, match="then start the study again") as caught:
        open_search(study(), "sqlite:////no/such/folder/optuna.db")
    assert "--resume" not in str(caught.value)


def test_a_url_that_cannot_be_read_for_certain_is_refused() -> None:
    with pytest.raises(
        SearchError, match=r"percent-encoded.*Received postgresql://\*\*\*"
    ) as caught:
        open_search(study(), "postgresql://weird:p@s3cret:w/rd@127.0.0.1:1/studies")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "module", "remedy"),
    [
        ("postgresql+psycopg://ada:s3cret@127.0.0.1:1/d", "psycopg", r"kappabench\[postgres\]"),
        ("postgresql+psycopg2://ada:s3cret@127.0.0.1:1/d", "psycopg2", r"postgresql\+psycopg:/"),
    ],
)
def test_a_driver_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str, module: str, remedy: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SearchError, match=remedy):
        open_search(study(), url)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match=r"No such file or directory.*no_folder"):
        open_search(study(), tmp_path / "no_folder")


def test_storage_that_fails_midway_is_named(tmp_path: Path) -> None:
    search = open_search(study(), tmp_path)
    trial = search.ask()
    assert trial is not None
    (tmp_path / "optuna.journal").unlink()
    (tmp_path / "optuna.journal").mkdir()
    with pytest.raises(SearchError, match="while recording the end of a trial at"):
        search.tell(result_of(trial, Status.COMPLETED, 1.0))


def test_a_database_needs_the_name_of_the_run(tmp_path: Path) -> None:
    given = study()
    with pytest.raises(SearchError, match="name of its run"):
        Search(given, settings_of(given), f"sqlite:///{tmp_path / 'optuna.db'}")


def test_a_trial_costs_the_same_writes_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[int] = []
    fsync = os.fsync

    def counted(file: int) -> None:
        forced.append(file)
        fsync(file)

    monkeypatch.setattr(os, "fsync", counted)
    journal = tmp_path / "optuna.journal"
    search = open_search(study(trials=100, sampler="random", pruner="median"), tmp_path)
    lines, forces = [], []
    while True:
        before = len(journal.read_bytes().splitlines())
        forced.clear()
        with search.together():
            trials = [trial for _ in range(4) if (trial := search.ask()) is not None]
        with search.together():
            for trial in trials:
                for epoch in (1, 2, 3):
                    search.report(report_of(trial, epoch))
                search.tell(result_of(trial, Status.COMPLETED, 1.0))
        if not trials:
            break
        lines.append(len(journal.read_bytes().splitlines()) - before)
        forces.append(len(forced))
    assert len(lines) == 50
    assert set(forces) == {2}, "one for four beginnings, one for four ends"
    # A beginning, an end, and an epoch each, those left out that diverged.
    assert max(lines) == 4 * 5
    assert lines[:10].count(20) and lines[-10:].count(20)


def test_nothing_of_what_failed_together_is_recorded(tmp_path: Path) -> None:
    search = open_search(study(), tmp_path)
    trial = search.ask()
    assert trial is not None

    def fill_the_disk() -> None:
        with search.together():
            search.tell(result_of(trial, Status.COMPLETED, 1.0))
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fill_the_disk()
    assert states(tmp_path, "sgd")[0].state is RUNNING


@pytest.mark.parametrize("url", ["nonsense", "studies.db", "weird:hunter2@h/d"])
def test_a_storage_must_be_a_url(url: str) -> None:
    with pytest.raises(
        SearchError, match=r"must be the URL of a database.*leave --storage"
    ) as told:
        open_search(study(), url)
    assert "hunter2" not in str(told.value)
