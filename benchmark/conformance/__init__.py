"""A conformance suite: checks any Keras optimizer class as ours are checked.

Each property has a name and a sentence (:data:`PROPERTIES`) and comes out as passed, failed
with what was found in words, or not applicable with the reason. In a project's own tests::

    import pytest
    from benchmark.conformance import PROPERTIES, check_property

    @pytest.mark.parametrize("name", PROPERTIES)
    def test_my_optimizer(name):
        check_property("my_package.my_module:MyOptimizer", name).require()

and in a terminal ``python -m benchmark.run check-optimizer my_package.my_module:MyOptimizer``.
Importing this package imports no framework; checking does.
"""

from benchmark.conformance.checking import check_optimizer, check_property
from benchmark.conformance.properties import PROPERTIES, Examination, Outcome, Property, Result

__all__ = [
    "PROPERTIES",
    "Examination",
    "Outcome",
    "Property",
    "Result",
    "check_optimizer",
    "check_property",
]
