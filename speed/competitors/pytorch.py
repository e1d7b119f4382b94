"""A plain PyTorch loop, one trial after another, as its introduction shows it.

Same network, rows, epochs, batch sizes, momentum SGD and clipping by the global norm. In the
clock: building the model, training, and the validation loss after each epoch. Out of it: imports
and first trials of one epoch, which find out whether one thread or PyTorch's own number of threads
is faster; the faster is taken. Batches are cut from a shuffled index, which is faster than
PyTorch's ``DataLoader``. Less work than ours: no metrics of the whole training part, no search, no
tracking.

Source: PyTorch's tutorials "Learn the basics", "Optimizing model parameters".
"""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from speed.measurement import Measurement
from speed.proof import Done, check_work
from speed.workloads import EPOCHS, SEED, WORKLOADS, arrays, made_up_settings


def measure(*, workload: str, trials: int, epochs: int = EPOCHS) -> list[Measurement]:
    """Measure the seconds of each trial."""
    import torch

    chosen, data = WORKLOADS[workload], arrays()
    # Copies: the prepared rows are read-only, of which PyTorch warns.
    parts = [
        (torch.from_numpy(part.x.copy()), torch.from_numpy(part.y.astype("int64")))
        for part in (data.train, data.validation)
    ]
    settings = made_up_settings(trials)
    torch.manual_seed(SEED)
    train(torch, parts, chosen.hidden, settings[0], 1)
    threads = choose_threads(torch, lambda: train(torch, parts, chosen.hidden, settings[0], 1))
    seconds, done = [], []
    for setting in settings:
        start = time.perf_counter()
        done.append(train(torch, parts, chosen.hidden, setting, epochs))
        seconds.append(time.perf_counter() - start)
    facts = {"trials": trials, "threads": threads, **check_work(done, chosen, trials, epochs)}
    return [Measurement("", f"plain PyTorch loop, {chosen.title}", seconds, facts=facts)]


def choose_threads(torch: Any, work: Callable[[], object]) -> int:
    """Let PyTorch compute with one thread or with its own number, whichever is faster."""
    seconds = {}
    for threads in (torch.get_num_threads(), 1):
        torch.set_num_threads(threads)
        start = time.perf_counter()
        work()
        seconds[threads] = time.perf_counter() - start
    fastest = min(seconds, key=lambda threads: seconds[threads])
    torch.set_num_threads(fastest)
    return fastest


def network(torch: Any, hidden: Sequence[int]) -> Any:
    """Return the multilayer perceptron of a workload, with new weights.

    PyTorch's own initial weights are smaller than those of Glorot, which all others here start
    from: at small learning rates they end at another loss.
    """
    layers: list[Any] = []
    for inputs, outputs in pairwise((64, *hidden, 10)):
        linear = torch.nn.Linear(inputs, outputs)
        torch.nn.init.xavier_uniform_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def train(
    torch: Any,
    parts: list[tuple[Any, Any]],
    hidden: Sequence[int],
    settings: Mapping[str, Any],
    epochs: int,
) -> Done:
    """Train one network, and say how long and to which validation loss."""
    (x, y), (validation_x, validation_y) = parts
    model, loss_of = network(torch, hidden), torch.nn.CrossEntropyLoss()
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
