"""A plain PyTorch loop, one trial after another, as its introduction shows it.

Same network, rows, epochs, batch sizes, momentum SGD and clipping by the global norm. In the
clock: building the model, training, and the validation loss after each epoch. Out of it:
imports and first trials of one epoch, which find out whether one thread or PyTorch's own
number of threads is faster; the faster is taken. Batches are cut from a shuffled index, which is
faster than PyTorch's ``DataLoader``. Less work than ours: no metrics of the whole training
part, no search, no tracking.

Source: PyTorch's tutorials "Learn the basics", "Optimizing model parameters".
"""

import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from speed.competitors.proof import Done, check_work
from speed.measurement import Measurement, NotAvailableError
from speed.workloads import BATCH_SIZES, EPOCHS, WORKLOADS, arrays, made_up_settings


def measure(
    *,
    workload: str,
    trials: int,
    batch_sizes: tuple[int, ...] = BATCH_SIZES,
    epochs: int = EPOCHS,
) -> list[Measurement]:
    """Measure the seconds of each trial.

    Args:
        workload: a multilayer perceptron's name in ``WORKLOADS``.
        trials: how many are counted.
        batch_sizes: what the batch sizes go round in.
        epochs: passes over the training part.

    Raises:
        NotAvailableError: PyTorch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise NotAvailableError("not installed: pip install torch") from None
    chosen, data = WORKLOADS[workload], arrays()
    # Copies: the prepared rows are read-only, of which PyTorch warns.
    parts = [
        (torch.from_numpy(part.x.copy()), torch.from_numpy(part.y.astype("int64")))
        for part in (data.train, data.validation)
    ]
    settings = made_up_settings(trials, tuple(batch_sizes))
    done: list[Done] = []

    def seconds_of(settings_of_one: Mapping[str, Any], epochs_of_it: int) -> float:
        start = time.perf_counter()
        done.append(train(torch, parts, chosen.hidden, settings_of_one, epochs_of_it))
        return time.perf_counter() - start

    seconds_of(settings[0], 1)
    tried = {}
    for threads in (torch.get_num_threads(), 1):
        torch.set_num_threads(threads)
        tried[threads] = seconds_of(settings[0], 1)
    torch.set_num_threads(min(tried, key=lambda threads: tried[threads]))
    done.clear()
    seconds = [seconds_of(one, epochs) for one in settings]
    proof = check_work(done, chosen, trials, epochs)
    return [
        Measurement(
            f"pytorch/{workload}",
            f"plain PyTorch loop, {chosen.title}",
            tuple(seconds),
            facts={"trials": trials, "threads": torch.get_num_threads(), **proof},
        )
    ]


def train(
    torch: Any,
    parts: list[tuple[Any, Any]],
    hidden: tuple[int, ...],
    settings: Mapping[str, Any],
    epochs: int,
) -> Done:
    """Train one network, and say how long and to which validation loss.

    Args:
        torch: the module.
        parts: inputs and labels of the training and the validation part.
        hidden: widths of the hidden layers.
        settings: ``learning_rate``, ``momentum``, ``global_clipnorm``, ``batch_size``.
        epochs: passes over the training part.
    """
    (x, y), (validation_x, validation_y) = parts
    widths = [64, *hidden]
    layers = [
        layer for a, b in pairwise(widths) for layer in (torch.nn.Linear(a, b), torch.nn.ReLU())
    ]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], 10))
    loss_of = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(
        model.parameters(), lr=settings["learning_rate"], momentum=settings["momentum"]
    )
    validation_losses: list[float] = []
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(settings["batch_size"]):
            optimizer.zero_grad()
            loss_of(model(x[rows]), y[rows]).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), settings["global_clipnorm"])
            optimizer.step()
        with torch.no_grad():
            validation_losses.append(float(loss_of(model(validation_x), validation_y)))
    return Done(settings, len(validation_losses), validation_losses[-1])
