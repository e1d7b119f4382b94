"""The speed of curvature that must be reached, and its table."""

from collections.abc import Callable, Iterator

from speed.curvature.work import TOLERANCE
from speed.measurement import Measured, Measurement, Spread, ratio
from speed.tables import NOTHING, Table, amount, bounds, significant
from speed.targets import Target

PREFIX = "curvature_"


def is_of_curvature(measured: Measured) -> bool:
    """Whether a run measured curvature.

    Args:
        measured: measurements by name.
    """
    return any(name.startswith(PREFIX) for name in measured)


def curvature_table(measured: Measured) -> Table:
    """Every measurement with its error, its products and its memory."""
    rows = []
    for one in measured.values():
        spread, facts = one.spread, one.facts
        if spread is None:
            rows.append((one.title, one.missing, *(NOTHING for _ in range(6))))
            continue
        factor = 1000 if one.unit.startswith("s") and spread.median < 1 else 1
        row = (
            one.title,
            _amount(spread.median, one.unit),
            f"{bounds(spread, factor)} ({len(one.values)})",
            f"{facts['relative_error']:.1e}" if "relative_error" in facts else NOTHING,
            str(facts.get("products", NOTHING)),
            _memory(one),
            f"{facts['compile_seconds']:.1f} s" if "compile_seconds" in facts else NOTHING,
            f"{facts['threads']} threads" if "threads" in facts else NOTHING,
        )
        rows.append(row)
    columns = (
        "what",
        "median",
        "min … max (values)",
        "largest relative error",
        "products",
        "peak memory, GB (growth)",
        "compiling, before the clock",
        "remarks",
    )
    return Table("What was measured", columns, tuple(rows))


def _amount(value: float, unit: str) -> str:
    if unit == "s" and value < 1:
        return f"{significant(1000 * value)} ms"
    return amount(value, unit)


def _memory(one: Measurement) -> str:
    if "peak_gigabytes" not in one.facts:
        return NOTHING
    growth = one.facts["peak_growth_gigabytes"]
    return f"{one.facts['peak_gigabytes']:.2f} ({growth:.2f})"


def _ways(measured: Measured, kind: str) -> Iterator[Measurement]:
    """Every way that was measured, but none that missed the accuracy asked for."""
    for name, one in measured.items():
        if name.split("/")[0] != PREFIX + kind or one.spread is None:
            continue
        if one.facts.get("relative_error", 0.0) <= TOLERANCE:
            yield one


def _median(one: Measurement) -> float:
    assert one.spread is not None, "measurements without values are left out before"
    return one.spread.median


def _against(competitor: str) -> Callable[[Measured], tuple[Spread, str] | None]:
    def find(measured: Measured) -> tuple[Spread, str] | None:
        ours = min(_ways(measured, "eigenvalues"), key=_median, default=None)
        other = measured.get(PREFIX + competitor)
        found = ratio(other.spread if other else None, ours.spread if ours else None)
        if found is None or ours is None or other is None:
            return None
        error = other.facts["relative_error"]
        return found, f"{ours.title}; the other's relative error is {error:.1e}"

    return find


def _product(measured: Measured) -> tuple[Spread, str] | None:
    """The worst framework counts."""
    found = []
    for one in _ways(measured, "product"):
        gradient = measured.get(one.name.replace("product", "gradient"))
        share = ratio(one.spread, gradient.spread if gradient else None)
        if share:
            found.append((share, one.title))
    return max(found, key=lambda pair: pair[0].median, default=None)


def _exact(measured: Measured) -> tuple[Spread, str] | None:
    one = min(_ways(measured, "exact"), key=_median, default=None)
    if one is None or one.spread is None:
        return None
    other = measured.get(one.name.replace("exact", "exact_eigenvalues"))
    beside = f"; its eigenvalues take {_median(other):.1f} s more" if other else ""
    return one.spread, one.title + beside


def _large(measured: Measured) -> tuple[Spread, str] | None:
    """The worst framework counts."""
    one = max(
        _ways(measured, "large"),
        key=lambda one: one.facts["peak_growth_gigabytes"],
        default=None,
    )
    if one is None:
        return None
    grown = one.facts["peak_growth_gigabytes"]
    return Spread(grown, grown, grown), f"{one.title}, {_median(one):.0f} s"


CURVATURE_TARGETS = (
    Target(
        "ten largest eigenvalues to 1e-4, digits MLP, against PyHessian",
        "×",
        10,
        20,
        _against("pyhessian"),
    ),
    Target(
        "ten largest eigenvalues to 1e-4, digits MLP, against curvlinops with SciPy eigsh",
        "×",
        3,
        6,
        _against("curvlinops"),
    ),
    Target(
        "one compiled Hessian-vector product against one gradient",
        "×",
        4,
        2,
        _product,
        smaller_is_better=True,
    ),
    Target(
        "full Hessian of 5000 parameters, without its eigenvalues",
        "s",
        6,
        4,
        _exact,
        smaller_is_better=True,
    ),
    Target(
        "memory of 100 products with 1000000 parameters, beyond that of the framework",
        "GB",
        2,
        1,
        _large,
        smaller_is_better=True,
    ),
)
"""The targets for two cores; compiling is left out and shown beside."""
