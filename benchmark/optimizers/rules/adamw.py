"""AdamW: Adam with weight decay beside the gradient, not in it."""

import keras

from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.rules.adam import Adam
from benchmark.optimizers.shared_hyperparameters import ADAM
from benchmark.optimizers.stability import ADAM_ROOT, RUNNING_MEAN, Stability, adam_steps

ENTRY = OptimizerEntry(
    summary="Adam with decoupled weight decay: W ← W − learning_rate · weight_decay · W",
    hyperparameters={
        "learning_rate": ADAM["learning_rate"],
        "weight_decay": Hyperparameter(
            default=0.004,
            low=0.0,
            low_included=True,
            space={"low": 1e-4, "high": 1.0, "log": True},
            source="default: keras.optimizers.AdamW; space: our choice, around that, "
            "PyTorch's 0.01 and the 0.1 that is usual for transformers",
        ),
        **{name: number for name, number in ADAM.items() if name != "learning_rate"},
    },
    options={"amsgrad": False},
    advice="Search learning_rate and weight_decay, with a schedule that ends near zero "
    "(Loshchilov, Hutter 2019)",
    stability=Stability(adam_steps, RUNNING_MEAN, f"{ADAM_ROOT}; the largest v with `amsgrad`"),
)


@keras.saving.register_keras_serializable(package="kappabench")
class AdamW(Adam):
    """AdamW, with the arguments, defaults and steps of Keras's ``AdamW``.

        W ← W − η λ W                       η = ``learning_rate``, λ = ``weight_decay``
        W ← W − ηₜ m / (√v + ε)             :class:`~benchmark.optimizers.rules.adam.Adam`'s step

    The decay shortens every weight by the same share. An L2 penalty in the loss would reach
    W through m / √v instead, and spare the weights whose gradients are large.

    Stores two numbers per weight, m and v; three with ``amsgrad``.

    Departures from Keras: those of :class:`~benchmark.optimizers.rules.adam.Adam`; and the decay
    is a number like any other, which may be set to 0. Departures from the paper: its
    algorithm 2 multiplies λ by the schedule but not by the learning rate, so that its λ is ηλ
    here; and it adds ε after the bias correction.

    Args:
        weight_decay: a share of the weight for a learning rate of 1.
        beta_1: β₁.
        beta_2: β₂.
        epsilon: ε, in units of the gradient.
        amsgrad: whether v is replaced by its largest value so far.
        arguments: clipping, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, ``weight_decay`` is ``None``, or two kinds of
            clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> optimizer = AdamW(learning_rate=0.1, weight_decay=0.5)
        >>> optimizer.apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # 1 − 0.1 · 0.5, then a step of length 0.1
        0.85

    References:
        Loshchilov, Hutter, Decoupled weight decay regularization, ICLR 2019.
    """

    entry = ENTRY
