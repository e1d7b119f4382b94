"""Rates of convergence over the condition number: measured beside predicted."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.problems.theory import METHODS, contraction, theory_settings
from benchmark.report.formatting import listed, number
from benchmark.report.rendering import Figure, Table
from benchmark.report.run_data import RunData
from benchmark.report.theme import axis_of, finished
from benchmark.statistics import USABLE, measured_contraction

KAPPA = "problem.condition_number"


@dataclass(frozen=True, slots=True)
class Rate:
    """The contraction of one trial on a quadratic.

    Args:
        label: what was trained.
        optimizer: its optimizer.
        tuning: by which theory gave its settings.
        kappa: κ of its problem.
        predicted: the contraction ρ a step that theory gives.
        measured: the contraction that its losses show.
        first, last: the steps it was measured over.
    """

    label: str
    optimizer: str
    tuning: str
    kappa: float
    predicted: float
    measured: float
    first: int
    last: int

    @property
    def deviation(self) -> float:
        """By how much the rate −log ρ differs from the predicted one, as a share of that.

        Not of ρ itself: at κ = 10⁵ that is 0.99998, and anything would be within 1 %. Where ρ
        is predicted to be 0 the rate is infinite, and the measured ρ is given.
        """
        if self.predicted == 0:
            return self.measured
        measured = -math.log(self.measured) if self.measured > 0 else math.inf
        return measured / -math.log(self.predicted) - 1


def rates(run_data: RunData) -> list[Rate]:
    """Return the contraction of every trial that theory has a prediction for.

    Those are the trials of the search whose numbers the study left to theory; nothing is
    returned where there is none.

    Args:
        run_data: the run.
    """
    trials = run_data.search
    if KAPPA not in trials:
        return []
    trials = trials[trials["status"].isin(USABLE) & trials["optimizer"].isin(list(METHODS))]
    losses = run_data.run.curves[run_data.run.curves["metric"] == "train_loss"]
    by_trial = dict(iter(losses.groupby("trial")))
    measured = []
    for label in run_data.labels:
        rows = trials[trials["label"] == label].sort_values(KAPPA, kind="stable")
        tuning = _tuning(rows, list(run_data.study.theory(label).values()))
        measured += [
            _rate(row, by_trial[row["number"]], tuning) for _, row in rows.iterrows() if tuning
        ]
    return measured


def _tuning(rows: pd.DataFrame, asked: list[str]) -> str:
    """The tuning that trials were trained with, which an older version may have named otherwise.

    Returns:
        A tuning, that of the study first; ``""`` where theory was not asked or no tuning agrees.
    """
    if not asked or not len(rows):
        return ""
    tunings = METHODS[str(rows["optimizer"].iloc[0])]
    for tuning in sorted(tunings, key=lambda name: name != asked[0]):
        settings = [
            theory_settings(row["optimizer"], 1.0, row[KAPPA], tuning) for _, row in rows.iterrows()
        ]
        if "momentum" not in settings[0]:
            return tuning
        # Momentum depends on κ alone, the learning rate on L as well.
        expected = [setting["momentum"] for setting in settings]
        if np.allclose(rows["hp.momentum"].to_numpy(float), expected, rtol=1e-6):
            return tuning
    return ""


def _rate(row: Any, curve: pd.DataFrame, tuning: str) -> Rate:
    values = curve.sort_values("step")["value"].to_numpy(float)
    # Away from the axes and zero, rounding ends the descent: five decades of distance are sure.
    floor = {} if row["dataset"] == "diagonal_quadratic" else {"smallest": 1e-10 * values[0]}
    contracted = measured_contraction(values, **floor)
    optimizer, kappa = str(row["optimizer"]), float(row[KAPPA])
    predicted = contraction(optimizer, kappa, tuning)
    return Rate(
        str(row["label"]),
        optimizer,
        tuning,
        kappa,
        predicted,
        contracted.factor,
        contracted.first,
        contracted.last,
    )


def rate_sentences(measured: list[Rate]) -> list[str]:
    """Return how well the measured contraction agrees with theory, and what κ costs, in words.

    Args:
        measured: what :func:`rates` returned, at least one.
    """
    worst = max(measured, key=lambda rate: abs(rate.deviation))
    largest = max(rate.kappa for rate in measured)
    steps = [
        f"{math.log(10) / -math.log(rate.measured):.0f} of {rate.label}"
        for rate in measured
        if rate.kappa == largest and 0 < rate.measured < 1
    ]
    sentences = [
        f"Over κ from {number(min(rate.kappa for rate in measured))} to {number(largest)} the "
        f"measured rate of convergence agrees with theory to within "
        f"{number(100 * abs(worst.deviation), 2)} %; the largest difference is that of "
        f"{worst.label} at κ = {number(worst.kappa)}."
    ]
    if steps:
        sentences.append(
            f"At κ = {number(largest)}, the number of steps that bring the weights ten times "
            f"closer to the minimum: {listed(steps)}."
        )
    return sentences


def rate_table(run_data: RunData) -> Table | None:
    """Return the table of contractions.

    Args:
        run_data: the run.
    """
    measured = rates(run_data)
    if not measured:
        return None
    return Table(
        "Contraction ρ, the factor by which a step multiplies the distance to the minimum: "
        "predicted by theory and measured.",
        ("optimizer", "settings", "κ", "1 − ρ predicted", "1 − ρ measured", "difference", "steps"),
        [
            (
                rate.label,
                rate.tuning,
                rate.kappa,
                1 - rate.predicted,
                1 - rate.measured,
                f"{number(100 * rate.deviation, 2)} %",
                f"{rate.first} to {rate.last}",
            )
            for rate in measured
        ],
        details="Measured from the training loss after the transient, over the steps named; the "
        "growth that double roots add is fitted too. The difference is that of the rate −log ρ; "
        "where ρ is predicted to be 0, it is ρ itself.",
        name="rates",
        text_columns=2,
    )


def rate_figure(run_data: RunData) -> Figure | None:
    """Draw 1 − ρ over κ, measured on the lines of theory.

    Args:
        run_data: the run.
    """
    measured = rates(run_data)
    kappas = sorted({rate.kappa for rate in measured})
    if len(kappas) < 2:
        return None
    plot, values = go.Figure(), []
    line = np.geomspace(kappas[0], kappas[-1], 200)
    for label in run_data.labels:
        of_label = [rate for rate in measured if rate.label == label]
        if not of_label:
            continue
        style, optimizer, tuning = run_data.styles[label], of_label[0].optimizer, of_label[0].tuning
        theory = [1 - contraction(optimizer, kappa, tuning) for kappa in line]
        markers = [1 - rate.measured for rate in of_label]
        values += [*theory, *markers]
        plot.add_scatter(
            x=line,
            y=theory,
            name=f"{label}, theory ({tuning}): ρ = {METHODS[optimizer][tuning].formula}",
            legendgroup=label,
            mode="lines",
            line={"color": style.colour, "width": 1.8, "dash": style.dash},
            hoverinfo="skip",
        )
        plot.add_scatter(
            x=[rate.kappa for rate in of_label],
            y=markers,
            name=f"{label}, measured",
            legendgroup=label,
            mode="markers",
            marker={"symbol": style.symbol, "size": 10, "color": style.colour},
            hovertemplate="κ = %{x}: 1 − ρ = %{y:.4g}",
        )
    plot.update_xaxes(title="condition number κ", **axis_of(kappas, "log"))
    plot.update_yaxes(title="1 − ρ", **axis_of(values, "log"))
    worst = max(abs(rate.deviation) for rate in measured)
    return Figure(
        "rates",
        "The share of the distance to the minimum of a quadratic that a step removes, 1 − ρ, by "
        "the condition number κ: measured (markers) on theory (lines).",
        f"Line chart of 1 − ρ over κ; all markers lie within {number(100 * worst, 2)} % of their "
        "lines in the rate.",
        finished(plot, 460),
        shows=f"Measured and predicted rates differ by {number(100 * worst, 2)} % at most.",
        details="Each method has the settings that theory gives for κ: optimal for quadratics, or "
        "Nesterov's standard ones for all strongly convex functions.",
    )
