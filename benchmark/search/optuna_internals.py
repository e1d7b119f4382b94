"""The private names of Optuna that we use: nobody else touches them.

``tests/search/test_optuna_internals.py`` checks each of them, and says what of ours breaks
where a new version of Optuna has moved one.
"""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.storages import RDBStorage

_NOTES = frozenset({"intermediate_value", "system_attr"})


def trial_id(trial: optuna.Trial | optuna.trial.FrozenTrial) -> int:
    """Return the key of a trial in its storage, which every writing method of a storage takes."""
    return trial._trial_id


def is_note(record: Mapping[str, Any]) -> bool:
    """Whether a record of a journal notes something on a running trial.

    Args:
        record: as a journal hands it to ``append_logs``.
    """
    return bool(_NOTES & record.keys())


def disconnect(storage: RDBStorage) -> None:
    """Close the connections of a database; Optuna leaves them open."""
    storage.remove_session()
    storage.engine.dispose()
