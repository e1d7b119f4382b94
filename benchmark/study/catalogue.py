"""What a study may name, gathered from the parts without importing a framework."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from benchmark.data import DatasetCard, card_names, load_card, part_sizes
from benchmark.models import MODELS, check_input, check_options
from benchmark.models.foreign import is_foreign_model
from benchmark.optimizers import OPTIMIZERS, SCHEDULES, OptimizerEntry, optimizer_entry
from benchmark.problems import PROBLEMS, check_problem
from benchmark.study.data import own_facts
from benchmark.study.schema import Study


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

    @property
    def options(self) -> Mapping[str, bool | str]:
        """Structural options by name, with their defaults."""

    @property
    def weight_decay(self) -> bool:
        """Whether decoupled weight decay may be given."""


class DatasetFacts(Protocol):
    """What is known of a dataset without loading it."""

    @property
    def samples(self) -> int:
        """Number of rows."""

    @property
    def features(self) -> int:
        """Numbers in a row."""

    @property
    def task(self) -> str:
        """``"classification"`` or ``"regression"``."""

    @property
    def units(self) -> int:
        """Numbers that a model returns for a row."""


class ScheduleFacts(Protocol):
    """What is known of a learning-rate schedule."""

    @property
    def parameters(self) -> Mapping[str, Bounds]:
        """Its parameters by name."""


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
    "adaptive_clipnorm": TrainingHyperparameter(0),
    "percentile_clipnorm": TrainingHyperparameter(0, 100, low_included=True, high_included=True),
    "weight_decay": TrainingHyperparameter(0, low_included=True),
    "l1": TrainingHyperparameter(0, low_included=True),
    "l2": TrainingHyperparameter(0, low_included=True),
}
SCHEDULE_PREFIX = "schedule_"
"""What the parameters of a schedule are called by in a search space."""
CLIPPING = (
    "clipvalue",
    "clipnorm",
    "global_clipnorm",
    "adaptive_clipnorm",
    "percentile_clipnorm",
)
OF_A_MODEL = {
    "fuzz": "a closed-form problem has its own start",
    "l1": "a closed-form problem has no kernels to penalise",
    "l2": "a closed-form problem has no kernels to penalise",
}
"""What a closed-form problem cannot be given, and why."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a study may name.

    Args:
        datasets: facts by dataset name.
        models: model names.
        optimizers: facts by optimizer name; names of classes are keys too, but are not listed.
        problems: names of closed-form problems.
        check_model: raises ``ValueError`` with a sentence for a model that is not there, or wrong
            options of it; also told the facts of the dataset, or nothing where it is unknown.
        check_problem: the same for the options of a closed-form problem; returns all of
            them, those at their defaults too.
        train_size: number of training examples from (samples, fractions); raises
            ``ValueError`` with a sentence where a part would be empty.
        schedules: facts by the name of a learning-rate schedule.
        check_optimizer: raises ``ValueError`` with a sentence where the name of an optimizer's
            class (``keras:Class``, ``module:Class``) stands for none.
    """

    datasets: Mapping[str, DatasetFacts]
    models: Sequence[str]
    optimizers: Mapping[str, OptimizerFacts]
    problems: Sequence[str]
    check_model: Callable[[str, Mapping[str, Any], DatasetFacts | None], object]
    check_problem: Callable[[str, Mapping[str, Any]], Mapping[str, float | int | str]]
    train_size: Callable[[int, tuple[float, float, float]], int]
    schedules: Mapping[str, ScheduleFacts]
    check_optimizer: Callable[[str], object]


def dataset_facts(study: Study, catalogue: Catalogue) -> DatasetFacts | None:
    """What is known of the dataset of a study, or nothing where there is none of that name.

    Args:
        study: one whose own file, if it has one, was found.
        catalogue: what a study may name.
    """
    return own_facts(study) or catalogue.datasets.get(study.problem.dataset)


def training_rows(study: Study, catalogue: Catalogue) -> int | None:
    """How many examples are trained on, or nothing where the problem is unknown.

    Raises:
        ValueError: the split leaves a part empty, or the problem's options are wrong.
    """
    problem = study.problem
    if problem.function in catalogue.problems:
        options = catalogue.check_problem(problem.function, problem.options)
        # A deterministic function has one example, which does not enter its value.
        return int(options.get("samples", 1))
    facts = dataset_facts(study, catalogue)
    shares = (problem.split.train, problem.split.validation, problem.split.test)
    return catalogue.train_size(facts.samples, shares) if facts else None


def catalogue(before_import: Callable[[], None] | None = None) -> Catalogue:
    """Return what the checks of a study file are made against.

    Args:
        before_import: called before Keras is imported for an optimizer or a model that is not
            ours; by default ``KERAS_BACKEND`` says on which framework.

    Example:
        >>> facts = catalogue()
        >>> "digits" in facts.datasets, "adam" in facts.optimizers
        (True, True)
    """
    optimizers = Optimizers(before_import)
    return Catalogue(
        datasets=Cards(),
        models=list(MODELS),
        optimizers=optimizers,
        problems=list(PROBLEMS),
        check_model=partial(_check_model, before_import or (lambda: None)),
        check_problem=check_problem,
        train_size=lambda samples, fractions: part_sizes(samples, fractions)[0],
        schedules=SCHEDULES,
        check_optimizer=optimizers.entry,
    )


class Cards(Mapping[str, DatasetCard]):
    """The cards of all datasets, each read when it is asked for.

    So a mistake in one card refuses only the studies of that dataset.

    Example:
        >>> Cards()["iris"].classes
        3
    """

    def __getitem__(self, name: str) -> DatasetCard:
        if name not in card_names():
            raise KeyError(name)
        return load_card(name)

    def __contains__(self, name: object) -> bool:
        return name in card_names()

    def __iter__(self) -> Iterator[str]:
        return iter(card_names())

    def __len__(self) -> int:
        return len(card_names())


class Optimizers(Mapping[str, OptimizerEntry]):
    """Our optimizers, and by ``keras:Class`` or ``module:Class`` any other.

    Those are found, and Keras imported, when they are asked for; they are not listed.

    Args:
        before_import: as for :func:`catalogue`.

    Example:
        >>> "adam" in Optimizers(), "adamm" in Optimizers()
        (True, False)
    """

    def __init__(self, before_import: Callable[[], None] | None = None) -> None:
        self._before_import = before_import

    def entry(self, name: str) -> OptimizerEntry:
        """Return what is known of an optimizer.

        Raises:
            ValueError: there is none of that name.
        """
        if name not in OPTIMIZERS and ":" in name and self._before_import:
            self._before_import()
        return optimizer_entry(name)

    def __getitem__(self, name: str) -> OptimizerEntry:
        try:
            return self.entry(name)
        except ValueError as error:
            raise KeyError(str(error)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(OPTIMIZERS)

    def __len__(self) -> int:
        return len(OPTIMIZERS)


def _check_model(
    before_import: Callable[[], None],
    name: str,
    options: Mapping[str, Any],
    dataset: DatasetFacts | None,
) -> None:
    if not is_foreign_model(name):
        check_options(name, options)
        if dataset is not None:
            check_input(name, options, (dataset.features,))
        return
    before_import()
    check_options(name, options)
    if dataset is not None:
        from benchmark.models.foreign_building import check_foreign_model

        check_foreign_model(name, (dataset.features,), dataset.units, options)
