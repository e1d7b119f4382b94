"""The mini-batches of a trial."""

from benchmark.data import epoch_batches
from benchmark.engine.task import Array
from benchmark.optimizers import optimizer_entry
from benchmark.trial import Trial

DEFAULT_BATCH_SIZE = 32


def sampling_of(trial: Trial) -> str:
    """The sampling of a trial; some optimizers are defined for the full batch only."""
    if optimizer_entry(trial.optimizer).full_batch:
        return "full_batch"
    return str(trial.options.get("sampling", "shuffle"))


def batch_size_of(trial: Trial, rows: int) -> int:
    """The batch size of a trial on a training part of so many rows."""
    return int(trial.hyperparameters.get("batch_size", min(DEFAULT_BATCH_SIZE, rows)))


def updates_of(trial: Trial, rows: int) -> int:
    """How often the weights of a trial are updated in an epoch."""
    match sampling_of(trial):
        case "full_batch":
            return 1
        case "drop_remainder":
            return rows // batch_size_of(trial, rows)
    return -(-rows // batch_size_of(trial, rows))


def batches_of(trial: Trial, rows: int, epoch: int) -> list[Array]:
    """The mini-batches of an epoch of a trial, as rows of the training part.

    Args:
        trial: what is trained.
        rows: of the training part.
        epoch: from 1.
    """
    size, seed = batch_size_of(trial, rows), trial.random_seed("batches")
    return list(epoch_batches(sampling_of(trial), rows, size, seed, epoch))
