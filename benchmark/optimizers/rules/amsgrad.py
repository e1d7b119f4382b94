"""AMSGrad: Adam whose steps per weight never grow again."""

import keras

from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rules.adam import Adam
from benchmark.optimizers.shared_hyperparameters import ADAM
from benchmark.optimizers.stability import ADAM_ROOT, RUNNING_MEAN, Stability, adam_steps

ENTRY = OptimizerEntry(
    summary="Adam with the largest mean square so far, so that no step per weight grows",
    hyperparameters=ADAM,
    advice="Start as with adam; use it where adam drifts away late in training (Reddi, Kale, "
    "Kumar 2018)",
    stability=Stability(adam_steps, RUNNING_MEAN, f"{ADAM_ROOT} with the largest v"),
)


@keras.saving.register_keras_serializable(package="kappabench")
class AMSGrad(Adam):
    """AMSGrad: :class:`~benchmark.optimizers.rules.adam.Adam` with ``amsgrad=True``.

        m ← β₁ m + (1 − β₁) g               β₁ = ``beta_1``
        v ← β₂ v + (1 − β₂) g²              β₂ = ``beta_2``
        u ← max(u, v)
        W ← W − ηₜ m / (√u + ε)             ε = ``epsilon``, ηₜ as in Adam

    With v in place of u Adam forgets a large gradient after some 1 / (1 − β₂) steps, and
    may then take long steps in the wrong direction, even on convex problems.

    Stores three numbers per weight: m, v and u.

    Departure from the paper: algorithm 2 has neither bias correction nor ε; Keras's
    ``Adam(amsgrad=True)`` has both, and takes these steps.

    Args:
        learning_rate: η.
        beta_2: the paper tries 0.99 and 0.999.
        epsilon: in units of the gradient.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> AMSGrad(learning_rate=0.1).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # the first step has length η
        0.9

    References:
        Reddi, Kale, Kumar, On the convergence of Adam and beyond, ICLR 2018.
    """

    entry = ENTRY
    amsgrad = True
