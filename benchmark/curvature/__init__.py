"""The curvature of a training loss: its Hessian's spectrum, and what follows from it.

A loss f(W), its gradient g = ∇f(W) and its Hessian H = ∇²f(W) are taken at given weights W. A
step of learning rate α along −g changes the loss by

    f(W − α g) ≈ f(W) − α gᵀg + ½ α² gᵀHg

(lectures that write W + α∇J mean α < 0 or ascent; descent is W − α∇J throughout here). What the
spectrum of H says: its largest eigenvalue bounds the stable learning rate, the ratio κ of the
largest to the smallest bounds the speed, and its signs tell a bowl from a saddle.

    program = HessianProgram(model_loss(model, loss))       compiled once for a structure
    operator = program.at(weights, x, y)                    the Hessian at a point
    curvature = diagnose(operator)                          numbers, and sentences on what is known
"""

from benchmark.curvature.diagnosis import Curvature, Surroundings, diagnose
from benchmark.curvature.exact import ExactSpectrum, exact_eigenvalues, exact_hessian
from benchmark.curvature.lanczos import LanczosResult, lanczos
from benchmark.curvature.losses import model_loss
from benchmark.curvature.noise import gradient_noise
from benchmark.curvature.operators import HessianOperator, SymmetricOperator
from benchmark.curvature.program import HessianProgram
from benchmark.curvature.steps import PreconditionedOperator, StepRule

__all__ = [
    "Curvature",
    "ExactSpectrum",
    "HessianOperator",
    "HessianProgram",
    "LanczosResult",
    "PreconditionedOperator",
    "StepRule",
    "Surroundings",
    "SymmetricOperator",
    "diagnose",
    "exact_eigenvalues",
    "exact_hessian",
    "gradient_noise",
    "lanczos",
    "model_loss",
]
