"""What was measured as tables of text, which page and terminal show alike."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatch
from typing import NamedTuple

from speed.measurement import Measured, Measurement, Spread, ratio
from speed.rows import BACKENDS, ENDS_ONLY
from speed.targets import figures, share_of_rate

CLOCKS = ("compile", "train", "evaluate", "curvature", "diagnose", "search", "log")
PARTNERS = {
    f"*/{ENDS_ONLY}": "scikit_learn/digits_mlp/all",
    "*/wide_mlp*": "scikit_learn/wide_mlp/all",
    "*/small_cnn*": "usual_way/small_cnn",
    "*/digits_mlp*": "usual_way/digits_mlp",
}
"""Whose cost of a trial the others are compared with; the first pattern that matches counts."""
REMARKS = {
    "trials": "{} trials",
    "capacity": "{} at once",
    "threads": "threads: {}",
    "compiled_in_the_clock": "compilations in the clock: {}",
    "pruned": "{} pruned",
    "eigenvalue_seconds": "eigenvalues take {:.1f} s more",
}
NOTHING = "–"
Cell = Callable[[Measurement], str]


class Table(NamedTuple):
    """A table of text, whose rows have as many cells as there are columns."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def markdown(self) -> str:
        """The table in Markdown."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
        return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def table_of(title: str, cells: Mapping[str, Cell], measurements: Iterable[Measurement]) -> Table:
    """A row for each measurement, made by a function for each column; no column is empty."""
    lines = [[cell(m) for cell in cells.values()] for m in measurements]
    used = [index for index in range(len(cells)) if any(line[index] for line in lines)]
    columns = tuple(list(cells)[index] for index in used)
    return Table(title, columns, [tuple(line[i] or NOTHING for i in used) for line in lines])


def significant(value: float) -> str:
    """A number in three significant digits, without an exponent.

    Example:
        >>> significant(5.6321), significant(0.01234), significant(123456.0), significant(60.0)
        ('5.63', '0.0123', '123456', '60')
    """
    is_whole = value == 0 or abs(value) >= 1000
    return f"{value:.0f}" if is_whole else f"{float(f'{value:.3g}'):.10g}"


def bounds(spread: Spread, factor: float = 1.0) -> str:
    """The smallest and the largest value: ``1 … 3.5``."""
    return f"{significant(factor * spread.low)} … {significant(factor * spread.high)}"


def _value(m: Measurement) -> tuple[str, str]:
    """The median with its unit, in milliseconds where seconds are small, and the ends."""
    if m.spread is None:
        return m.missing, ""
    is_small = m.unit.split("/")[0] == "s" and m.median < 1
    factor, unit = (1000, f"m{m.unit}") if is_small else (1, m.unit)
    return (
        f"{significant(factor * m.median)} {unit}",
        f"{bounds(m.spread, factor)} ({len(m.values)})",
    )


def _fact(form: str, *names: str) -> Cell:
    """A cell of facts, or an empty one where one of them is not known."""

    def cell(m: Measurement) -> str:
        values = [m.facts.get(name) for name in names]
        return "" if None in values else form.format(*values)

    return cell


def _clock(name: str, factor: float = 1.0) -> Cell:
    def cell(m: Measurement) -> str:
        seconds = m.facts["clocks"].get(name) if "clocks" in m.facts else None
        return "" if seconds is None else f"{factor * seconds:.1f}"

    return cell


def _ratios(m: Measurement) -> str:
    if "ratios" not in m.facts:
        return ""
    times = Spread.of(m.facts["ratios"])
    return f"{times.median:.2f} ({bounds(times)})"


def _remarks(m: Measurement) -> str:
    remarks = [form.format(m.facts[name]) for name, form in REMARKS.items() if m.facts.get(name)]
    if m.facts.get("epochs_trained", 1.0) < 1:
        remarks.append(f"{100 * m.facts['epochs_trained']:.0f} % of the epochs trained")
    if "longer_percent" in m.facts:
        longer = Spread.of(m.facts["longer_percent"])
        remarks.append(f"{significant(longer.median)} % more processor time ({bounds(longer)})")
    return ", ".join(remarks)


WHAT: dict[str, Cell] = {
    "what": lambda m: m.title,
    "median": lambda m: _value(m)[0],
    "min … max (values)": lambda m: _value(m)[1],
}


def measured_table(measured: Measured) -> Table:
    """Every measurement with its spread, its ratio to a partner of the same run, and its facts."""

    def against_partner(m: Measurement) -> str:
        name = next((name for pattern, name in PARTNERS.items() if fnmatch(m.name, pattern)), "")
        if name == m.name or name not in measured or m.unit != "s/trial":
            return ""
        times = ratio(measured[name].spread, m.spread)
        return f"{significant(times.median)} × ({bounds(times)}) {name}" if times else ""

    def share(m: Measurement) -> str:
        training = share_of_rate(m, measured, "training_flops")
        both = share_of_rate(m, measured, "training_flops", "evaluation_flops")
        shares = [f"{significant(spread.median)} %" for spread in (training, both) if spread]
        return " / ".join(shares)

    cells = {
        "times as fast as": against_partner,
        "share of the machine's rate: training / with evaluation": share,
        "largest relative error": _fact("{:.1e}", "relative_error"),
        "products": _fact("{:.0f}", "products"),
        "peak memory, GB (growth)": _fact(
            "{:.2f} ({:.2f})", "peak_gigabytes", "peak_growth_gigabytes"
        ),
        "compiling, before the clock": _fact("{:.1f} s", "compile_seconds"),
        "remarks": _remarks,
    }
    rows = [m for m in measured.values() if not m.name.startswith("command/")]
    return table_of("What was measured", {**WHAT, **cells}, rows)


def command_table(measured: Measured) -> Table:
    """Whole commands, and the seconds of their parts by the run's own clocks."""
    cells = {
        "× the bare import": _ratios,
        "until the run begins, s": _fact("{:.1f}", "start_seconds"),
        "until the first result, s": _fact("{:.1f}", "first_result_seconds"),
        **{f"{name}, s": _clock(name) for name in CLOCKS},
        "processor, s": _fact("{:.1f}", "processor_seconds"),
    }
    rows = (m for m in measured.values() if m.name.startswith("command"))
    return table_of("From the command to the report", {**WHAT, **cells}, rows)


