"""The one table of optimizers that drives the property tests, a module for each family."""

from tests.optimizers.cases import adaptive, classical, recent

CASES = [*classical.CASES, *adaptive.CASES, *recent.CASES]
