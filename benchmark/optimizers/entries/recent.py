"""Optimizers of recent years: matrices, no learning rate, two gradients a step."""

from benchmark.optimizers.entries.matrix import MATRIX
from benchmark.optimizers.entry import OptimizerEntry

RECENT: dict[str, OptimizerEntry] = {**MATRIX}
