"""Roots and bases of matrices by products of matrices alone.

Decompositions would not do. A function of one trial is mapped over many and compiled: TensorFlow
has no mapped QR, and its compiled eigendecomposition iterates until the last matrix of the
batch has converged, so that a trial's bits would depend on its neighbours. What follows is a
fixed number of products, the same for every matrix of a size and a type.

Every function takes the last two axes for a matrix and maps over those before them.
"""

import math

from keras import ops
from keras.backend import standardize_dtype

from benchmark import backend
from benchmark.optimizers.tensors import Tensor

_ROUNDING = {"float32": 2.0**-20, "float64": 2.0**-44}
"""What rounding leaves of a symmetric matrix, relative to its norm: a few bits are spent."""
_QUADRATIC = 8
"""Newton steps from an eigenvalue of one half to one within the rounding of float64."""


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns as which a variable is seen: its last axis is the columns.

    So a dense kernel is (inputs, outputs), and the kernel of a convolution, (height, width,
    inputs, outputs), is that of the matrix product that computes it: a row for each number
    that a unit sees, a column for each unit. A vector or a number is one column.

    Example:
        >>> matrix_shape((3, 3, 8, 16)), matrix_shape((10,)), matrix_shape(())
        ((72, 16), (10, 1), (1, 1))
    """
    if len(shape) < 2:
        return math.prod(shape), 1
    return math.prod(shape[:-1]), shape[-1]


def is_due(updates: Tensor, frequency: Tensor) -> Tensor:
    """Return whether what is renewed at intervals is to be renewed at the next update.

    Args:
        updates: made so far; counted by the optimizer itself, for Keras's iterations count
            the gradients that are accumulated into one update, too.
        frequency: a whole number ≥ 1.
    """
    return ops.equal(ops.mod(updates, frequency), 0)


def transposed(matrix: Tensor) -> Tensor:
    """Return the transpose of the last two axes."""
    return ops.swapaxes(matrix, -1, -2)


def rounding_of(matrix: Tensor) -> float:
    """Return the share of a symmetric matrix's norm below which its eigenvalues are rounding.

    Example:
        >>> from keras import ops
        >>> rounding_of(ops.ones((2, 2))) == 2.0**-20
        True
    """
    return _ROUNDING[standardize_dtype(matrix.dtype)]


def inverse_root(matrix: Tensor, order: int) -> Tensor:
    """Return (A + δ‖A‖ I)^(−1/p) by the coupled Newton iteration.

        M₀ = z A,  X₀ = z^(1/p) I          z = (1 + p) / (2 ‖A‖), so that X₀⁻ᵖ M₀ = A
        T = ((1 + p) I − M) / p            p = ``order``
        X ← X T,  M ← Tᵖ M                 until M = I, and X = A^(−1/p)

    ‖A‖ is Frobenius's norm. δ, 2⁻²⁰ in float32 and 2⁻⁴⁴ in float64, keeps the matrix definite
    whatever rounding made of its smallest eigenvalues, and bounds the number of steps: each
    enlarges an eigenvalue near zero by (1 + 1/p)ᵖ.

    Args:
        matrix: A, symmetric with eigenvalues ≥ 0, not all of them 0.
        order: p, 2 or 4.

    Example:
        >>> from keras import ops
        >>> root = inverse_root(ops.convert_to_tensor([[4.0, 0.0], [0.0, 16.0]]), 2)
        >>> [round(float(root[i, i]), 4) for i in range(2)]
        [0.5, 0.25]

    References:
        Guo, Higham, A Schur–Newton method for the matrix pth root and its inverse, SIAM J.
        Matrix Anal. Appl. 2006. Anil et al., Scalable second order optimization for deep
        learning, 2020, section 3, which uses it for Shampoo.
    """
    least = rounding_of(matrix)
    identity = ops.eye(matrix.shape[-1], dtype=matrix.dtype)
    norm = ops.sqrt(ops.sum(ops.square(matrix), axis=(-2, -1), keepdims=True))
    scale = (1 + order) / (2 * norm)
    steps = math.ceil(math.log(2 / (1 + order) / least) / (order * math.log(1 + 1 / order)))

    def step(_: Tensor, now: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        root, rest = now
        factor = ((1 + order) * identity - rest) / order
        power = factor @ factor
        power = power if order == 2 else power @ power
        return root @ factor, power @ rest

    start = (ops.power(scale, 1 / order) * identity, scale * (matrix + least * norm * identity))
    return backend.repeat(step, start, steps + _QUADRATIC)[0]


def orthonormal(columns: Tensor) -> Tensor:
    """Return Q of A = Q R, R upper triangular with a positive diagonal, by Gram and Schmidt.

    Each column is freed twice of those before it; once would leave as much of them as
    rounding makes of a nearly dependent one ("twice is enough").

    Args:
        columns: A, square and of full rank.

    Example:
        >>> from keras import ops
        >>> results = orthonormal(ops.convert_to_tensor([[3.0, 1.0], [4.0, 0.0]]))
        >>> [[round(float(number), 4) for number in row] for row in results]
        [[0.6, 0.8], [0.8, -0.6]]

    References:
        Giraud, Langou, Rozložník, van den Eshof, Rounding error analysis of the classical
        Gram–Schmidt orthogonalization process, Numerische Mathematik 2005.
    """
    size = columns.shape[-1]
    identity = ops.eye(size, dtype=columns.dtype)

    def step(index: Tensor, now: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (basis,) = now
        place = ops.take(identity, ops.reshape(index, (1,)), axis=1)
        column = columns @ place
        for _ in range(2):
            column = column - basis @ (transposed(basis) @ column)
        norm = ops.sqrt(ops.sum(ops.square(column), axis=(-2, -1), keepdims=True))
        return (basis + (column / norm) @ transposed(place),)

    return backend.repeat(step, (ops.zeros_like(columns),), size)[0]


def orthogonalized(
    matrix: Tensor, coefficients: tuple[Tensor, Tensor, Tensor], steps: int
) -> Tensor:
    """Return nearly U Vᵀ of A = U S Vᵀ by a quintic Newton–Schulz iteration.

        X₀ = A / ‖A‖,  X ← a X + (b X Xᵀ + c (X Xᵀ)²) X

    which maps each singular value s to a s + b s³ + c s⁵. The shorter side of A is taken for
    the rows, so that X Xᵀ is the smaller product.

    Args:
        matrix: A of any shape; ‖A‖ is Frobenius's norm, 1e-7 being added to it.
        coefficients: a, b and c.
        steps: how many, ≥ 1.

    References:
        Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
    """
    first, second, third = coefficients
    is_tall = matrix.shape[-2] > matrix.shape[-1]
    x = transposed(matrix) if is_tall else matrix
    norm = ops.sqrt(ops.sum(ops.square(x), axis=(-2, -1), keepdims=True))
    x = x / (norm + 1e-7)
    for _ in range(steps):
        square = x @ transposed(x)
        x = first * x + (second * square + third * (square @ square)) @ x
    return transposed(x) if is_tall else x
