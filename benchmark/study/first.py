"""The first study of a dataset: complete, commented, and checked like any other."""

from collections.abc import Sequence

from benchmark.data import DatasetCard
from benchmark.metrics import METRICS
from benchmark.study.catalogue import Catalogue
from benchmark.study.loading import ChangedStudy, completed_study
from benchmark.study.writing import content_text, value_text

OPTIMIZERS = ("momentum", "adam", "adamw")
"""Those that a first study compares."""
SPLIT = (0.6, 0.2, 0.2)
BATCHES = (8, 16, 32, 64, 128)
FEWEST_STEPS = 4
"""Steps of an epoch with the largest batch that is searched."""

TEXT = """\
# A first study of {title}.
# Every line may be changed; docs/study-file.md lists all keys.

# What the study answers; the report begins with it.
question = {question}

# What is compared: `kappabench list optimizers` shows the names. Each is tuned equally.
compare = {compare}

# The same study with the same seed gives the same numbers.
seed = 0

[problem]
dataset = {dataset}  # {facts}
metric = {metric}  # what is reported besides the loss
objective = "validation_loss"  # what the search improves; or "validation_{plain_metric}"

# Shares of the rows: to train on, to compare trials by, and for the last comparison.
[problem.split]
train = {train}
validation = {validation}
test = {test}

# The inputs get mean 0 and deviation 1, by the training rows alone; or "min_max", "none".
[problem.preprocessing]
scaling = "standard"

# `kappabench list models` shows the names and options.
[problem.model]
name = "multilayer_perceptron"
hidden = [32]

[training]
epochs = 30

[budget]
trials = 20  # settings that are tried of each optimizer
replicates = 5  # how often the best setting of each is trained again, with other seeds

# Searched for all of them. The tables below it are of one optimizer each, at their default
# ranges: {{ low, high, log }}, {{ choices }}, or a number that stays fixed.
[search.common]
batch_size = {{ choices = {batches} }}
"""


def first_study(
    dataset: str, optimizers: Sequence[str], name: str, catalogue: Catalogue
) -> ChangedStudy:
    """Return a study of a dataset, its text with comments, completed and checked.

    Args:
        dataset: the name of a card.
        optimizers: what to compare.
        name: the name of the study.
        catalogue: what the study may name.

    Raises:
        StudyError: there is no such dataset or optimizer.
    """
    place = f"the first study of {dataset}"
    entries = {"question": "Which?", "compare": list(optimizers), "problem": {"dataset": dataset}}
    completed_study(content_text(entries, place), place, name, (), catalogue)  # or a sentence
    card = catalogue.datasets[dataset]
    assert isinstance(card, DatasetCard)
    metric = next(name for name, entry in METRICS.items() if entry.task == card.task)
    largest = SPLIT[0] * card.samples / FEWEST_STEPS
    batches = [size for size in BATCHES if size <= largest][-3:] or [BATCHES[0]]
    text = TEXT.format(
        title=" ".join(card.title.split()),
        question=value_text(_question(dataset, card, optimizers)),
        compare=value_text(list(optimizers)),
        dataset=value_text(dataset),
        facts=_facts(card),
        metric=value_text(metric),
        plain_metric=metric,
        **dict(zip(("train", "validation", "test"), SPLIT, strict=True)),
        batches=value_text(batches),
    )
    return completed_study(text, place, name, (), catalogue)


def _question(dataset: str, card: DatasetCard, optimizers: Sequence[str]) -> str:
    *others, last = optimizers
    names = f"{', '.join(others)} or {last}" if others else last
    what = "classifier" if card.classes else "regression"
    return f"On {dataset}, which optimizer trains the better {what}: {names}?"


def _facts(card: DatasetCard) -> str:
    classes = f", {card.classes} classes" if card.classes else ", a number to predict"
    return f"{card.samples} rows, {card.features} features{classes}"
