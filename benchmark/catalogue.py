"""All that a study may name, gathered from the parts without importing a framework."""

from collections.abc import Mapping
from typing import Any

from benchmark.data import card_names, load_card, part_sizes
from benchmark.models import MODELS, check_input, check_options
from benchmark.optimizers import OPTIMIZERS, SCHEDULES
from benchmark.problems import PROBLEMS, check_problem
from benchmark.study_facts import Catalogue


def catalogue() -> Catalogue:
    """Return what the checks of a study file are made against.

    Example:
        >>> facts = catalogue()
        >>> "digits" in facts.datasets, "adam" in facts.optimizers
        (True, True)
    """
    return Catalogue(
        datasets={name: load_card(name) for name in card_names()},
        models=list(MODELS),
        optimizers=OPTIMIZERS,
        problems=list(PROBLEMS),
        check_model=_check_model,
        check_problem=check_problem,
        train_size=lambda samples, fractions: part_sizes(samples, fractions)[0],
        schedules=SCHEDULES,
    )


def _check_model(name: str, options: Mapping[str, Any], features: int | None) -> None:
    check_options(name, options)
    if features is not None:
        check_input(name, options, (features,))
