"""Up to which η·λmax the steps of an optimizer are stable: the parts of such a declaration.

Along an eigenvector of P⁻¹H with the eigenvalue λ, with the preconditioner P held fixed, a step of
a method multiplies its two numbers (the weight W and, for instance, a velocity) by a matrix. With
s = η·λ and all the rest fixed, the characteristic polynomial of that matrix is

    p(z) = z² − (τ₀ − τ₁ s) z + (δ₀ − δ₁ s)

and the method contracts while both roots lie inside the unit circle: p(1) > 0, p(−1) > 0 and
p(0) < 1 (the conditions of Jury). In every form here s ends that at z = −1: steps swing from one
side to the other and grow. So the limit is the s of p(−1) = 0, (1 + τ₀ + δ₀) / (τ₁ + δ₁).

Each optimizer's file declares a :class:`Stability`: which recurrence its steps are, and what P is.
:mod:`benchmark.curvature.stability` evaluates the declaration, and explains why the limit is not
derived from the Jacobian of the rule. Nothing here imports Keras: state variables come in as NumPy
arrays and are read in float64.

References:
    Jury, Theory and application of the z-transform method, 1964. Cohen et al., Gradient descent on
    neural networks typically occurs at the edge of stability, 2021, appendix B (momentum);
    Adaptive gradient methods at the edge of stability, 2022 (a fixed preconditioner).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
States = Mapping[str, np.ndarray[Any, Any]]
Root = Callable[[Array], Array]
"""P^(-1/2) V for the columns of V, shape (n, k)."""


class Recurrence(Protocol):
    """A method on a quadratic with a fixed preconditioner."""

    @property
    def limit(self) -> float:
        """What s = η·λmax must stay below."""

    def polynomial(self, sharpness: float) -> tuple[float, float, float]:
        """Return the coefficients of p(z) at s, the highest power first."""


@dataclass(frozen=True, slots=True)
class MomentumRecurrence:
    """A step along old and new gradients.

        v ← β v + P⁻¹ g
        W ← (1 − ω) W − η (a v + b P⁻¹ g)     with the new v

    has τ₀ = 1 − ω + β, τ₁ = a + b, δ₀ = β (1 − ω), δ₁ = β b and so the limit

        (1 + β) (2 − ω) / (a + b (1 + β))

    Gradient descent is β = 0, a = 1, b = 0; the heavy ball a = 1, b = 0; Nesterov's momentum
    a = β, b = 1; the running mean of Adam a = 1 − β, b = 0. g is the gradient before the weights
    decay, as in Keras.

    Args:
        momentum: β, 0 ≤ β < 1.
        velocity: a ≥ 0, the share of v.
        gradient: b ≥ 0, the share of the newest gradient besides.
        decay: ω ≥ 0, decoupled weight decay: a share of the weights in each step.

    Example:
        >>> MomentumRecurrence().limit, MomentumRecurrence(0.9).limit
        (2.0, 3.8)
        >>> round(MomentumRecurrence(0.9, 0.9, 1.0).limit, 4)                 # Nesterov's
        1.3571
        >>> round(MomentumRecurrence(0.9, velocity=1 - 0.9).limit, 9)         # Adam's
        38.0
    """

    momentum: float = 0.0
    velocity: float = 1.0
    gradient: float = 0.0
    decay: float = 0.0

    @property
    def limit(self) -> float:
        """What s = η·λmax must stay below."""
        growth = 1 + self.momentum
        return growth * (2 - self.decay) / (self.velocity + self.gradient * growth)

    def polynomial(self, sharpness: float) -> tuple[float, float, float]:
        """Return the coefficients of p(z) at s, the highest power first."""
        remaining = 1 - self.decay
        trace = remaining + self.momentum - sharpness * (self.velocity + self.gradient)
        return 1.0, -trace, self.momentum * (remaining - sharpness * self.gradient)


@dataclass(frozen=True, slots=True)
class AveragedIterates:
    """A step whose gradient is taken between the iterate and its average, as schedule-free ones.

        y = (1 − β) z + β x
        z ← z − η (P⁻¹ g(y) + λ y)
        x ← (1 − c) x + c z                with the new z

    With ω = η·λ and s' = s + ω it has the trace 2 − c − s' (1 − β + c β) and the determinant
    (1 − c) (1 − s' (1 − β)), and so the limit

        (4 − 2 c) / ((2 − c) (1 − β) + c β) − ω

    which goes to 2 / (1 − β) − ω as the share c of one more point in the average fades.

    Args:
        interpolation: β, 0 ≤ β < 1.
        share: c, 0 < c ≤ 1, held fixed.
        decay: ω ≥ 0.

    Example:
        >>> AveragedIterates(0.9, 1.0).limit, round(AveragedIterates(0.9, 1e-9).limit, 6)
        (2.0, 20.0)
    """

    interpolation: float
    share: float
    decay: float = 0.0

    @property
    def limit(self) -> float:
        """What s = η·λmax must stay below."""
        rest = (2 - self.share) * (1 - self.interpolation)
        return (4 - 2 * self.share) / (rest + self.share * self.interpolation) - self.decay

    def polynomial(self, sharpness: float) -> tuple[float, float, float]:
        """Return the coefficients of p(z) at s, the highest power first."""
        total, aside = sharpness + self.decay, 1 - self.interpolation
        trace = 2 - self.share - total * (aside + self.share * self.interpolation)
        return 1.0, -trace, (1 - self.share) * (1 - total * aside)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """An optimizer after a step: its hyperparameters and its state variables.

    Args:
        learning_rate: η > 0 of the last step, at the start that of the first.
        numbers: its hyperparameters by name; ``weight_decay`` where there is one.
        step: updates so far, ≥ 0.
        states: its state variables for each weight variable, by name.
        shared: its other state variables, by name.
    """

    learning_rate: float
    numbers: Mapping[str, float]
    step: int = 0
    states: Sequence[States] = ()
    shared: States = field(default_factory=dict)

    def decay(self, rate: float | None = None) -> float:
        """The share of the weights that decoupled decay takes in a step of a rate, η by default."""
        rate = self.learning_rate if rate is None else rate
        return rate * self.numbers.get("weight_decay", 0.0)

    def uncorrected(self, name: str) -> float:
        """1 − βᵗ, the share of a running mean that has been filled, of the β of some name."""
        return 1 - float(self.numbers[name]) ** self.step

    def has(self, name: str) -> bool:
        """Whether there is a state variable of this name."""
        return any(name in state for state in self.states)

    def flat(self, name: str) -> Array:
        """One state variable of all weights, after each other, in float64."""
        return np.concatenate([flat(state[name]) for state in self.states])

    def number(self, name: str) -> float:
        """One state variable that belongs to no weight."""
        return float(self.shared[name])


@dataclass(frozen=True, slots=True, eq=False)
class Stepping:
    """How an optimizer steps on a quadratic.

    Args:
        recurrence: along an eigenvector of P⁻¹H.
        rate: the η of η·λmax, where it is not the learning rate itself.
        root: P^(-1/2); the identity where it is missing.
        radius: ρ, where the gradient is taken at W + ρ g / ‖g‖. The recurrence is then that
            without it; what ρ does depends on ‖g‖.
        note: a sentence on P, on η, or on what is held fixed.
    """

    recurrence: Recurrence
    rate: float
    root: Root | None = None
    radius: float = 0.0
    note: str = ""


def flat(array: np.ndarray[Any, Any]) -> Array:
    """Return an array of any shape and type as a vector in float64."""
    return np.ravel(np.asarray(array)).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """P^(-1/2) of a diagonal P.

    Args:
        scale: its diagonal, shape (n,).
    """

    scale: Array

    def __call__(self, vectors: Array) -> Array:
        """Return P^(-1/2) V for the columns of V, shape (n, k)."""
        return self.scale[:, None] * vectors


def diagonal(preconditioner: Array) -> Root:
    """Return P^(-1/2) of a diagonal P.

    Args:
        preconditioner: its diagonal, shape (n,), > 0.

    Raises:
        FloatingPointError: an entry is not positive and finite.

    Example:
        >>> diagonal(np.array([4.0, 16.0]))(np.ones((2, 1))).tolist()
        [[0.5], [0.25]]
    """
    if not ((preconditioner > 0) & np.isfinite(preconditioner)).all():
        raise FloatingPointError("the preconditioner is not positive and finite")
    return Scaling(1 / np.sqrt(preconditioner))


@dataclass(frozen=True, slots=True)
class Stability:
    """The limit of η·λmax of an optimizer.

    Args:
        stepping: returns how the optimizer steps on a quadratic, from its state; a sentence
            where that has no limit.
        limit: the limit as a formula for ``docs/optimizers.md``.
        preconditioner: P as a formula.
        rate: η as a formula, where it is not the learning rate itself.
        needs_state: whether its state decides, so that nothing is known before a step.
        is_of_hessian: whether the limit is one of η·λmax(H) that its hyperparameters give.
    """

    stepping: Callable[[Snapshot], Stepping | str]
    limit: str
    preconditioner: str = "1"
    rate: str = "η"
    needs_state: bool = True
    is_of_hessian: bool = False


OWN_STEP = "{} has no limit of η·λmax: it chooses the length of each step by itself, from "
"""Why an optimizer has no limit; its file says from what."""
AT_THE_AVERAGE = "H is that at the average of the weights, where the trial is evaluated."
RUNNING_MEAN = "2 (1 + β₁) / (1 − β₁)"
"""The limit of steps along the running mean of the gradients."""
ADAM_ROOT = "(1 − β₁ᵗ) (√v + ε) / √(1 − β₂ᵗ)"
"""Adam's P, its bias corrections included."""


def held_fixed(formula: str) -> str:
    """Return the sentence that names P."""
    return f"P = {formula} of the last step, held fixed."


def descent(at: Snapshot) -> Stepping:
    """Return the stepping of W ← W − η g."""
    return Stepping(MomentumRecurrence(decay=at.decay()), at.learning_rate)


def scaled_descent(at: Snapshot, preconditioner: Array, formula: str) -> Stepping:
    """Return the stepping of W ← W − η g / p."""
    recurrence = MomentumRecurrence(decay=at.decay())
    return Stepping(
        recurrence, at.learning_rate, diagonal(preconditioner), note=held_fixed(formula)
    )


def mean_steps(at: Snapshot, preconditioner: Array, formula: str) -> Stepping:
    """Return the stepping of W ← W − η m / p along the running mean m of the gradients."""
    beta_1 = at.numbers["beta_1"]
    recurrence = MomentumRecurrence(beta_1, 1 - beta_1, decay=at.decay())
    return Stepping(
        recurrence, at.learning_rate, diagonal(preconditioner), note=held_fixed(formula)
    )


def adam_steps(at: Snapshot) -> Stepping:
    """Return the stepping of ηₜ m / (√v + ε) = η m / p; AMSGrad's largest v for v."""
    largest = "largest_second_moment"
    second = at.flat(largest if at.has(largest) else "second_moment")
    root = np.sqrt(second) + at.numbers["epsilon"]
    return mean_steps(at, bias_corrected(at, root), "(1 − β₁ᵗ)(√v + ε)/√(1 − β₂ᵗ)")


def bias_corrected(at: Snapshot, root: Array) -> Array:
    """Return p for the root √v + ε, with Adam's bias corrections as a part of it."""
    return at.uncorrected("beta_1") / np.sqrt(at.uncorrected("beta_2")) * root


ADAM_STABILITY = Stability(adam_steps, RUNNING_MEAN, ADAM_ROOT)
AVERAGED_LIMIT = "(4 − 2 c) / ((2 − c) (1 − β) + c β), c the share of the newest point"


def schedule_free_steps(at: Snapshot, interpolation: float) -> Stepping:
    """Return the stepping at the share that the last point had in the average."""
    rate = at.learning_rate * min(1.0, at.step / max(at.numbers["warmup_steps"], 1.0))
    share = min(1.0, rate**2 / at.number("weight_sum"))
    return Stepping(
        AveragedIterates(interpolation, share, at.decay(rate)),
        rate,
        note=f"The share of the newest point in the average is held at {share:.3g}. "
        f"{AT_THE_AVERAGE}",
    )


def two_sided(left: Array, right: Array) -> Root:
    """Return A X B for each column of V seen as a matrix X, row by row."""

    def apply(vectors: Array) -> Array:
        matrices = vectors.T.reshape(-1, len(left), len(right))
        return (left @ matrices @ right).reshape(len(matrices), -1).T

    return apply


def block_diagonal(blocks: Sequence[Root], sizes: Sequence[int]) -> Root:
    """Return several blocks along a diagonal.

    Args:
        blocks: P^(-1/2) of each variable: symmetric and positive definite, so that
            P^(-1/2) H P^(-1/2) is symmetric as with a diagonal P.
        sizes: of the blocks.
    """
    ends = np.cumsum(sizes)[:-1]

    def apply(vectors: Array) -> Array:
        parts = np.split(vectors, ends)
        return np.concatenate([block(part) for block, part in zip(blocks, parts, strict=True)])

    return apply
