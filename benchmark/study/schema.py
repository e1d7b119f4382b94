"""The study schema: what a ``studies/*.toml`` file may say.

Only shape and types are checked here, with pydantic. What depends on the catalogue of datasets,
models and optimizers is checked in :mod:`benchmark.study.validation`;
:mod:`benchmark.study.messages` makes a sentence of every mistake.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from benchmark.data.sampling import SAMPLINGS
from benchmark.errors import did_you_mean
from benchmark.study.curvature_section import CurvatureSection
from benchmark.study.dimension import (
    START,
    Count,
    Dimension,
    Number,
    NumberOrName,
    RuleError,
    Section,
    Setting,
    Space,
    with_model_options,
    with_starts,
)
from benchmark.study.own_file import ColumnsSection, FileSection
from benchmark.study.samplers import PRUNERS, SAMPLERS

Scaling = Literal["none", "standard", "min_max", "robust"]
LOSSES = {
    "classification": ("sparse_categorical_crossentropy",),
    "regression": ("mean_squared_error", "mean_absolute_error", "huber"),
}
"""The Keras losses a study may name, by task; the first is the default."""
SHIPPED_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
LABEL = r"^[A-Za-z0-9_][A-Za-z0-9_.:-]*$"
"""An optimizer's name is its label by default, those of Keras and of users included."""
RESERVED_NAME = "latest"
"""What the command line calls the newest run, so that nothing else may be called it."""


def _not_reserved(name: str) -> str:
    if name == RESERVED_NAME:
        raise RuleError(
            f"a name must differ from {RESERVED_NAME!r}, which stands for the newest run",
            repr(name),
            "Take another name.",
        )
    return name


@dataclass(frozen=True)
class OneOf:
    """Refuses a value that is no key of a table.

    Args:
        key: what the value is called in a study file.
        names: the table.
    """

    key: str
    names: Collection[str]

    def __call__(self, value: Any) -> Any:
        """Return the value, or raise the rule that it breaks."""
        if isinstance(value, str) and value in self.names:
            return value
        remedy = did_you_mean(str(value), self.names) or "Take one."
        raise RuleError(f"{self.key} must be one of {', '.join(self.names)}", "", remedy)


Name = Annotated[str, Field(pattern=SHIPPED_NAME), AfterValidator(_not_reserved)]
Label = Annotated[str, Field(pattern=LABEL), AfterValidator(_not_reserved)]


class Compared(Section):
    """An optimizer with its own label, schedule or scaling.

    Args:
        label: its name in every table, and in ``[search.<label>]``.
        optimizer: one of ``kappabench list optimizers``, ``keras:Class`` or
            ``package.module:Class``.
        schedule: its learning-rate schedule; by default that of ``[training]``.
        scaling: how its inputs are scaled; by default as in ``[problem.preprocessing]``.
    """

    label: Label
    optimizer: str
    schedule: str = ""
    scaling: Scaling | None = None


def _as_compared(value: Any) -> Any:
    """Let a bare optimizer name stand for an entry labelled by that name."""
    return {"label": value, "optimizer": value} if isinstance(value, str) else value


