"""What ``speed --curvature`` measures."""

from collections.abc import Mapping
from dataclasses import dataclass

from speed.curvature.work import FIVE_THOUSAND, ONE_MILLION
from speed.plan import Task


@dataclass(frozen=True, slots=True)
class CurvatureSizes:
    """How much is measured.

    Args:
        repetitions: of ours; competitors are repeated three times at most.
        exact: hidden units of the network whose full Hessian is formed.
        large: hidden units of the large network.
        products: spent on it.
    """

    repetitions: int
    exact: tuple[int, ...]
    large: tuple[int, ...]
    products: int


FULL = CurvatureSizes(10, FIVE_THOUSAND, ONE_MILLION, 100)
QUICK = CurvatureSizes(3, (20,), (200, 200), 50)
CHUNK_SIZE = 256
"""Of the large network's examples: four chunks and a rest."""


def curvature_tasks(sizes: CurvatureSizes) -> list[Task]:
    """List everything that a run measures.

    Args:
        sizes: ``QUICK`` or ``FULL``.

    Example:
        >>> [task.name for task in curvature_tasks(QUICK)][:3]
        ['curvature_pyhessian', 'curvature_curvlinops', 'curvature_eigenvalues/tensorflow/float32']
    """
    few = {"repetitions": min(3, sizes.repetitions)}
    found = [
        Task("curvature_pyhessian", "", "PyHessian, ten eigenvalues", "", few),
        Task("curvature_curvlinops", "", "curvlinops with SciPy, ten eigenvalues", "", few),
    ]
    frameworks = ("tensorflow", "jax")
    many = {"repetitions": sizes.repetitions}
    exact = {**few, "hidden": sizes.exact}
    for kind, title, dtypes, arguments in (
        ("eigenvalues", "ten eigenvalues", ("float32", "float64"), many),
        ("product", "a product and a gradient", ("float64",), many),
        ("exact", "the full Hessian", ("float64",), exact),
    ):
        found += [
            _task(kind, framework, dtype, title, arguments)
            for framework in frameworks
            for dtype in dtypes
        ]
    large = {"products": sizes.products, "hidden": sizes.large, "chunk_size": CHUNK_SIZE}
    found += [
        _task("large", framework, "float32", "a large network", large) for framework in frameworks
    ]
    return found


def _task(
    kind: str, framework: str, dtype: str, title: str, arguments: Mapping[str, object]
) -> Task:
    name = f"ours, {title}, {framework}, {dtype}"
    return Task(
        f"curvature_{kind}", f"{framework}/{dtype}", name, framework, {**arguments, "dtype": dtype}
    )
