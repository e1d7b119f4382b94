"""The plain frozen values that travel between search, engine, results and tracking."""

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal, Self, assert_never

import numpy as np

from benchmark.data_source import DataSource

Phase = Literal["search", "replicate", "diagnosis"]
Direction = Literal["minimize", "maximize"]
AXES = ("split", "initial_weights", "batches", "dropout", "sampler", "probe", "diagnosis")


Meaning = Literal["result", "interim result", "worst result", "no result"]
"""What the objective of a trial is worth: it may be ranked; it is that of an early stop, which
only the search and the budget count; it is the worst there can be; it says nothing."""


class Status(StrEnum):
    """How a trial stands; every value but ``RUNNING`` is final.

    A new value needs its meaning and its sentence here. mypy then names every function that must
    decide what to do about it.

    Example:
        >>> Status.DIVERGED.sentence
        'the loss became non-finite or passed the divergence bound'
        >>> Status("completed").is_final, Status.RUNNING.is_final
        (True, False)
    """

    RUNNING = "running"
    COMPLETED = "completed"
    PRUNED = "pruned"
    CONVERGED = "converged"
    DIVERGED = "diverged"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        """Whether the trial's slot may be handed on."""
        return self is not Status.RUNNING

    @property
    def meaning(self) -> Meaning:
        """What the objective of a trial with this status is worth."""
        match self:
            case Status.COMPLETED | Status.CONVERGED:
                return "result"
            case Status.PRUNED:
                return "interim result"
            case Status.DIVERGED | Status.FAILED:
                return "worst result"
            case Status.INTERRUPTED | Status.RUNNING:
                return "no result"
            case _:
                assert_never(self)

    @property
    def is_usable(self) -> bool:
        """Whether the trial ran to its own end, so that its objective may be ranked."""
        return self.meaning == "result"

    @property
    def sentence(self) -> str:
        """What the status means, for people."""
        match self:
            case Status.RUNNING:
                text = "the trial is being trained"
            case Status.COMPLETED:
                text = "all epochs were trained"
            case Status.PRUNED:
                text = "the pruner stopped a trial that was doing worse than others"
            case Status.CONVERGED:
                text = "the stopping rule on the update norm was met"
            case Status.DIVERGED:
                text = "the loss became non-finite or passed the divergence bound"
            case Status.FAILED:
                text = "an exception stopped the trial"
            case Status.INTERRUPTED:
                text = "the study was interrupted while the trial ran"
            case _:
                assert_never(self)
        return text


class Settings(Mapping[str, Any]):
    """An immutable, hashable, picklable mapping, ordered by key.

    Args:
        entries: names and plain values (numbers, strings, booleans, tuples).

    Example:
        >>> settings = Settings({"momentum": 0.9, "learning_rate": 0.1})
        >>> settings
        Settings({'learning_rate': 0.1, 'momentum': 0.9})
        >>> hash(settings) == hash(Settings(learning_rate=0.1, momentum=0.9))
        True
    """

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        merged = {**(entries or {}), **more}
        self._entries: dict[str, Any] = {key: _frozen(merged[key]) for key in sorted(merged)}

    def __getitem__(self, key: str) -> Any:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    # The views of Mapping go through __iter__ and __getitem__, at ten times the cost; each
    # epoch of each trial is read several times.
    def keys(self) -> KeysView[str]:
        """Return a view of the names."""
        return self._entries.keys()

    def values(self) -> ValuesView[Any]:
        """Return a view of the values."""
        return self._entries.values()

    def items(self) -> ItemsView[str, Any]:
        """Return a view of names and values."""
        return self._entries.items()

    def __hash__(self) -> int:
        return hash(tuple(self._entries.items()))

    def __repr__(self) -> str:
        return f"Settings({self._entries!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any]]]:
        return type(self), (self._entries,)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class DatasetProblem:
    """A supervised problem: a dataset, how it is split and what is minimised.

    Args:
        dataset: name of a card in ``datasets/``, or a file as the study names it.
        fractions: shares of the train, validation and test parts; they sum to 1.
        scaling: ``"none"``, ``"standard"`` (zero mean, unit variance) or
            ``"min_max"`` (to [0, 1]); fitted on the training part only.
        loss: a Keras loss name; empty means the usual one of the dataset's task.
        metric: a Keras metric name besides the loss; empty means the usual one.
        split_seed: seed of the axis ``split``; trials that share it see the same rows.
        source: how the file is read; nothing where ``dataset`` is a card.
    """

    dataset: str
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)
    scaling: str = "standard"
    loss: str = ""
    metric: str = ""
    split_seed: int = 0
    source: DataSource | None = None

    @property
    def name(self) -> str:
        """The name that tables carry."""
        return self.dataset


