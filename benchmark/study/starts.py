"""The settings that are tried first: those of a study file, and the best ones of another run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.errors import did_you_mean
from benchmark.study.catalogue import TRAINING_HYPERPARAMETERS, Bounds, Catalogue
from benchmark.study.dimension import START, Dimension
from benchmark.study.messages import Mistake
from benchmark.study.samplers import SAMPLERS
from benchmark.study.schema import Compared, Study
from benchmark.study.spaces import missing_spaces, schedule_parameters


@dataclass(frozen=True, slots=True)
class BestSetting:
    """The best trial of one compared optimizer of another run.

    Args:
        label: the compared entry.
        optimizer: its optimizer.
        number: of the trial.
        hyperparameters: all of its numbers by name.
        objective: the name of what was optimized.
    """

    label: str
    optimizer: str
    number: int
    hyperparameters: Mapping[str, Any]
    objective: str


def searched_space(study: Study, entry: Compared, catalogue: Catalogue) -> dict[str, Dimension]:
    """Return what is searched of a compared optimizer, default spaces included.

    Args:
        study: the study.
        entry: one of its compared optimizers, which must be known.
        catalogue: what the study may name.
    """
    defaults = missing_spaces(study, entry, catalogue)
    space = {name: Dimension(**given) for name, given in defaults.items()}
    space |= study.space(entry.label)
    return {name: dimension for name, dimension in space.items() if not dimension.is_fixed}


def check_starts(study: Study, entry: Compared, catalogue: Catalogue) -> Iterator[Mistake]:
    """Yield the mistakes in the starting settings of one compared optimizer, which must be known.

    Args:
        study: the study.
        entry: the compared optimizer.
        catalogue: what the study may name.
    """
    starts, key = study.starts(entry.label), f"search.{entry.label}.{START}"
    if not starts:
        return
    budget = study.budget
    if SAMPLERS[budget.sampler].is_grid:
        rule = "a start needs a sampler that does not try every setting anyway"
        remedy = "Remove the starts, or take another sampler in [budget]."
        yield Mistake(key, rule, remedy=remedy, words=f"sampler = {budget.sampler!r}")
    if len(starts) > budget.trials:
        rule = f"there must be at most as many starts as trials, {budget.trials}"
        remedy = "Remove some, or raise trials in [budget]."
        yield Mistake(key, rule, words=str(len(starts)), remedy=remedy)
    space = searched_space(study, entry, catalogue)
    whole = _whole_numbers(study, entry, catalogue)
    for index, start in enumerate(starts):
        place = f"{key}[{index}]"
        if not start:
            rule = f"a start must give one or more of {', '.join(space)}"
            yield Mistake(place, rule, remedy="Add some, or remove the table.")
        if start in starts[:index]:
            rule = "starts must differ from each other"
            yield Mistake(place, rule, words="the same again", remedy="Remove one of them.")
            continue
        for name, value in start.items():
            if mistake := _mistake(study, entry, space, name, value, is_whole=name in whole):
                rule, remedy = mistake
                yield Mistake(f"{place}.{name}", rule, value, remedy)


def check_common_start(study: Study) -> Iterator[Mistake]:
    """Yield a mistake where starting settings stand in the table of all optimizers."""
    if study.starts("common"):
        label = study.compare[0].label
        rule = "a start must be of one compared optimizer"
        remedy = f"Write [[search.{label}.{START}]], and so on for each."
        yield Mistake(f"search.common.{START}", rule, words="one of all", remedy=remedy)


def _whole_numbers(study: Study, entry: Compared, catalogue: Catalogue) -> set[str]:
    """The names of the hyperparameters that are whole numbers."""
    known: dict[str, Bounds] = {
        **TRAINING_HYPERPARAMETERS,
        **catalogue.optimizers[entry.optimizer].hyperparameters,
        **schedule_parameters(study, entry, catalogue),
    }
    return {name for name, bounds in known.items() if bounds.integer}


def _mistake(
    study: Study,
    entry: Compared,
    space: Mapping[str, Dimension],
    name: str,
    value: Any,
    *,
    is_whole: bool,
) -> tuple[str, str] | None:
    """The rule that a setting breaks, and the remedy."""
    if name not in space:
        fixed = study.space(entry.label).get(name)
        if fixed is not None and fixed.contains(value):
            return None  # the whole setting of a trial may be copied here
        if fixed is not None:
            remedy = f"Give it a range in [search.{entry.label}], or remove it here."
            return f"{name} must be searched to have a start, and it is fixed", remedy
        rule = f"a start of {entry.label} must give what is searched: {', '.join(space)}"
        return rule, did_you_mean(name, space) or f"Search {name}, or remove it here."
    if is_whole and isinstance(value, float) and value != int(value):
        return f"{name} must be a whole number", f"Write for instance {max(1, round(value))}."
    if not space[name].contains(value):
        remedy = f"Change it, or the search space of {name}."
        return f"{name} must be within the search space, {in_words(space[name])}", remedy
    return None


def in_words(dimension: Dimension) -> str:
    """Return the values that a searched dimension has, in words.

    Example:
        >>> in_words(Dimension(low=0.1, high=1.0)), in_words(Dimension(choices=[16, 32]))
        ('0.1 to 1', 'one of 16, 32')
    """
    if dimension.alternatives is not None:
        return f"one of {', '.join(map(str, dimension.alternatives))}"
    if dimension.low is None or dimension.high is None:
        return f"one of {', '.join(f'{choice:g}' for choice in dimension.choices or [])}"
    step = "" if dimension.step is None else f" in steps of {dimension.step:g}"
    return f"{dimension.low:g} to {dimension.high:g}{step}"


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What a study takes over from another run.

    Args:
        starts: the starting setting of each label.
        notices: a sentence for each label: what it takes over, and what it cannot.
    """

    starts: Mapping[str, dict[str, Any]]
    notices: tuple[str, ...]


