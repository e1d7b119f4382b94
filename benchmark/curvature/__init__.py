"""The curvature of a training loss: its Hessian's spectrum, and what follows from it.

A loss f(W) has the gradient g = ∇f(W) and the Hessian H = ∇²f(W) at weights W. A step with the
learning rate η along −g changes the loss to

    f(W − η g) ≈ f(W) − η gᵀg + ½ η² gᵀHg

The largest eigenvalue of H limits the stable learning rate, the ratio κ of the largest to the
smallest limits the speed, and the signs of the eigenvalues tell a bowl from a saddle.

    program = HessianProgram(model_loss(model, loss))       compiled once for each structure
    operator = program.at(weights, x, y)                    the Hessian at a point
    curvature = diagnose(operator)                          numbers, and sentences about them

A :class:`GaussNewtonProgram` is used in the same way. The functions for spectra take any symmetric
linear operator, such as ``scipy.sparse.linalg.aslinearoperator(matrix)``.

A name is imported when it is first used, because stability limits and the types of results need
neither Keras nor SciPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.curvature.checks import AsymmetryError, check_products, check_rows
    from benchmark.curvature.density import SpectralDensity, spectral_density
    from benchmark.curvature.diagnosis import Surroundings, diagnose, warm_up_lanczos
    from benchmark.curvature.eigenpairs import Eigenpairs, extreme_eigenvalues
    from benchmark.curvature.exact import (
        ExactPlan,
        ExactSpectrum,
        exact_eigenvalues,
        exact_hessian,
        exact_plan,
        largest_exact_size,
    )
    from benchmark.curvature.gradient import gradient_noise
    from benchmark.curvature.lanczos import LanczosResult
    from benchmark.curvature.losses import ComposedLoss, model_loss
    from benchmark.curvature.moments import Estimate, Moments, effective_rank, estimate_moments
    from benchmark.curvature.operators import (
        BlockOperator,
        CurvatureOperator,
        GaussNewtonOperator,
        HessianOperator,
        SymmetricOperator,
        block_operator,
        layer_slices,
    )
    from benchmark.curvature.program import GaussNewtonProgram, HessianProgram, join, split
    from benchmark.curvature.results import Curvature
    from benchmark.curvature.steps import SteppedOperator, StepRule
    from benchmark.curvature.subspace import Subspace
    from benchmark.curvature.threads import OneThread

__all__ = [
    "AsymmetryError",
    "BlockOperator",
    "ComposedLoss",
    "Curvature",
    "CurvatureOperator",
    "Eigenpairs",
    "Estimate",
    "ExactPlan",
    "ExactSpectrum",
    "GaussNewtonOperator",
    "GaussNewtonProgram",
    "HessianOperator",
    "HessianProgram",
    "LanczosResult",
    "Moments",
    "OneThread",
    "SpectralDensity",
    "StepRule",
    "SteppedOperator",
    "Subspace",
    "Surroundings",
    "SymmetricOperator",
    "block_operator",
    "check_products",
    "check_rows",
    "diagnose",
    "effective_rank",
    "estimate_moments",
    "exact_eigenvalues",
    "exact_hessian",
    "exact_plan",
    "extreme_eigenvalues",
    "gradient_noise",
    "join",
    "largest_exact_size",
    "layer_slices",
    "model_loss",
    "spectral_density",
    "split",
    "warm_up_lanczos",
]

_MODULES = {
    "AsymmetryError": "checks",
    "BlockOperator": "operators",
    "ComposedLoss": "losses",
    "Curvature": "results",
    "CurvatureOperator": "operators",
    "Eigenpairs": "eigenpairs",
    "Estimate": "moments",
    "ExactPlan": "exact",
    "ExactSpectrum": "exact",
    "GaussNewtonOperator": "operators",
    "GaussNewtonProgram": "program",
    "HessianOperator": "operators",
    "HessianProgram": "program",
    "LanczosResult": "lanczos",
    "Moments": "moments",
    "OneThread": "threads",
    "SpectralDensity": "density",
    "StepRule": "steps",
    "SteppedOperator": "steps",
    "Subspace": "subspace",
    "Surroundings": "diagnosis",
    "SymmetricOperator": "operators",
    "block_operator": "operators",
    "check_products": "checks",
    "check_rows": "checks",
    "diagnose": "diagnosis",
    "effective_rank": "moments",
    "estimate_moments": "moments",
    "exact_eigenvalues": "exact",
    "exact_hessian": "exact",
    "exact_plan": "exact",
    "extreme_eigenvalues": "eigenpairs",
    "gradient_noise": "gradient",
    "join": "program",
    "largest_exact_size": "exact",
    "layer_slices": "operators",
    "model_loss": "losses",
    "spectral_density": "density",
    "split": "program",
    "warm_up_lanczos": "diagnosis",
}


def __getattr__(name: str) -> Any:
    """Import the module of a public name when the name is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
