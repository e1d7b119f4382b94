"""Options of the model that a study searches: their checks, and what they cost."""

import math
from collections.abc import Iterator
from typing import Any

from benchmark.study.catalogue import Catalogue
from benchmark.study.dimension import MODEL_PREFIX, Dimension, model_value
from benchmark.study.messages import Mistake
from benchmark.study.schema import Compared, Study

UNSTRUCTURAL = ("initializer",)
"""Options whose values share a program: they only draw other initial weights."""


def searched_options(study: Study, label: str) -> dict[str, Dimension]:
    """Return the options of the model that one compared optimizer searches, as a space names them.

    Args:
        study: the study.
        label: the compared entry.
    """
    space = study.space(label)
    return {name: space[name] for name in space if name.startswith(MODEL_PREFIX)}


def whole_options(study: Study) -> set[str]:
    """Return the searched options of the model of which every number is written as a whole one."""
    whole = set()
    for entry in study.compare:
        for name, dimension in searched_options(study, entry.label).items():
            numbers = [dimension.low, dimension.high, dimension.step, *(dimension.choices or [])]
            is_numeric = dimension.alternatives is None
            if is_numeric and all(type(number) is int for number in numbers if number is not None):
                whole.add(name)
    return whole


def check_model_option(
    study: Study, entry: Compared, name: str, key: str, catalogue: Catalogue
) -> Iterator[Mistake]:
    """Yield the mistakes in an option of the model that stands in a search space.

    Args:
        study: the study.
        entry: the compared optimizer.
        name: the option as a search space names it.
        key: where it stands.
        catalogue: what the study may name.
    """
    model, option = study.problem.model, name.removeprefix(MODEL_PREFIX)
    dimension = study.space(entry.label).get(name)
    if study.problem.function:
        rule = f"{name} needs a model; a closed-form problem has none"
        yield Mistake(key, rule, name, "Remove it.")
    elif dimension is None or dimension.is_fixed:
        rule = f"{name} must be {{choices}} or {{low, high, log, step}}: a fixed option of the "
        rule += "model is in [problem.model]"
        received = study.options(entry.label).get(name, dimension.value if dimension else None)
        yield Mistake(key, rule, received, f"Write {option} = … in [problem.model].")
    elif option in model.options:
        rule = f"{option} must be given once"
        yield Mistake(key, rule, name, f"Remove {option} from [problem.model].")
    else:
        facts = catalogue.datasets.get(study.problem.dataset)
        for value in _values(dimension, is_whole=name in whole_options(study)):
            try:
                catalogue.check_model(model.name, {**model.options, option: value}, facts)
            except ValueError as error:
                yield Mistake(key, sentence=str(error))
                return


def programs_sentence(study: Study) -> str:
    """Say how many programs the searched options of the model make; empty where there are none.

    Args:
        study: read and checked.

    Example:
        >>> study = Study.model_validate({
        ...     "question": "?", "compare": ["sgd"], "problem": {"dataset": "iris"},
        ...     "search": {"common": {"model.hidden": {"choices": [[8], [8, 8]]}}},
        ... })
        >>> programs_sentence(study)
        'model.hidden shapes the model: each combination of its values compiles a program of its \
own, at most 2.'
    """
    names: dict[str, None] = {}
    counts: dict[str, int] = {}
    for entry in study.compare:
        space = searched_options(study, entry.label)
        shaping = {
            name: dimension
            for name, dimension in space.items()
            if name.removeprefix(MODEL_PREFIX) not in UNSTRUCTURAL
        }
        names |= dict.fromkeys(shaping)
        sizes = [dimension.size or study.budget.trials for dimension in shaping.values()]
        counts[entry.label] = min(math.prod(sizes), study.budget.trials)
    if not names:
        return ""
    total = sum(counts.values())
    each = f" ({', '.join(f'{count} for {label}' for label, count in counts.items())})"
    shape, whose = ("shapes", "its") if len(names) == 1 else ("shape", "their")
    return (
        f"{' and '.join(names)} {shape} the model: each combination of {whose} values compiles a "
        f"program of its own, at most {total}{each if len(counts) > 1 else ''}."
    )


def _values(dimension: Dimension, *, is_whole: bool) -> list[Any]:
    """The values to check: all that are listed, or the ends of a range."""
    if dimension.alternatives is not None:
        return [model_value(value) for value in dimension.alternatives]
    numbers = dimension.choices or [*dimension.extremes]
    return [int(number) if is_whole else float(number) for number in numbers]
