"""The grid that all small multiples share."""

import plotly.graph_objects as go
import pytest

from benchmark.report.panels import Panel, Place, small_multiples


def panel(title: str, x: str, y: str, *names: str) -> Panel:
    def draw(plot: go.Figure, place: Place) -> None:
        for name in names:
            values = [] if name.startswith("no ") else [1.0, 2.0]
            plot.add_scatter(x=values, y=values, name=name.removeprefix("no "), **place)

    return Panel(draw, title, {"title": x}, {"title": y})


def test_panels_stand_row_by_row_under_their_titles() -> None:
    plot = small_multiples([panel(name, "epoch", name, "sgd") for name in "abcde"], 3, height=100)
    assert [note.text for note in plot.layout.annotations] == list("abcde")
    assert [trace.yaxis for trace in plot.data] == ["y", "y2", "y3", "y4", "y5"]
    assert "yaxis6" not in plot.layout.to_plotly_json(), "a place without a panel has no axes"
    height = plot.layout.height - plot.layout.margin.t - plot.layout.margin.b
    low, high = plot.layout.yaxis.domain
    assert (high - low) * height == pytest.approx(100)


def test_a_title_that_neighbours_have_in_common_is_written_once() -> None:
    plot = small_multiples([panel("", "epoch", "loss", "sgd") for _ in range(5)], 3)
    across = [plot.layout[f"xaxis{index}"].title.text for index in ("", 2, 3, 4, 5)]
    upwards = [plot.layout[f"yaxis{index}"].title.text for index in ("", 2, 3, 4, 5)]
    assert across == [None, None, "epoch", "epoch", "epoch"]  # nothing is below the third one
    assert upwards == ["loss", None, None, "loss", None]


def test_ticks_of_a_shared_axis_stand_under_every_column() -> None:
    plot = small_multiples([panel("", "epoch", "loss") for _ in range(5)], 3, shares_x=True)
    shown = [plot.layout[f"xaxis{index}"].showticklabels for index in ("", 2, 3, 4, 5)]
    assert shown == [False, False, True, True, True]


def test_the_legend_names_each_label_once_by_a_trace_that_shows_something() -> None:
    panels = [panel("", "x", "y", "no sgd", "adam"), panel("", "x", "y", "sgd", "adam")]
    plot = small_multiples(panels, 2)
    named = [(trace.name, trace.yaxis) for trace in plot.data if trace.showlegend]
    assert named == [("adam", "y"), ("sgd", "y2")]