class SplitSection(Section):
    """``[problem.split]``: shares of the three parts of the dataset; their sum is 1.

    Args:
        train: the share for training.
        validation: the share on which the search compares trials.
        test: the share on which each trial is evaluated once, at its end.
    """

    train: float = Field(0.6, gt=0, lt=1)
    validation: float = Field(0.2, gt=0, lt=1)
    test: float = Field(0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not math.isclose(self.train + self.validation + self.test, 1.0, abs_tol=1e-9):
            shares = (self.train, self.validation, self.test)
            raise RuleError(
                "train + validation + test must be 1",
                " + ".join(str(share) for share in shares) + f" = {sum(shares):.10g}",
                "Give all three, for instance 0.6, 0.2 and 0.2.",
            )
        return self


class PreprocessingSection(Section):
    """``[problem.preprocessing]``: how inputs are scaled, fitted on the training part.

    Args:
        scaling: not at all, to mean 0 and standard deviation 1, to the range from 0 to 1, or to
            median 0 and interquartile range 1.
    """

    scaling: Scaling = "standard"


class ModelSection(Section):
    """``[problem.model]``: a model by name and its structural options.

    In ``[problem]``, ``model = "NAME"`` is short for ``model = { name = "NAME" }``.

    Args:
        name: one of ``kappabench list models``, which also shows the options of each; or
            ``package.module:function``, which builds a Keras model; or a ``.keras`` file, looked
            for beside the study file and then in the current folder.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    name: str = "multilayer_perceptron"

    @property
    def options(self) -> dict[str, Any]:
        """Everything but the name."""
        return dict(self.__pydantic_extra__ or {})


def _as_model(value: Any) -> Any:
    """Let a bare name stand for a model with its default options."""
    return {"name": value} if isinstance(value, str) else value


class ProblemSection(Section):
    """``[problem]``: a dataset with a model, or a closed-form function.

    Args:
        dataset: one of ``kappabench list datasets``, or a CSV, TSV, Parquet or NPZ file, which is
            looked for beside the study and then in the current folder; either this or ``function``.
        function: one of ``kappabench list problems``; in two dimensions the report draws the paths
            of the optimizers.
        options: the options of the function.
        target: the column of an own file to predict; the array of an NPZ file.
        task: what an own file is; by default texts, booleans and at most 20 different whole numbers
            are classes, and other numbers a regression.
        columns: the table ``[problem.columns]``.
        file: the table ``[problem.file]``.
        split: the table ``[problem.split]``.
        preprocessing: the table ``[problem.preprocessing]``.
        model: the table ``[problem.model]``.
        loss: the training loss. For classes: ``sparse_categorical_crossentropy``. For numbers:
            ``mean_squared_error`` (the default), ``mean_absolute_error`` or ``huber``.
        metric: what is measured besides the loss: one of the metrics below that fits the dataset's
            task. The default is the first of them.
        objective: what the search optimizes: ``validation_loss`` (the default), ``train_loss``,
            ``train_<metric>`` or ``validation_<metric>``; for a function ``train_loss``.
    """

    dataset: str = ""
    function: str = ""
    options: dict[str, NumberOrName] = Field(default_factory=dict)
    target: str = ""
    task: Literal["classification", "regression"] | None = None
    columns: ColumnsSection = ColumnsSection()
    file: FileSection | None = None
    split: SplitSection = SplitSection()
    preprocessing: PreprocessingSection = PreprocessingSection()
    model: Annotated[ModelSection, BeforeValidator(_as_model)] = ModelSection()
    loss: str = ""
    metric: str = ""
    objective: str = ""

    @model_validator(mode="after")
    def _dataset_or_function(self) -> Self:
        if bool(self.dataset) == bool(self.function):
            raise RuleError(
                "a problem must name exactly one of dataset and function",
                f"{self.dataset!r} and {self.function!r}" if self.dataset else "neither",
                "Remove one of them." if self.dataset else "Add one of them.",
            )
        return self


class TrainingSection(Section):
    """``[training]``: what every trial shares.

    Args:
        epochs: passes over the training part.
        batch_sampling: how the mini-batches of an epoch are drawn from the training part.
        schedule: the learning-rate schedule, one of ``kappabench list schedules``.
        evaluation_epochs: the epochs after which loss and metric of the training and the validation
            part are evaluated, in addition to the start and the end; by default every epoch. It
            must be left out with a pruner and with ``patience``.
        patience: early stopping: a trial ends after this many epochs in a row without a better
            objective. It keeps the weights of its last epoch. By default no trial ends like this.
        min_delta: by how much the objective must improve to count, with ``patience``.
    """

    epochs: Count = Field(20, ge=1)
    evaluation_epochs: list[Annotated[Count, Field(ge=0)]] | None = None
    patience: Annotated[Count, Field(ge=1)] | None = None
    min_delta: Number = Field(0.0, ge=0)
    batch_sampling: Annotated[str, BeforeValidator(OneOf("batch_sampling", SAMPLINGS))] = "shuffle"
    schedule: str = "constant"


class BudgetSection(Section):
    """``[budget]``: how much is spent on each compared optimizer.

    Args:
        trials: search trials of each compared optimizer; the replicates come in addition.
        gradient_evaluations: an optimizer gets no further search trial once its ended ones took
            this many gradient evaluations; those that run go on to their end. By default no limit.
        replicates: how often the best setting of each optimizer is trained again with new seeds.
        sampler: what proposes the hyperparameters of each trial, an Optuna sampler; how
            mini-batches are drawn is ``[training] batch_sampling``.
        pruner: what stops bad trials early, an Optuna pruner.
        pruner_options: options of the pruner, for instance ``{ patience = 5 }``.
        warmup_epochs: epochs before the pruner may stop a trial.
        start_from: a run, as for ``show``, whose best settings are tried first; the new run keeps
            them as ``[[search.<label>.start]]``.
    """

    trials: Count = Field(20, ge=1)
    gradient_evaluations: Count | None = Field(None, ge=1)
    replicates: Count = Field(3, ge=0)
    sampler: Annotated[str, BeforeValidator(OneOf("sampler", SAMPLERS))] = "tpe"
    pruner: Annotated[str, BeforeValidator(OneOf("pruner", PRUNERS))] = "none"
    pruner_options: dict[str, Setting] = Field(default_factory=dict)
    warmup_epochs: Count = Field(3, ge=0)
    start_from: str = ""


class TargetSection(Section):
    """``[target]``: the value of a metric that counts as solved.

    Args:
        metric: a metric that trials report, such as ``validation_accuracy``.
        value: the value that counts as solved.
    """

    metric: str
    value: Number


class Study(Section):
    """One question, and how it is answered.

    Args:
        name: the file's name without ending.
        question: the question in a sentence.
        compare: the optimizers to compare: names, or tables of ``label`` and ``optimizer``, with
            ``schedule`` or ``scaling`` where these differ from the study's.
        seed: the seed from which every other seed is derived, < 2⁶³ because the results store it as
            a 64-bit integer.
        problem: the table ``[problem]``.
        training: the table ``[training]``.
        search: search spaces: the table ``common``, and a table named by the label of each compared
            optimizer; each maps hyperparameters to dimensions. ``[[search.<label>.start]]`` are
            settings of that optimizer that are tried first.
        budget: the table ``[budget]``.
        target: the table ``[target]``.
        curvature: the table ``[curvature]``.
    """

    name: Name = "study"
    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    compare: list[Annotated[Compared, BeforeValidator(_as_compared)]] = Field(min_length=1)
    seed: int = Field(0, ge=0, lt=2**63)
    problem: ProblemSection
    training: TrainingSection = TrainingSection()
    search: Annotated[
        dict[str, Space], BeforeValidator(with_starts), BeforeValidator(with_model_options)
    ] = Field(default_factory=dict)
    budget: BudgetSection = BudgetSection()
    target: TargetSection | None = None
    curvature: CurvatureSection = CurvatureSection()

    def schedule(self, label: str) -> str:
        """The learning-rate schedule of one compared optimizer."""
        schedules = {entry.label: entry.schedule for entry in self.compare}
        return schedules.get(label) or self.training.schedule

    def scaling(self, label: str) -> Scaling:
        """How the inputs of one compared optimizer are scaled."""
        scalings = {entry.label: entry.scaling for entry in self.compare}
        return scalings.get(label) or self.problem.preprocessing.scaling

    def space(self, label: str) -> dict[str, Dimension]:
        """The search space of one compared optimizer: its own over the common one."""
        given = self._given(label).items()
        return {
            name: dimension
            for name, dimension in given
            if dimension.option is None and not dimension.theory
        }

    def options(self, label: str) -> dict[str, bool | str]:
        """The structural options of one compared optimizer: its own over the common ones."""
        given = self._given(label).items()
        return {name: dimension.option for name, dimension in given if dimension.option is not None}

    def theory(self, label: str) -> dict[str, str]:
        """The numbers of one compared optimizer that theory gives, with the tuning of each."""
        return {
            name: dimension.theory
            for name, dimension in self._given(label).items()
            if dimension.theory
        }

    def starts(self, label: str) -> list[dict[str, Setting]]:
        """The settings that one compared optimizer is tried with first, each whole or in part."""
        given = self.search.get(label, {}).get(START)
        return list(given.starts or []) if given else []

    def _given(self, label: str) -> dict[str, Dimension]:
        given = {**self.search.get("common", {}), **self.search.get(label, {})}
        return {name: dimension for name, dimension in given.items() if dimension.starts is None}
