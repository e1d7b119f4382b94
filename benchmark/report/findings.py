"""Findings on the shown trials in sentences, with the figures of layers and of stability."""

from functools import partial

import pandas as pd
import plotly.graph_objects as go

from benchmark.report.axes import axis_around, clipped
from benchmark.report.formatting import listed, number, shortened, typeset, words
from benchmark.report.panels import Panel, Place, small_multiples
from benchmark.report.rendering import Figure, Table
from benchmark.report.run_data import RunData
from benchmark.report.theme import INK, axis_of, finished

TOPICS = {
    "critical_point": "kind of point",
    "definiteness": "definiteness",
    "extremes": "extreme eigenvalues",
    "condition_number": "condition number",
    "stability": "stability of steps",
    "optimal_step": "best step along the gradient",
    "alignment": "gradient and sharpest directions",
    "gradient_noise": "gradient noise and batch size",
    "depth": "depth",
    "dead_units": "dead units",
    "symmetry": "symmetry",
    "penalties": "penalties on the weights",
    "weight_decay": "weight decay",
    "exact": "exact spectrum",
    "sample": "sample of rows",
}
"""The topics in the order in which they are shown, in words."""
MOST_ROWS = 120
"""A longer table is folded away: it would be most of the page."""


def finding_table(run_data: RunData) -> Table | None:
    """Return the sentences on one trial of each label, at its first and last measured epoch.

    Args:
        run_data: the run.
    """
    rows: list[tuple[str, str, str, str]] = []
    trials: list[str] = []
    for label in run_data.labels:
        findings = run_data.of_first_trial(run_data.run.findings, label)
        if not len(findings):
            continue
        trials.append(run_data.named_trial(label, int(findings["trial"].iloc[0])))
        epochs = dict.fromkeys([findings["epoch"].min(), findings["epoch"].max()])
        for epoch in epochs:
            sentences = findings[findings["epoch"] == epoch].set_index("topic")["sentence"]
            rows += [
                (label, str(int(epoch)), name, typeset(str(sentences[topic])))
                for topic, name in TOPICS.items()
                if topic in sentences
            ]
        rows += _trajectory(run_data, label)
    if not rows:
        return None
    return Table(
        f"Findings at the first and the last measured epoch of {listed(trials)}.",
        ("optimizer", "epoch", "topic", "finding"),
        rows,
        text_columns=4,
        folded="All findings" if len(rows) > MOST_ROWS else "",
        details="Those on other trials are in findings.parquet.",
        name="findings",
    )


def _trajectory(run_data: RunData, label: str) -> list[tuple[str, str, str, str]]:
    """How the sharpness went along the epochs of the same trial."""
    sharpness = run_data.of_first_trial(run_data.run.curvature, label)
    sharpness = sharpness[sharpness["quantity"] == "lambda_max"].sort_values("epoch")
    if len(sharpness) < 2:
        return []
    values, epochs = sharpness["value"].to_numpy(float), sharpness["epoch"].to_numpy(int)
    peak = int(values.argmax())
    first, last = float(values[0]), float(values[-1])
    word = "sharper" if last > first else "flatter"
    sentence = (
        f"The loss became {word}: λmax went from {number(first)} to {number(last)}, with "
        f"{number(float(values[peak]))} at epoch {epochs[peak]} as the largest measured."
    )
    return [(label, f"{epochs[0]} to {epochs[-1]}", "sharpness during training", sentence)]


def layer_figure(run_data: RunData) -> Figure | None:
    """Draw gradient norms and update ratios by layer, at the first and last measured epoch.

    Args:
        run_data: the run.
    """
    parts = [
        _layers(run_data.of_first_trial(run_data.run.curvature, label)).assign(label=label)
        for label in run_data.labels
    ]
    layers = pd.concat([part for part in parts if len(part)] or parts[:1])
    names = dict(sorted(zip(layers["place"], layers["layer"], strict=True)))
    layers = layers[layers["value"] > 0]
    norms = layers[layers["name"] == "gradient_norm"]
    if len(names) < 2 or not len(norms):
        return None
    axis = {
        "title": "layer",
        "tickvals": list(names),
        "ticktext": [str(place) for place in names],
    }
    panels = [
        Panel(
            partial(_draw_layers, rows=rows, run_data=run_data),
            x=axis,
            y={"title": words(quantity), **axis_of(_at_both_ends(rows)["value"], "log")},
        )
        for quantity in ("gradient_norm", "update_ratio")
        for rows in [layers[layers["name"] == quantity]]
    ]
    shown = [f"{place} {name}" for place, name in names.items()]
    ranges = [
        f"{number(float(last.min() / last.max()), 2)} for {label}"
        for label, rows in norms.groupby("label", sort=False)
        for last in [rows[rows["epoch"] == rows["epoch"].max()]["value"]]
    ]
    return Figure(
        "layers",
        "Norm of the gradient of the training loss by layer, and how far the epoch moved the "
        "layer's weights as a share of their norm.",
        "Line charts by layer of gradient norms and update ratios. Smallest over largest gradient "
        f"norm: {listed(ranges)}.",
        small_multiples(panels, 2, height=316),
        wide=True,
        shows=f"Smallest over largest gradient norm at the last epoch: {shortened(ranges)}.",
        details="Faint, open: the first measured epoch; filled: the last. Zeros are left out. "
        f"Layers from the input: {listed(shown)}.",
    )


