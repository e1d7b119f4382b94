"""What is measured: the rows of ``rows.toml``, in full or smaller sizes."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.errors import UserError, did_you_mean

ROWS = Path(__file__).with_name("rows.toml")
BACKENDS = ("tensorflow", "jax")
ENDS_ONLY = "ends_only"
QUICK: dict[str, Callable[[Any], Any]] = {
    "trials": lambda count: max(1, count // 8),
    "sizes": lambda sizes: [max(1, size // 5) for size in sizes],
    "hidden": lambda units: [width // 4 for width in units],
    "products": lambda count: count // 2,
    "replicates": lambda _: 2,
    "repetitions": lambda _: 1,
    "rounds": lambda _: 1,
}
"""What the sizes of a full run become in a quick one."""


class SpeedError(UserError, ValueError):
    """A request to the speed command that cannot be met."""


class Row(NamedTuple):
    """One piece of measuring work: ``"module:function"`` with arguments, on a backend or none."""

    name: str
    function: str
    backend: str
    arguments: Mapping[str, Any]

    @property
    def group(self) -> str:
        """The first part of the names of its measurements."""
        return self.name.split("/")[0]


def rows_of(kind: str, *, is_full: bool) -> list[Row]:
    """List the rows of a kind: training, curvature, optimizers or accelerator."""
    rows = []
    for name, values in tomllib.loads(ROWS.read_text(encoding="utf-8"))[kind].items():
        function, backends = f"speed.{values.pop('function')}", values.pop("backends", [""])
        sizes = {} if is_full else {k: QUICK[k](v) for k, v in values.items() if k in QUICK}
        arguments = {**values, **sizes}
        rows += [Row(name.format(backend=b), function, b, arguments) for b in backends]
    return rows


def chosen_rows(rows: Sequence[Row], only: Sequence[str]) -> list[Row]:
    """Keep the rows that ``--only`` names, by group or by whole name; all where it names none.

    Raises:
        SpeedError: a name is unknown.
    """
    groups = list(dict.fromkeys(row.group for row in rows))
    known = {*groups, *(row.name for row in rows)}
    for name in only:
        if name not in known:
            raise SpeedError(
                f"--only must name a group or a measurement. Received {name!r}."
                f"{did_you_mean(name, known)} The groups are: {', '.join(groups)}."
            )
    return [row for row in rows if not only or row.group in only or row.name in only]
