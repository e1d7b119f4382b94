"""What the step of each optimizer costs, as a table and as a part of a page."""

from speed.measurement import Measured, Measurement, Spread
from speed.record import Record
from speed.tables import NOTHING, Table, bounds, significant

NAMES = {"tensorflow": "TensorFlow", "jax": "JAX"}
METHOD = """Four trials of the digits MLP 64-64-10 are trained side by side by one compiled call,
with batches of 32; compiling is out of the clock. Calls of an optimizer and of plain SGD take
turns, and a ratio is that of neighbouring calls: its median, its smallest and its largest. The
seconds are those of one update of one trial, gradient included. What is kept is counted from the
variables of the built optimizer: numbers for each weight of this network, hyperparameters and
counters left out. The targets are those of the families of SGD and of Adam. Barzilai–Borwein
belongs to neither: its step size comes of inner products over two vectors that it keeps.

On JAX an elementwise rule is computed once for each of its results, slots and weights, for XLA
joins loops on a processor only where none needs what another computes: so one loop writes all.
Measured for Adam alone on 4 × 4,096 weights: 8.2 µs with moments that two loops use, 7.0 µs where
the mask of inactive trials is applied to the moments before the weights are moved, 5.2 µs with one
loop. AMSGrad's touches nine arrays, here more than 512 KiB, from which on XLA shares a loop
between two threads: its ratio scatters most. The stopping rule of gradient descent adds rows to
rows before it sums their squares, since XLA writes what it sums to memory.
"""


def optimizer_table(measured: Measured) -> Table:
    """Every optimizer with its cost on each backend, and whether it meets its target."""
    rows = [one for name, one in measured.items() if name.startswith("optimizers/")]
    backends = list(dict.fromkeys(_parts(one)[0] for one in rows))
    names = list(dict.fromkeys(_parts(one)[1] for one in rows))
    by_place = {_parts(one): one for one in rows}
    heads = [
        head
        for backend in backends
        for head in (f"{NAMES.get(backend, backend)}, µs an update", "× SGD", "min … max")
    ]
    lines = []
    for name in names:
        if not name:
            continue
        found = [by_place.get((backend, name)) for backend in backends]
        lines.append(
            (
                name,
                _kept(found),
                *(cell for one in found for cell in _cells(one)),
                _target(found),
                verdict(found),
            )
        )
    columns = ("optimizer", "numbers kept a weight", *heads, "target", "verdict")
    return Table("The step of each optimizer against SGD", columns, tuple(lines))


def verdict(found: "list[Measurement | None]") -> str:
    """Say whether an optimizer meets its target on every backend that was measured.

    Args:
        found: its measurements, one a backend.
    """
    ratios = [(one, _ratio(one)) for one in found if one and one.values]
    limit = next((one.facts["limit"] for one, _ in ratios), None)
    if limit is None:
        return NOTHING
    missed = [
        NAMES.get(one.facts["backend"], one.facts["backend"])
        for one, ratio in ratios
        if ratio and ratio.median > limit
    ]
    return f"not met on {' and '.join(missed)}" if missed else "met"


def cost_section(record: Record) -> str:
    """Write the part of ``docs/optimizers.md`` that holds the table."""
    machine = record.machine
    versions = machine["versions"]
    named = ", ".join(f"{n} {versions[n]}" for n in ("keras", "tensorflow", "jax") if n in versions)
    missing = [one for one in record.measured.values() if one.missing]
    parts = [
        "## Cost\n",
        f"Written by `{record.command}` on {machine['date']}: {machine['processor']}, "
        f"{machine['cores']} cores, {named}.\n",
        METHOD,
        optimizer_table(record.measured).markdown(),
        *(f"\n{one.title}: {one.missing}" for one in missing),
    ]
    return "\n".join(parts)


def _parts(one: Measurement) -> tuple[str, str]:
    _, backend, *name = one.name.split("/")
    return backend, "/".join(name)


def _ratio(one: Measurement) -> Spread | None:
    ratios = one.facts.get("ratios")
    return Spread.of(ratios) if ratios else None


def _cells(one: Measurement | None) -> tuple[str, str, str]:
    ratio = _ratio(one) if one else None
    if one is None or one.spread is None or ratio is None:
        return (NOTHING, NOTHING, NOTHING)
    return (significant(1e6 * one.spread.median), f"{ratio.median:.2f}", bounds(ratio))


def _kept(found: "list[Measurement | None]") -> str:
    counts = [one.facts["numbers_a_weight"] for one in found if one and one.values]
    return significant(counts[0]) if counts else NOTHING


def _target(found: "list[Measurement | None]") -> str:
    limits = [one.facts["limit"] for one in found if one and one.values]
    return f"≤ {limits[0]:g} ×" if limits and limits[0] else NOTHING
