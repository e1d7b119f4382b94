"""Functions with a known minimum, gradient and Hessian, to try optimizers on.

Importing this package imports neither Keras nor a framework: a problem's class is imported when
:func:`build_problem` is called, and :func:`benchmark.problems.model.problem_model` makes a Keras
model of it, so that everything that trains a model minimises the function as well.
:mod:`benchmark.problems.surfaces` has those of two dimensions in NumPy, to be drawn.
"""

from benchmark.problems.building import build_problem
from benchmark.problems.catalogue import PROBLEMS, ProblemEntry, check_problem

__all__ = ["PROBLEMS", "ProblemEntry", "build_problem", "check_problem"]
