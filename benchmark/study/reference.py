"""Write the reference of study files from the schema: ``python -m benchmark.study.reference``."""

import inspect
import math
import re
import sys
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from benchmark.metrics import METRICS
from benchmark.models import MODELS
from benchmark.optimizers import SCHEDULES
from benchmark.problems import PROBLEMS
from benchmark.study.catalogue import TRAINING_HYPERPARAMETERS
from benchmark.study.curvature_section import CurvatureSection
from benchmark.study.dimension import MOST, Dimension
from benchmark.study.own_file import ColumnsSection, FileSection
from benchmark.study.schema import (
    BudgetSection,
    Compared,
    ModelSection,
    OneOf,
    PreprocessingSection,
    ProblemSection,
    SplitSection,
    Study,
    TargetSection,
    TrainingSection,
)

TABLES: dict[str, tuple[type[BaseModel], tuple[str, ...]]] = {
    "The top level": (Study, ("name", "problem", "training", "budget", "target", "curvature")),
    "An entry of `compare`": (Compared, ()),
    "`[problem]`": (ProblemSection, ("columns", "file", "split", "preprocessing", "model")),
    "`[problem.columns]`": (ColumnsSection, ()),
    "`[problem.file]`": (FileSection, ()),
    "`[problem.split]`": (SplitSection, ()),
    "`[problem.preprocessing]`": (PreprocessingSection, ()),
    "`[problem.model]`": (ModelSection, ()),
    "`[training]`": (TrainingSection, ()),
    "`[budget]`": (BudgetSection, ()),
    "`[target]`": (TargetSection, ()),
    "`[curvature]`": (CurvatureSection, ()),
    "A dimension of `[search.common]` or `[search.<label>]`": (
        Dimension,
        ("option", "theory", "alternatives", "starts"),
    ),
}
"""The tables of a study file in their order, with the keys that have a section of their own."""
HEADER = """# The study file

Every key of a study file, written by `python -m benchmark.study.reference`. A key whose default
is "required" must be given. `kappabench validate FILE` checks a file and shows the search spaces
that it leaves to the defaults; `kappabench list` names the datasets, models, optimizers, schedules
and closed-form problems.
"""


def reference() -> str:
    """Return the page in Markdown."""
    parts = [HEADER]
    for title, (section, left_out) in TABLES.items():
        parts.append(f"## {title}\n\n{_summary(section)}\n\n{_table(section, left_out)}\n")
    parts += [_metrics(), _model_options(), _problem_options(), _hyperparameters()]
    return "\n".join(parts)


def _summary(section: type[BaseModel]) -> str:
    text = inspect.getdoc(section) or ""
    summary = text.split("\n\nArgs:")[0].split("\n\nExample:")[0].replace("\n", " ")
    if summary.startswith("``["):  # a table's own name stands in the title
        summary = summary.split(": ", 1)[-1]
    return _markdown(summary[0].upper() + summary[1:])


def _table(section: type[BaseModel], left_out: tuple[str, ...]) -> str:
    meanings = arguments(section)
    rows = ["| key | values | default | meaning |", "|---|---|---|---|"]
    for name, field in section.model_fields.items():
        if name not in left_out:
            cells = (f"`{name}`", _values(field), _default(field), _markdown(meanings[name]))
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def arguments(section: type[BaseModel]) -> dict[str, str]:
    """Return what the docstring of a section says of each of its keys.

    Example:
        >>> arguments(TargetSection)["value"]
        'the value that counts as solved'
    """
    text = inspect.getdoc(section) or ""
    _, _, listed = text.partition("\nArgs:\n")
    listed = listed.split("\n\n")[0]
    entries = re.split(r"^    (\w+): ", listed, flags=re.MULTILINE)[1:]
    pairs = zip(entries[::2], entries[1::2], strict=True)
    return {name: " ".join(words.split()).removesuffix(".") for name, words in pairs}


