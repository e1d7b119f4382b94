"""The checks of a study that the schema alone cannot make: names and ranges.

They are made against a :class:`Catalogue` that the caller hands over, so that this
module needs neither Keras nor scikit-learn.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmark.errors import did_you_mean
from benchmark.metrics import METRICS, metrics_of, reported_metric
from benchmark.models.foreign import is_foreign_model
from benchmark.study.budget import check_budget
from benchmark.study.catalogue import Catalogue, dataset_facts, training_rows
from benchmark.study.data import OF_A_FILE, check_own_file
from benchmark.study.messages import Mistake
from benchmark.study.samplers import PRUNERS
from benchmark.study.schema import LOSSES, Study, TargetSection
from benchmark.study.spaces import check_space
from benchmark.study.starts import check_common_start, check_starts


def check_study(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    """Yield every mistake that needs the catalogue to be seen, each once."""
    seen: set[tuple[str, str]] = set()
    for mistake in _all_mistakes(study, catalogue):
        # A common table is checked for every compared optimizer; its mistakes are reported once.
        mark = (mistake.key, repr(mistake.received))
        if mistake.key.split(".")[:2] == ["search", "common"] and mark in seen:
            continue
        seen.add(mark)
        yield mistake


def _all_mistakes(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    yield from _check_function(study, catalogue)
    yield from _check_dataset(study, catalogue)
    yield from _check_compare(study, catalogue)
    yield from _check_schedules(study, catalogue)
    known = [entry for entry in study.compare if entry.optimizer in catalogue.optimizers]
    for entry in known:
        yield from check_space(study, entry, catalogue)
        yield from check_starts(study, entry, catalogue)
    yield from check_common_start(study)
    yield from check_budget(study)
    yield from _check_target(study, catalogue)
    yield from _check_evaluation(study)
    yield from _check_curvature(study)


def _check_function(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    problem = study.problem
    if not problem.function:
        return
    if problem.function not in catalogue.problems:
        yield unknown("problem.function", problem.function, catalogue.problems)
    else:
        try:
            catalogue.check_problem(problem.function, problem.options)
        except ValueError as error:
            yield Mistake("problem.options", sentence=str(error))
    for name in (*OF_A_FILE, "split", "preprocessing", "model", "loss", "metric"):
        if name in problem.model_fields_set:
            rule = f"{name} needs a dataset; a closed-form function has none"
            yield Mistake(f"problem.{name}", rule, name, "Remove it.")
    for index, entry in enumerate(study.compare):
        if entry.scaling:
            rule = "scaling needs a dataset; a closed-form function has no inputs"
            yield Mistake(f"compare[{index}].scaling", rule, entry.scaling, "Remove it.")
    yield from _check_objective(study, catalogue)


def _check_dataset(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    problem = study.problem
    if problem.function:
        return
    if problem.options:
        rule = "options needs a function; the options of a model are in [problem.model]"
        yield Mistake("problem.options", rule, dict(problem.options), "Move or remove them.")
    yield from check_own_file(study)
    facts = dataset_facts(study, catalogue)
    if facts is None:
        yield unknown("problem.dataset", problem.dataset, catalogue.datasets)
    else:
        try:
            training_rows(study, catalogue)
        except ValueError as error:
            yield Mistake("problem.split", sentence=str(error))
    name = problem.model.name
    if name not in catalogue.models and not is_foreign_model(name):
        names = ", ".join(sorted(catalogue.models))
        rule = f"name must be one of {names}, or package.module:function, or a .keras file"
        remedy = did_you_mean(name, catalogue.models) or "Take one of them."
        yield Mistake("problem.model.name", rule, name, remedy)
    else:
        try:
            catalogue.check_model(name, problem.model.options, facts)
        except ValueError as error:
            yield Mistake("problem.model", sentence=str(error))
    yield from _check_measures(study, catalogue)
    yield from _check_objective(study, catalogue)


def _check_measures(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    """Metric and loss must fit the dataset's task."""
    problem = study.problem
    facts = dataset_facts(study, catalogue)
    if problem.metric and problem.metric not in METRICS:
        yield unknown("problem.metric", problem.metric, METRICS)
    elif facts and problem.metric and problem.metric not in metrics_of(facts.task):
        fitting = " or ".join(metrics_of(facts.task))
        rule = f"the metric of a {facts.task} must be {fitting}"
        remedy = "Write that, or remove the line."
        yield Mistake("problem.metric", rule, problem.metric, remedy)
    if facts and problem.loss and problem.loss not in LOSSES[facts.task]:
        yield unknown("problem.loss", problem.loss, LOSSES[facts.task])


