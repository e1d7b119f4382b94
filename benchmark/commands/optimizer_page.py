"""The parts of ``docs/optimizers.md`` that come from the optimizers: their limits and properties.

``python -m benchmark.commands.optimizer_page docs/optimizers.md`` writes the limits alone, at once;
``check-optimizer --all --output docs/optimizers.md`` writes both.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.commands.sections import write_section
from benchmark.conformance.properties import PROPERTIES, Examination, Outcome
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.stability import Stability

SIGNS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.DOES_NOT_APPLY: "–"}
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX"}


def limits_section() -> str:
    """Return the limit of η·λmax of every optimizer as a table, and why others have none."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    reasons = []
    for name, entry in OPTIMIZERS.items():
        stability = entry.stability
        if isinstance(stability, Stability):
            row = (stability.limit, stability.preconditioner, stability.rate)
            rows.setdefault(row, []).append(name)
        else:
            reasons.append(f"- {(stability or '{} declares none.').format(f'**{name}**')}")
    return "\n".join(
        [
            "| optimizer | limit | P | η |",
            "|---|---|---|---|",
            *(f"| {', '.join(names)} | {' | '.join(row)} |" for row, names in rows.items()),
            "\nThe others have no limit of η·λmax:\n",
            *reasons,
            "- No limit is known for classes of Keras, nor for those of users that declare none.",
        ]
    )


def properties_section(examinations: Sequence[Examination], command: str, where: str) -> str:
    """Write the part of the page that the command writes.

    Args:
        examinations: what was found.
        command: the command line.
        where: date and versions, in words.
    """
    backends = list(dict.fromkeys(one.backend for one in examinations))
    names = [NAMES.get(backend, backend) for backend in backends]
    parts = [
        "## Properties\n",
        f"Written by `{command}`, {where}. Each property was checked on {' and on '.join(names)}, "
        f"each in a process of its own. {SIGNS[Outcome.PASSED]} passed, "
        f"{SIGNS[Outcome.FAILED]} failed, {SIGNS[Outcome.DOES_NOT_APPLY]} does not apply"
        + (f"; {NAMES.get(backends[0], backends[0])} first.\n" if len(backends) > 1 else ".\n"),
        _table(examinations, backends),
        "\n### What the properties mean\n",
        *(f"- **{name}**: {one.sentence}" for name, one in PROPERTIES.items()),
        "",
    ]
    for outcome, title in (
        (Outcome.FAILED, "What failed"),
        (Outcome.DOES_NOT_APPLY, "What does not apply"),
    ):
        lines = _words(examinations, outcome)
        if lines or outcome is Outcome.FAILED:
            parts += [f"### {title}\n", *(lines or ["Nothing."]), ""]
    return "\n".join(parts)


def _table(examinations: Sequence[Examination], backends: Sequence[str]) -> str:
    heads = ["optimizer", *PROPERTIES]
    lines = [f"| {' | '.join(heads)} |", "|---|" + ":-:|" * len(PROPERTIES)]
    for name in dict.fromkeys(one.optimizer for one in examinations):
        found = {one.backend: _outcomes(one) for one in examinations if one.optimizer == name}
        cells = [_cell(found, backends, key) for key in PROPERTIES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _outcomes(one: Examination) -> dict[str, Outcome]:
    return {result.name: result.outcome for result in one.results}


def _cell(found: Mapping[str, Any], backends: Sequence[str], key: str) -> str:
    return " ".join(SIGNS[found[b][key]] for b in backends if key in found.get(b, {}))


def _words(examinations: Sequence[Examination], outcome: Outcome) -> list[str]:
    """Each different remark once, with the optimizers that it is about."""
    said: dict[tuple[str, str], dict[str, list[str]]] = {}
    for one in examinations:
        for result in one.results:
            if result.outcome is outcome:
                backends = said.setdefault((result.name, result.words), {})
                backends.setdefault(one.optimizer, []).append(NAMES.get(one.backend, one.backend))
    return [
        f"- {name}, {', '.join(_of_whom(who, backends) for who, backends in whom.items())}: {words}"
        for (name, words), whom in said.items()
    ]


def _of_whom(optimizer: str, backends: Sequence[str]) -> str:
    return f"{optimizer} ({' and '.join(backends)})"


if __name__ == "__main__":
    write_section(Path(sys.argv[1]), "limits", limits_section())