def _markdown(text: str) -> str:
    """Turn a docstring's literals and references into Markdown."""
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`")


def _values(field: FieldInfo) -> str:
    for rule in field.metadata:
        if isinstance(getattr(rule, "func", None), OneOf):
            return ", ".join(f'`"{name}"`' for name in rule.func.names)
    return _kind(field.annotation) + _bounds(field.metadata)


def _kind(annotation: Any) -> str:
    """Return what may be written for a type."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (types.UnionType, Union):
        kinds = dict.fromkeys(_kind(part) for part in inner if part is not type(None))
        if "a number" in kinds:
            kinds.pop("a whole number", None)
        return " or ".join(kinds)
    if origin is not None:
        return {
            Annotated: lambda: _kind(inner[0]) + _bounds(inner[1:]),
            Literal: lambda: ", ".join(f'`"{value}"`' for value in inner),
            list: lambda: f"a list: {_kind(inner[0])}",
            dict: lambda: "a table",
        }[origin]()
    if issubclass(annotation, BaseModel):
        return "a name or a table" if annotation is Compared else "a table"
    return {bool: "`true` or `false`", int: "a whole number", float: "a number", str: "a text"}[
        annotation
    ]


def _bounds(metadata: Any) -> str:
    return " and".join(f" {sign} {bound:g}" for sign, bound in _limits(metadata))


def _limits(metadata: Any) -> Iterator[tuple[str, float]]:
    """The bounds in a field's metadata, without the end of 64 bits, which no reader needs."""
    for limit in metadata:
        for name, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<")):
            bound = getattr(limit, name, None)
            if bound is not None and bound < MOST:
                yield sign, bound


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ("", [], {}):
        return "none" if value is None or value == "" else "empty"
    return _written(value)


def _model_options() -> str:
    rows = ["| model | option | values | default | meaning |", "|---|---|---|---|---|"]
    for name, entry in MODELS.items():
        for key, option in entry.options.items():
            cells = (f"`{name}`", f"`{key}`", option.rule.text, _written(option.default))
            rows.append("| " + " | ".join((*cells, option.meaning)) + " |")
    return (
        "## The options of a model\n\nThey stand in `[problem.model]`.\n\n" + "\n".join(rows) + "\n"
    )


def _problem_options() -> str:
    rows = ["| problem | option | values | default |", "|---|---|---|---|"]
    for name, entry in PROBLEMS.items():
        for key, default in entry.options.items():
            values = "; ".join(rule.text for rule in entry.rules if rule.option == key)
            rows.append(f"| `{name}` | `{key}` | {values} | {_written(default)} |")
    title = "## The options of a closed-form problem\n\nThey stand in `[problem.options]`.\n\n"
    return title + "\n".join(rows) + "\n"


def _written(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _metrics() -> str:
    rows = ["| metric | task | better | range |", "|---|---|---|---|"]
    for name, metric in METRICS.items():
        better = "higher" if metric.direction == "maximize" else "lower"
        ends = [f"≥ {metric.low:g}"] if metric.low > -math.inf else []
        ends += [f"≤ {metric.high:g}"] if metric.high < math.inf else []
        rows.append(f"| `{name}` | {metric.task} | {better} | {' and '.join(ends)} |")
    return "## Metrics\n\nThe first metric of a task is its default.\n\n" + "\n".join(rows) + "\n"


def _hyperparameters() -> str:
    names = ", ".join(f"`{name}`" for name in TRAINING_HYPERPARAMETERS)
    schedules = ", ".join(f"`{name}`" for name in SCHEDULES)
    return (
        "## What can be searched\n\n"
        f"Besides an optimizer's own hyperparameters: {names}. "
        "[hyperparameters.md](hyperparameters.md) says what each is. The parameters of a schedule "
        f"begin with `schedule_`; the schedules are {schedules}.\n"
        "\n## Starting settings\n\n"
        "`[[search.<label>.start]]` gives settings of one compared optimizer, which are tried "
        "before all others. The sampler proposes what a table leaves out, and learns from these "
        "trials as from others.\n\n"
        "```toml\n[[search.adam.start]]\nlearning_rate = 0.01\nbeta_1 = 0.95\n\n"
        "[[search.adam.start]]\nlearning_rate = 0.001\n```\n\n"
        '`start_from = "RUN"` in `[budget]`, or `study --start-from RUN`, starts from the best '
        "settings of another run. The command says what does not match.\n"
    )


if __name__ == "__main__":
    sys.stdout.write(reference())
