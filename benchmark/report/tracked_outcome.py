"""The objective of every trial of the search against the curvature that was followed in it."""

from typing import Any

import pandas as pd
from plotly.subplots import make_subplots

from benchmark.report.figure import Figure
from benchmark.report.formatting import listed, number, words
from benchmark.report.material import Material
from benchmark.report.objective_axis import ObjectiveAxis
from benchmark.report.points import LOOKS, draw_points
from benchmark.report.theme import INK, finished, height_with
from benchmark.report.tracked import (
    FACTS,
    KAPPA,
    RELATIVE,
    SHARPNESS,
    axis_around,
    clipped,
    counts,
    known,
    probe_words,
)

MOST_TICKS = 4
TITLES = {
    SHARPNESS: "last λmax",
    KAPPA: "last lower bound of κ",
    RELATIVE: "largest η·λmax / limit",
}


def tracked_outcome(material: Material, table: pd.DataFrame) -> Figure | None:
    """Draw the objective by sharpness, by κ's bound, and by the distance to the edge of stability.

    Args:
        material: the run.
        table: what :func:`~benchmark.report.tracked.tracked_table` returned.
    """
    points = outcome_points(table)
    names = [name for name in TITLES if points[name].notna().any()]
    if not names:
        return None
    plot = make_subplots(
        rows=1, cols=len(names), shared_yaxes=True, horizontal_spacing=0.12 / len(names)
    )
    objective = ObjectiveAxis.of(points["objective"], material.direction)
    for column, name in enumerate(names, start=1):
        place = {"row": 1, "col": column}
        axis = axis_around([*points[name].dropna(), *([1.0] if name == RELATIVE else [])])
        plot.update_xaxes(title=TITLES[name], **_sparse(axis), **place)
        title = words(material.objective) if column == 1 else None
        plot.update_yaxes(title=title, **objective.layout, **place)
        objective.draw_shelf(plot, place)
        for label in material.labels:
            own = points[points["label"] == label]
            own = own.assign(**{name: clipped(own[name], axis)})
            style, first = material.styles[label], column == 1
            draw_points(
                plot, own, name, label, style=style, axis=objective, place=place, legend=first
            )
        if name == RELATIVE:
            plot.add_vline(x=1.0, line={"color": INK, "width": 1.4, "dash": "dot"}, **place)
    return Figure(
        "tracked-outcome",
        f"{words(material.objective).capitalize()} of every trial of the search by its curvature: "
        f"what the settings that converge have in common. {_panels(names)} λmax and κ are lower "
        f"bounds, {probe_words(material)}; of a trial that diverged they are from before it did. "
        "What lies far beyond all others stands at the edge. "
        f"{_capital(counts(points, material.labels))}. {LOOKS}",
        f"Scatter charts of {words(material.objective)} by "
        f"{listed([TITLES[name] for name in names])}.",
        finished(plot, height_with(420, material.labels)),
        wide=len(names) > 1,
    )


def outcome_points(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row a trial: its last λmax and κ's bound, and its largest η·λmax over the limit.

    Args:
        table: what :func:`~benchmark.report.tracked.tracked_table` returned.
    """
    own = table.sort_values("epoch")
    trials = own.groupby("trial").tail(1).set_index("trial")
    trials = trials[list(FACTS)].copy()
    for name in TITLES:
        seen = known(own, name).groupby("trial")[name]
        trials[name] = seen.max() if name == RELATIVE else seen.last()
    return trials.reset_index().assign(number=lambda rows: rows["trial"])


def _panels(names: list[str]) -> str:
    said = {
        SHARPNESS: "the sharpness where a trial was last measured",
        KAPPA: "the bound of κ there",
        RELATIVE: "the nearest it came to the edge of stability, dotted at 1",
    }
    return f"{_capital(listed([said[name] for name in names]))}."


def _sparse(axis: dict[str, Any]) -> dict[str, Any]:
    """The axis with few ticks: panels are narrow."""
    powers = [value for value in axis["tickvals"] if f"{value:e}".startswith("1.000000e")]
    ticks = powers if len(powers) > 1 else axis["tickvals"]
    ticks = ticks[:: -(-len(ticks) // MOST_TICKS)]
    return {
        **axis,
        "tickvals": ticks,
        "ticktext": [number(value) for value in ticks],
        "tickangle": 0,
    }


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
