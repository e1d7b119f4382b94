"""The checks of a study that the schema alone cannot make: names and ranges.

They are made against a :class:`Catalogue` that the caller hands over, so that this
module needs neither Keras nor scikit-learn.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from benchmark.errors import did_you_mean
from benchmark.study import DEFAULT_METRIC, LOSSES, METRICS, Compared, Dimension, Study
from benchmark.study_messages import Mistake


class Bounds(Protocol):
    """The range of a numeric hyperparameter."""

    @property
    def low(self) -> float:
        """Lower end."""

    @property
    def high(self) -> float:
        """Upper end."""

    @property
    def low_included(self) -> bool:
        """Whether the lower end itself may be used."""

    @property
    def high_included(self) -> bool:
        """Whether the upper end itself may be used."""

    @property
    def integer(self) -> bool:
        """Whether only whole numbers make sense."""

    @property
    def space(self) -> Mapping[str, Any] | None:
        """The default search space."""


class OptimizerFacts(Protocol):
    """What is known of an optimizer without importing it."""

    @property
    def hyperparameters(self) -> Mapping[str, Bounds]:
        """Numeric hyperparameters by name."""

    @property
    def full_batch(self) -> bool:
        """Whether the method is defined for the full batch only."""


class DatasetFacts(Protocol):
    """What is known of a dataset without loading it."""

    @property
    def samples(self) -> int:
        """Number of rows."""

    @property
    def task(self) -> str:
        """``"classification"`` or ``"regression"``."""


@dataclass(frozen=True, slots=True)
class TrainingHyperparameter:
    """A hyperparameter of training that no optimizer owns, with its range."""

    low: float
    high: float = float("inf")
    low_included: bool = False
    high_included: bool = False
    integer: bool = False
    space: Mapping[str, Any] | None = None


TRAINING_HYPERPARAMETERS: dict[str, TrainingHyperparameter] = {
    "batch_size": TrainingHyperparameter(1, low_included=True, integer=True),
    "fuzz": TrainingHyperparameter(0),
    "tolerance": TrainingHyperparameter(0, low_included=True),
    "clipvalue": TrainingHyperparameter(0),
    "clipnorm": TrainingHyperparameter(0),
    "global_clipnorm": TrainingHyperparameter(0),
}
CLIPPING = ("clipvalue", "clipnorm", "global_clipnorm")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a study may name.

    Args:
        datasets: facts by dataset name.
        models: model names.
        optimizers: facts by optimizer name.
        problems: names of closed-form problems.
        check_model: raises ``ValueError`` with a sentence for wrong model options.
        check_problem: the same for the options of a closed-form problem.
        train_size: number of training examples from (samples, fractions).
    """

    datasets: Mapping[str, DatasetFacts]
    models: Sequence[str]
    optimizers: Mapping[str, OptimizerFacts]
    problems: Sequence[str]
    check_model: Callable[[str, Mapping[str, Any]], object]
    check_problem: Callable[[str, Mapping[str, Any]], object]
    train_size: Callable[[int, tuple[float, float, float]], int]


