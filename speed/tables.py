"""What was measured as tables of text, which page and terminal show alike."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from speed.measurement import Measured, Measurement, Spread, ratio, spread_of
from speed.targets import Verdict, share_of_rate

CLOCKS = ("compile", "train", "evaluate", "curvature", "search", "log")
PARTNERS = {
    "digits_mlp": "usual_way/digits_mlp",
    "wide_mlp": "scikit_learn/wide_mlp/all",
    "small_cnn": "usual_way/small_cnn",
}
"""Whose cost of a trial the others are compared with, by workload."""
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX"}
NOTHING = "–"
Cell = Callable[[Measurement], str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text, whose rows have as many cells as there are columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(
        cls, title: str, cells: Mapping[str, Cell], measurements: Iterable[Measurement]
    ) -> "Table":
        """A row a measurement, whose cells are made by a function a column."""
        rows = (tuple(cell(m) or NOTHING for cell in cells.values()) for m in measurements)
        return cls(title, tuple(cells), tuple(rows))

    def markdown(self) -> str:
        r"""The table in Markdown.

        Example:
            >>> print(Table("sizes", ("what", "size"), (("a|b", "1"),)).markdown())
            | what | size |
            |---|---|
            | a\|b | 1 |
        """
        head, *rows = [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
            for line in (self.columns, *self.rows)
        ]
        return "\n".join([head, "|" + "---|" * len(self.columns), *rows])


def significant(value: float) -> str:
    """A number in three significant digits, without an exponent.

    Example:
        >>> significant(5.6321), significant(0.01234), significant(123456.0), significant(60.0)
        ('5.63', '0.0123', '123456', '60')
    """
    if value == 0 or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{float(f'{value:.3g}'):.10g}"


def bounds(spread: Spread, factor: float = 1.0) -> str:
    """The smallest and the largest value.

    Example:
        >>> bounds(Spread(2.0, 1.0, 3.5))
        '1 … 3.5'
    """
    return f"{significant(factor * spread.low)} … {significant(factor * spread.high)}"


def counted(count: int, noun: str) -> str:
    """A number and its noun, in the plural where it must be.

    Example:
        >>> counted(1, "trial"), counted(2, "trial")
        ('1 trial', '2 trials')
    """
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _scale(m: Measurement) -> tuple[int, str]:
    """Milliseconds where seconds are small."""
    is_small = m.unit.split("/")[0] == "s" and m.spread is not None and m.spread.median < 1
    return (1000, f"m{m.unit}") if is_small else (1, m.unit)


def _median(m: Measurement) -> str:
    factor, unit = _scale(m)
    return f"{significant(factor * m.spread.median)} {unit}" if m.spread else m.missing


def _ends(m: Measurement) -> str:
    return f"{bounds(m.spread, _scale(m)[0])} ({len(m.values)})" if m.spread else ""


def _compiling(m: Measurement) -> str:
    if "compile_seconds" in m.facts:
        return f"{m.facts['compile_seconds']:.1f} s, before the clock"
    return str(m.facts.get("compiling", ""))


def _remarks(m: Measurement) -> str:
    facts, remarks = m.facts, []
    if "trials" in facts:
        remarks.append(counted(facts["trials"], "trial"))
    if "capacity" in facts:
        remarks.append(f"{facts['capacity']} at once")
    if facts.get("threads"):
        remarks.append(counted(facts["threads"], "thread"))
    if facts.get("compiled_in_the_clock"):
        remarks.append(counted(facts["compiled_in_the_clock"], "compilation") + " in the clock")
    if facts.get("epochs_trained", 1.0) < 1:
        remarks.append(f"{100 * facts['epochs_trained']:.0f} % of the epochs trained")
    if "report_seconds" in facts:
        remarks.append(f"report {facts['report_seconds']:.1f} s, not in the clock")
    return ", ".join(remarks)


WHAT: dict[str, Cell] = {
    "what": lambda m: m.title,
    "median": _median,
    "min … max (values)": _ends,
}


def cost_table(measured: Measured) -> Table:
    """Every measurement with its spread and its ratio to a partner of the same run."""

    def against_partner(m: Measurement) -> str:
        partner = partner_of(m, measured)
        times = ratio(spread_of(partner), m.spread)
        if times is None or partner is None:
            return ""
        return f"{significant(times.median)} × ({bounds(times)}) {partner.name}"

    cells = {"times as fast as": against_partner, "compiling": _compiling, "remarks": _remarks}
    return Table.of("What was measured", {**WHAT, **cells}, measured.values())


def partner_of(measurement: Measurement, measured: Measured) -> Measurement | None:
    """The measurement of the same run and the same work that a cost is compared with."""
    group, workload, *rest = [*measurement.name.split("/"), ""]
    if not measurement.values or not measurement.unit.startswith("s/"):
        return None
    if group == "growth":
        studies = (m for m in measured.values() if m.name.startswith("growth/") and m.values)
        sizes = sorted(m.facts["trials"] for m in studies)
        name = f"growth/{workload}/{sizes[min(1, len(sizes) - 1)]}"
    elif any(part.startswith("batch_") for part in rest):
        name = "scikit_learn/digits_mlp/all"
    elif group == "scikit_learn" and workload == "digits_mlp":
        name = "scikit_learn/digits_mlp/one"
    else:
        name = PARTNERS.get(workload, "")
    partner = measured.get(name)
    return partner if partner and partner.values and partner.name != measurement.name else None


def share_table(measured: Measured) -> Table:
    """The share of the matrix-product rate that each engine alone reaches."""

    def share(*flops: str) -> Cell:
        def cell(m: Measurement) -> str:
            percent = share_of_rate(m, measured, *flops)
            return f"{significant(percent.median)} % ({bounds(percent)})" if percent else ""

        return cell

    training, evaluating = "training_flops", "evaluation_flops"
    cells: dict[str, Cell] = {
        "what": lambda m: m.title,
        "GFLOP training": lambda m: f"{m.facts[training] / 1e9:.3g}",
        "GFLOP evaluating": lambda m: f"{m.facts[evaluating] / 1e9:.3g}",
        "share, training": share(training),
        "share, both": share(training, evaluating),
    }
    rows = [m for m in measured.values() if share_of_rate(m, measured, training, evaluating)]
    return Table.of("Share of the machine's matrix-product rate", cells, rows)


def profile_table(measured: Measured) -> Table:
    """Milliseconds a trial by clock, for all that has clocks."""

    def seconds(m: Measurement, column: str) -> float | None:
        ending = m.facts.get("seconds_after_last_trial")
        more = {
            "after the last trial": None if ending is None else ending / m.facts["trials"],
            "wall clock": m.spread and m.spread.median,
        }
        return {**m.facts["clocks"], **more}.get(column)

    def clock(column: str) -> Cell:
        return lambda m: "" if (s := seconds(m, column)) is None else f"{1000 * s:.1f}"

    columns = (*CLOCKS, "after the last trial", "wall clock")
    cells = {"milliseconds a trial": WHAT["what"], **{column: clock(column) for column in columns}}
    rows = [m for m in measured.values() if m.facts.get("clocks") and m.values]
    return Table.of("Where the time goes", cells, rows)


def accelerator_table(measured: Measured) -> Table:
    """Trials a second at each capacity."""
    cells = {**WHAT, "compiling": _compiling, "remarks": _remarks}
    return Table.of("On the accelerator", cells, measured.values())


def curvature_table(measured: Measured) -> Table:
    """Every measurement of curvature with its error, its products and its memory."""

    def fact(name: str, form: str) -> Cell:
        return lambda m: form.format(**m.facts) if name in m.facts else ""

    memory = "{peak_gigabytes:.2f} ({peak_growth_gigabytes:.2f})"
    cells = {
        "largest relative error": fact("relative_error", "{relative_error:.1e}"),
        "products": fact("products", "{products}"),
        "peak memory, GB (growth)": fact("peak_gigabytes", memory),
        "compiling, before the clock": fact("compile_seconds", "{compile_seconds:.1f} s"),
        "remarks": _remarks,
    }
    return Table.of("What was measured", {**WHAT, **cells}, measured.values())


def target_table(verdicts: Sequence[Verdict], *, is_full: bool) -> Table:
    """Every target with what was measured, of a full run or of one with smaller sizes."""
    rows = []
    for verdict in verdicts:
        target, spread = verdict.target, verdict.spread
        sign = "≤" if target.smaller_is_better else "≥"
        is_smaller = spread is not None and not is_full
        row = (
            target.name,
            *(f"{sign} {significant(x)} {target.unit}" for x in (target.at_least, target.aim)),
            f"{significant(spread.median)} {target.unit}" if spread else NOTHING,
            bounds(spread) if spread else NOTHING,
            verdict.sentence
            + (" (quick run: smaller sizes than the target's)" if is_smaller else ""),
            verdict.remark or NOTHING,
        )
        rows.append(row)
    columns = ("measure", "at least", "aim", "measured", "spread", "verdict", "measured as")
    return Table("The targets", columns, tuple(rows))


def optimizer_table(measured: Measured) -> Table:
    """Every optimizer with its cost on each backend, and whether it meets its target."""
    costs = {tuple(m.name.split("/", 2)[1:]): m for m in measured.values() if "/" in m.name}
    backends = list(dict.fromkeys(backend for backend, *_ in costs))
    rows = []
    for name in dict.fromkeys(name for _, *names in costs for name in names):
        by_backend = [costs.get((backend, name)) for backend in backends]
        values = [cost for cost in by_backend if cost and cost.values]
        stored = significant(values[0].facts["numbers_a_weight"]) if values else NOTHING
        limit = values[0].facts["limit"] if values else None
        cells = [cell for cost in by_backend for cell in _step_cost(cost)]
        target = f"≤ {limit:g} ×" if limit else NOTHING
        rows.append((name, stored, *cells, target, _step_verdict(values, limit)))
    heads = [
        head
        for backend in backends
        for head in (f"{NAMES.get(backend, backend)}, µs an update", "× SGD", "min … max")
    ]
    columns = ("optimizer", "numbers kept a weight", *heads, "target", "verdict")
    return Table("The step of each optimizer against SGD", columns, tuple(rows))


def _step_cost(cost: Measurement | None) -> tuple[str, str, str]:
    if cost is None or cost.spread is None:
        return (NOTHING, NOTHING, NOTHING)
    times = Spread.of(cost.facts["ratios"])
    return significant(1e6 * cost.spread.median), f"{times.median:.2f}", bounds(times)


def _step_verdict(costs: Sequence[Measurement], limit: float | None) -> str:
    """Whether an optimizer meets its target on every backend that was measured."""
    if limit is None:
        return NOTHING
    backends = [c.facts["backend"] for c in costs if Spread.of(c.facts["ratios"]).median > limit]
    missed = " and ".join(NAMES.get(backend, backend) for backend in backends)
    return f"not met on {missed}" if missed else "met"
