"""Studies from files, by name, or built in code."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.commands.backends import select_backend
from benchmark.commands.runs import code_of_study
from benchmark.study.catalogue import catalogue
from benchmark.study.loading import (
    BestOf,
    ChangedStudy,
    changed_study,
    completed_study,
    find_study,
)
from benchmark.study.schema import Study
from benchmark.study.writing import content_text, study_text, value_text

Changes = Mapping[str, Any] | Sequence[str]
"""Keys of a study with other values, or texts ``KEY=VALUE`` as ``--set`` takes them."""


def load_study(
    source: str | Path | Mapping[str, Any] | Study, changes: Changes = (), *, name: str = "study"
) -> Study:
    """Return a study that has passed every check, its search spaces completed.

    Args:
        source: a study file, the name of a study, or the content of a study file: its keys, with
            tables as mappings.
        changes: keys in dotted form, with the values that they get.
        name: of the study, where ``source`` is its content.

    Raises:
        StudyError: with one line for each mistake.

    Example:
        >>> study = load_study("quickstart", {"training.epochs": 5, "budget.trials": 10})
        >>> study.training.epochs, list(study.space("adam"))[-1]
        (5, 'beta_1')
        >>> content = {"question": "Which?", "compare": ["sgd"], "problem": {"dataset": "wine"}}
        >>> load_study(content, name="grapes").name
        'grapes'
        >>> load_study(content, {"budget.trials": 0}, name="grapes")
        Traceback (most recent call last):
        benchmark.study.loading.StudyError: trials must be >= 1. Received 0 at budget.trials in \
the study grapes with budget.trials=0. Raise it.
    """
    return resolved_study(source, changes, name, lambda: select_backend(None)).study


def resolved_study(
    source: str | Path | Mapping[str, Any] | Study,
    changes: Changes,
    name: str,
    before_import: Callable[[], None],
    best_of: BestOf | None = None,
) -> ChangedStudy:
    """Return a checked study with its text, which the run folder keeps.

    Args:
        source: as for :func:`load_study`.
        changes: as for :func:`load_study`.
        name: as for :func:`load_study`.
        before_import: called before Keras is imported for a class that the study names.
        best_of: finds the best settings of another run, for ``start_from``.

    Raises:
        StudyError: with one line for each mistake.
    """
    texts = _texts(changes)
    known = catalogue(before_import=before_import)
    if isinstance(source, str | Path):
        with code_of_study(find_study(str(source)), trust=False):
            return changed_study(str(source), texts, known, best_of)
    if isinstance(source, Study):
        name, text = source.name, study_text(source)
    else:
        text = content_text(source, f"the study {name}")
    return completed_study(text, f"the study {name}", name, texts, known, best_of)


def _texts(changes: Changes) -> list[str]:
    if isinstance(changes, str):
        return [changes]
    if not isinstance(changes, Mapping):
        return list(changes)
    return [f"{key}={value_text(value)}" for key, value in changes.items()]
