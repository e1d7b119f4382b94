"""What is trained: a few networks on digits, as studies and as made-up settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

EPOCHS = 20
BATCH_SIZES = (16, 32, 64, 128)
RANGES = {"learning_rate": (1e-3, 1e-1), "momentum": (0.0, 0.9), "global_clipnorm": (0.1, 10.0)}
"""No trial diverges in these ranges: one that ends early would cost less than its competitor's."""
LOGARITHMIC = ("learning_rate", "global_clipnorm")
SEED = 2026


@dataclass(frozen=True, slots=True)
class Workload:
    """A network on digits (1078 training rows, 64 inputs, 10 classes) for momentum SGD.

    ``hidden`` has the widths of a multilayer perceptron; other models take their defaults.
    """

    name: str
    title: str
    model: str
    hidden: tuple[int, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """The options of the model."""
        return {"hidden": self.hidden} if self.hidden else {}


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("digits_mlp", "digits MLP 64-64-10", "multilayer_perceptron", (64,)),
        Workload("wide_mlp", "wide MLP 64-512-512-10", "multilayer_perceptron", (512, 512)),
        Workload("small_cnn", "small CNN on digits", "convolutional_network"),
    )
}


def study_text(
    workload: Workload,
    trials: int,
    *,
    sampler: str = "random",
    pruner: str = "none",
    epochs: int = EPOCHS,
) -> str:
    """Write the study that searches a workload."""
    hidden = f"hidden = {list(workload.hidden)}\n" if workload.hidden else ""
    ranges = "\n".join(
        f"{name} = {{ low = {low}, high = {high}, log = {str(name in LOGARITHMIC).lower()} }}"
        for name, (low, high) in RANGES.items()
    )
    return f"""question = "How fast is a study of the {workload.title}?"
compare = ["momentum"]
seed = {SEED}
[problem]
dataset = "digits"
[problem.model]
name = "{workload.model}"
{hidden}[training]
epochs = {epochs}
[search.momentum]
{ranges}
batch_size = {{ choices = {list(BATCH_SIZES)} }}
[budget]
trials = {trials}
replicates = 0
sampler = "{sampler}"
pruner = "{pruner}"
[curvature]
trials = "none"
"""


def made_up_settings(count: int, batch_sizes: Sequence[int] = BATCH_SIZES) -> list[dict[str, Any]]:
    """Draw hyperparameters for some trials; batch sizes take turns, so that few trials are fair."""
    generator, drawn = np.random.default_rng(SEED), []
    for index in range(count):
        settings: dict[str, Any] = {}
        for name, ends in RANGES.items():
            is_log = name in LOGARITHMIC
            value = generator.uniform(*(np.log(ends) if is_log else ends))
            settings[name] = float(np.exp(value) if is_log else value)
        drawn.append({**settings, "batch_size": batch_sizes[index % len(batch_sizes)]})
    return drawn


def open_study(text: str) -> Any:
    """Read and check the text of a workload's study."""
    from benchmark.study.catalogue import catalogue
    from benchmark.study.loading import checked_study

    return checked_study(text, "the speed command", "speed", catalogue())


def made_up_trials(
    workload: Workload, count: int, batch_sizes: Sequence[int] = BATCH_SIZES, epochs: int = EPOCHS
) -> list[Any]:
    """Make trials as a search of the workload would ask for them, without a search."""
    from benchmark.search import build_trial, settings_of

    study = open_study(study_text(workload, count, epochs=epochs))
    settings = settings_of(study, "sparse_categorical_crossentropy", "accuracy")
    return [
        build_trial(study, settings, "momentum", number, hyperparameters)
        for number, hyperparameters in enumerate(made_up_settings(count, batch_sizes))
    ]


def arrays() -> Any:
    """The prepared rows of digits, the same split that the studies of a workload train on."""
    from benchmark.data import prepare
    from benchmark.trial import named_seed

    return prepare("digits", split_seed=named_seed(SEED, "split"))


def new_model(workload: Workload) -> Any:
    """Build the workload's network with fresh initial weights; imports Keras."""
    from benchmark.models import build_model

    return build_model(workload.model, (64,), 10, workload.options)


def multiply_adds(model: Any) -> int:
    """Multiply-adds of one sample: each kernel once, or at each position of a convolution."""
    total = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):
            total += multiply_adds(layer)
        elif getattr(layer, "kernel", None) is not None:
            positions = math.prod(layer.output.shape[1:-1])
            total += math.prod(layer.kernel.shape) * positions
    return total
