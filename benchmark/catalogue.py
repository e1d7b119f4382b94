"""All that a study may name, gathered from the parts without importing a framework."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmark.data import card_names, load_card, part_sizes
from benchmark.models import MODELS, check_input, check_options
from benchmark.optimizers import OPTIMIZERS, SCHEDULES, OptimizerEntry, optimizer_entry
from benchmark.problems import PROBLEMS, check_problem
from benchmark.study_facts import Catalogue


def catalogue(before_import: Callable[[], None] | None = None) -> Catalogue:
    """Return what the checks of a study file are made against.

    Args:
        before_import: called before Keras is imported for the class of an optimizer that is
            not ours; by default ``KERAS_BACKEND`` says on which framework.

    Example:
        >>> facts = catalogue()
        >>> "digits" in facts.datasets, "adam" in facts.optimizers
        (True, True)
    """
    optimizers = Optimizers(before_import)
    return Catalogue(
        datasets={name: load_card(name) for name in card_names()},
        models=list(MODELS),
        optimizers=optimizers,
        problems=list(PROBLEMS),
        check_model=_check_model,
        check_problem=check_problem,
        train_size=lambda samples, fractions: part_sizes(samples, fractions)[0],
        schedules=SCHEDULES,
        check_optimizer=optimizers.entry,
    )


class Optimizers(Mapping[str, OptimizerEntry]):
    """Our optimizers, and by ``keras:Class`` or ``module:Class`` any other.

    Those are found, and Keras imported, when they are asked for; they are not listed.

    Args:
        before_import: as for :func:`catalogue`.

    Example:
        >>> "adam" in Optimizers(), "adamm" in Optimizers()
        (True, False)
    """

    def __init__(self, before_import: Callable[[], None] | None = None) -> None:
        self._before_import = before_import

    def entry(self, name: str) -> OptimizerEntry:
        """Return what is known of an optimizer.

        Raises:
            ValueError: there is none of that name.
        """
        if name not in OPTIMIZERS and ":" in name and self._before_import:
            self._before_import()
        return optimizer_entry(name)

    def __getitem__(self, name: str) -> OptimizerEntry:
        try:
            return self.entry(name)
        except ValueError as error:
            raise KeyError(str(error)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(OPTIMIZERS)

    def __len__(self) -> int:
        return len(OPTIMIZERS)


def _check_model(name: str, options: Mapping[str, Any], features: int | None) -> None:
    check_options(name, options)
    if features is not None:
        check_input(name, options, (features,))
