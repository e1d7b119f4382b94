"""Adafactor: a step per weight from the row and column means of squared gradients."""

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.shared_hyperparameters import CROWDED_VALLEY, SEARCHED_RATES
from benchmark.optimizers.tensors import State, Tensor, precision

_ADAFACTOR = "Shazeer, Stern 2018, Adafactor"


ENTRY = OptimizerEntry(
    summary="a step per weight from row and column means of squared gradients",
    hyperparameters={
        "learning_rate": Hyperparameter(
            default=0.001,
            low=0.0,
            space=SEARCHED_RATES,
            source="default: keras.optimizers.Adafactor (the paper has 0.01); "
            f"space: {CROWDED_VALLEY}",
        ),
        "beta_2_decay": Hyperparameter(
            default=-0.8,
            high=0.0,
            space={"low": -1.0, "high": -0.5, "log": False},
            source=f"default: {_ADAFACTOR}, algorithm 6; space: our choice, from 1/t to 1/√t",
        ),
        "epsilon_1": Hyperparameter(
            default=1e-30,
            low=0.0,
            space={"low": 1e-30, "high": 1e-8, "log": True},
            source=f"default: {_ADAFACTOR}, algorithm 6; space: our choice, up to the "
            "square of 1e-4",
        ),
        "epsilon_2": Hyperparameter(
            default=1e-3,
            low=0.0,
            space={"low": 1e-4, "high": 1e-1, "log": True},
            source=f"default: {_ADAFACTOR}, algorithm 6; space: our choice, a decade below "
            "and two above",
        ),
        "clip_threshold": Hyperparameter(
            default=1.0,
            low=0.0,
            space={"low": 0.5, "high": 2.0, "log": True},
            source=f"default: {_ADAFACTOR}, algorithm 6; space: our choice, half and twice",
        ),
    },
    options={"relative_step": True},
    advice=f"Start with learning_rate = 0.01, which is relative to the weights ({_ADAFACTOR}, "
    "algorithm 6)",
    stability="{} has no limit of η·λmax: it clips the root mean square of its steps and scales "
    "them by the root mean square of the weights, so they are not linear in the gradient.",
)


def adafactor(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new means and the update ηₜ·û of Adafactor.

    Args:
        state: ``row_means`` r and ``column_means`` c, or ``second_moment`` v where they are
            missing; ``weights`` W, and ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``beta_2_decay``, ``epsilon_1``, ``epsilon_2``,
            ``clip_threshold`` d.
    """
    step = state["step"]
    share = ops.power(step, hyperparameters["beta_2_decay"])  # 1 − β₂ₜ
    squares = ops.square(gradient) + hyperparameters["epsilon_1"]
    new_state, root, size = _means(state, squares, share)
    update = gradient / root * size
    excess = root_mean_square(update) / hyperparameters["clip_threshold"]
    update = update / ops.maximum(excess, ops.ones_like(excess))
    rate = ops.minimum(hyperparameters["learning_rate"], 1 / ops.sqrt(step))
    scale = ops.maximum(hyperparameters["epsilon_2"], root_mean_square(state["weights"]))
    return new_state, rate * scale * update


def _means(state: State, squares: Tensor, share: Tensor) -> tuple[State, Tensor, Tensor | float]:
    """The running means kept of the squares, and two factors a, b of √v = a / b.

    They stay apart, for v of a row and a column without gradients, ε₁² / mean of r, is below
    the range of float32.
    """
    if "second_moment" in state:
        second = state["second_moment"] + share * (squares - state["second_moment"])
        return {"second_moment": second}, ops.sqrt(second), 1.0
    rows, columns = state["row_means"], state["column_means"]
    rows = rows + share * (ops.mean(squares, axis=-1) - rows)
    columns = columns + share * (ops.mean(squares, axis=-2) - columns)
    root = ops.expand_dims(ops.sqrt(rows), -1) * ops.expand_dims(ops.sqrt(columns), -2)
    size = ops.expand_dims(ops.sqrt(ops.mean(rows, axis=-1, keepdims=True)), -1)
    return {"row_means": rows, "column_means": columns}, root, size


def root_mean_square(values: Tensor) -> Tensor:
    """Return √(mean of the squares), over all of a variable."""
    return ops.sqrt(ops.mean(ops.square(values)))


@keras.saving.register_keras_serializable(package="kappabench")
class Adafactor(Optimizer):
    """Adafactor, with the arguments, defaults and steps of Keras's ``Adafactor``.

        β₂ₜ = 1 − t^γ                                  γ = ``beta_2_decay``, t = 1, 2, …
        r ← β₂ₜ r + (1 − β₂ₜ) row means of g² + ε₁      ε₁ = ``epsilon_1``
        c ← β₂ₜ c + (1 − β₂ₜ) column means of g² + ε₁
        v = r cᵀ / mean of r,   u = g / √v
        û = u / max(1, RMS(u) / d)                     d = ``clip_threshold``
        ηₜ = max(ε₂, RMS(W)) min(η, 1 / √t)             ε₂ = ``epsilon_2``
        W ← W − ηₜ û                                    η = ``learning_rate``

    RMS is the root of the mean square over one variable. Rows and columns are the last two
    axes, so a convolution has such a pair for each place of its window; a vector keeps v
    itself. It stores r + c numbers for a matrix of r × c, and one per weight of a vector.

    Departures from Keras: v of a matrix, which Keras keeps too though r and c give it, is not
    kept; where a row and a column never had a gradient, as of a dead input and a dead unit, √v
    is taken without v, whose rounding to 0 makes Keras's step NaN; 1 − β₂ₜ is t^γ itself.
    Departure from the paper: none in the rule; its ρₜ is min(0.01, 1 / √t).

    Args:
        learning_rate: the most of RMS(W) that a step moves a weight by on average.
        epsilon_1: in units of the squared gradient.
        epsilon_2: in units of the weights: what a variable of zeros moves by.
        relative_step: as in Keras, where it changes nothing: min(η, 1 / √t) is taken in any
            case.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0, -7.0])      # RMS 5
        >>> Adafactor(learning_rate=0.1).apply([weights.value], [weights])
        >>> weights.numpy().tolist()
        [0.5, -6.5]

    References:
        Shazeer, Stern, Adafactor: adaptive learning rates with sublinear memory cost,
        ICML 2018, algorithms 4 to 6.
    """

    entry = ENTRY
    relative_step: bool
    is_elementwise = False

    def initial_state(self, weights: Tensor) -> State:
        """Return the means before the first step: of rows and columns, or of a vector."""
        shape, dtype = tuple(weights.shape), precision(weights)
        if len(shape) < 2:
            return {"second_moment": ops.zeros(shape, dtype=dtype)}
        return {
            "row_means": ops.zeros(shape[:-1], dtype=dtype),
            "column_means": ops.zeros((*shape[:-2], shape[-1]), dtype=dtype),
        }

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`adafactor`."""
        return adafactor(state, gradient, hyperparameters)