def _check_objective(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    names = metric_names(study, catalogue)
    if study.problem.objective and study.problem.objective not in names:
        yield unknown("problem.objective", study.problem.objective, names)


def metric_names(study: Study, catalogue: Catalogue) -> list[str]:
    """The names of the curves that a trial of this study reports and may be ranked by."""
    if study.problem.function:
        return ["train_loss"]
    metric = metric_of(study, catalogue)
    names = ("loss", metric) if metric in METRICS else ("loss",)  # that is refused already
    return [f"{part}_{name}" for part in ("train", "validation") for name in names]


def metric_of(study: Study, catalogue: Catalogue) -> str:
    """The metric besides the loss: the study's, or the usual one of the dataset's task."""
    facts = dataset_facts(study, catalogue)
    usual = metrics_of(facts.task if facts else "classification")[0]
    return study.problem.metric or usual


def loss_of(study: Study, catalogue: Catalogue) -> str:
    """The Keras loss: the study's, or the usual one of the dataset's task."""
    facts = dataset_facts(study, catalogue)
    usual = LOSSES[facts.task][0] if facts else ""
    return study.problem.loss or usual


def unknown(key: str, value: object, known: Sequence[str] | Mapping[str, Any]) -> Mistake:
    """The mistake of naming something that is not there."""
    rule = f"{key.rsplit('.', 1)[-1]} must be one of {', '.join(sorted(known))}"
    return Mistake(key, rule, value, did_you_mean(str(value), known) or "Take one of them.")


def _check_compare(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    labels = [entry.label for entry in study.compare]
    for index, entry in enumerate(study.compare):
        if entry.optimizer not in catalogue.optimizers:
            yield _unknown_optimizer(f"compare[{index}]", entry.optimizer, catalogue)
        if entry.label == "common" or entry.label in labels[:index]:
            yield Mistake(
                f"compare[{index}]",
                "labels must differ from each other and from 'common'",
                entry.label,
                'Give a label: { label = "…", optimizer = "…" }.',
            )
    for label in study.search:
        if label not in (*labels, "common"):
            yield unknown(f"search.{label}", label, [*labels, "common"])


def _check_schedules(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    if study.training.schedule not in catalogue.schedules:
        yield unknown("training.schedule", study.training.schedule, catalogue.schedules)
    for index, entry in enumerate(study.compare):
        if entry.schedule and entry.schedule not in catalogue.schedules:
            yield unknown(f"compare[{index}].schedule", entry.schedule, catalogue.schedules)


def _unknown_optimizer(key: str, name: str, catalogue: Catalogue) -> Mistake:
    if ":" in name:
        try:
            catalogue.check_optimizer(name)
        except ValueError as error:
            return Mistake(key, sentence=str(error))
    return unknown(key, name, catalogue.optimizers)


def _check_target(study: Study, catalogue: Catalogue) -> Iterator[Mistake]:
    target, names = study.target, metric_names(study, catalogue)
    if target is None:
        return
    if target.metric not in names:
        yield unknown("target.metric", target.metric, names)
    elif study.problem.dataset:
        yield from _check_target_value(target)


def _check_target_value(target: TargetSection) -> Iterator[Mistake]:
    """A target beyond the range of its metric is never reached, or reached by any trial."""
    metric = reported_metric(target.metric)
    low, high = (metric.low, metric.high) if metric else (0.0, math.inf)
    example = metric.target if metric else 0.1
    bounds = [f">= {low:g}"] if low > -math.inf else []
    is_within = low <= target.value <= high
    if metric and metric.direction == "maximize":  # any trial reaches the lowest value
        bounds = [f"> {low:g}"] if low > -math.inf else []
        is_within = low < target.value <= high
    bounds += [f"<= {high:g}"] if high < math.inf else []
    if not is_within:
        rule = f"value must be {' and '.join(bounds)} for {target.metric}"
        yield Mistake("target.value", rule, target.value, f"Write for instance {example:g}.")


def _check_evaluation(study: Study) -> Iterator[Mistake]:
    epochs = study.training.evaluation_epochs
    if epochs is not None and PRUNERS[study.budget.pruner].stops:
        rule = "evaluation_epochs must be left out with a pruner, which looks at every epoch"
        remedy = 'Remove it, or write pruner = "none" in [budget].'
        yield Mistake("training.evaluation_epochs", rule, epochs, remedy)
    if epochs is not None and study.training.patience is not None:
        rule = "evaluation_epochs must be left out with patience, which looks at every epoch"
        yield Mistake("training.evaluation_epochs", rule, epochs, "Remove one of them.")
    if study.training.min_delta and study.training.patience is None:
        rule = "min_delta needs patience, the epochs without that improvement"
        remedy = "Write for instance patience = 5, or remove it."
        yield Mistake("training.min_delta", rule, study.training.min_delta, remedy)


def _check_curvature(study: Study) -> Iterator[Mistake]:
    section, last = study.curvature, study.training.epochs
    asked = (
        ("epochs", section.epochs, section.trials != "none", 'trials = "none"'),
        ("monitor_epochs", section.monitor_epochs, section.is_monitored, "monitor = false"),
    )
    for name, epochs, is_measured, off in asked:
        # Some beyond the last are let pass, so that a study can be tried with fewer epochs.
        if is_measured and epochs is not None and min(epochs, default=last + 1) > last:
            rule = f"one of {name} must be <= {last}, the epochs of training"
            rule += ", or nothing is measured"
            remedy = f"Write for instance {name} = [0], or {off}."
            yield Mistake(f"curvature.{name}", rule, epochs, remedy)
