"""Lion: the sign of a momentum, found by a search over programs."""

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.tensors import State, Tensor

_LION = "Chen et al. 2023, Symbolic Discovery of Optimization Algorithms"


ENTRY = OptimizerEntry(
    summary="the sign of a momentum: every weight moves by the learning rate",
    hyperparameters={
        "learning_rate": Hyperparameter(
            default=0.001,
            low=0.0,
            space={"low": 1e-5, "high": 1e-1, "log": True},
            source="default: keras.optimizers.Lion (the paper has 1e-4); space: a tenth of "
            f"Adam's, as {_LION}, section 5, advise",
        ),
        "beta_1": Hyperparameter(
            default=0.9,
            low=0.0,
            high=1.0,
            high_included=True,
            space={"low": 0.5, "high": 0.99, "log": False},
            source=f"default: {_LION}, algorithm 2; space: our choice, around the 0.9 and "
            "0.95 of the paper",
        ),
        "beta_2": Hyperparameter(
            default=0.99,
            low=0.0,
            high=1.0,
            low_included=True,
            space={"low": 0.8, "high": 0.999, "log": False},
            source=f"default: {_LION}, algorithm 2; space: our choice, around the 0.98 and "
            "0.99 of the paper",
        ),
    },
    advice="Start with a third to a tenth of adam's learning_rate and three to ten times its "
    f"weight_decay ({_LION}, section 5)",
    stability="{} has no limit of η·λmax: it uses only signs. Every weight moves by η, however "
    "small the gradient is, so on a quadratic it neither contracts nor diverges near the minimum.",
)


def lion(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new momentum m and the update η·sign(β₁ m + (1 − β₁) g) of Lion.

    Args:
        state: ``momentum`` m.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``beta_1``, ``beta_2``.
    """
    momentum = state["momentum"]
    ahead = momentum + (1 - hyperparameters["beta_1"]) * (gradient - momentum)
    new_momentum = momentum + (1 - hyperparameters["beta_2"]) * (gradient - momentum)
    return {"momentum": new_momentum}, hyperparameters["learning_rate"] * ops.sign(ahead)


@keras.saving.register_keras_serializable(package="kappabench")
class Lion(Optimizer):
    """Lion, with the arguments, defaults and steps of Keras's ``Lion``.

        W ← W − η sign(β₁ m + (1 − β₁) g)        η = ``learning_rate``, β₁ = ``beta_1``
        m ← β₂ m + (1 − β₂) g                    β₂ = ``beta_2``

    Every weight moves by η at every step, so the weights come no nearer to a minimum than
    about η: a schedule that ends near zero matters more here than for Adam. A sign knows no
    rounding, so where β₁ m + (1 − β₁) g is nearly zero two orders of summation may differ
    by a whole 2 η.

    It stores one number per weight. The paper's weight decay is the decoupled one of
    ``weight_decay``.

    Args:
        learning_rate: in units of the weights; the authors advise a third to a tenth of
            Adam's.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0, -8.0])
        >>> Lion(learning_rate=0.25).apply([weights.value], [weights])
        >>> weights.numpy().tolist()
        [0.75, -7.75]

    References:
        Chen et al., Symbolic discovery of optimization algorithms, NeurIPS 2023.
    """

    entry = ENTRY
    state_names = ("momentum",)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`lion`."""
        return lion(state, gradient, hyperparameters)
