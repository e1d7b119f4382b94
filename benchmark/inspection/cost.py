"""What an examination is going to cost, said before it is computed."""

import time

import numpy as np

from benchmark.curvature import CurvatureOperator, exact_plan
from benchmark.inspection.settings import MATRICES, Settings


def cost_of(operator: CurvatureOperator, settings: Settings, points: int) -> str:
    """Say what the whole matrix costs, and whether it will be formed.

    Args:
        operator: n × n. A block of products is computed twice: the first time it is compiled,
            which is needed anyway, the second time is measured.
        settings: which give the limit.
        points: at how many weights curvature is taken.
    """
    size, limit = operator.shape[0], settings.exact_limit
    plan = exact_plan(size)
    matrix = MATRICES[settings.matrix]
    if not settings.wants_exact(size):
        return (
            f"The {matrix} of {size} parameters is not formed, for they are more than the limit "
            f"of {limit}: {settings.lanczos_steps} Lanczos steps find the ends of its spectrum. "
            f"{plan.sentence} --exact-limit {size} asks for them."
        )
    if not plan.fits:
        return (
            f"The {matrix} of {size} parameters does not fit: {plan.sentence} "
            f"{settings.lanczos_steps} Lanczos steps stand in for it."
        )
    block = np.zeros((size, min(size, operator.block_size)))
    operator.matmat(block)
    begun = time.perf_counter()
    operator.matmat(block)
    seconds = plan.seconds(time.perf_counter() - begun, operator.block_size)
    often = f", and is formed at {points} points of the way" if points > 1 else ""
    return (
        f"The whole {matrix} is formed{often}. {plan.sentence} By a block of products that was "
        f"timed, about {max(seconds, 0.1):.1g} s each time."
    )
