"""The parts of ``docs/optimizers.md`` that come from the optimizers: their limits and properties.

``python -m benchmark.commands.optimizer_page docs/optimizers.md`` writes the limits alone, at once;
``check-optimizer --all --output docs/optimizers.md`` writes both.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark.commands.sections import write_section
from benchmark.conformance.properties import PROPERTIES, Examination, Outcome
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.stability import Stability

SIGNS = {"passed": "✓", "failed": "✗", "does not apply": "–"}
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
            "- No limit is known for classes of Keras, nor for your own classes unless they "
            "declare one.",
        ]
    )


def properties_section(examinations: Sequence[Examination], command: str, when: str) -> str:
    """Return the part of ``docs/optimizers.md`` that ``check-optimizer --output`` writes.

    Args:
        examinations: the results of the checks.
        command: the command line.
        when: date and versions, in words.
    """
    backends = list(dict.fromkeys(examination.backend for examination in examinations))
    names = [NAMES.get(backend, backend) for backend in backends]
    order = f"; {names[0]} first.\n" if len(backends) > 1 else ".\n"
    parts = [
        "## Properties\n",
        f"Written by `{command}`, {when}. Each property was checked on {' and on '.join(names)}, "
        f"each in a process of its own. {SIGNS['passed']} passed, {SIGNS['failed']} failed, "
        f"{SIGNS['does not apply']} does not apply{order}",
        _page_table(examinations, backends),
        "\n### What the properties mean\n",
        *(f"- **{name}**: {check.sentence}" for name, check in PROPERTIES.items()),
        "",
    ]
    for outcome, title in (("failed", "What failed"), ("does not apply", "What does not apply")):
        lines = _remarks(examinations, outcome)
        if lines or outcome == "failed":
            parts += [f"### {title}\n", *(lines or ["Nothing."]), ""]
    return "\n".join(parts)


def _page_table(examinations: Sequence[Examination], backends: Sequence[str]) -> str:
    lines = [
        f"| {' | '.join(['optimizer', *PROPERTIES])} |",
        "|---|" + ":-:|" * len(PROPERTIES),
    ]
    for name in dict.fromkeys(examination.optimizer for examination in examinations):
        outcomes = {
            examination.backend: outcomes_by_name(examination)
            for examination in examinations
            if examination.optimizer == name
        }
        cells = [
            " ".join(
                SIGNS[outcomes[backend][key].value]
                for backend in backends
                if key in outcomes.get(backend, {})
            )
            for key in PROPERTIES
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def outcomes_by_name(examination: Examination) -> dict[str, Outcome]:
    """Return what came of each property."""
    return {result.name: result.outcome for result in examination.results}


def _remarks(examinations: Sequence[Examination], outcome: str) -> list[str]:
    """Each different remark once, with the optimizers that it is about."""
    remarks: dict[tuple[str, str], dict[str, list[str]]] = {}
    for examination in examinations:
        for result in examination.results:
            if result.outcome.value == outcome:
                optimizers = remarks.setdefault((result.name, result.words), {})
                backend = NAMES.get(examination.backend, examination.backend)
                optimizers.setdefault(examination.optimizer, []).append(backend)
    lines = []
    for (name, words), optimizers in remarks.items():
        who = (f"{key} ({' and '.join(backends)})" for key, backends in optimizers.items())
        lines.append(f"- {name}, {', '.join(who)}: {words}")
    return lines


if __name__ == "__main__":
    write_section(Path(sys.argv[1]), "limits", limits_section())
