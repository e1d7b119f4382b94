"""What may be asked for of a point."""

from dataclasses import dataclass
from typing import Literal

from benchmark.errors import UserError

Matrix = Literal["hessian", "gauss_newton"]
Part = Literal["train", "validation", "test"]
MATRICES = {"hessian": "Hessian", "gauss_newton": "Gauss-Newton matrix"}
"""The matrices in words."""


class InspectionError(UserError, ValueError):
    """What was named cannot be examined."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is measured.

    Args:
        matrix: ``"hessian"`` or ``"gauss_newton"``.
        part: of the dataset.
        samples: examples drawn from it, 0 for all.
        eigenvalues: how many at the upper end, ≥ 2; half as many at the lower one.
        exact_limit: the most parameters whose full matrix is formed.
        lanczos_steps: products of the diagnosis beyond.
        density: whether the density is estimated.
        trajectory: whether a trial is trained again for its way.
        epochs: at how many epochs of the way curvature is measured, spread by their
            logarithm; 0 for none.
        grid: points along each side of the plane, 0 for no plane.
        seed: of the drawn examples and of all random vectors.
    """

    matrix: Matrix = "hessian"
    part: Part = "train"
    samples: int = 0
    eigenvalues: int = 10
    exact_limit: int = 1000
    lanczos_steps: int = 40
    density: bool = True
    trajectory: bool = True
    epochs: int = 8
    grid: int = 41
    seed: int = 0

    def wants_exact(self, size: int) -> bool:
        """Whether all eigenvalues are asked for, of so many parameters.

        Fewer than the products of Lanczos' method cost no more than it does.

        Args:
            size: the number of parameters.
        """
        return size <= max(self.exact_limit, self.lanczos_steps)
