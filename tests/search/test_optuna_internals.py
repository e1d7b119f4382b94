"""Optuna's private names that we use are where they were."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import TrialState, create_trial

from benchmark.search import optuna_internals
from tests.private_names import INTERNALS, moved, private_names


class Recorder(BaseJournalBackend):
    """A journal in memory."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.records += logs

    def read_logs(self, log_number_from: int) -> Any:
        yield from self.records[log_number_from:]


def _has_trial_id() -> bool:
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage)
    trial = study.ask()
    storage.set_trial_system_attr(trial._trial_id, "rung", 1)
    frozen = study.get_trials()[0]
    return frozen._trial_id == trial._trial_id and frozen.system_attrs == {"rung": 1}


CONTRACT: Mapping[str, tuple[Callable[[], bool], str]] = {
    "_trial_id": (_has_trial_id, "every record of a trial in a storage, and the pruners"),
}


@pytest.mark.parametrize("name", CONTRACT)
def test_a_private_name_of_optuna_is_there(name: str) -> None:
    holds, users = CONTRACT[name]
    try:
        is_there = holds()
    except (AttributeError, TypeError, KeyError):
        is_there = False
    assert is_there, moved("optuna", name, users)


def test_each_private_name_has_its_contract() -> None:
    assert {name for name, _ in private_names(INTERNALS["optuna"])} == set(CONTRACT)


def test_notes_on_a_trial_are_told_from_its_beginning_and_end() -> None:
    recorder = Recorder()
    storage = JournalStorage(recorder)
    study = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "a study")
    trial = storage.create_new_trial(study, create_trial(state=TrialState.RUNNING))
    storage.set_trial_intermediate_value(trial, 1, 0.5)
    storage.set_trial_system_attr(trial, "rung", 1)
    storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.5])
    notes = [optuna_internals.is_note(record) for record in recorder.records]
    users = "waiting for the disk once a trial, not once an epoch"
    assert sum(notes) == 2, moved("optuna", "intermediate_value and system_attr of a record", users)
    assert notes == [False, False, True, True, False]


def test_a_database_can_be_left(tmp_path: Path) -> None:
    storage = RDBStorage(f"sqlite:///{tmp_path / 'optuna.db'}")
    assert hasattr(storage, "engine"), moved("optuna", "RDBStorage.engine", "closing a database")
    optuna_internals.disconnect(storage)
    assert "Connections in pool: 0" in storage.engine.pool.status()
