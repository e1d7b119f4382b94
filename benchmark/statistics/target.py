"""How long each trial takes to reach a target value of a metric."""

import pandas as pd

CLOCKS = ("epoch", "step", "samples", "gradient_evaluations")


def time_to_target(
    trials: pd.DataFrame, curves: pd.DataFrame, metric: str, value: float, direction: str
) -> pd.DataFrame:
    """Return when each trial first reached a target, on machine-independent clocks.

    Metrics are known after each epoch, so the times are those of the first epoch whose
    metric is at least as good as the target.

    Args:
        trials: the table ``trials`` of a run.
        curves: its table ``curves``.
        metric: the metric watched, for instance ``"validation_loss"``.
        value: the target.
        direction: ``"minimize"`` where lower is better, or ``"maximize"``.

    Returns:
        A row a trial with ``number``, ``label``, ``phase``, ``replicate`` and the clocks
        ``epoch``, ``step``, ``samples`` and ``gradient_evaluations``, NaN where the
        target was never reached.

    References:
        Dahl et al., "Benchmarking Neural Network Training Algorithms", 2023, section 4
        (time to result with a fixed target).
    """
    watched = curves[curves["metric"] == metric]
    is_reached = watched["value"] <= value if direction == "minimize" else watched["value"] >= value
    first = watched[is_reached].sort_values(["trial", "epoch"]).drop_duplicates("trial")
    times = first.set_index("trial")[list(CLOCKS)].astype("float64")
    named = trials[["number", "label", "phase", "replicate"]]
    return named.join(times, on="number").reset_index(drop=True)
