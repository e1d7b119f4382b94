"""All that a study may name, gathered from the parts without importing a framework."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmark.data import card_names, load_card, part_sizes
from benchmark.models import MODELS, check_options
from benchmark.optimizers import OPTIMIZERS, OptimizerEntry, optimizer_entry
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
        optimizers=Optimizers(),
        problems=list(PROBLEMS),
        check_model=_check_model,
        check_problem=check_problem,
        train_size=lambda samples, fractions: part_sizes(samples, fractions)[0],
        check_optimizer=optimizer_entry,
    )


class Optimizers(Mapping[str, OptimizerEntry]):
    """Our optimizers, and by ``keras:Class`` or ``module:Class`` any other.

    Those are found, and Keras imported, when they are asked for; they are not listed.

    Example:
        >>> "adam" in Optimizers(), "adamm" in Optimizers(), len(Optimizers())
        (True, False, 5)
    """

    def __getitem__(self, name: str) -> OptimizerEntry:
        try:
            return optimizer_entry(name)
        except ValueError as error:
            raise KeyError(str(error)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(OPTIMIZERS)

    def __len__(self) -> int:
        return len(OPTIMIZERS)


def _check_model(name: str, options: Mapping[str, Any]) -> None:
    check_options(name, options)
