"""The diagonal blocks of a curvature matrix: one layer's parameters, the others held fixed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.curvature.operators import Array, SymmetricOperator, epsilon_of


@dataclass(frozen=True, slots=True)
class BlockOperator:
    """H[s, s] of a symmetric operator H, itself one; see :func:`block_operator`."""

    whole: SymmetricOperator
    entries: slice

    @property
    def shape(self) -> tuple[int, int]:
        """(k, k) for k entries of the slice."""
        size = len(range(*self.entries.indices(self.whole.shape[0])))
        return size, size

    @property
    def epsilon(self) -> float:
        """Machine epsilon of the arithmetic inside."""
        return epsilon_of(self.whole)

    @property
    def block_size(self) -> int:
        """How many vectors :meth:`matmat` multiplies at once; 0 where any number suits."""
        return int(getattr(self.whole, "block_size", 0))

    def matvec(self, vector: Array) -> Array:
        """H[s, s] v for v of shape (k,)."""
        padded = np.zeros(self.whole.shape[0])
        padded[self.entries] = np.ravel(vector)
        return self.whole.matvec(padded)[self.entries]

    def matmat(self, matrix: Array) -> Array:
        """H[s, s] V for V of shape (k, columns)."""
        padded = np.zeros((self.whole.shape[0], matrix.shape[1]))
        padded[self.entries] = matrix
        return self.whole.matmat(padded)[self.entries]


def block_operator(operator: SymmetricOperator, entries: slice) -> BlockOperator:
    """Return a diagonal block of a symmetric operator as an operator of its own.

    Its eigenvalues are those of the loss along these parameters alone. By Cauchy's interlacing
    theorem they lie within the spectrum of the whole, so the largest of all blocks is a lower
    bound of its largest eigenvalue.

    Args:
        operator: n × n.
        entries: of a flat vector: one of ``CurvatureOperator.parameter_slices``, or of
            :func:`layer_slices`.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> from benchmark.curvature import exact_eigenvalues
        >>> whole = aslinearoperator(np.array([[2.0, 1.0, 9.0], [1.0, 2.0, 9.0], [9.0, 9.0, 0.0]]))
        >>> exact_eigenvalues(block_operator(whole, slice(0, 2))).eigenvalues.round(12).tolist()
        [1.0, 3.0]
    """
    return BlockOperator(operator, entries)


def layer_slices(variables: Sequence[Any]) -> dict[str, slice]:
    """Tell where the parameters of each layer lie in a flat vector.

    Args:
        variables: ``model.trainable_variables``; those of a layer stand side by side there.

    Returns:
        A slice for each layer, by its path in the model.

    Raises:
        ValueError: the variables of a layer stand apart.

    Example:
        >>> import keras
        >>> hidden, top = keras.layers.Dense(3, name="hidden"), keras.layers.Dense(1, name="top")
        >>> model = keras.Sequential([keras.Input((2,)), hidden, top])
        >>> {name.split("/")[-1]: place for name, place in
        ...  layer_slices(model.trainable_variables).items()}
        {'hidden': slice(0, 9, None), 'top': slice(9, 13, None)}
    """
    found: dict[str, slice] = {}
    first = 0
    for variable in variables:
        name = variable.path.rpartition("/")[0]
        last = first + int(np.prod(variable.shape))
        begin = found[name].start if name in found else first
        if name in found and found[name].stop != first:
            raise ValueError(
                "the variables of a layer must stand side by side. "
                f"Received those of {name!r} apart. Pass model.trainable_variables."
            )
        found[name] = slice(begin, last)
        first = last
    return found
