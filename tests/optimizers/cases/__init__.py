"""The one table of optimizers that drives the property tests, a module for each family."""

from tests.optimizers.cases import adaptive, classical, large_batch, matrix

CASES = [*classical.CASES, *adaptive.CASES, *large_batch.CASES, *matrix.CASES]