def _at_both_ends(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first and the last epoch of each label."""
    epochs = rows.groupby("label")["epoch"]
    is_end = (rows["epoch"] == epochs.transform("min")) | (rows["epoch"] == epochs.transform("max"))
    return rows[is_end]


def _draw_layers(plot: go.Figure, place: Place, *, rows: pd.DataFrame, run_data: RunData) -> None:
    for label, of_label in rows.groupby("label", sort=False):
        style, last = run_data.styles[str(label)], of_label["epoch"].max()
        for epoch in dict.fromkeys([of_label["epoch"].min(), last]):
            line = of_label[of_label["epoch"] == epoch].sort_values("place")
            is_last = epoch == last
            plot.add_scatter(
                x=line["place"],
                y=line["value"],
                name=f"{label}, {'last' if is_last else 'first'}",
                legendgroup=f"{label} {is_last}",
                mode="lines+markers",
                line={
                    "color": style.colour if is_last else style.faint(0.45),
                    "width": 2.2 if is_last else 1.4,
                    "dash": style.dash,
                },
                marker={"symbol": style.symbol if is_last else f"{style.symbol}-open"},
                hovertemplate=f"layer %{{x}}, epoch {int(epoch)}: %{{y:.4g}}",
                **place,
            )


def _layers(table: pd.DataFrame) -> pd.DataFrame:
    """The quantities of layers, by their place, layer and name."""
    parts = table["quantity"].str.extract(r"^layer\.(\d+)\.(.+)\.([a-z_]+)$")
    parts.columns = pd.Index(["place", "layer", "name"])
    layers = pd.concat([table[["epoch", "value"]], parts], axis=1).dropna(subset=["place"])
    return layers.assign(place=layers["place"].astype(int))


SHARPNESS, LIMIT = "scaled_sharpness", "stability_limit"


def stability_ratios(run_data: RunData) -> pd.DataFrame:
    """Return η·λmax over its limit wherever both were measured.

    For an optimizer that divides by a matrix P, λmax is that of P⁻¹H, and the limit its own.

    Args:
        run_data: the run.

    Returns:
        ``label``, ``trial``, ``epoch`` and ``ratio`` > 0, a row a diagnosis.
    """
    measured = run_data.run.curvature
    measured = measured[measured["quantity"].isin([SHARPNESS, LIMIT])]
    wide = measured.pivot_table(index=["trial", "epoch"], columns="quantity", values="value")
    wide = wide.reindex(columns=[SHARPNESS, LIMIT]).reset_index()
    wide["ratio"] = wide[SHARPNESS] / wide[LIMIT]
    labels = run_data.trials.drop_duplicates("number").set_index("number")["label"]
    wide["label"] = wide["trial"].map(labels)
    positive = wide[(wide["ratio"] > 0) & wide["label"].notna()]
    return positive[["label", "trial", "epoch", "ratio"]]


def stability_figure(run_data: RunData) -> Figure | None:
    """Draw for each optimizer how much of its limit η·λmax took in the diagnosed trials.

    Args:
        run_data: the run.
    """
    ratios = stability_ratios(run_data)
    labels = [label for label in run_data.labels if (ratios["label"] == label).any()]
    if not labels:
        return None
    plot, medians = go.Figure(), []
    axis = axis_around([*ratios["ratio"], 1.0])
    for label in labels:
        of_label = ratios[ratios["label"] == label]
        last = of_label["epoch"] == of_label.groupby("trial")["epoch"].transform("max")
        for is_last, rows in ((False, of_label[~last]), (True, of_label[last])):
            _draw(plot, run_data, label, clipped(rows["ratio"], axis), rows, is_last=is_last)
        medians.append(f"{label} {number(float(of_label[last]['ratio'].median()), 3)}")
    plot.add_vline(x=1.0, line={"color": INK, "width": 1.4, "dash": "dot"})
    plot.update_xaxes(title="η·λmax / limit", **axis)
    plot.update_yaxes(categoryorder="array", categoryarray=labels[::-1])
    missing = [label for label in run_data.labels if label not in labels]
    return Figure(
        "stability",
        "The edge of stability in the diagnosed trials: η·λmax divided by the largest value at "
        "which the optimizer is stable on a quadratic (dotted line at 1).",
        f"Dot chart of η·λmax over its limit, logarithmic scale; medians at the end: "
        f"{listed(medians)}.",
        finished(plot, 140 + 24 * len(labels), showlegend=False),
        shows=f"Medians at the last measured epoch: {shortened(medians)}.",
        details="The limit is that of the state which the optimizer had. For optimizers that "
        "divide by a matrix P, as Adam does by the root of its second moments, λmax is that of "
        "P⁻¹H, which is unknown before their first step. Filled: the last measured epoch of a "
        "trial; open: earlier ones."
        + (f" No limit is known for {listed(missing)}: see the findings." if missing else ""),
    )


def _draw(
    plot: go.Figure,
    run_data: RunData,
    label: str,
    positions: object,
    rows: pd.DataFrame,
    *,
    is_last: bool,
) -> None:
    style = run_data.styles[label]
    plot.add_scatter(
        x=positions,
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
