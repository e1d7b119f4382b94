"""What the command ``curvature`` does, from its options to the page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.progress import BarColumn, Progress, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from benchmark.commands.backends import select_backend
from benchmark.commands.terminal import Terminal, terminal, text_column, warn
from benchmark.errors import UserError, did_you_mean
from benchmark.optimizers.foreign import check_permission

if TYPE_CHECKING:
    from benchmark.curvature.results import CurvatureReport
    from benchmark.inspection.subject import Watch


@dataclass(frozen=True, slots=True)
class CurvatureCommand:
    """What the user asked for.

    Args:
        run: the name of a run, or nothing.
        trial: a trial of it.
        results: the folder of all results.
        model: the file of a model, or nothing.
        dataset, loss, scaling: of the model.
        output: where page and numbers go.
        backend: the framework.
        as_json: print one JSON document.
        trust: whether whatever class the run names may be imported.
        measured: the arguments of ``benchmark.inspection.Settings``.
    """

    run: str | None
    trial: int | None
    results: Path
    model: Path | None
    dataset: str | None
    loss: str | None
    scaling: str | None
    output: Path | None
    backend: str | None
    as_json: bool
    trust: bool
    measured: dict[str, Any]


def run_curvature(request: CurvatureCommand) -> None:
    """Examine, show and write.

    Raises:
        UserError: something that the user can fix.
    """
    _check(request)
    with _progress() as (watch, announce):
        of = _of_model if request.model else _of_run
        curvature_report, folder = of(request, watch, announce)
        watch("page", 0.0)
        from benchmark.report.curvature_page import document, write_curvature

        files = write_curvature(curvature_report, folder)
    if request.as_json:
        from benchmark.commands.views import print_json

        print_json({**document(curvature_report), "files": [str(file) for file in files]})
        return
    console = terminal()
    console.print(curvature_view(curvature_report))
    console.print(f"page: {files[0]}", highlight=False, soft_wrap=True)


def _check(request: CurvatureCommand) -> None:
    if (request.run is None) == (request.model is None):
        received = "neither" if request.run is None else "both"
        raise UserError(
            f"either a run or --model must be named. Received {received}. Write for instance "
            "`curvature latest`, or `curvature --model model.keras --dataset digits`."
        )
    if request.model is not None:
        if request.dataset is None:
            raise UserError(
                "--model needs the --dataset that its curvature is taken over. Received none. "
                "`list datasets` names them."
            )
        if request.trial is not None:
            raise UserError("--trial is of a run. Received it with --model. Leave it out.")
        return
    for name in ("dataset", "loss", "scaling"):
        if getattr(request, name) is not None:
            raise UserError(
                f"--{name} is of a --model; a trial has its own. Received it with a run. "
                "Leave it out."
            )


def _of_run(
    request: CurvatureCommand, watch: "Watch", announce: Callable[[str], None]
) -> "tuple[CurvatureReport, Path]":
    from benchmark.commands.runs import opened_run

    with opened_run(request.results, str(request.run), trust=request.trust) as path:
        return _of_trial(path, request, watch, announce)


def _of_trial(
    path: Path, request: CurvatureCommand, watch: "Watch", announce: Callable[[str], None]
) -> "tuple[CurvatureReport, Path]":
    from benchmark.inspection import Settings
    from benchmark.inspection.settings import recorded_trial
    from benchmark.results import read_environment
    from benchmark.results.files import refuse_link

    settings = Settings(**request.measured)
    result = recorded_trial(path, request.trial)
    check_permission(result.trial.optimizer)
    folder = path / "curvature" / f"trial-{result.trial.number:06d}"
    if request.output is None:
        refuse_link(folder.parent)
        refuse_link(folder)
    folder = request.output or folder
    check_folder(folder)
    watch("model and data", 0.0)
    select_backend(request.backend or read_environment(path).get("backend"))
    from benchmark.inspection.examine import examine
    from benchmark.inspection.trials import trial_subject

    subject = trial_subject(path, result, settings, watch)
    return examine(subject, settings, watch, announce), folder


def _of_model(
    request: CurvatureCommand, watch: "Watch", announce: Callable[[str], None]
) -> "tuple[CurvatureReport, Path]":
    assert request.model is not None, "checked"
    assert request.dataset is not None, "checked"
    from benchmark.data import load_card
    from benchmark.data.preparation import SCALERS
    from benchmark.inspection import Settings
    from benchmark.inspection.settings import check_model_file

    check_model_file(request.model)
    load_card(request.dataset)
    if request.scaling is not None and request.scaling not in SCALERS:
        raise UserError(
            f"--scaling must be one of {', '.join(SCALERS)}. Received {request.scaling!r}."
            f"{did_you_mean(request.scaling, SCALERS)}"
        )
    folder = request.output or request.model.with_suffix(".curvature")
    check_folder(folder)
    watch("model and data", 0.0)
    select_backend(request.backend)
    from benchmark.inspection.examine import examine
    from benchmark.inspection.models import model_subject

    settings = Settings(**request.measured)
    subject = model_subject(request.model, request.dataset, request.loss, request.scaling, settings)
    return examine(subject, settings, watch, announce), folder


def check_folder(folder: Path) -> None:
    """Refuse what cannot become the output, before anything is computed.

    Raises:
        UserError: a file of that name is there.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(
            f"--output must be a folder. Received {folder}, which is a file. Name another one."
        )


