"""The figure beside the page: cost of a trial in each way, and how it grows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from speed.measurement import Measured, Measurement

OURS, OTHERS = "#1f6feb", "#8c8c8c"
OWN_GROUPS = ("sequential", "vectorized", "whole_study")
HASH_SALT = "kappabench"


def write_figure(path: Path, measured: Measured) -> bool:
    """Write the figure as a standalone SVG.

    Args:
        path: the file.
        measured: measurements by name.

    Returns:
        Whether there was something to draw, and Matplotlib to draw it with.
    """
    bars = [one for name, one in measured.items() if _is_bar(name) and one.values]
    growing = {
        "whole study": _by_trials(measured, "growth/"),
        "everything but training": _by_trials(measured, "overhead/"),
    }
    if not bars and not any(growing.values()):
        return False
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        return False
    with _quiet_fonts(), rc_context({"svg.hashsalt": HASH_SALT, "svg.fonttype": "none"}):
        height = 1.6 + 0.34 * max(len(bars), 6)
        drawing = Figure(figsize=(12, height), layout="constrained")
        FigureCanvasSVG(drawing)
        left, right = drawing.subplots(1, 2, width_ratios=(3, 2))
        _draw_bars(left, bars)
        _draw_growth(right, growing)
        # Without a date, the same measurements give the same file.
        drawing.savefig(path, format="svg", metadata={"Date": None})
    return True


def _is_bar(name: str) -> bool:
    group, _, rest = name.partition("/")
    is_digits = rest.split("/")[0] == "digits_mlp"
    return is_digits and group not in ("growth", "overhead", "pruning")


def _draw_bars(axes: Any, bars: list[Measurement]) -> None:
    bars = sorted(bars, key=lambda one: -one.spread.median if one.spread else 0.0)
    for place, one in enumerate(bars):
        spread = one.spread
        assert spread is not None, "only measurements with values are drawn"
        ends = [[spread.median - spread.low], [spread.high - spread.median]]
        own = one.name.split("/")[0] in OWN_GROUPS
        axes.barh(place, spread.median, color=OURS if own else OTHERS, xerr=ends, capsize=2)
    axes.set_yticks(range(len(bars)), [_short(one) for one in bars], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("seconds a trial (median; whiskers: smallest and largest)")
    axes.set_title("digits MLP 64-64-10, 20 epochs; ours in blue", fontsize=10)
    axes.grid(axis="x", alpha=0.3)


def _draw_growth(axes: Any, growing: dict[str, list[Measurement]]) -> None:
    for label, found in growing.items():
        trials = [one.facts["trials"] for one in found]
        costs = [one.spread.median for one in found if one.spread]
        if found:
            axes.plot(trials, costs, marker="o", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("trials of the study")
    axes.set_ylabel("seconds a trial")
    axes.set_title("growth", fontsize=10)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def _by_trials(measured: Measured, prefix: str) -> list[Measurement]:
    found = [one for name, one in measured.items() if name.startswith(prefix) and one.values]
    return sorted(found, key=lambda one: one.facts["trials"])


def _short(one: Measurement) -> str:
    return one.title.replace(", digits MLP 64-64-10", "").replace("ours, ", "")


@contextmanager
def _quiet_fonts() -> Iterator[None]:
    """Matplotlib logs which fonts it looks for; nobody asked."""
    import logging

    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
