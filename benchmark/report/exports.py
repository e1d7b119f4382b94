"""The tables of a report as files: CSV with all digits, or LaTeX as the page shows them."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmark.report.formatting import capitalized, interval, number, words
from benchmark.report.page import sections_of
from benchmark.report.rendering import Cell, Table, cell
from benchmark.report.run_data import RunData
from benchmark.report.tables import no_comparison, sweep_tables
from benchmark.report.verdicts import comparison_sentence
from benchmark.results.files import subfolder, write_text
from benchmark.statistics import COUNTED

WIDEST = 40
"""A column with longer texts than this is broken into lines in LaTeX."""


def write_tables(run_path: str | Path, kind: str, folder: Path | None = None) -> list[Path]:
    """Write every table of a run's report as ``NAME.csv`` or ``NAME.tex``.

    Args:
        run_path: the run folder.
        kind: ``"csv"`` or ``"latex"``; the latter needs LaTeX's package ``booktabs``.
        folder: where to; by default ``tables/`` in the run folder.

    Returns:
        The files.

    Raises:
        FileNotFoundError: the folder is no run.
        LinkError: ``tables`` is a link.
    """
    path = Path(run_path)
    run_data = RunData.read(path)
    name = path.resolve().parent.name
    written: Callable[[Table], str] = csv if kind == "csv" else lambda table: latex(table, name)
    ending = "csv" if kind == "csv" else "tex"
    folder = subfolder(path, "tables") if folder is None else folder
    files = []
    for table in tables_of(run_data, is_narrow=kind == "latex"):
        files.append(folder / f"{table.name}.{ending}")
        write_text(files[-1], written(table))
    return files


def tables_of(run_data: RunData, *, is_narrow: bool) -> list[Table]:
    """Return the tables of the page.

    Args:
        run_data: the run.
        is_narrow: whether they are for a printed page; else those at the top have one number a
            cell.
    """
    top: list[Table] = []
    if len(run_data.trials) and not run_data.swept:
        optimizers = narrow_optimizer_table if is_narrow else optimizer_table
        top = [optimizers(run_data), setting_table(run_data)]
        top += [] if no_comparison(run_data) else [comparison_table(run_data)]
    sections = sections_of(run_data)
    others = [item for section in sections for item in section.items if isinstance(item, Table)]
    return [table for table in (*top, *sweep_tables(run_data), *others) if table.rows]


def optimizer_table(run_data: RunData) -> Table:
    """Return what each label reached, a number a cell.

    Args:
        run_data: the run.
    """
    statuses = [
        status for status in COUNTED if any(row.counts.get(status) for row in run_data.summaries)
    ]
    names = _measured_names(run_data)
    means = [f"{name}, {part}" for name in names for part in ("mean", "low", "high", "n")]
    rows: list[tuple[Cell, ...]] = [
        (
            row.label,
            row.best,
            row.median,
            *row.quartiles,
            *(
                value
                for mean in (row.replicates, row.test)[: len(names)]
                for value in (mean.mean, mean.low, mean.high, mean.count)
            ),
            row.trials,
            *(row.counts.get(status, 0) for status in statuses),
        )
        for row in run_data.summaries
    ]
    header = ("optimizer", "best", "median", "quartile 1", "quartile 3", *means, "trials")
    return Table(_of_optimizers(run_data), (*header, *statuses), rows, name="optimizers")


def narrow_optimizer_table(run_data: RunData) -> Table:
    """Return what each label reached for a printed page: a mean and its interval in one cell.

    Args:
        run_data: the run.
    """
    names = _measured_names(run_data)
    rows: list[tuple[Cell, ...]] = [
        (
            row.label,
            row.best,
            row.median,
            *(
                f"{number(mean.mean)} ({interval(mean)})" if mean.is_known else mean.mean
                for mean in (row.replicates, row.test)[: len(names)]
            ),
            row.trials,
        )
        for row in run_data.summaries
    ]
    header = ("optimizer", "best", "median", *names, "trials")
    return Table(_of_optimizers(run_data), header, rows, name="optimizers")


def _measured_names(run_data: RunData) -> list[str]:
    """The metrics of the replicates: the objective, and one on the test part if there is one."""
    names = [words(run_data.objective)]
    if run_data.compared != "objective":
        names.append(words(run_data.compared_name))
    return names


def _of_optimizers(run_data: RunData) -> str:
    return (
        f"{capitalized(words(run_data.objective))} of each optimizer: best and median over the "
        "trials of the search, and means over the replicates of the best setting with 95 % "
        "intervals."
    )


def setting_table(run_data: RunData) -> Table:
    """Return the best setting of each label, a row a hyperparameter.

    Args:
        run_data: the run.
    """
    return Table(
        "The best setting of each optimizer.",
        ("optimizer", "hyperparameter", "value", "trial"),
        [
            (row.label, name, value, row.best_trial)
            for row in run_data.summaries
            for name, value in row.settings.items()
        ],
        text_columns=2,
        name="settings",
    )


def comparison_table(run_data: RunData) -> Table:
    """Return every pair of labels.

    Args:
        run_data: the run.
    """
    return Table(
        f"Differences in {words(run_data.compared_name)} between replicates that share split, "
        "initial weights and batch order; the adjusted p is after Holm's correction.",
        ("first", "second", "result", "difference", "low", "high", "p", "adjusted p"),
        [
            (
                pair.first,
                pair.second,
                comparison_sentence(pair),
                pair.difference.mean,
                pair.difference.low,
                pair.difference.high,
                pair.p_value,
                pair.adjusted,
            )
            for pair in run_data.comparisons
        ],
        text_columns=3,
        name="comparison",
    )


def csv(table: Table) -> str:
    r"""Return a table as CSV; a number has all its digits, and one that is unknown is empty.

    Args:
        table: the table.

    Example:
        >>> csv(Table("Rates.", ("optimizer", "κ"), [("sgd", 0.1 + 0.2), ("adam", float("nan"))]))
        'optimizer,κ\nsgd,0.30000000000000004\nadam,\n'
    """
    return pd.DataFrame(list(table.rows), columns=list(table.header)).to_csv(
        index=False, lineterminator="\n"
    )


def latex(table: Table, study: str) -> str:
    r"""Return a table as a LaTeX ``table``, its numbers as on the page.

    Args:
        table: the table.
        study: the name of the study, which the label begins with.

    Example:
        >>> print(latex(Table("Rates.", ("optimizer", "κ"), [("sgd_1", 1e-7)], name="rates"), "s"))
        \begin{table}
        \centering
        \caption{Rates.}
        \label{tab:s-rates}
        \begin{tabular}{lr}
        \toprule
        optimizer & $\kappa$ \\
        \midrule
        sgd\_1 & 10$^{-7}$ \\
        \bottomrule
        \end{tabular}
        \end{table}
        <BLANKLINE>
    """
    rows = [[tex(cell(value)) for value in row] for row in table.rows]
    frame = pd.DataFrame(rows, columns=[tex(name) for name in table.header])
    return frame.style.hide(axis="index").to_latex(
        hrules=True,
        position_float="centering",
        caption=tex(table.caption),
        label=f"tab:{study}-{table.name}",
        column_format=_columns(table),
    )


def _columns(table: Table) -> str:
    """The alignment of the columns; long texts are broken into lines."""
    formats = []
    for index, texts in enumerate(zip(*table.rows, strict=True)):
        is_long = max(len(cell(value)) for value in texts) > WIDEST
        is_text = index < table.text_columns
        formats.append("p{0.5\\linewidth}" if is_long else "l" if is_text else "r")
    return "".join(formats)


_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "–": "--", "“": "``", "”": "''", "‖": r"$\|$", "|": "$|$", "<": "$<$", ">": "$>$",
}  # fmt: skip
_MATHEMATICS = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "ε": r"\varepsilon", "η": r"\eta",
    "κ": r"\kappa", "λ": r"\lambda", "μ": r"\mu", "ρ": r"\rho", "σ": r"\sigma", "−": "-",
    "×": r"\times", "±": r"\pm", "·": r"\cdot", "≥": r"\geq", "≤": r"\leq", "∞": r"\infty",
    "√": r"\surd", "ᵀ": r"^{\top}", "ᵗ": "^{t}",
    **{sign: f"_{{{plain}}}" for plain, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    **{sign: f"^{{{plain}}}" for sign, plain in zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", strict=True)},
}  # fmt: skip
_TABLE = str.maketrans(_SPECIAL | {sign: f"${code}$" for sign, code in _MATHEMATICS.items()})


def tex(text: str) -> str:
    r"""Return a text for LaTeX, its letters and signs of mathematics as commands.

    Args:
        text: as the page shows it.

    Example:
        >>> print(tex("λmax ≥ 1.2 × 10⁻⁷ & beta_1"))
        $\lambda_{\max}$ $\geq$ 1.2 $\times$ 10$^{-7}$ \& beta\_1
    """
    text = text.translate(_TABLE).replace("}$$^{", "")  # ⁻⁷ is one exponent
    return re.sub(r"\$\\lambda\$(max|min)", r"$\\lambda_{\\\1}$", text)
