"""The one table of optimizers that drives the property tests: ``CASES`` of every module here."""

import importlib
import pkgutil

MODULES = [
    importlib.import_module(f"{__name__}.{module.name}")
    for module in pkgutil.iter_modules(__path__)
    if module.name != "case"
]
CASES = [case for module in MODULES for case in module.CASES]
