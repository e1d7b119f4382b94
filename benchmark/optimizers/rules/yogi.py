"""Yogi: Adam whose mean square changes by addition, so that it cannot fall quickly."""

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rule_parts import corrected_update, running_mean
from benchmark.optimizers.shared_hyperparameters import ADAM, accumulator, adam_rate, small_number
from benchmark.optimizers.stability import ADAM_ROOT, RUNNING_MEAN, Stability, adam_steps
from benchmark.optimizers.tensors import State, Tensor

_BETAS = {"beta_1": ADAM["beta_1"], "beta_2": ADAM["beta_2"]}


ENTRY = OptimizerEntry(
    summary="Adam whose mean square changes by addition, so that it cannot fall quickly",
    hyperparameters={
        "learning_rate": adam_rate(0.01, "tensorflow_addons.optimizers.Yogi", "that of Adam"),
        **_BETAS,
        "epsilon": small_number(
            1e-3,
            "tensorflow_addons.optimizers.Yogi",
            low=1e-8,
            space_source="our choice, around that default as Adam's around its own",
        ),
        "initial_accumulator_value": accumulator(1e-6, "tensorflow_addons.optimizers.Yogi"),
    },
    advice="Start with learning_rate = 0.01, ten times adam's, and epsilon = 0.001 (Zaheer et "
    "al. 2018)",
    stability=Stability(adam_steps, RUNNING_MEAN, ADAM_ROOT),
)


def yogi(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new m, v and the update ηₜ m / (√v + ε) of Yogi.

    Args:
        state: ``first_moment`` m, ``second_moment`` v, and ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``beta_1``, ``beta_2``, ``epsilon`` ε and
            ``initial_accumulator_value`` v₀.
    """
    step, square = state["step"], ops.square(gradient)
    initial = hyperparameters["initial_accumulator_value"]
    # Once begun, v stays above 0: it falls by less than itself. A variable may begin late.
    before = ops.where(state["second_moment"] == 0, initial, state["second_moment"])
    first = running_mean(state["first_moment"], gradient, hyperparameters["beta_1"])
    second = before - (1 - hyperparameters["beta_2"]) * ops.sign(before - square) * square
    new_state = {"first_moment": first, "second_moment": second}
    return new_state, corrected_update(first, second, step, hyperparameters)


@keras.saving.register_keras_serializable(package="kappabench")
class Yogi(Optimizer):
    """Yogi.

        m ← β₁ m + (1 − β₁) g                      β₁ = ``beta_1``
        v ← v − (1 − β₂) sign(v − g²) g²           β₂ = ``beta_2``,
                                                   v₀ = ``initial_accumulator_value``
        ηₜ = η √(1 − β₂ᵗ) / (1 − β₁ᵗ)              η = ``learning_rate``, t = 1, 2, …
        W ← W − ηₜ m / (√v + ε)                    ε = ``epsilon``

    In Adam v falls by a share of itself when gradients become small, and the steps grow as
    fast; here it falls by a share of g², which is less.

    Stores two numbers per weight, m and v.

    Departure from the paper: its algorithm 2 has no bias correction, and its v₀ is left to the
    user. Both are taken from TensorFlow Addons, whose steps are these. So the first step is

        η g / (√(g² + v₀ / (1 − β₂)) + ε / √(1 − β₂))

    at most η in size, and v₀ and ε count 1/(1 − β₂) = 1000 and 32 times what they are; the
    paper's is η (1 − β₁) g / (√(v₀ + (1 − β₂) g²) + ε), up to η (1 − β₁) / √(1 − β₂) = 3.2 η.
    optax starts m at v₀ too, and corrects v before ε is added. Keras has no such class.

    Args:
        epsilon: in units of the gradient.
        initial_accumulator_value: in squared units of the gradient.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> Yogi(learning_rate=0.1).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # Adam's 0.9, but for ε and v₀
        0.903

    References:
        Zaheer, Reddi, Sachan, Kale, Kumar, Adaptive methods for nonconvex optimization,
        NeurIPS 2018, algorithm 2.
    """

    entry = ENTRY
    state_names = ("first_moment", "second_moment")

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`yogi`."""
        return yogi(state, gradient, hyperparameters)
