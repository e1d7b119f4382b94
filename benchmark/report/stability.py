"""How near to the limit of stable steps the diagnosed trials came, for every kind of optimizer."""

import pandas as pd
import plotly.graph_objects as go

from benchmark.report.figure import Figure
from benchmark.report.formatting import listed, number
from benchmark.report.material import Material
from benchmark.report.theme import INK, finished
from benchmark.report.tracked import axis_around, clipped

SHARPNESS, LIMIT = "scaled_sharpness", "stability_limit"


def stability_ratios(material: Material) -> pd.DataFrame:
    """Return η·λmax over its limit wherever both were measured.

    For an optimizer that divides by a matrix P, λmax is that of P⁻¹H, and the limit its own.

    Args:
        material: the run.

    Returns:
        ``label``, ``trial``, ``epoch`` and ``ratio`` > 0, a row a diagnosis.
    """
    measured = material.run.curvature
    measured = measured[measured["quantity"].isin([SHARPNESS, LIMIT])]
    wide = measured.pivot_table(index=["trial", "epoch"], columns="quantity", values="value")
    wide = wide.reindex(columns=[SHARPNESS, LIMIT]).reset_index()
    wide["ratio"] = wide[SHARPNESS] / wide[LIMIT]
    labels = material.trials.drop_duplicates("number").set_index("number")["label"]
    wide["label"] = wide["trial"].map(labels)
    found = wide[(wide["ratio"] > 0) & wide["label"].notna()]
    return found[["label", "trial", "epoch", "ratio"]]


def stability_figure(material: Material) -> Figure | None:
    """Draw for each optimizer how much of its limit η·λmax took in the diagnosed trials.

    Args:
        material: the run.
    """
    ratios = stability_ratios(material)
    labels = [label for label in material.labels if (ratios["label"] == label).any()]
    if not labels:
        return None
    plot, said = go.Figure(), []
    axis = axis_around([*ratios["ratio"], 1.0])
    for label in labels:
        own = ratios[ratios["label"] == label]
        last = own["epoch"] == own.groupby("trial")["epoch"].transform("max")
        for is_last, rows in ((False, own[~last]), (True, own[last])):
            _draw(plot, material, label, clipped(rows["ratio"], axis), rows, is_last=is_last)
        said.append(f"{label} {number(float(own[last]['ratio'].median()), 3)}")
    plot.add_vline(x=1.0, line={"color": INK, "width": 1.4, "dash": "dot"})
    plot.update_xaxes(title="η·λmax / limit", **axis)
    plot.update_yaxes(categoryorder="array", categoryarray=labels[::-1])
    missing = [label for label in material.labels if label not in labels]
    return Figure(
        "stability",
        "The edge of stability in the diagnosed trials: η·λmax over the largest value at which "
        "the optimizer, held as it was, is stable on a quadratic, dotted at 1. For optimizers "
        "that divide by a matrix P, as Adam does by the root of its second moments, λmax is that "
        "of P⁻¹H; before their first step it is not known. Filled: the last measured epoch of a "
        "trial; open: earlier ones."
        + (f" No limit is known of {listed(missing)}: see the findings." if missing else ""),
        f"Dot chart of η·λmax over its limit, logarithmic scale; medians at the end: "
        f"{listed(said)}.",
        finished(plot, 140 + 24 * len(labels), showlegend=False),
    )


def _draw(
    plot: go.Figure,
    material: Material,
    label: str,
    places: object,
    rows: pd.DataFrame,
    *,
    is_last: bool,
) -> None:
    style = material.styles[label]
    plot.add_scatter(
        x=places,
        y=[label] * len(rows),
        mode="markers",
        marker={
            "symbol": style.symbol if is_last else f"{style.symbol}-open",
            "size": 9,
            "color": style.colour,
        },
        customdata=rows[["trial", "epoch", "ratio"]],
        hovertemplate=f"{label}, trial %{{customdata[0]}}, epoch %{{customdata[1]}}: "
        "%{customdata[2]:.3g}<extra></extra>",
    )
