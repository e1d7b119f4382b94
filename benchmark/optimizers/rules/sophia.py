"""Sophia: momentum over a running diagonal of the Hessian, clipped element by element."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.objective import Objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer, Point, Step
from benchmark.optimizers.tensors import State
from benchmark.optimizers.vectors import Tensor, Vector

_LIU = "Liu et al. 2024, Sophia, section 3.1"
_HYPERPARAMETERS = {
    "learning_rate": Hyperparameter(
        default=0.001,
        low=0.0,
        space={"low": 1e-5, "high": 0.1, "log": True},
        source="our choice: default as Adam's; space: two decades on either side",
    ),
    "beta_1": Hyperparameter(
        default=0.96,
        low=0.0,
        high=1.0,
        low_included=True,
        space={"low": 0.8, "high": 0.99, "log": False},
        source=f"default: {_LIU}; space: our choice",
    ),
    "beta_2": Hyperparameter(
        default=0.99,
        low=0.0,
        high=1.0,
        low_included=True,
        space={"low": 0.9, "high": 0.999, "log": False},
        source=f"default: {_LIU}; space: our choice",
    ),
    "gamma": Hyperparameter(
        default=0.01,
        low=0.0,
        space={"low": 1e-3, "high": 1.0, "log": True},
        source=f"default: {_LIU}, for Hutchinson's estimator; space: our choice, from mostly "
        "clipped to mostly not",
    ),
    "epsilon": Hyperparameter(
        default=1e-12,
        low=0.0,
        space={"low": 1e-15, "high": 1e-4, "log": True},
        source=f"default: {_LIU}; space: our choice",
    ),
    "update_interval": Hyperparameter(
        default=10,
        low=1,
        low_included=True,
        integer=True,
        space={"low": 1, "high": 100, "log": True},
        source=f"default: {_LIU}; space: its ablation of the interval, 1 to 100",
    ),
    "seed": Hyperparameter(
        default=0,
        low=0,
        high=2**24,
        low_included=True,
        high_included=True,
        integer=True,
        space={"low": 0, "high": 1000, "log": False},
        source="our choice: any; whole numbers up to 2²⁴ are exact in float32",
    ),
}


ENTRY = OptimizerEntry(
    summary="momentum over a running Hessian diagonal, clipped element by element",
    hyperparameters=_HYPERPARAMETERS,
    options={"estimator": "hutchinson"},
    advice="Choose gamma so that 10 to 50 % of the elements are not clipped, and a learning_rate"
    " a little below adamw's (Liu et al. 2024, section 3.1)",
    stability="{} has no known limit of η·λmax: it clips each weight's step at η. By design most "
    "steps are clipped, so they are not linear in the gradient.",
)


_GOLDEN_RATIO = 0x9E3779B9  # 2³² over the golden ratio: neighbours come far apart
_MULTIPLIERS = (0x7FEB352D, 0x846CA68B)


def random_signs(seed: Tensor, step: Tensor, like: Sequence[Tensor]) -> Vector:
    """Return a vector of −1 and 1, each with probability one half (Rademacher's distribution).

    A hash of seed, step and place, no generator with a state: it can be mapped over trials,
    and gives the same everywhere.

    Args:
        seed: a scalar, a whole number from 0 to 2²⁴.
        step: likewise.
        like: tensors of the shapes and type wanted.

    Example:
        >>> [signs] = random_signs(ops.array(1.0), ops.array(1.0), [ops.zeros(6)])
        >>> sorted(set(ops.convert_to_numpy(signs).tolist()))
        [-1.0, 1.0]

    References:
        The mixing function is that of Wellons, Prospecting for hash functions, 2018, there
        "lowbias32".
    """
    key = _mixed(_mixed(_whole(seed)) + _whole(step))
    signs, offset = [], 0
    for tensor in like:
        size = 1
        for length in tensor.shape:
            size *= int(length)
        places = ops.cast(ops.arange(offset, offset + size, dtype="int32"), "uint32")
        bits = _mixed(ops.bitwise_xor(_mixed(places * _constant(_GOLDEN_RATIO)), key))
        top = ops.cast(ops.right_shift(bits, _constant(31)), tensor.dtype)
        signs.append(ops.reshape(1 - 2 * top, tensor.shape))
        offset += size
    return signs


def _mixed(bits: Tensor) -> Tensor:
    for multiplier, shift in zip(_MULTIPLIERS, (16, 15), strict=True):
        bits = ops.bitwise_xor(bits, ops.right_shift(bits, _constant(shift)))
        bits = bits * _constant(multiplier)
    return ops.bitwise_xor(bits, ops.right_shift(bits, _constant(16)))


def _whole(number: Tensor) -> Tensor:
    return ops.cast(ops.cast(number, "int32"), "uint32")


def _constant(value: int) -> Tensor:
    return ops.convert_to_tensor(value, dtype="uint32")


ESTIMATORS = ("hutchinson", "gauss_newton")


def sophia(point: Point, hyperparameters: State, product: Callable[..., Vector]) -> Step:
    """Return the update η·clip(m / max(γ h, ε), −1, 1).

    Args:
        point: states ``momentum``, m, and ``hessian``, h.
        hyperparameters: ``learning_rate`` η, ``beta_1``, ``beta_2``, ``gamma`` γ,
            ``epsilon`` ε, ``update_interval`` k and ``seed``.
        product: ``(weights, vectors)`` -> products with the Hessian or Gauss-Newton matrix.
    """
    beta_1, beta_2 = hyperparameters["beta_1"], hyperparameters["beta_2"]
    interval = hyperparameters["update_interval"]
    is_due = ops.equal(ops.mod(point.step - 1, interval), 0)
    signs = random_signs(hyperparameters["seed"], point.step, point.weights)
    momentum, hessian, updates = [], [], []
    for m, h, g, u, hu in zip(
        point.states["momentum"],
        point.states["hessian"],
        point.gradient,
        signs,
        product(point.weights, signs),
        strict=True,
    ):
        mean = beta_1 * m + (1 - beta_1) * g
        curvature = ops.where(is_due, beta_2 * h + (1 - beta_2) * u * hu, h)
        scale = ops.maximum(hyperparameters["gamma"] * curvature, hyperparameters["epsilon"])
        momentum.append(mean)
        hessian.append(curvature)
        updates.append(hyperparameters["learning_rate"] * ops.clip(mean / scale, -1.0, 1.0))
    return Step(
        updates,
        evaluations=ops.cast(is_due, "int32"),
        states={"momentum": momentum, "hessian": hessian},
    )


@keras.saving.register_keras_serializable(package="kappabench")
class Sophia(ObjectiveOptimizer):
    """Sophia: each weight's momentum over its own curvature, clipped.

        m ← β₁ m + (1 − β₁) g                         β₁ = ``beta_1``
        h ← β₂ h + (1 − β₂) u ⊙ (H u)                 β₂ = ``beta_2``, at steps 1, 1 + k, …
        W ← W − η clip(m / max(γ h, ε), −1, 1)        k = ``update_interval``, γ = ``gamma``

    with η = ``learning_rate``, ε = ``epsilon`` and u random signs: the expectation of
    u ⊙ H u is the diagonal of H (Hutchinson). Where the curvature is small or negative the
    step is η in magnitude, that of a sign. With ``estimator="gauss_newton"`` the
    Gauss-Newton matrix takes the place of H: an estimate of the same diagonal as that of
    the paper's Gauss-Newton-Bartlett estimator, from a product in place of labels that are
    drawn from the model's outputs, and so for any loss.

    A step takes a gradient, and a product where one is due: 1 + 1/k evaluations a step in
    the long run. A compiled program computes the product in every step, since its trials
    are at different ones; wall-clock time does not show what an interval saves. The signs
    are a hash of ``seed`` and step, so that every engine draws the same. Stores two numbers
    per weight.

    Weight decay is decoupled, by ``weight_decay``.

    Args:
        learning_rate: for language models the paper advises 0.8 times that of AdamW, from
            3e-4 on.
        gamma: choose it so that 10 to 50 % of the elements are not clipped; 0.05 with the
            paper's Gauss-Newton-Bartlett estimator.
        seed: of the random signs.
        estimator: ``"hutchinson"`` or ``"gauss_newton"``.
        arguments: clipping, ``weight_decay``, ``name`` …, see
            :class:`~benchmark.optimizers.objective_optimizer.ObjectiveOptimizer`.

    Raises:
        ValueError: a number is out of range, the estimator is unknown, or two kinds of
            clipping are given.
        TypeError: a number is no number, or an argument is not offered.

    Example:
        >>> import keras
        >>> from benchmark.optimizers.objective import function_objective
        >>> parabola = function_objective(lambda weights: keras.ops.sum(weights[0] ** 2) / 2)
        >>> weights = keras.Variable([1.0])
        >>> optimizer = Sophia(learning_rate=0.25, gamma=1.0, beta_2=0.0, beta_1=0.0)
        >>> _ = optimizer.minimize(parabola, [weights])     # m / h = 1
        >>> float(weights[0])
        0.75

    References:
        Liu, Li, Hall, Liang, Ma, Sophia: a scalable stochastic second-order optimizer for
        language model pre-training, ICLR 2024, algorithms 1 to 3.
    """

    entry = ENTRY
    estimator: str
    state_names = ("momentum", "hessian")

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Refuse an unknown estimator."""
        if options["estimator"] not in ESTIMATORS:
            raise ValueError(
                f"estimator must be one of {', '.join(ESTIMATORS)}. "
                f"Received {options['estimator']!r}."
            )
        super().set_options(options)

    def objective_rule(self, point: Point, hyperparameters: State, objective: Objective) -> Step:
        """Apply :func:`sophia` with the estimator that was chosen."""
        product = objective.hessian_vector_product
        if self.estimator == "gauss_newton":
            product = objective.gauss_newton_vector_product
        return sophia(point, hyperparameters, product)
