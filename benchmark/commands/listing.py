"""What ``list`` lists: names with a sentence, read from tables and cards."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmark.data import card_names, load_card
from benchmark.models import MODELS
from benchmark.optimizers import OPTIMIZERS, SCHEDULES, OptimizerEntry, optimizer_entry
from benchmark.problems import PROBLEMS
from benchmark.results import is_finished, list_runs
from benchmark.study.catalogue import Catalogue
from benchmark.study.loading import StudyError, parse_study, read_text, study_files
from benchmark.study.samplers import PRUNERS, SAMPLERS, PrunerEntry, SamplerEntry
from benchmark.study.schema import Study
from benchmark.study.spaces import STOPPING_RULES, missing_spaces

Row = dict[str, str]
SOURCES = "sources"
"""A column that is too wide for a terminal: it is in the JSON only."""
NOTES = {
    "optimizers": "Any other Keras optimizer: keras:Class for a class of keras.optimizers, or "
    "package.module:Class for one of your own.",
    "models": "Any other Keras model: package.module:function for a function of your own that "
    "builds it, or a .keras file. See docs/own-model.md.",
}
"""A line below the table of a kind."""


def listing(kind: str, results: Path) -> list[Row]:
    """Return a row for each thing of a kind.

    Args:
        kind: a value of ``benchmark.commands.requests.Kind``.
        results: the folder of all results, for the runs.

    Example:
        >>> [row["name"] for row in listing("pruners", Path("results"))][:2]
        ['none', 'median']
    """
    return _LISTINGS[kind](results)


def _studies(_: Path) -> list[Row]:
    rows = []
    for name, path in study_files().items():
        try:
            study = parse_study(read_text(path), str(path), name)
            labels = ", ".join(entry.label for entry in study.compare)
            rows.append({"name": name, "question": study.question, "compares": labels})
        except StudyError as error:
            rows.append({"name": name, "question": error.lines[0], "compares": ""})
    return rows


def _datasets(_: Path) -> list[Row]:
    cards = [load_card(name) for name in card_names()]
    return [
        {
            "name": card.name,
            "task": card.task,
            "samples": str(card.samples),
            "features": str(card.features),
            "classes": str(card.classes or "–"),
            "title": card.title,
        }
        for card in cards
    ]


def _models(_: Path) -> list[Row]:
    return [
        {
            "name": name,
            "summary": entry.summary,
            "options": "\n".join(
                f"{key} = {option.default!r}: {option.meaning}"
                for key, option in entry.options.items()
            ),
        }
        for name, entry in MODELS.items()
    ]


def _problems(_: Path) -> list[Row]:
    return [
        {
            "name": name,
            "summary": entry.summary,
            "options": ", ".join(f"{key} = {value!r}" for key, value in entry.options.items()),
        }
        for name, entry in PROBLEMS.items()
    ]


def _summaries(table: Mapping[str, SamplerEntry] | Mapping[str, PrunerEntry]) -> list[Row]:
    return [{"name": name, "summary": entry.summary} for name, entry in table.items()]


def _optimizers(_: Path) -> list[Row]:
    return [
        {
            "name": name,
            "summary": entry.summary,
            "hyperparameters": ", ".join(
                f"{key} = {hyperparameter.default:g}" if hyperparameter.default is not None else key
                for key, hyperparameter in entry.hyperparameters.items()
            ),
            "default space": ", ".join(space_words(searched_by_default(entry))),
            "advice": entry.advice,
            SOURCES: "; ".join(sources_of(entry)),
        }
        for name, entry in OPTIMIZERS.items()
    ]


def searched_by_default(entry: OptimizerEntry) -> dict[str, Mapping[str, Any]]:
    """The default space of an optimizer."""
    return {
        name: hyperparameter.space
        for name, hyperparameter in entry.hyperparameters.items()
        if hyperparameter.space and name not in STOPPING_RULES
    }


def space_words(spaces: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return search spaces as words, one for each hyperparameter.

    Example:
        >>> space_words({"momentum": {"low": 0.0, "high": 0.99, "log": False}})
        ['momentum 0 to 0.99']
    """
    return [
        f"{name} {space['low']:g} to {space['high']:g}{' (log)' if space.get('log') else ''}"
        for name, space in spaces.items()
    ]


def sources_of(entry: OptimizerEntry) -> list[str]:
    """Return where defaults and spaces of an optimizer come from, by hyperparameter."""
    return [
        f"{name}: {hyperparameter.source}"
        for name, hyperparameter in entry.hyperparameters.items()
        if hyperparameter.source
    ]


def default_spaces(study: Study, facts: Catalogue) -> list[str]:
    """Return lines on the default spaces that a study takes, with advice and sources.

    Args:
        study: read and checked.
        facts: what it was checked against.
    """
    lines = []
    for compared in study.compare:
        spaces = missing_spaces(study, compared, facts)
        if not spaces:
            continue
        entry = optimizer_entry(compared.optimizer)
        lines.append(f"{compared.label} takes its default space: {', '.join(space_words(spaces))}.")
        if entry.advice:
            lines.append(f"  Advice: {entry.advice}.")
        lines += [
            f"  {name}: {entry.hyperparameters[name].source}."
            for name in spaces
            if entry.hyperparameters[name].source
        ]
    return lines


def _schedules(_: Path) -> list[Row]:
    return [
        {
            "name": name,
            "summary": entry.summary,
            "factor": entry.formula,
            "parameters": ", ".join(
                f"schedule_{key} = {parameter.default:.3g}"
                for key, parameter in entry.parameters.items()
            ),
        }
        for name, entry in SCHEDULES.items()
    ]


def _runs(results: Path) -> list[Row]:
    return [
        {
            "name": f"{path.parent.name}/{path.name}",
            "finished": "yes" if is_finished(path) else "no",
        }
        for path in list_runs(results)
    ]


_LISTINGS: dict[str, Callable[[Path], list[Row]]] = {
    "studies": _studies,
    "datasets": _datasets,
    "models": _models,
    "optimizers": _optimizers,
    "schedules": _schedules,
    "problems": _problems,
    "samplers": lambda _: _summaries(SAMPLERS),
    "pruners": lambda _: _summaries(PRUNERS),
    "runs": _runs,
}
