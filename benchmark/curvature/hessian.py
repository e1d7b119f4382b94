"""Compiled products with the Hessian of a loss."""

from collections.abc import Callable
from typing import Any

from benchmark import backend
from benchmark.curvature.operators import HessianOperator
from benchmark.curvature.program import CurvatureProgram, keep_dtype

Tensor = Any


class HessianProgram(CurvatureProgram[HessianOperator]):
    """The gradient and Hessian products of a loss, compiled once for all weights and data.

    The engine keeps one program for each structure of model and data; :meth:`at` binds it to
    weights and data without compiling again, as long as shapes are the same.

    Args:
        loss: ``f(parameters, x, y)`` or ``f(parameters, x, y, state)``, the mean over the
            examples of x and y; see :func:`benchmark.curvature.model_loss`.
        chunk_size: examples that pass through the loss at once, ≥ 1. Memory grows with
            ``chunk_size × block_size``. Data that are no multiple compile a second time.
        block_size: vectors multiplied at once by :meth:`CurvatureOperator.matmat`, ≥ 1. The
            activations of a block should fit into a processor's cache: for the 5,035
            parameters of a digits network over 1,078 examples, float64 on two CPU cores, JAX
            took 3.3 s with 16 and 6.1 s with 32, TensorFlow 4.8 and 4.5 s.
        dtype: the arithmetic, ``"float64"`` or ``"float32"``; the loss must keep it.

    Raises:
        ValueError: a size is below 1, or the dtype is another.
        TypeError: at the first use, the loss returns another dtype.

    Example:
        >>> import numpy as np
        >>> from keras import ops
        >>> program = HessianProgram(lambda parameters, x, y: ops.sum(parameters[0] ** 4))
        >>> for point in (1.0, 2.0):
        ...     operator = program.at([np.array([point])], np.zeros((1, 1)), np.zeros(1))
        ...     print(operator.matvec(np.array([1.0])), program.compilations)
        [12.] 1
        [48.] 1
    """

    def __init__(
        self,
        loss: Callable[..., Tensor],
        *,
        chunk_size: int = 2048,
        block_size: int = 16,
        dtype: str = "float64",
    ) -> None:
        checked = keep_dtype(loss, dtype)
        super().__init__(
            checked,
            backend.hessian_vector_product(checked),
            HessianOperator,
            chunk_size=chunk_size,
            block_size=block_size,
            dtype=dtype,
        )
