"""Our optimizers, each a Keras ``Optimizer`` whose numeric hyperparameters are variables.

Importing this package does not import Keras, so that ``list`` and ``validate`` answer at once. A
class is imported when ``load_optimizer(name)`` first asks for it. Call that before
``keras.saving.load_model`` reads a file that was saved with one of them: Keras does not know its
name until then.
"""

from benchmark.optimizers.building import (
    AdaptationError,
    build_optimizer,
    constant_hyperparameters,
    notices,
    plain_optimizer,
)
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.registry import (
    OPTIMIZERS,
    load_optimizer,
    optimizer_entry,
    takes_objective,
)
from benchmark.optimizers.schedules import SCHEDULES, Plateau, ScheduleEntry
from benchmark.optimizers.shared_hyperparameters import CLIPPING, REGULARIZATION

__all__ = [
    "CLIPPING",
    "OPTIMIZERS",
    "REGULARIZATION",
    "SCHEDULES",
    "AdaptationError",
    "Hyperparameter",
    "OptimizerEntry",
    "Plateau",
    "ScheduleEntry",
    "build_optimizer",
    "constant_hyperparameters",
    "load_optimizer",
    "notices",
    "optimizer_entry",
    "plain_optimizer",
    "takes_objective",
]