def curvature_view(curvature_report: "CurvatureReport") -> RenderableType:
    """Return what the terminal shows of a curvature_report.

    Args:
        curvature_report: what was measured.
    """
    heading = Text.assemble(
        (curvature_report.title, "bold"),
        f"\n{curvature_report.size} parameters; {curvature_report.matrix}: "
        f"{curvature_report.definiteness}; verdict: ",
        (curvature_report.verdict, "bold"),
    )
    findings = [Text(f"• {sentence}") for sentence in curvature_report.sentences]
    notes = [Text(note, style="dim") for note in curvature_report.notes]
    return Group(
        heading,
        *findings,
        *notes,
        _eigenvalues(curvature_report),
        _sums(curvature_report),
        _quantities(curvature_report),
    )


def _eigenvalues(curvature_report: "CurvatureReport") -> Table:
    table = _table("Extreme eigenvalues", "end", "eigenvalue", "error at most", "")
    for index, one in enumerate(curvature_report.extremes):
        is_upper = index < curvature_report.largest
        rank = index + 1 if is_upper else index - curvature_report.largest + 1
        table.add_row(
            f"{'largest' if is_upper else 'smallest'}, {rank}",
            f"{one.value:.6g}",
            f"{one.bound:.1g}",
            "" if one.converged else "not converged",
        )
    return table


def _sums(curvature_report: "CurvatureReport") -> Table:
    table = _table("Sums over the spectrum", "sum", "value", "standard error", "95 % interval")
    for one in curvature_report.sums:
        is_exact = one.standard_error == 0
        error = "exact" if is_exact else f"{one.standard_error:.2g}"
        ends = "" if is_exact else f"{one.low:.4g} to {one.high:.4g}"
        table.add_row(one.name, f"{one.value:.4g}", error, ends)
    return table


def _quantities(curvature_report: "CurvatureReport") -> Table:
    table = _table("Quantities", "quantity", "value")
    for name, value in curvature_report.quantities.items():
        table.add_row(name, f"{value:.4g}")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return table


@contextmanager
def _progress() -> "Iterator[tuple[Watch, Callable[[str], None]]]":
    """A bar on a terminal, a line for each stage elsewhere, and sentences; on the error stream."""
    console = Terminal(stderr=True)
    if not console.is_terminal:
        seen: set[str] = set()

        def say(stage: str, share: float) -> None:  # noqa: ARG001
            if stage not in seen:
                seen.add(stage)
                warn(f"{stage} …")

        yield say, _line
        return
    bars = Progress(
        text_column("{task.description}"),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    bar = bars.add_task("starting", total=None)

    def show(stage: str, share: float) -> None:
        bars.update(bar, description=stage, total=1.0 if share else None, completed=share)

    with bars:
        yield show, lambda text: bars.console.print(text, highlight=False)


def _line(sentence: str) -> None:
    warn(f"{sentence}")
