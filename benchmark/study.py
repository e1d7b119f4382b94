"""The study schema: what a ``studies/*.toml`` file may say.

Only shape and types are checked here, with pydantic; what depends on the
catalogue of datasets, models and optimizers is checked in
:mod:`benchmark.study_file`, which also turns every mistake into a sentence that
names file, key, value, rule and remedy.
"""

import math
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Sampling = Literal["shuffle", "round_robin", "bernoulli", "with_replacement", "full_batch"]
Scaling = Literal["none", "standard", "min_max"]
SamplerName = Literal["tpe", "random", "quasi_random", "grid"]
PrunerName = Literal["none", "median", "successive_halving", "hyperband"]
METRICS: dict[str, Literal["minimize", "maximize"]] = {
    "accuracy": "maximize",
    "mean_absolute_error": "minimize",
    "mean_squared_error": "minimize",
}
"""The metrics a study may name, with the direction in which each is better."""
LOSSES = {
    "classification": ("sparse_categorical_crossentropy",),
    "regression": ("mean_squared_error", "mean_absolute_error", "huber"),
}
"""The Keras losses a study may name, by task; the first is the default."""
DEFAULT_METRIC = {"classification": "accuracy", "regression": "mean_absolute_error"}
SHIPPED_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


class Section(BaseModel):
    """Base of every table of a study file: immutable, strict, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Dimension(Section):
    """One dimension of a search space: fixed, a range, or choices.

    Args:
        value: a fixed number.
        low: lower end, included.
        high: upper end, included.
        log: search on a logarithmic scale; needs ``low > 0``.
        step: the distance between grid points; not together with ``log``.
        choices: the numbers to choose from.

    Example:
        >>> Dimension(low=1e-3, high=1.0, log=True).is_fixed
        False
        >>> Dimension(value=0.9).extremes
        (0.9, 0.9)
    """

    value: float | int | None = None
    low: float | int | None = None
    high: float | int | None = None
    log: bool = False
    step: float | int | None = None
    choices: list[float | int] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [
            self.value is not None,
            self.choices is not None,
            self.low is not None or self.high is not None,
        ]
        if sum(given) != 1:
            raise ValueError(
                "a dimension must be one of: a number, {low, high, log, step}, or {choices}"
            )
        if self.choices is not None:
            self._check_choices(self.choices)
        elif self.value is None:
            self._check_range()
        elif self.log or self.step is not None:
            raise ValueError("a fixed value must stand without log and step")
        return self

    def _check_choices(self, choices: list[float | int]) -> None:
        if not choices or len(set(choices)) != len(choices):
            raise ValueError("choices must be a list of one or more different numbers")
        if self.log or self.step is not None:
            raise ValueError("choices must stand without log and step")

    def _check_range(self) -> None:
        if self.low is None or self.high is None:
            raise ValueError("a range must have both low and high")
        if self.low >= self.high:
            raise ValueError("low must be < high")
        if self.log and self.low <= 0:
            raise ValueError("low must be > 0 where log = true")
        if self.step is not None and self.log:
            raise ValueError("step must stand without log = true")
        if self.step is not None and not 0 < self.step <= _exact(self.high) - _exact(self.low):
            raise ValueError("step must be > 0 and at most high - low")

    @property
    def is_fixed(self) -> bool:
        """Whether nothing is searched here."""
        return self.value is not None

    @property
    def extremes(self) -> tuple[float, float]:
        """The smallest and the largest number of this dimension."""
        numbers = [x for x in (self.value, self.low, self.high) if x is not None]
        numbers += self.choices or []
        return min(numbers), max(numbers)

    @property
    def grid(self) -> list[float | int] | None:
        """All points of the dimension, or ``None`` for a continuous range.

        Example:
            >>> Dimension(low=0.1, high=0.3, step=0.1).grid
            [0.1, 0.2, 0.3]
        """
        if self.value is not None:
            return [self.value]
        if self.choices is not None:
            return self.choices
        if self.step is None or self.low is None or self.high is None:
            return None
        low, high, step = _exact(self.low), _exact(self.high), _exact(self.step)
        is_whole = all(isinstance(number, int) for number in (self.low, self.step))
        points = (low + index * step for index in range(int((high - low) / step) + 1))
        return [int(point) if is_whole else float(point) for point in points]


def _exact(number: float | int) -> Decimal:
    """The number as it was written: in binary, 0.3 - 0.1 is less than 0.2."""
    return Decimal(str(number))


def _as_dimension(value: Any) -> Any:
    """Let a bare number stand for a fixed dimension."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"value": value} if is_number else value


