"""What a study leaves open, resolved with the parts that it names."""

from collections.abc import Callable

from benchmark.models import check_options
from benchmark.models.foreign import is_foreign_model
from benchmark.optimizers import OptimizerEntry, notices, optimizer_entry
from benchmark.search import SearchSettings, settings_of
from benchmark.study.catalogue import catalogue
from benchmark.study.loading import StudyError
from benchmark.study.model_options import whole_options
from benchmark.study.samplers import PRUNERS, SAMPLERS
from benchmark.study.schema import Study
from benchmark.study.spaces import problem_options, schedule_parameters
from benchmark.study.validation import loss_of, metric_of


def optimizer_notices(study: Study, *, vectorized: bool) -> list[str]:
    """Say what costs time with the compared optimizers, each sentence once.

    Args:
        study: read and checked.
        vectorized: whether the vectorized engine trains it.
    """
    sentences: dict[str, None] = {}
    for entry in study.compare:
        space = study.space(entry.label)
        searched = [name for name, dimension in space.items() if not dimension.is_fixed]
        options = study.options(entry.label)
        sentences |= dict.fromkeys(
            notices(entry.optimizer, options, searched, vectorized=vectorized)
        )
    return list(sentences)


def check_model_of_run(study: Study) -> None:
    """Refuse to go on with a run whose own model is not there, or is another one.

    Raises:
        UserError: so it is.
        ValueError: its function takes other options now.
    """
    model = study.problem.model
    if study.problem.dataset and is_foreign_model(model.name):
        try:
            check_options(model.name, model.options)
        except ValueError as error:
            raise StudyError([f"{error} It is trained in the study of the run."]) from error


def learns_from_trials(study: Study) -> bool:
    """Whether what a trial becomes depends on how earlier ones went."""
    return SAMPLERS[study.budget.sampler].learns or PRUNERS[study.budget.pruner].stops


def search_settings(study: Study) -> SearchSettings:
    """Resolve what the study left open: loss, metric, objective and direction."""
    facts = catalogue()
    integers = {
        name
        for entry in study.compare
        for name, hyperparameter in _known(entry.optimizer).hyperparameters.items()
        if hyperparameter.integer
    } | {
        name
        for entry in study.compare
        for name, hyperparameter in schedule_parameters(study, entry, facts).items()
        if hyperparameter.integer
    }
    is_closed_form = bool(study.problem.function)
    options = problem_options(study, facts)
    integers |= {name for name, value in options.items() if isinstance(value, int)}
    integers |= whole_options(study)
    return settings_of(
        study,
        loss="" if is_closed_form else loss_of(study, facts),
        metric="" if is_closed_form else metric_of(study, facts),
        integers=frozenset({"batch_size", *integers}),
        problem_options=options,
    )


def _known(optimizer: str) -> OptimizerEntry:
    """An optimizer of a study, which may be a class that is not there any more."""
    try:
        return optimizer_entry(optimizer)
    except ValueError as error:
        raise StudyError([f"{error} It is compared in the study of the run."]) from error


def once(notify: Callable[[str], None]) -> Callable[[str], None]:
    """Show each sentence the first time only."""
    told: set[str] = set()

    def show(text: str) -> None:
        if text not in told:
            told.add(text)
            notify(text)

    return show
