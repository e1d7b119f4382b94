"""What MLflow shows of a run beside its trials, as plain values that the session hands over."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmark.tracking.child import Point
from benchmark.trial import Direction

DIAGNOSED = ("lambda_max", "condition_number", "condition_number_lower_bound")
MONITORED = ("probe_lambda_max", "probe_condition_number_lower_bound")
"""The quantities of curvature that are shown of an optimizer: those that were diagnosed, or else
those that were monitored on a probe."""


@dataclass(frozen=True, slots=True)
class TrackedStudy:
    """What arranges the pages of a study's run before anything is trained.

    Args:
        params: settings of the whole study, shown with its run.
        objective: the metric that the search optimizes.
        direction: ``"minimize"`` or ``"maximize"``.
        metrics: what trials report after each epoch and people follow, the objective first.
        searched: the hyperparameters that are searched, by label.
        logarithmic: those that are searched on a logarithmic scale.
        replicates: how often each best setting is trained again.
        is_diagnosed: whether the curvature of the replicates is diagnosed.

    Example:
        >>> TrackedStudy().objective
        'validation_loss'
    """

    params: Mapping[str, str] = field(default_factory=dict)
    objective: str = "validation_loss"
    direction: Direction = "minimize"
    metrics: tuple[str, ...] = ("validation_loss", "train_loss")
    searched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    logarithmic: frozenset[str] = frozenset()
    replicates: int = 0
    is_diagnosed: bool = False


@dataclass(frozen=True, slots=True)
class OptimizerOverview:
    """What one compared optimizer reached.

    Args:
        description: shown at the top of its run; Markdown.
        colour: of its curves, as ``#RRGGBB``.
        params: its best setting.
        points: its metrics: final values, and curves over the replicates.
    """

    description: str
    colour: str
    params: Mapping[str, str]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class RunOverview:
    """What a trained run found.

    Args:
        description: shown at the top of the study's run; Markdown.
        points: metrics by which runs of studies are compared.
        optimizers: what each compared optimizer reached, by label.

    Example:
        >>> RunOverview("**adam is better than sgd.**", (), {}).optimizers
        {}
    """

    description: str
    points: tuple[Point, ...]
    optimizers: Mapping[str, OptimizerOverview]
