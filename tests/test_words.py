"""Words that the project has given up stay out of code, messages and documentation.

A word is retired by a line in one of the tables
below; where it is right after all (an author's title, an old name that is still read), the file
goes into ``ALLOWED`` with the reason.
"""

import ast
import re
from functools import cache
from pathlib import Path

from tests import source_tree
from tests.source_tree import ROOT

RETIRED = {
    r"judg(?:e|ed|es|ing|ement)": "evaluate, evaluation",
    r"mend(?:s|ed|ing)?": "fix",
    r"foretold|foretells?": "predict",
    r"portraits?": "CurvatureReport, a report of the curvature",
    r"agreement": "tolerance",
    r"warming": "compilation",
    r"is said|are said": "the program prints, the page says",
    r"so many": "n, as many as",
    r"of whom": "of which, whose",
    r"whoever": "any code that, anybody who",
    r"for which no": "why no",
    r"tracked epochs?|tracking epochs?": "monitored epochs",
    r"tracks? the curvature|tracking the curvature|followed curvature": "monitor",
}
"""A pattern of whole words, in any case, and what to write instead."""

RETIRED_NAMES = {
    "one": "what it is: trial, report, value …",
    "found": "what was found: results, errors, rows …",
    "own": "whose they are: label_trials, layer_rows …",
    "said": "what was said: messages, sentences …",
    "kept": "what is kept: weights, rows …",
}
"""Names of variables and arguments that do not say what they hold."""

ALLOWED = {
    "benchmark/study/renamed.py": "reads keys under their old names",
    "tests/study/test_renamed.py": "reads keys under their old names",
    "tests/test_words.py": "lists the words",
}

TEXTS = ("*.md", "docs/*.md", "results/*.md", "datasets/*", "studies/*.toml", "tox.ini")


def _texts() -> list[Path]:
    pages = [path for pattern in TEXTS for path in ROOT.glob(pattern) if path.is_file()]
    return sorted({*pages, *source_tree.source_files(), *(ROOT / "tests").rglob("*.py")})


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _retired() -> re.Pattern[str]:
    return re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in RETIRED), re.IGNORECASE)


def _instead(word: str) -> str:
    return next(
        better for pattern, better in RETIRED.items() if re.fullmatch(pattern, word, re.IGNORECASE)
    )


def _mistakes(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [
        f"{_name(path)}:{text.count(chr(10), 0, match.start()) + 1}: "
        f"{match.group()!r} is retired. Write: {_instead(match.group())}."
        for match in _retired().finditer(text)
    ]


def test_no_retired_word() -> None:
    paths = [path for path in _texts() if _name(path) not in ALLOWED]
    mistakes = [mistake for path in paths for mistake in _mistakes(path)]
    assert not mistakes, "\n".join(mistakes)


def _bound_names(tree: ast.Module) -> list[tuple[int, str]]:
    """Line and name of every variable that is assigned and every argument."""
    names = [
        (node.lineno, node.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return names + [(node.lineno, node.arg) for node in ast.walk(tree) if isinstance(node, ast.arg)]


def _unclear_variables(path: Path) -> list[str]:
    return [
        f"{_name(path)}:{line}: a variable must say what it holds. "
        f"Received {name!r}. Name {RETIRED_NAMES[name]}."
        for line, name in _bound_names(source_tree.parsed(path))
        if name in RETIRED_NAMES
    ]


def test_variables_say_what_they_hold() -> None:
    paths = [*source_tree.source_files(), *sorted((ROOT / "tests").rglob("*.py"))]
    mistakes = [mistake for path in paths for mistake in _unclear_variables(path)]
    assert not mistakes, "\n".join(mistakes)


def test_a_retired_word_is_seen() -> None:
    assert _retired().search("The loss is Judged here.")
    assert not _retired().search("an adjudged amendment")
    assert _instead("judged") == "evaluate, evaluation"
    assert _bound_names(ast.parse("def f(own): one = own")) == [(1, "one"), (1, "own")]


def test_exceptions_are_needed() -> None:
    for name in ALLOWED:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert _retired().search(text) or "tracking" in text, f"{name} needs no exception."
