"""The search spaces of a study: defaults, checks, and the options of a closed-form problem."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from benchmark.errors import did_you_mean
from benchmark.problems.theory import METHODS, extreme_eigenvalues, theory_settings
from benchmark.study.catalogue import (
    CLIPPING,
    OF_A_MODEL,
    SCHEDULE_PREFIX,
    TRAINING_HYPERPARAMETERS,
    Bounds,
    Catalogue,
    OptimizerFacts,
    training_rows,
)
from benchmark.study.dimension import MODEL_PREFIX, MOST_POINTS, Dimension
from benchmark.study.messages import Mistake
from benchmark.study.model_options import check_model_option
from benchmark.study.samplers import SAMPLERS
from benchmark.study.schema import Compared, Study

DEFAULT_SEARCHED = ("learning_rate", "momentum")
"""Searched over their default spaces where the study gives others of an optimizer, but not them."""
STOPPING_RULES = ("tolerance",)
"""They end a training and do not make it better, so that they are searched only where asked."""


def missing_spaces(
    study: Study, entry: Compared, catalogue: Catalogue
) -> dict[str, Mapping[str, Any]]:
    """The default spaces of what an optimizer searches and no table of the study gives.

    Where no table gives any hyperparameter of the optimizer, its whole default space is
    searched. Where one gives some, the others keep their defaults, except learning rate and
    momentum: an optimizer at its default rate and one whose rate is searched would not be tuned
    equally.
    """
    known, given = catalogue.optimizers[entry.optimizer].hyperparameters, study.space(entry.label)
    names = [name for name in known if name not in STOPPING_RULES]
    # Weight decay says nothing of the others, though some optimizers have it in their table.
    is_given = any(name in given and name not in TRAINING_HYPERPARAMETERS for name in names)
    searched = DEFAULT_SEARCHED if is_given else names
    settled = {*given, *study.theory(entry.label)}
    spaces = {name: known[name].space for name in searched if name in known}
    return {name: space for name, space in spaces.items() if space and name not in settled}


def check_space(study: Study, entry: Compared, catalogue: Catalogue) -> Iterator[Mistake]:
    """Yield the mistakes in the search space of one compared optimizer, which must be known."""
    facts = catalogue.optimizers[entry.optimizer]
    parameters = schedule_parameters(study, entry, catalogue)
    allowed: dict[str, Bounds] = {
        **TRAINING_HYPERPARAMETERS,
        **facts.hyperparameters,
        **parameters,
    }
    space, options = study.space(entry.label), study.options(entry.label)
    known = {**allowed, **facts.options}
    swept = problem_options(study, catalogue)
    yield from check_theory(study, entry, catalogue)
    for name in (*space, *options):
        key = _key(study, entry, name)
        if name.startswith(MODEL_PREFIX):
            yield from check_model_option(study, entry, name, key, catalogue)
        elif name in swept and name not in known:
            yield from check_swept(study, entry, name, catalogue)
        elif name == "clipping":
            yield Mistake(key, "clipping must be spelled as in Keras", name, _CLIPPING_REMEDY)
        elif name not in known and name.startswith(SCHEDULE_PREFIX):
            yield from _misplaced_parameter(key, name, study, entry, catalogue)
        elif name not in known:
            rule = f"a hyperparameter of {entry.optimizer} must be one of " + ", ".join(
                sorted(known.keys() - parameters.keys())
            )
            remedy = f"Remove it, or move it to the tables of those that have {name}."
            yield Mistake(key, rule, name, did_you_mean(name, known) or remedy)
        elif name in facts.options:
            yield from _check_option(key, name, options.get(name), facts.options[name])
        elif name in options:
            rule = f"{name} must be a number, {{low, high, log, step}} or {{choices}}"
            yield Mistake(key, rule, options[name], "Write one of them.")
        else:
            yield from _check_dimension(key, name, space[name], allowed[name])
    if SAMPLERS[study.budget.sampler].is_grid:
        yield from _check_grid(study, entry, catalogue)
    yield from _check_batch_size(study, entry, catalogue)
    yield from _check_what_may_be_given(study, entry, facts)


def _check_what_may_be_given(
    study: Study, entry: Compared, facts: OptimizerFacts
) -> Iterator[Mistake]:
    """What an optimizer, or a closed-form problem, may not be given, or not together."""
    space = study.space(entry.label)
    given = [name for name in CLIPPING if name in space]
    if len(given) > 1:
        is_own = any(name in study.search.get(entry.label, {}) for name in given)
        rule = f"at most one of {', '.join(CLIPPING)} must be given, as in Keras"
        key = f"search.{entry.label if is_own else 'common'}"
        yield Mistake(key, rule, ", ".join(given), "Keep one of them.")
    for name, reason in OF_A_MODEL.items():
        if name in space and study.problem.function:
            rule = f"{name} needs a model; {reason}"
            yield Mistake(_key(study, entry, name), rule, name, "Remove it.")
    if "weight_decay" in space and not facts.weight_decay:
        rule = f"{entry.optimizer} takes no weight_decay, which its update rule does not have"
        key = _key(study, entry, "weight_decay")
        remedy = "Move it to the tables of the others, or take l2, which is part of the loss."
        yield Mistake(key, rule, "weight_decay", remedy)


def schedule_parameters(study: Study, entry: Compared, catalogue: Catalogue) -> dict[str, Bounds]:
    """The parameters of the schedule of a compared optimizer, as a search space calls them."""
    facts = catalogue.schedules.get(study.schedule(entry.label))
    known = facts.parameters if facts else {}
    return {f"{SCHEDULE_PREFIX}{name}": bounds for name, bounds in known.items()}


def _misplaced_parameter(
    key: str, name: str, study: Study, entry: Compared, catalogue: Catalogue
) -> Iterator[Mistake]:
    """A parameter that the schedule of a compared optimizer does not have."""
    schedule, parameter = study.schedule(entry.label), name.removeprefix(SCHEDULE_PREFIX)
    if schedule not in catalogue.schedules:
        return  # reported at its own key
    known = schedule_parameters(study, entry, catalogue)
    rule = f"a parameter of the schedule {schedule} must be one of {', '.join(known)}"
    schedules = [
        schedule_name
        for schedule_name, facts in catalogue.schedules.items()
        if parameter in facts.parameters
    ]
    remedy = did_you_mean(name, known) or "Remove it."
    if schedules:
        chosen = " or ".join(f'"{schedule_name}"' for schedule_name in schedules)
        remedy = f"Remove it, or take the schedule that has it: schedule = {chosen}."
    yield Mistake(key, rule, name, remedy)


def _check_option(
    key: str, name: str, value: bool | str | None, default: bool | str
) -> Iterator[Mistake]:
    """An option is fixed, and of the type of its default."""
    if type(value) is not type(default):
        form = "true or false" if isinstance(default, bool) else "a text"
        shown = "a number or a space" if value is None else repr(value)
        rule = f"{name} must be {form}, one value for all trials"
        remedy = "To compare several, give each a label of its own in compare."
        yield Mistake(key, rule, words=shown, remedy=remedy)


_CLIPPING_REMEDY = (
    "Write clipvalue (each component), clipnorm (the norm of each variable), "
    "global_clipnorm (the norm of the whole gradient), adaptive_clipnorm (the norm of each unit "
    "relative to its weights) or percentile_clipnorm (a percentile of the norms so far)."
)


def _key(study: Study, entry: Compared, name: str) -> str:
    """Where the space of a compared optimizer takes a hyperparameter from."""
    is_own = name in study.search.get(entry.label, {})
    return f"search.{entry.label if is_own else 'common'}.{name}"


def _check_grid(study: Study, entry: Compared, catalogue: Catalogue) -> Iterator[Mistake]:
    """A grid needs finite dimensions, and not too many settings."""
    rule, sizes = "the grid sampler needs finite dimensions", []
    for name, dimension in study.space(entry.label).items():
        size = dimension.size
        if size is None:
            remedy = "Add step, write choices, or take another sampler."
            yield Mistake(_key(study, entry, name), rule, "a range", remedy)
        sizes.append(size or 1)
    for name in missing_spaces(study, entry, catalogue):
        key, remedy = f"search.{entry.label}.{name}", "Write choices, or take another sampler."
        yield Mistake(key, f"{rule}, and the default space is a range", None, remedy)
    if math.prod(sizes) > MOST_POINTS:
        rule = f"a grid must have at most {MOST_POINTS} settings"
        remedy = "Take fewer points in each dimension, or another sampler."
        yield Mistake(f"search.{entry.label}", rule, math.prod(sizes), remedy)


def _check_dimension(
    key: str, name: str, dimension: Dimension, bounds: Bounds
) -> Iterator[Mistake]:
    smallest, largest = dimension.extremes
    usual = ""
    if bounds.space:
        usual = f" The default range is {bounds.space['low']:g} to {bounds.space['high']:g}."
    if smallest < bounds.low or (smallest == bounds.low and not bounds.low_included):
        sign = ">=" if bounds.low_included else ">"
        yield Mistake(key, f"{name} must be {sign} {bounds.low:g}", smallest, f"Raise it.{usual}")
    if largest > bounds.high or (largest == bounds.high and not bounds.high_included):
        sign = "<=" if bounds.high_included else "<"
        yield Mistake(key, f"{name} must be {sign} {bounds.high:g}", largest, f"Lower it.{usual}")
    numbers = [dimension.value, dimension.low, dimension.high, dimension.step]
    numbers += dimension.choices or []
    fractions = [x for x in numbers if x is not None and x != int(x)] if bounds.integer else []
    if fractions:
        remedy = f"Write for instance {max(1, round(fractions[0]))}."
        yield Mistake(key, f"{name} must be a whole number", fractions[0], remedy)


def _check_batch_size(study: Study, entry: Compared, catalogue: Catalogue) -> Iterator[Mistake]:
    dimension = study.space(entry.label).get("batch_size")
    if dimension is None:
        return
    key = _key(study, entry, "batch_size")
    try:
        rows = training_rows(study, catalogue)
    except ValueError:
        rows = None  # reported at its own key
    is_used = study.training.batch_sampling != "full_batch"
    if is_used and rows is not None and dimension.extremes[1] > rows:
        problem = study.problem.dataset or study.problem.function
        rule = f"batch_size must be <= {rows}, the number of training examples of {problem}"
        remedy = 'Take smaller batches, or batch_sampling = "full_batch".'
        yield Mistake(key, rule, dimension.extremes[1], remedy)
    is_own = "batch_size" in study.search.get(entry.label, {})
    if is_own and catalogue.optimizers[entry.optimizer].full_batch:
        rule = f"{entry.optimizer} uses the full batch and takes no batch_size"
        yield Mistake(key, rule, "batch_size", "Remove it.")


def problem_options(study: Study, catalogue: Catalogue) -> dict[str, float | int | str]:
    """All options of the closed-form problem of a study, none where that is wrong or absent."""
    problem = study.problem
    if problem.function not in catalogue.problems:
        return {}
    try:
        return dict(catalogue.check_problem(problem.function, problem.options))
    except ValueError:
        return {}  # reported at its own key


def check_swept(
    study: Study, entry: Compared, name: str, catalogue: Catalogue
) -> Iterator[Mistake]:
    """Yield the mistakes in an option of the problem that stands in a search space."""
    is_own = name in study.search.get(entry.label, {})
    key = f"search.{entry.label if is_own else 'common'}.{name}"
    dimension = study.space(entry.label).get(name)
    values = dimension.grid if dimension else None
    if values is None:
        rule = f"{name} is an option of the problem and must be a number or {{choices}}"
        yield Mistake(key, rule, words="something else", remedy="Name the values to compare.")
        return
    if is_own:
        rule = f"{name} is an option of the problem and must be in [search.common], which all share"
        yield Mistake(key, rule, values, f"Move it to [search.common].{name}.")
    if name in study.problem.options:
        rule = f"{name} must be given once"
        yield Mistake(key, rule, values, f"Remove problem.options.{name}.")
    if len(values) > 1 and not SAMPLERS[study.budget.sampler].is_grid:
        rule = f"{name} is an option of the problem: each of its values must be tried with each "
        rule += "optimizer, by the grid sampler"
        yield Mistake(key, rule, study.budget.sampler, 'Write sampler = "grid" in [budget].')
    for value in values:
        try:
            options = {**study.problem.options, name: value}
            catalogue.check_problem(study.problem.function, options)
        except ValueError as error:
            yield Mistake(key, sentence=str(error))
            return


def check_theory(study: Study, entry: Compared, catalogue: Catalogue) -> Iterator[Mistake]:
    """Yield the mistakes in numbers that theory is asked for."""
    asked = study.theory(entry.label)
    if not asked:
        return
    places = {
        name: f"search.{entry.label if name in study.search.get(entry.label, {}) else 'common'}"
        for name in asked
    }
    first, tuning = next(iter(asked.items()))
    key = f"{places[first]}.{first}"
    remedy = "Write a number, {low, high, log, step} or {choices}."
    able = [name for name, tunings in METHODS.items() if tuning in tunings]
    if entry.optimizer not in able:
        rule = f"{tuning!r} must be written for a number of {', '.join(able)} only"
        yield Mistake(key, rule, entry.optimizer, remedy)
        return
    known = theory_settings(entry.optimizer, 1.0, 1.0, tuning)
    for name in asked:
        if name not in known:
            rule = f"{tuning!r} must be written for {' or '.join(known)} of {entry.optimizer} only"
            yield Mistake(f"{places[name]}.{name}", rule, name, remedy)
    missing = sorted(name for name in known if asked.get(name) != tuning)
    if missing:
        rule = f"{' and '.join(known)} of {entry.optimizer} must be {tuning!r} together"
        received = " and ".join(name for name in asked if asked[name] == tuning)
        yield Mistake(key, rule, received, f'Write {missing[0]} = "{tuning}" as well.')
    try:
        extreme_eigenvalues(problem_options(study, catalogue))
    except KeyError:
        rule = f"{tuning!r} needs a function with a condition_number and a largest_eigenvalue"
        received = study.problem.function or study.problem.dataset
        remedy = "Take quadratic or diagonal_quadratic, or write numbers."
        yield Mistake(key, rule, received, remedy)