@dataclass(frozen=True, slots=True)
class ClosedFormProblem:
    """A function with known minimum and Hessian, from :mod:`benchmark.problems`.

    Args:
        function: a name in ``benchmark.problems.PROBLEMS``.
        options: the keyword arguments of that problem (``dimension``, ``condition_number`` …).
    """

    function: str
    options: Settings = field(default_factory=Settings)

    @property
    def name(self) -> str:
        """The name that tables carry."""
        return self.function


Problem = DatasetProblem | ClosedFormProblem


@dataclass(frozen=True, slots=True)
class CurvatureRequest:
    """Which curvature of the training loss an engine measures during a trial.

    Args:
        epochs: the epochs after which it is measured; 0 is the starting point.
        exact_limit: the largest number of parameters whose full Hessian is formed.
        lanczos_steps: the number of Hessian-vector products beyond that size.
        samples: how many training examples the Hessian is taken over; 0 means all.
        monitored_epochs: the epochs after which the curvature is monitored, by few products on a
            fixed probe; the last epoch of a usable trial is always among them.
        probe: how many training examples that probe has, ≥ 1.
        gradient_norm_epochs: the epochs after which the norm of the gradient of the whole
            training loss is taken; where there are any, the one with which a usable trial ends
            is among them. Nothing means all.
    """

    epochs: tuple[int, ...] = ()
    exact_limit: int = 1000
    lanczos_steps: int = 40
    samples: int = 0
    monitored_epochs: tuple[int, ...] = ()
    probe: int = 64
    gradient_norm_epochs: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What to train. The result of a trial depends on this value alone.

    Args:
        number: unique in its run, over all optimizers and phases.
        phase: ``"search"``, ``"replicate"`` (a chosen setting trained again) or
            ``"diagnosis"`` (a trial of the search repeated, to look at its curvature).
        problem: the dataset or closed-form problem.
        model: a name in ``benchmark.models.MODELS`` (empty for closed-form problems).
        model_options: its structural options, for instance ``hidden`` and ``initializer``.
        label: the entry of ``compare`` in the study, the row of every table.
        optimizer: a name in ``benchmark.optimizers.OPTIMIZERS``, ``keras:Class`` or
            ``package.module:Class``.
        hyperparameters: numbers by name: those of the optimizer, and ``batch_size``,
            ``fuzz``, ``tolerance``, the kinds of clipping, ``weight_decay``, ``l1``, ``l2``,
            and the parameters of the schedule after ``schedule_``.
        options: structural options of training: ``sampling`` and ``schedule``, and those of
            the optimizer.
        epochs: how many passes over the training part at most.
        seed: the seed of the study.
        replicate: index of the initial weights and batch order; 0 in the search.
        curvature: what curvature to measure, and when.
        objective: the metric of the last report that the search optimizes.
        direction: ``"minimize"`` or ``"maximize"``.
        evaluation_epochs: the epochs after which the trial is evaluated and reported on, beside
            the start, the last one and those at which curvature is due. None means all.
        patience: the trial ends after this many epochs in a row without a better objective; 0
            means that it is trained to its last epoch.
        min_delta: by how much an objective must be better to count.
    """

    number: int
    phase: Phase
    problem: Problem
    model: str
    model_options: Settings
    label: str
    optimizer: str
    hyperparameters: Settings
    options: Settings
    epochs: int
    seed: int
    replicate: int = 0
    curvature: CurvatureRequest = field(default_factory=CurvatureRequest)
    objective: str = "validation_loss"
    direction: Direction = "minimize"
    evaluation_epochs: tuple[int, ...] | None = None
    patience: int = 0
    min_delta: float = 0.0

    @property
    def worst_objective(self) -> float:
        """What a trial without a finite objective counts as: +inf or -inf, never NaN."""
        return float("inf") if self.direction == "minimize" else float("-inf")

    def random_seed(self, axis: str) -> int:
        """Return the seed of this trial's randomness on one axis.

        Common random numbers: optimizer, hyperparameters and trial number do not
        enter, so that every optimizer sees the same initial weights and batches.

        Args:
            axis: one of ``AXES``.
        """
        return named_seed(self.seed, axis, self.replicate)


@dataclass(frozen=True, slots=True)
class Report:
    """What an engine reports of one trial after one epoch.

    Args:
        trial_number: the trial.
        epoch: epochs trained; 0 is the starting point.
        step: updates of the weights so far.
        samples: training examples seen so far.
        gradient_evaluations: gradients of mini-batches that the optimizer has used so
            far; what is computed to watch a trial (evaluation, curvature) is not counted.
        metrics: ``train_loss``, ``validation_loss``, ``train_<metric>``,
            ``validation_<metric>``, ``gradient_norm`` (of the whole training loss, where due),
            ``update_norm`` (‖W after the epoch − W before it‖); with a schedule
            ``learning_rate``, of the last update; of a closed-form problem of two dimensions
            its weights, ``weight_0`` and ``weight_1``.
        status: ``RUNNING``, or how the trial ended by itself.
        reason: a sentence on a final status.
        curvature: quantities by name, empty where none was due; those monitored on a probe
            begin with ``probe_``.
        spectrum: the eigenvalues behind them, ascending.
        findings: what they say, a sentence a topic; ``verdict`` is a word or two.
    """

    trial_number: int
    epoch: int
    step: int
    samples: int
    gradient_evaluations: int
    metrics: Settings
    status: Status = Status.RUNNING
    reason: str = ""
    curvature: Settings = field(default_factory=Settings)
    spectrum: tuple[float, ...] = ()
    findings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, slots=True, eq=False)
class TrialResult:
    """How a trial ended.

    Args:
        trial: what was trained.
        status: a final status.
        reason: a sentence.
        objective: the value that the search sees, in the study's own units;
            ±inf (the worst) for a trial that diverged or failed, never NaN.
        epochs: epochs trained.
        step: updates of the weights.
        samples: training examples seen.
        gradient_evaluations: gradients of mini-batches computed.
        metrics: the last finite report's metrics and, for a usable status,
            ``test_loss`` and ``test_<metric>``, computed once at the end.
        seconds: wall-clock seconds by clock (``compile``, ``train``, ``evaluate``,
            ``curvature``); not part of the result's identity.
        weights: the final weights, at which the trial was evaluated, one array a trainable
            variable, then the model's other float variables (moving averages); or nothing.
    """

    trial: Trial
    status: Status
    reason: str
    objective: float
    epochs: int
    step: int
    samples: int
    gradient_evaluations: int
    metrics: Settings
    seconds: Settings
    weights: tuple[np.ndarray[Any, Any], ...] = ()

    @property
    def is_candidate(self) -> bool:
        """Whether it may be the best of its label: of the search, and run to its own end."""
        return self.trial.phase == "search" and self.status.is_usable

    @property
    def rank(self) -> tuple[float, int]:
        """The smaller, the better; of equal objectives the earlier number is the better one."""
        sign = 1 if self.trial.direction == "minimize" else -1
        return sign * self.objective, self.trial.number


@lru_cache(maxsize=4096)  # asked for in every epoch of every trial
def named_seed(study_seed: int, axis: str, *indices: int) -> int:
    """Derive a 31-bit seed for one named source of randomness.

    Args:
        study_seed: the seed of the study, ≥ 0.
        axis: one of ``AXES``; different axes give independent streams.
        indices: further non-negative coordinates, for instance the replicate.

    Raises:
        ValueError: the axis is unknown.

    Example:
        >>> named_seed(1, "split") == named_seed(1, "split")
        True
        >>> named_seed(1, "split") == named_seed(1, "batches")
        False
    """
    if axis not in AXES:
        raise ValueError(f"the axis must be one of {', '.join(AXES)}. Received {axis!r}.")
    key = (AXES.index(axis), *indices)
    sequence = np.random.SeedSequence(study_seed, spawn_key=key)
    # Keras, Optuna and scikit-learn all take 31-bit seeds; 32 bits overflow in Optuna.
    return int(sequence.generate_state(1)[0] >> np.uint32(1))
