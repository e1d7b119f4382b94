"""Which hyperparameters mattered, computed by Optuna from the recorded trials."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, assert_never

import numpy as np
import optuna
import pandas as pd

from benchmark.statistics.labels import direction_of
from benchmark.trial import Status

MINIMUM_TRIALS = 10
_BETTER_TRIALS = 5


@dataclass(frozen=True, slots=True)
class Importance:
    """How much each hyperparameter of a label mattered.

    Args:
        values: shares by hyperparameter, most important first; they sum to 1.
        trials: how many trials they were computed from.
        method: how they were computed, in words.
        reason: why there are none, or ``""``.
    """

    values: dict[str, float] = field(default_factory=dict)
    trials: int = 0
    method: str = ""
    reason: str = ""


def importance_of(
    trials: pd.DataFrame, label: str, space: Mapping[str, Mapping[str, Any]]
) -> Importance:
    """Return the share of each searched hyperparameter in reaching good objectives.

    PED-ANOVA compares where the better trials lie in each dimension with where all
    trials lie. The better ones are the best tenth, but at least five trials, the number
    that Optuna's documentation asks for. A diverged trial counts as the worst finite one.

    Args:
        trials: the table ``trials`` of a run.
        label: the label.
        space: its search space: by hyperparameter a mapping with ``low``, ``high``,
            ``log`` and ``step``, or ``choices``, or ``value`` (fixed, so left out).

    References:
        Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter
        Importance in Arbitrary Subspaces", 2023.
    """
    distributions = {
        name: distribution
        for name, dimension in space.items()
        if f"hp.{name}" in trials and (distribution := _distribution(dimension)) is not None
    }
    ranked, objectives = _ranked(trials, label, list(distributions))
    if len(distributions) < 2:
        return Importance(trials=len(ranked), reason="fewer than two hyperparameters were searched")
    if len(ranked) < MINIMUM_TRIALS:
        reason = (
            f"importance needs {MINIMUM_TRIALS} finished trials at least, and there are "
            f"{len(ranked)}"
        )
        return Importance(trials=len(ranked), reason=reason)
    if np.ptp(objectives) == 0:
        return Importance(trials=len(ranked), reason="all trials have the same objective")
    quantile = max(0.1, _BETTER_TRIALS / len(ranked))
    with _quiet():
        study = optuna.create_study(direction=direction_of(trials))
        study.add_trials(_frozen_trials(ranked, objectives, distributions))
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=quantile)
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    method = f"PED-ANOVA of the best {quantile:.0%} of {len(ranked)} trials"
    return Importance({key: float(value) for key, value in shares.items()}, len(ranked), method)


def _ranked(
    trials: pd.DataFrame, label: str, names: list[str]
) -> tuple[pd.DataFrame, "np.ndarray[Any, Any]"]:
    """Return usable and diverged search trials of a label with finite objectives."""
    ranked = trials[
        (trials["label"] == label)
        & (trials["phase"] == "search")
        & trials["status"].isin([str(status) for status in Status if _is_evidence(status)])
    ].dropna(subset=[f"hp.{name}" for name in names])
    objectives = ranked["objective"].to_numpy(float)
    finite = objectives[np.isfinite(objectives)]
    if not finite.size:
        return ranked.iloc[:0], finite
    worst = finite.max() if direction_of(trials) == "minimize" else finite.min()
    return ranked, np.where(np.isfinite(objectives), objectives, worst)


def _is_evidence(status: Status) -> bool:
    """Whether a trial that ended so tells how good its settings are."""
    match status:
        case Status.COMPLETED | Status.CONVERGED | Status.DIVERGED:
            return True
        # A pruned trial was stopped at another epoch; a failure may have any other cause.
        case Status.PRUNED | Status.FAILED | Status.INTERRUPTED | Status.RUNNING:
            return False
        case _:
            assert_never(status)


def _distribution(dimension: Mapping[str, Any]) -> Any:
    """Return Optuna's distribution of a dimension, or nothing for a fixed one."""
    choices, low, high = (dimension.get(key) for key in ("choices", "low", "high"))
    if choices is not None:
        numbers = [float(choice) for choice in choices]
        return optuna.distributions.CategoricalDistribution(numbers) if len(numbers) > 1 else None
    if low is None or high is None:
        return None
    # Ranges of integers are floats here too: the importance looks at their places only.
    return optuna.distributions.FloatDistribution(
        float(low), float(high), log=bool(dimension.get("log"))
    )


def _frozen_trials(
    ranked: pd.DataFrame, objectives: "np.ndarray[Any, Any]", distributions: Mapping[str, Any]
) -> list[optuna.trial.FrozenTrial]:
    columns = {name: ranked[f"hp.{name}"].to_numpy(float) for name in distributions}
    return [
        optuna.trial.create_trial(
            params={name: float(column[row]) for name, column in columns.items()},
            distributions=dict(distributions),
            value=float(value),
        )
        for row, value in enumerate(objectives)
    ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's notes on a study in memory, and on experimental parts, off the screen."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