Space = dict[str, Annotated[Dimension, BeforeValidator(_as_dimension)]]


class Compared(Section):
    """An entry of ``compare`` with a label of its own.

    Args:
        label: the row it gets in every table, and its table ``[search.<label>]``.
        optimizer: which optimizer it is.
    """

    label: str = Field(pattern=SHIPPED_NAME)
    optimizer: str


def _as_compared(value: Any) -> Any:
    """Let a bare optimizer name stand for an entry labelled by that name."""
    return {"label": value, "optimizer": value} if isinstance(value, str) else value


class SplitSection(Section):
    """``[problem.split]``: shares of the three parts of the dataset."""

    train: float = Field(0.6, gt=0, lt=1)
    validation: float = Field(0.2, gt=0, lt=1)
    test: float = Field(0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not math.isclose(self.train + self.validation + self.test, 1.0, abs_tol=1e-9):
            raise ValueError("train + validation + test must be 1")
        return self


class PreprocessingSection(Section):
    """``[problem.preprocessing]``: how inputs are scaled, fitted on the training part."""

    scaling: Scaling = "standard"


class ModelSection(Section):
    """``[problem.model]``: a model by name and its structural options."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    name: str = "multilayer_perceptron"

    @property
    def options(self) -> dict[str, Any]:
        """Everything but the name."""
        return dict(self.__pydantic_extra__ or {})


class ProblemSection(Section):
    """``[problem]``: a dataset with a model, or a closed-form function."""

    dataset: str = ""
    function: str = ""
    options: dict[str, float | int] = Field(default_factory=dict)
    split: SplitSection = SplitSection()
    preprocessing: PreprocessingSection = PreprocessingSection()
    model: ModelSection = ModelSection()
    loss: str = ""
    metric: str = ""
    objective: str = ""

    @model_validator(mode="after")
    def _dataset_or_function(self) -> Self:
        if bool(self.dataset) == bool(self.function):
            raise ValueError("a problem must name exactly one of dataset and function")
        return self


class TrainingSection(Section):
    """``[training]``: what every trial shares."""

    epochs: int = Field(20, ge=1)
    sampling: Sampling = "shuffle"


class BudgetSection(Section):
    """``[budget]``: how much is spent on each compared optimizer."""

    trials: int = Field(20, ge=1)
    replicates: int = Field(3, ge=0)
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "none"
    warmup_epochs: int = Field(3, ge=0)


class TargetSection(Section):
    """``[target]``: the value of a metric that counts as solved."""

    metric: str
    value: float


class CurvatureSection(Section):
    """``[curvature]``: what curvature to measure, in which trials, after which epochs."""

    trials: Literal["none", "replicate", "search", "all"] = "replicate"
    epochs: list[Annotated[int, Field(ge=0)]] | None = None
    exact_limit: int = Field(1000, ge=0)
    lanczos_steps: int = Field(40, ge=2)
    samples: int = Field(0, ge=0)


class Study(Section):
    """One question, and how it is answered.

    Args:
        name: the file's name without ending.
        question: the question in a sentence.
        compare: the optimizers compared: names, or tables of ``label`` and ``optimizer``.
        seed: the seed from which every other seed is derived.
        search: search spaces: ``common`` and one by the label of each compared optimizer.
    """

    name: str = Field("study", pattern=SHIPPED_NAME)
    question: str = Field(min_length=1)
    compare: list[Annotated[Compared, BeforeValidator(_as_compared)]] = Field(min_length=1)
    seed: int = Field(0, ge=0)
    problem: ProblemSection
    training: TrainingSection = TrainingSection()
    search: dict[str, Space] = Field(default_factory=dict)
    budget: BudgetSection = BudgetSection()
    target: TargetSection | None = None
    curvature: CurvatureSection = CurvatureSection()

    def space(self, label: str) -> dict[str, Dimension]:
        """The search space of one compared optimizer: its own over the common one."""
        return {**self.search.get("common", {}), **self.search.get(label, {})}
