"""The extreme eigenvalues that a page lists."""

import numpy as np
from scipy.sparse.linalg import aslinearoperator

from benchmark.inspection import Settings
from benchmark.inspection.spectrum import extreme_pairs


def test_an_eigenvalue_that_occurs_twice_is_listed_twice():
    """From a single start vector the first copy of 20 and 10 had converged before the second."""
    spectrum = np.array([-5.0, *np.linspace(0, 1, 97), 10.0, 20.0, 20.0])
    pairs = extreme_pairs(
        aslinearoperator(np.diag(spectrum)), Settings(eigenvalues=2), is_exact=False
    )
    assert pairs is not None
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.eigenvalues, [-5.0, 20.0, 20.0], rtol=1e-9)


def test_a_matrix_that_is_formed_gives_the_two_sharpest_directions():
    operator = aslinearoperator(np.diag([1.0, 4.0, 2.0]))
    pairs = extreme_pairs(operator, Settings(), is_exact=True)
    assert pairs is not None
    np.testing.assert_allclose(pairs.eigenvalues, [2.0, 4.0])
    assert pairs.vectors is not None
    np.testing.assert_allclose(np.abs(pairs.vectors), [[0, 0], [0, 1], [1, 0]], atol=1e-15)