def taken_over(
    study: Study, catalogue: Catalogue, best: Mapping[str, BestSetting], run: str
) -> TakenOver:
    """Return the best settings of another run, as far as this study searches them.

    A compared optimizer takes those of its label, or else of the first label of its optimizer.

    Args:
        study: the new study.
        catalogue: what it may name.
        best: the best trial of each label of the other run.
        run: what the other run is called.
    """
    starts: dict[str, dict[str, Any]] = {}
    notices = []
    for entry in study.compare:
        same = [setting for setting in best.values() if setting.optimizer == entry.optimizer]
        # A label that stands for another optimizer there has hyperparameters of other meaning.
        same.sort(key=lambda setting: setting.label != entry.label)
        setting = next(iter(same), None)
        if setting is None:
            notices.append(f"{entry.label} has no setting to start from: {run} has no best one.")
            continue
        space = searched_space(study, entry, catalogue)
        whole = _whole_numbers(study, entry, catalogue)
        matching, left_out = _matching(study, entry, setting, space, whole)
        text = ", ".join(f"{name} = {value:.6g}" for name, value in matching.items())
        source = f"trial {setting.number} of {run}, the best {setting.objective} of {setting.label}"
        if matching:
            starts[entry.label] = matching
        begins = f"starts from {source}: {text}." if matching else f"cannot start from {source}."
        missing = f" Not taken over: {'; '.join(left_out)}." if left_out else ""
        notices.append(f"{entry.label} {begins}{missing}")
    return TakenOver(starts, tuple(notices))


def _matching(
    study: Study,
    entry: Compared,
    setting: BestSetting,
    space: Mapping[str, Dimension],
    whole: set[str],
) -> tuple[dict[str, Any], list[str]]:
    """What of a setting is searched here, and a phrase for each number that is not."""
    matching: dict[str, Any] = {}
    left_out = []
    fixed = study.space(entry.label)
    for name, value in setting.hyperparameters.items():
        if name in space and _mistake(study, entry, space, name, value, is_whole=name in whole):
            left_out.append(f"{name} = {value:.6g} is outside {in_words(space[name])}")
        elif name in space:
            matching[name] = value
        elif name in fixed and not fixed[name].contains(value):
            left_out.append(f"{name} is fixed here, and was {value:.6g} there")
        elif name not in fixed:
            left_out.append(f"{name} = {value:.6g} is not searched here")
    given = setting.hyperparameters
    left_out += [f"{name} was at its default there" for name in space if name not in given]
    return matching, left_out
