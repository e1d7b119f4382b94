"""What the command ``curvature`` does, from its options to the page."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmark.commands.backends import select_backend
from benchmark.commands.progress import stage_bar
from benchmark.commands.requests import CurvatureRequest
from benchmark.commands.terminal import terminal
from benchmark.errors import UserError, did_you_mean
from benchmark.optimizers.foreign import check_permission

if TYPE_CHECKING:
    from benchmark.curvature.results import CurvatureReport
    from benchmark.inspection import Settings
    from benchmark.inspection.subject import Watch


def run_curvature(request: CurvatureRequest) -> None:
    """Measure, print and write.

    Raises:
        UserError: something that the user can fix.
    """
    _check(request)
    with stage_bar() as (watch, announce):
        measure = _of_model if request.model else _of_run
        curvature_report, folder = measure(request, watch, announce)
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


def _check(request: CurvatureRequest) -> None:
    if (request.run is None) == (request.model is None):
        received = "neither" if request.run is None else "both"
        raise UserError(
            f"either a run or --model must be named. Received {received}. Write for instance "
            "`curvature latest`, or `curvature --model model.keras --dataset digits`."
        )
    if request.model is not None:
        if request.dataset is None:
            raise UserError(
                "--model needs --dataset, the data that the loss is taken over. Received none. "
                "`list datasets` shows the names."
            )
        if request.trial is not None:
            raise UserError("--trial needs a run. Received it with --model. Leave it out.")
        return
    for name in ("dataset", "loss", "scaling"):
        if getattr(request, name) is not None:
            raise UserError(
                f"--{name} needs --model; a trial has its own. Received it with a run. "
                "Leave it out."
            )


def _of_run(
    request: CurvatureRequest, watch: "Watch", announce: Callable[[str], None]
) -> "tuple[CurvatureReport, Path]":
    from benchmark.commands.runs import opened_run

    with opened_run(request.results, str(request.run), trust=request.trust) as path:
        return _of_trial(path, request, watch, announce)


def _of_trial(
    path: Path, request: CurvatureRequest, watch: "Watch", announce: Callable[[str], None]
) -> "tuple[CurvatureReport, Path]":
    from benchmark.inspection.settings import recorded_trial
    from benchmark.results import read_environment
    from benchmark.results.files import refuse_link

    settings = _settings(request)
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
    request: CurvatureRequest, watch: "Watch", announce: Callable[[str], None]
) -> "tuple[CurvatureReport, Path]":
    assert request.model is not None, "checked"
    assert request.dataset is not None, "checked"
    from benchmark.data import load_card
    from benchmark.data.scaling import SCALERS
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

    settings = _settings(request)
    subject = model_subject(request.model, request.dataset, request.loss, request.scaling, settings)
    return examine(subject, settings, watch, announce), folder


def _settings(request: CurvatureRequest) -> "Settings":
    from benchmark.inspection import Settings

    return Settings(
        matrix=request.matrix.value,
        part=request.part.value,
        samples=request.samples,
        eigenvalues=request.eigenvalues,
        exact_limit=request.exact_limit,
        density=request.density,
        trajectory=request.trajectory,
        epochs=request.epochs,
        grid=request.grid,
        seed=request.seed,
    )


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
    """Return what the terminal shows of the curvature at a point.

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
    for index, extreme in enumerate(curvature_report.extremes):
        is_upper = index < curvature_report.largest
        rank = index + 1 if is_upper else index - curvature_report.largest + 1
        table.add_row(
            f"{'largest' if is_upper else 'smallest'}, {rank}",
            f"{extreme.value:.6g}",
            f"{extreme.bound:.1g}",
            "" if extreme.converged else "not converged",
        )
    return table


def _sums(curvature_report: "CurvatureReport") -> Table:
    table = _table("Sums over the spectrum", "sum", "value", "standard error", "95 % interval")
    for total in curvature_report.sums:
        is_exact = total.standard_error == 0
        error = "exact" if is_exact else f"{total.standard_error:.2g}"
        ends = "" if is_exact else f"{total.low:.4g} to {total.high:.4g}"
        table.add_row(total.name, f"{total.value:.4g}", error, ends)
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
