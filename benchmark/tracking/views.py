"""Which pages of MLflow are prepared for a run of a study, and what they show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmark.tracking.child import curvature_metric, log10_name, metric_name
from benchmark.tracking.overview import DIAGNOSED, MONITORED, TrackedStudy

OPTIMIZERS, CONVERGENCE, CONDITIONING = "optimizers", "convergence", "conditioning"
SPACE, TRIALS = "space", "trials"
FOLLOWED = "^(train|validation)_"
"""A pattern of the metrics that trials report after each epoch."""
MOST_SPACES = 12
"""Of more optimizers one view shows the hyperparameters that all of them have."""


@dataclass(frozen=True, slots=True)
class Card:
    """One chart of a view.

    Args:
        kind: ``"LINE"`` or ``"PARALLEL"``.
        metrics: the metrics that it draws; a line chart of several has a dash for each.
        params: the parameters that it has axes for.
        is_log: whether its vertical axis is logarithmic.
    """

    kind: str
    metrics: tuple[str, ...]
    params: tuple[str, ...] = ()
    is_log: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A page of MLflow: which runs it lists, in which order, and what it draws of them.

    Args:
        key: tells it from the other views of a run.
        title: what people see, without the run.
        conditions: of the runs, beside that they belong to the run of the study.
        order: the metric that sorts them.
        ascending: whether the smallest comes first.
        columns: of the table: ``("tags", "status")`` and so on.
        cards: the charts.
        caption: the heading above them.
        shown: a pattern of their titles; MLflow adds a chart of its own for every other metric.
        group: the tag by which runs are averaged; nothing where each is drawn.
        is_chart: whether the page opens with its charts, not with its table.
        cards_in_row: how many charts stand side by side.
    """

    key: str
    title: str
    conditions: tuple[str, ...]
    order: str
    ascending: bool
    columns: tuple[tuple[str, str], ...]
    cards: tuple[Card, ...] = ()
    caption: str = ""
    shown: str = ""
    group: str = ""
    is_chart: bool = True
    cards_in_row: int = 2


def views_of(study: TrackedStudy) -> list[View]:
    """Return the views of a study's run, the first one first.

    Args:
        study: what the study compares.

    Example:
        >>> study = TrackedStudy(searched={"sgd": ("momentum",), "adam": ("beta_1",)})
        >>> [view.title for view in views_of(study)]  # doctest: +NORMALIZE_WHITESPACE
        ['Convergence by optimizer', 'Conditioning by optimizer', 'Optimizers side by side',
         'Search space of sgd', 'Search space of adam', 'All trials']
    """
    return [
        _convergence(study),
        _conditioning(study),
        _optimizers(study),
        *_spaces(study),
        _trials(study),
    ]


def _convergence(study: TrackedStudy) -> View:
    return View(
        CONVERGENCE,
        "Convergence by optimizer",
        _repeated(study),
        "objective",
        study.direction == "minimize",
        (("tags", "label"), ("tags", "status"), ("metrics", "objective")),
        tuple(_line(name) for name in study.metrics),
        _caption(study),
        FOLLOWED,
        group="label",
    )


def _conditioning(study: TrackedStudy) -> View:
    is_diagnosed = study.is_diagnosed and study.replicates
    quantities = DIAGNOSED if is_diagnosed else MONITORED
    names = [curvature_metric(quantity) for quantity in quantities]
    return View(
        CONDITIONING,
        "Conditioning by optimizer",
        _repeated(study) if is_diagnosed else ("tags.phase = 'search'",),
        "objective",
        study.direction == "minimize",
        (("tags", "label"), ("tags", "status"), *(("metrics", name) for name in names)),
        tuple(Card("LINE", (name,), is_log=True) for name in names),
        _caption(study) if is_diagnosed else "All trials of the search: mean, lowest to highest",
        "^curvature/(probe/)?(lambda_max|condition_number(_lower_bound)?)$",
        group="label",
    )


def _optimizers(study: TrackedStudy) -> View:
    # Beside the objective its conditioning, then the rest.
    curvature = [curvature_metric(quantity) for quantity in (*DIAGNOSED, *MONITORED)]
    names = [study.objective, *curvature, *(n for n in study.metrics if n != study.objective)]
    return View(
        OPTIMIZERS,
        "Optimizers side by side",
        ("tags.kind = 'optimizer'",),
        "best_objective",
        study.direction == "minimize",
        (
            ("metrics", "best_objective"),
            *(("metrics", f"{name}/mean") for name in (study.objective, *curvature)),
            *(("params", name) for name in _all(study.searched.values())),
        ),
        tuple(
            Card(
                "LINE",
                tuple(f"{name}/{end}" for end in ("mean", "low", "high")),
                is_log=_is_log(name),
            )
            for name in names
        ),
        "Solid: mean of the replicates; dashed: lowest; dotted: highest",
        "/mean",
    )


def _spaces(study: TrackedStudy) -> list[View]:
    """One for each optimizer whose axes differ: a run without an axis is not drawn."""
    searched = {label: names for label, names in study.searched.items() if names}
    if len(set(searched.values())) > 1 and len(searched) <= MOST_SPACES:
        return [
            _space(study, names, label, f"{SPACE}-{position}")
            for position, (label, names) in enumerate(searched.items(), 1)
        ]
    shared = [
        name
        for name in _all(searched.values())
        if all(name in names for names in searched.values())
    ]
    return [_space(study, shared, "", SPACE)] if shared else []


def _space(study: TrackedStudy, names: Sequence[str], label: str, key: str) -> View:
    # MLflow's axes are linear: on them most trials would lie at the lower end.
    axes = [log10_name(name) if name in study.logarithmic else name for name in names]
    return View(
        key,
        f"Search space of {label}" if label else "Search space",
        ("tags.phase = 'search'", *([f"tags.label = {_quoted(label)}"] if label else [])),
        "objective",
        study.direction == "minimize",
        (
            ("tags", "status"),
            ("metrics", "objective"),
            *(("params", name) for name in names),
        ),
        (Card("PARALLEL", ("objective",), tuple(axes)),),
        "Each line is a trial; its colour is the objective",
        cards_in_row=1,
    )


def _trials(study: TrackedStudy) -> View:
    return View(
        TRIALS,
        "All trials",
        ("tags.kind = 'trial'",),
        "objective",
        study.direction == "minimize",
        (
            ("tags", "label"),
            ("tags", "phase"),
            ("tags", "status"),
            ("metrics", "objective"),
            ("metrics", "best_epoch/epoch"),
            *(("metrics", f"best_epoch/{name}") for name in study.metrics[:1]),
            *(("params", name) for name in _all(study.searched.values())),
        ),
        tuple(_line(name) for name in study.metrics),
        "Every loaded trial",
        FOLLOWED,
        is_chart=False,
    )


def _repeated(study: TrackedStudy) -> tuple[str, ...]:
    return ("tags.phase = 'replicate'" if study.replicates else "tags.phase = 'search'",)


def _caption(study: TrackedStudy) -> str:
    if not study.replicates:
        return "All trials of the search: mean, lowest to highest"
    return f"{study.replicates} replicates of the best setting: mean, lowest to highest"


def _line(name: str) -> Card:
    return Card("LINE", (metric_name(name),), is_log=_is_log(name))


def _is_log(name: str) -> bool:
    """Losses and curvature span powers of ten; a share of right answers does not."""
    return name.endswith("_loss") or name.startswith("curvature/")


def _all(groups: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group))


def _quoted(text: str) -> str:
    """Return a text as MLflow's filters take it."""
    quote = '"' if "'" in text else "'"
    return f"{quote}{text}{quote}"
