"""The compiled step of an elementwise rule goes through the memory of a variable once, on JAX.

Seconds depend on the machine; the loops that a compiler makes of a step do not.
"""

import re
from typing import Any

import keras
import numpy as np
import pytest

from benchmark import backend
from benchmark.optimizers import OPTIMIZERS, load_optimizer
from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer

SHAPE = (32, 13)
"""One that nothing else in the program has, and that can be halved four times."""


def is_stepped_in_one_loop(optimizer_class: Any) -> bool:
    """Whether each weight's step depends on nothing but its own state."""
    is_joint = optimizer_class.joint_rule is not Optimizer.joint_rule
    is_given_objective = issubclass(optimizer_class, ObjectiveOptimizer)
    return optimizer_class.is_elementwise and not (is_joint or is_given_objective)


NAMES = [name for name in OPTIMIZERS if is_stepped_in_one_loop(load_optimizer(name))]

pytestmark = pytest.mark.skipif(
    backend.name() != "jax" or not backend.devices()[0].startswith("cpu"),
    reason="TensorFlow's XLA and those of graphics cards join loops by rules of their own",
)


def loops(name: str) -> list[str]:
    """What the compiled step has of loops that write whole variables, where it is due."""
    import jax

    backend.select("jax")  # sets the flags of XLA
    weights = keras.Variable(np.ones(SHAPE, "float32"))
    optimizer = load_optimizer(name)()
    optimizer.build([weights])

    def step(states: Any, gradient: Any, value: Any, is_due: Any) -> Any:
        stepped = optimizer.stateless_apply(states, [gradient], [value])
        return jax.tree.map(
            lambda new, old: jax.numpy.where(is_due, new, old), stepped, ([value], states)
        )

    states = [variable.value for variable in optimizer.variables]
    arguments = (states, weights.value, weights.value, np.bool_(True))
    text = jax.jit(step).lower(*arguments).compile().as_text()
    shape = re.escape(f"f32[{SHAPE[0]},{SHAPE[1]}]")
    return re.findall(rf"^ *(?:ROOT )?%\S+ = \(?{shape}.* fusion\(", text, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_slots_and_weights_are_written_by_one_loop(name: str) -> None:
    assert len(loops(name)) == 1


def test_a_stopping_rule_writes_nothing_but_the_weights() -> None:
    assert len(loops("gradient_descent")) == 1
