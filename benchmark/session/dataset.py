"""The own file of a study in its run: what was inferred from it, and how its rows become inputs."""

from pathlib import Path
from typing import Any

from benchmark.data import prepare_problem
from benchmark.data.tables import load_table, sentences
from benchmark.results.files import write_json
from benchmark.study.data import dataset_problem
from benchmark.study.schema import Study

FILE = "dataset.json"


def write_dataset_facts(path: Path, study: Study) -> None:
    """Write ``dataset.json`` into a run folder that does not have it.

    Nothing is written for a dataset with a card, or for a closed-form problem.

    Args:
        path: the run folder.
        study: read and checked.

    Raises:
        DatasetError: the file of the study is gone, or has changed.
    """
    file = path / FILE
    if study.problem.file is not None and study.problem.file.path and not file.exists():
        write_json(file, dataset_facts(study))


def dataset_facts(study: Study) -> dict[str, Any]:
    """Return what is known of the own file of a study, as plain values.

    Args:
        study: read and checked, on an own file.

    Returns:
        Facts about the file, and at ``preprocessing``, by scaling, the parameters that
        :mod:`benchmark.data.preprocessing` applies to new rows.
    """
    problem = dataset_problem(study)
    assert problem.source is not None, "it is on an own file"
    table = load_table(problem.source, problem.dataset)
    labels = [entry.label for entry in study.compare]
    prepared = {p.scaling: prepare_problem(p) for p in (dataset_problem(study, x) for x in labels)}
    sizes = next(iter(prepared.values()))
    return {
        "dataset": problem.dataset,
        "path": table.source.path,
        "checksum": table.source.checksum,
        "target": table.source.target,
        "task": table.task,
        "samples": len(table.y),
        "parts": {
            "train": len(sizes.train.y),
            "validation": len(sizes.validation.y),
            "test": len(sizes.test.y),
        },
        "classes": list(table.classes),
        "columns": {column.name: column.kind for column in table.columns},
        "missing": dict(table.gaps),
        "sentences": list(sentences(table)),
        "preprocessing": {scaling: data.preprocessing for scaling, data in prepared.items()},
    }
