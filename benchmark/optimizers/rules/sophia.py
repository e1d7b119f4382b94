"""Sophia: momentum over a running diagonal of the Hessian, clipped element by element."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from benchmark.optimizers.objective import Objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer, Point, Step
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State
from benchmark.optimizers.vectors import Tensor, Vector

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
    found, offset = [], 0
    for tensor in like:
        size = 1
        for length in tensor.shape:
            size *= int(length)
        places = ops.cast(ops.arange(offset, offset + size, dtype="int32"), "uint32")
        bits = _mixed(ops.bitwise_xor(_mixed(places * _constant(_GOLDEN_RATIO)), key))
        top = ops.cast(ops.right_shift(bits, _constant(31)), tensor.dtype)
        found.append(ops.reshape(1 - 2 * top, tensor.shape))
        offset += size
    return found


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
    """Return the update α·clip(m / max(γ h, ε), −1, 1).

    Args:
        point: slots ``momentum``, m, and ``hessian``, h.
        hyperparameters: ``learning_rate`` α, ``beta_1``, ``beta_2``, ``gamma`` γ,
            ``epsilon`` ε, ``update_interval`` k and ``seed``.
        product: ``(weights, vectors)`` -> products with the Hessian or Gauss-Newton matrix.
    """
    beta_1, beta_2 = hyperparameters["beta_1"], hyperparameters["beta_2"]
    interval = hyperparameters["update_interval"]
    is_due = ops.equal(ops.mod(point.step - 1, interval), 0)
    signs = random_signs(hyperparameters["seed"], point.step, point.weights)
    momentum, hessian, updates = [], [], []
    for m, h, g, u, hu in zip(
        point.slots["momentum"],
        point.slots["hessian"],
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
        slots={"momentum": momentum, "hessian": hessian},
    )


@keras.saving.register_keras_serializable(package="kappabench")
class Sophia(ObjectiveOptimizer):
    """Sophia: each weight's momentum over its own curvature, clipped.

        m ← β₁ m + (1 − β₁) g                         β₁ = ``beta_1``
        h ← β₂ h + (1 − β₂) u ⊙ (H u)                 β₂ = ``beta_2``, at steps 1, 1 + k, …
        W ← W − α clip(m / max(γ h, ε), −1, 1)        k = ``update_interval``, γ = ``gamma``

    with α = ``learning_rate``, ε = ``epsilon`` and u random signs: the expectation of
    u ⊙ H u is the diagonal of H (Hutchinson). Where the curvature is small or negative the
    step is α in magnitude, that of a sign. With ``estimator="gauss_newton"`` the
    Gauss-Newton matrix takes the place of H: an estimate of the same diagonal as that of
    the paper's Gauss-Newton-Bartlett estimator, from a product in place of labels that are
    drawn from the model's outputs, and so for any loss.

    A step takes a gradient, and a product where one is due: 1 + 1/k evaluations a step in
    the long run. A compiled program computes the product in every step, since its trials
    are at different ones; wall-clock time does not show what an interval saves. The signs
    are a hash of ``seed`` and step, so that every engine draws the same. Keeps two numbers
    a weight.

    Weight decay is decoupled, by ``weight_decay``.

    Args:
        learning_rate: α > 0, or a schedule. Default 1e-3, our choice, that of Adam: for
            language models the paper advises 0.8 times that of AdamW, from 3e-4 on.
        beta_1: 0 ≤ β₁ < 1. Default 0.96, the paper's (section 3.1).
        beta_2: 0 ≤ β₂ < 1. Default 0.99, the paper's.
        gamma: γ > 0. Default 0.01, the paper's with Hutchinson's estimator; 0.05 there
            with Gauss-Newton-Bartlett's. To be chosen so that 10 to 50 % of the elements
            are not clipped.
        epsilon: ε > 0. Default 1e-12, the paper's.
        update_interval: k ≥ 1. Default 10, the paper's.
        seed: of the random signs, ≥ 0. Default 0.
        estimator: ``"hutchinson"`` or ``"gauss_newton"``; structural.
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

    hyperparameter_table = OPTIMIZERS["sophia"].hyperparameters
    slot_names = ("momentum", "hessian")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.96,
        beta_2: float = 0.99,
        gamma: float = 0.01,
        epsilon: float = 1e-12,
        update_interval: int = 10,
        seed: int = 0,
        estimator: str = "hutchinson",
        **arguments: Any,
    ) -> None:
        if estimator not in ESTIMATORS:
            raise ValueError(
                f"estimator must be one of {', '.join(ESTIMATORS)}. Received {estimator!r}."
            )
        numbers = {
            "beta_1": beta_1,
            "beta_2": beta_2,
            "gamma": gamma,
            "epsilon": epsilon,
            "update_interval": update_interval,
            "seed": seed,
        }
        super().__init__(learning_rate, numbers, **arguments)
        self.estimator = estimator

    def objective_rule(self, point: Point, hyperparameters: State, objective: Objective) -> Step:
        """Apply :func:`sophia` with the estimator that was chosen."""
        product = objective.hessian_vector_product
        if self.estimator == "gauss_newton":
            product = objective.gauss_newton_vector_product
        return sophia(point, hyperparameters, product)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        return {**super().get_config(), "estimator": self.estimator}
