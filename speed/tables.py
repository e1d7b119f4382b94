"""What was measured as tables of text, which page and terminal show alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from speed.measurement import Measured, Measurement, Spread, ratio
from speed.targets import Target, Verdict, share_of_rate

CLOCKS = ("compile", "train", "evaluate", "curvature", "search", "log")
PARTNERS = {
    "digits_mlp": "usual_way/digits_mlp",
    "wide_mlp": "scikit_learn/wide_mlp/all",
    "small_cnn": "usual_way/small_cnn",
}
"""Whose cost of a trial the others are compared with, by workload."""
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text.

    Args:
        title: what it shows.
        columns: the heads.
        rows: as many cells each as there are columns.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        r"""The table in Markdown.

        Example:
            >>> print(Table("sizes", ("what", "size"), (("a|b", "1"),)).markdown())
            | what | size |
            |---|---|
            | a\|b | 1 |
        """
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
        text = ["| " + " | ".join(line) + " |" for line in cells]
        return "\n".join([text[0], "|" + "---|" * len(self.columns), *text[2:]])


def significant(value: float) -> str:
    """A number in three significant digits, without an exponent.

    Example:
        >>> significant(5.6321), significant(0.01234), significant(123456.0), significant(60.0)
        ('5.63', '0.0123', '123456', '60')
    """
    if value == 0 or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{float(f'{value:.3g}'):.10g}"


def amount(value: float, unit: str) -> str:
    """A value with its unit, in milliseconds where seconds are small.

    Example:
        >>> amount(0.0312, "s/trial"), amount(5.6, "s/trial"), amount(184.04, "GFLOP/s")
        ('31.2 ms/trial', '5.6 s/trial', '184 GFLOP/s')
    """
    if unit.startswith("s/") and value < 1:
        return f"{significant(1000 * value)} m{unit}"
    return f"{significant(value)} {unit}"


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


def target_table(found: Sequence[Verdict], *, is_full: bool) -> Table:
    """Every target with what was measured.

    Args:
        found: the verdicts.
        is_full: whether the run had the sizes that the targets are stated for.
    """
    rows = []
    for one in found:
        target, spread = one.target, one.spread
        verdict = one.sentence
        if spread and not is_full:
            verdict += " (quick run: smaller sizes than the target's)"
        measured = _figure(spread.median, target) if spread else NOTHING
        row = (
            target.name,
            _bound(target.at_least, target),
            _bound(target.aim, target),
            measured,
            bounds(spread) if spread else NOTHING,
            verdict,
            one.remark or NOTHING,
        )
        rows.append(row)
    columns = ("measure", "at least", "aim", "measured", "spread", "verdict", "measured as")
    return Table("The targets", columns, tuple(rows))


def cost_table(measured: Measured) -> Table:
    """Every measurement with its spread and its ratio to a partner of the same run."""
    rows = []
    for one in measured.values():
        spread = one.spread
        if spread is None:
            rows.append((one.title, one.missing, NOTHING, NOTHING, NOTHING, NOTHING))
            continue
        factor = 1000 if one.unit.startswith("s/") and spread.median < 1 else 1
        row = (
            one.title,
            amount(spread.median, one.unit),
            f"{bounds(spread, factor)} ({len(one.values)})",
            _against_partner(one, measured),
            _compile_seconds(one),
            _remarks(one),
        )
        rows.append(row)
    columns = ("what", "median", "min … max (values)", "times as fast as", "compiling", "remarks")
    return Table("What was measured", columns, tuple(rows))


def share_table(measured: Measured) -> Table:
    """The share of the matrix-product rate that each engine alone reaches."""
    rows = []
    for one in measured.values():
        training = share_of_rate(one, measured, "training_flops")
        both = share_of_rate(one, measured, "training_flops", "evaluation_flops")
        if training and both:
            row = (
                one.title,
                f"{one.facts['training_flops'] / 1e9:.3g}",
                f"{one.facts['evaluation_flops'] / 1e9:.3g}",
                f"{significant(training.median)} % ({bounds(training)})",
                f"{significant(both.median)} % ({bounds(both)})",
            )
            rows.append(row)
    columns = ("what", "GFLOP training", "GFLOP evaluating", "share, training", "share, both")
    return Table("Share of the machine's matrix-product rate", columns, tuple(rows))


def profile_table(measured: Measured) -> Table:
    """Milliseconds a trial by clock, for all that has clocks."""
    rows = []
    for one in measured.values():
        clocks = one.facts.get("clocks")
        if not clocks or one.spread is None:
            continue
        ending = one.facts.get("seconds_after_last_trial")
        cells = [_milliseconds(clocks.get(clock)) for clock in CLOCKS]
        cells.append(_milliseconds(None if ending is None else ending / one.facts["trials"]))
        cells.append(_milliseconds(one.spread.median))
        rows.append((one.title, *cells))
    columns = ("milliseconds a trial", *CLOCKS, "after the last trial", "wall clock")
    return Table("Where the time goes", columns, tuple(rows))


def accelerator_table(measured: Measured) -> Table:
    """Trials a second and share of the memory bandwidth at each capacity."""
    rows = []
    for one in measured.values():
        share = one.facts.get("share_of_bandwidth")
        spread = one.spread
        row = (
            one.title,
            amount(spread.median, one.unit) if spread else one.missing,
            bounds(spread) if spread else NOTHING,
            f"{significant(100 * share)} %" if share is not None else NOTHING,
            _compile_seconds(one),
        )
        rows.append(row)
    columns = ("what", "median", "min … max", "share of the bandwidth, at least", "compiling")
    return Table("On the accelerator", columns, tuple(rows))


def partner_of(one: Measurement, measured: Measured) -> Measurement | None:
    """Whom a cost of a trial is compared with: measured in the same run, on the same work."""
    group, workload, *rest = [*one.name.split("/"), ""]
    if not one.unit.startswith("s/"):
        return None
    if group == "growth":
        sizes = sorted(m.facts["trials"] for n, m in measured.items() if n.startswith("growth/"))
        name = f"growth/{workload}/{sizes[min(1, len(sizes) - 1)]}"
    elif rest and any(part.startswith("batch_") for part in rest):
        name = "scikit_learn/digits_mlp/all"
    elif group == "scikit_learn" and workload == "digits_mlp":
        name = "scikit_learn/digits_mlp/one"
    else:
        name = PARTNERS.get(workload, "")
    partner = measured.get(name)
    return partner if partner and partner.values and partner.name != one.name else None


def _against_partner(one: Measurement, measured: Measured) -> str:
    partner = partner_of(one, measured)
    found = ratio(partner.spread, one.spread) if partner else None
    if found is None or partner is None:
        return NOTHING
    return f"{significant(found.median)} × ({bounds(found)}) {partner.name}"


def _remarks(one: Measurement) -> str:
    facts, found = one.facts, []
    if "trials" in facts:
        found.append(counted(facts["trials"], "trial"))
    if "capacity" in facts:
        found.append(f"{facts['capacity']} at once")
    if facts.get("threads"):
        found.append(counted(facts["threads"], "thread"))
    if facts.get("compiled_in_the_clock"):
        found.append(counted(facts["compiled_in_the_clock"], "compilation") + " in the clock")
    trained = facts.get("epochs_trained", 1.0)
    if trained < 1:
        found.append(f"{100 * trained:.0f} % of the epochs trained")
    if "report_seconds" in facts:
        found.append(f"report {facts['report_seconds']:.1f} s, not in the clock")
    return ", ".join(found) or NOTHING


def _compile_seconds(one: Measurement) -> str:
    if "compile_seconds" in one.facts:
        return f"{one.facts['compile_seconds']:.1f} s, before the clock"
    return str(one.facts.get("compiling", NOTHING))


def _milliseconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{1000 * seconds:.1f}"


def _figure(value: float, target: Target) -> str:
    return f"{significant(value)} {target.unit}"


def _bound(value: float, target: Target) -> str:
    return f"{'≤' if target.smaller_is_better else '≥'} {_figure(value, target)}"
