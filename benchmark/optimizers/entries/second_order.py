"""Optimizers that use products with the Hessian."""

from benchmark.optimizers.entry import OptimizerEntry

SECOND_ORDER: dict[str, OptimizerEntry] = {}