def profile_table(measured: Measured) -> Table:
    """Milliseconds of each trial by clock, for all that has clocks."""
    cells = {
        "milliseconds a trial": WHAT["what"],
        **{name: _clock(name, 1000) for name in (*CLOCKS, "after the last trial")},
        "wall clock": lambda m: f"{1000 * m.median:.1f}",
    }
    rows = (m for m in measured.values() if "clocks" in m.facts and m.unit == "s/trial")
    return table_of("Where the time goes", cells, rows)


def target_table(measured: Measured, *, is_full: bool) -> Table:
    """Every target with what was measured, of a full run or of one with smaller sizes."""
    rows = []
    for target, spread, remark in figures(measured):
        aims = [
            NOTHING if bound is None else f"{target.sign} {significant(bound)} {target.unit}"
            for bound in (target.bound, target.aim)
        ]
        verdict = target.verdict(spread)
        if spread and not is_full:
            verdict += " (quick run: smaller sizes)"
        value = (
            (f"{significant(spread.median)} {target.unit}", bounds(spread)) if spread else ("", "")
        )
        row = (target.name, *aims, *value, verdict, remark)
        rows.append(tuple(cell or NOTHING for cell in row))
    columns = ("measure", "bound", "aim", "measured", "spread", "verdict", "measured as")
    return Table("The targets", columns, rows)


def optimizer_table(measured: Measured) -> Table:
    """Every optimizer with its cost on each backend, and whether it meets its target."""
    rows = []
    for optimizer in dict.fromkeys(name.split("/", 2)[-1] for name in measured):
        cells, stored, limit, missed = [], NOTHING, None, []
        for backend in BACKENDS:
            m = measured.get(f"optimizers/{backend}/{optimizer}")
            if m is None or not m.values:
                cells += [NOTHING, NOTHING]
                continue
            cells += [significant(1e6 * m.median), _ratios(m)]
            stored, limit = significant(m.facts["numbers_a_weight"]), m.facts["limit"]
            if limit and Spread.of(m.facts["ratios"]).median > limit:
                missed.append(backend)
        verdict = f"not met on {' and '.join(missed)}" if missed else "met"
        ends = (f"≤ {limit:g} ×", verdict) if limit else (NOTHING, NOTHING)
        rows.append((optimizer, stored, *cells, *ends))
    heads = [head for name in BACKENDS for head in (f"{name}, µs an update", "× SGD (min … max)")]
    columns = ("optimizer", "numbers kept a weight", *heads, "target", "verdict")
    return Table("The step of each optimizer against SGD", columns, rows)


def tables_of(measured: Measured, *, is_full: bool) -> list[Table]:
    """The tables of a run, those without rows left out."""
    if any(name.startswith("optimizers/") for name in measured):
        return [optimizer_table(measured)]
    others = (table(measured) for table in (command_table, measured_table, profile_table))
    return [table for table in (target_table(measured, is_full=is_full), *others) if table.rows]
