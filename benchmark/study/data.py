"""The data of a study, loaded and checked before anything is trained or written."""

from collections.abc import Callable

from benchmark.data import load_card
from benchmark.study.schema import Study
from benchmark.trial import named_seed

LARGE = 5_000_000
"""Values in a dataset from which loading it takes seconds."""


def check_data(study: Study, tell: Callable[[str], object]) -> None:
    """Load, verify, split and scale what the trials of a study train on.

    The engine of this process finds it prepared. A closed-form problem has nothing to load.

    Args:
        study: read and checked.
        tell: shows a sentence where loading takes long.

    Raises:
        DatasetError: the data cannot be loaded, or they are not what their card says.

    Example:
        >>> entries = {"question": "?", "compare": ["sgd"], "problem": {"dataset": "iris"}}
        >>> check_data(Study.model_validate(entries), print)
    """
    name = study.problem.dataset
    if not name:
        return
    from benchmark.data import prepare  # with scikit-learn, which closed forms do without

    card = load_card(name)
    if card.loader.kind == "openml":
        tell(f"Loading the dataset {name} from OpenML, or from datasets/.cache if it is there.")
    elif card.samples * card.features >= LARGE:
        tell(f"Loading and checking the dataset {name}: {card.samples} × {card.features} values.")
    split = study.problem.split
    fractions = (split.train, split.validation, split.test)
    for scaling in dict.fromkeys(study.scaling(entry.label) for entry in study.compare):
        prepare(name, fractions, scaling, named_seed(study.seed, "split"))
