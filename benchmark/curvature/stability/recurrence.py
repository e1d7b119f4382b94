"""Methods on a quadratic as linear recurrences of two terms, and where these begin to grow.

Along an eigenvector of P⁻¹H with the eigenvalue λ, with the preconditioner P held fixed, a step of
a method multiplies what it keeps (the weight W and one number more) by a matrix. With s = η·λ and
all the rest fixed, the characteristic polynomial of that matrix is

    p(z) = z² − (τ₀ − τ₁ s) z + (δ₀ − δ₁ s)

and the method contracts while both roots lie inside the unit circle: p(1) > 0, p(−1) > 0 and
p(0) < 1 (the conditions of Jury). In every form here s ends that at z = −1: steps swing from one
side to the other and grow. So the limit is the s of p(−1) = 0, (1 + τ₀ + δ₀) / (τ₁ + δ₁).

References:
    Jury, Theory and application of the z-transform method, 1964. Cohen et al., Gradient descent on
    neural networks typically occurs at the edge of stability, 2021, appendix B (momentum);
    Adaptive gradient methods at the edge of stability, 2022 (a fixed preconditioner).
"""

from dataclasses import dataclass
from typing import Protocol


class Recurrence(Protocol):
    """A method on a quadratic with a fixed preconditioner."""

    @property
    def limit(self) -> float:
        """What s = η·λmax must stay below."""

    def polynomial(self, sharpness: float) -> tuple[float, float, float]:
        """Return the coefficients of p(z) at s, the highest power first."""


@dataclass(frozen=True, slots=True)
class Momentum:
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
        >>> Momentum().limit, Momentum(0.9).limit, round(Momentum(0.9, 0.9, 1.0).limit, 4)
        (2.0, 3.8, 1.3571)
        >>> round(Momentum(0.9, velocity=1 - 0.9).limit, 9)         # Adam's
        38.0
    """

    momentum: float = 0.0
    velocity: float = 1.0
    gradient: float = 0.0
    decay: float = 0.0

    @property
    def limit(self) -> float:
        """What s = η·λmax must stay below."""
        one = 1 + self.momentum
        return one * (2 - self.decay) / (self.velocity + self.gradient * one)

    def polynomial(self, sharpness: float) -> tuple[float, float, float]:
        """Return the coefficients of p(z) at s, the highest power first."""
        kept = 1 - self.decay
        trace = kept + self.momentum - sharpness * (self.velocity + self.gradient)
        return 1.0, -trace, self.momentum * (kept - sharpness * self.gradient)


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