def check_study(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    """Yield every mistake that needs the catalogue to be seen."""
    yield from _check_problem(study, catalogue)
    yield from _check_compare(study, catalogue)
    known = [entry for entry in study.compare if entry.optimizer in catalogue.optimizers]
    for entry in known:
        yield from _check_space(study, entry, catalogue)
    yield from _check_target(study, catalogue)


def _check_problem(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    problem = study.problem
    if problem.function:
        yield from _check_function(study, catalogue)
        return
    if problem.dataset not in catalogue.datasets:
        yield unknown("problem.dataset", problem.dataset, catalogue.datasets)
    if problem.model.name not in catalogue.models:
        yield unknown("problem.model.name", problem.model.name, catalogue.models)
    else:
        try:
            catalogue.check_model(problem.model.name, problem.model.options)
        except ValueError as error:
            yield Mistake("problem.model", sentence=str(error))
    yield from _check_measures(study, catalogue)


def _check_function(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    problem = study.problem
    if problem.function not in catalogue.problems:
        yield unknown("problem.function", problem.function, catalogue.problems)
        return
    try:
        catalogue.check_problem(problem.function, problem.options)
    except ValueError as error:
        yield Mistake("problem.options", sentence=str(error))


def _check_measures(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    """Metric, loss and objective must fit the dataset's task."""
    problem = study.problem
    if problem.metric and problem.metric not in METRICS:
        yield unknown("problem.metric", problem.metric, METRICS)
    facts = catalogue.datasets.get(problem.dataset)
    if facts and problem.loss and problem.loss not in LOSSES[facts.task]:
        yield unknown("problem.loss", problem.loss, LOSSES[facts.task])
    if facts and problem.metric == "accuracy" and facts.task == "regression":
        yield Mistake(
            "problem.metric", "the metric of a regression must be an error", problem.metric
        )
    names = metric_names(study, catalogue)
    if problem.objective and problem.objective not in names:
        yield unknown("problem.objective", problem.objective, names)


def metric_names(study: Study, catalogue: Catalogue) -> list[str]:
    """The names of the curves that a trial of this study reports and may be ranked by."""
    if study.problem.function:
        return ["train_loss"]
    metric = metric_of(study, catalogue)
    return [f"{part}_{name}" for part in ("train", "validation") for name in ("loss", metric)]


def metric_of(study: Study, catalogue: Catalogue) -> str:
    """The metric besides the loss: the study's, or the usual one of the dataset's task."""
    facts = catalogue.datasets.get(study.problem.dataset)
    usual = DEFAULT_METRIC[facts.task] if facts else "accuracy"
    return study.problem.metric or usual


def loss_of(study: Study, catalogue: Catalogue) -> str:
    """The Keras loss: the study's, or the usual one of the dataset's task."""
    facts = catalogue.datasets.get(study.problem.dataset)
    usual = LOSSES[facts.task][0] if facts else ""
    return study.problem.loss or usual


def unknown(key: str, value: object, known: Sequence[str] | Mapping[str, Any]) -> Mistake:
    """The mistake of naming something that is not there."""
    rule = f"{key.rsplit('.', 1)[-1]} must be one of {', '.join(sorted(known))}"
    return Mistake(key, rule, value, did_you_mean(str(value), known))


def _check_compare(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    labels = [entry.label for entry in study.compare]
    for index, entry in enumerate(study.compare):
        if entry.optimizer not in catalogue.optimizers:
            yield unknown(f"compare[{index}]", entry.optimizer, catalogue.optimizers)
        if entry.label == "common" or entry.label in labels[:index]:
            yield Mistake(
                f"compare[{index}]",
                "labels must differ from each other and from 'common'",
                entry.label,
                'Give a label: { label = "…", optimizer = "…" }.',
            )
    for label in study.search:
        if label not in (*labels, "common"):
            yield unknown(f"search.{label}", label, [*labels, "common"])


def _check_space(study: Study, entry: Compared, catalogue: Catalogue) -> Iterator[Mistake]:
    facts = catalogue.optimizers[entry.optimizer]
    allowed = {**_training_bounds(), **facts.hyperparameters}
    for name, dimension in study.space(entry.label).items():
        own = name in study.search.get(entry.label, {})
        key = f"search.{entry.label if own else 'common'}.{name}"
        if name == "clipping":
            yield Mistake(key, "clipping must be spelled as in Keras", name, _CLIPPING_REMEDY)
        elif name not in allowed:
            rule = f"a hyperparameter of {entry.optimizer} must be one of " + ", ".join(
                sorted(allowed)
            )
            yield Mistake(key, rule, name, did_you_mean(name, allowed))
        else:
            yield from _check_dimension(key, name, dimension, allowed[name])
            if study.budget.sampler == "grid" and dimension.grid is None:
                remedy = "Add step, write choices, or take another sampler."
                yield Mistake(key, "the grid sampler needs finite dimensions", "a range", remedy)
    yield from _check_batch_size(study, entry, catalogue)
    given = [name for name in CLIPPING if name in study.space(entry.label)]
    if len(given) > 1:
        rule = "at most one of clipvalue, clipnorm, global_clipnorm must be given, as in Keras"
        yield Mistake(f"search.{entry.label}", rule, ", ".join(given), "Keep one of them.")
    if "fuzz" in study.space(entry.label) and study.problem.function:
        rule = "fuzz must stand with a model; a closed-form problem has its own start"
        yield Mistake("search.fuzz", rule, "fuzz", "Remove it.")


_CLIPPING_REMEDY = (
    "Write clipvalue (each component), clipnorm (the norm of each variable) "
    "or global_clipnorm (the norm of the whole gradient)."
)


def _training_bounds() -> dict[str, Bounds]:
    return dict(TRAINING_HYPERPARAMETERS)


def _check_dimension(
    key: str, name: str, dimension: Dimension, bounds: Bounds
) -> Iterator[Mistake]:
    smallest, largest = dimension.extremes
    if smallest < bounds.low or (smallest == bounds.low and not bounds.low_included):
        sign = ">=" if bounds.low_included else ">"
        yield Mistake(key, f"{name} must be {sign} {bounds.low:g}", smallest)
    if largest > bounds.high or (largest == bounds.high and not bounds.high_included):
        sign = "<=" if bounds.high_included else "<"
        yield Mistake(key, f"{name} must be {sign} {bounds.high:g}", largest)
    numbers = [dimension.value, dimension.low, dimension.high, dimension.step]
    numbers += dimension.choices or []
    fractions = [x for x in numbers if x is not None and x != int(x)] if bounds.integer else []
    if fractions:
        yield Mistake(key, f"{name} must be a whole number", fractions[0])


def _check_batch_size(study: Study, entry: Compared, catalogue: Catalogue) -> Iterator[Mistake]:
    dimension = study.space(entry.label).get("batch_size")
    facts = catalogue.datasets.get(study.problem.dataset)
    if dimension is None or facts is None:
        return
    own = "batch_size" in study.search.get(entry.label, {})
    key = f"search.{entry.label if own else 'common'}.batch_size"
    split = study.problem.split
    rows = catalogue.train_size(facts.samples, (split.train, split.validation, split.test))
    if dimension.extremes[1] > rows:
        rule = (
            f"batch_size must be <= {rows}, the number of training examples of "
            f"{study.problem.dataset}"
        )
        remedy = 'Take smaller batches, or sampling = "full_batch".'
        yield Mistake(key, rule, dimension.extremes[1], remedy)
    if own and catalogue.optimizers[entry.optimizer].full_batch:
        rule = f"{entry.optimizer} works on the full batch and must stand without batch_size"
        yield Mistake(key, rule, "batch_size", "Remove it.")


def _check_target(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    names = metric_names(study, catalogue)
    if study.target and study.target.metric not in names:
        yield unknown("target.metric", study.target.metric, names)
