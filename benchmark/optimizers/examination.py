"""What of a Keras optimizer class may be a tensor, found out by trying.

A class may branch on a number in Python, turn it into a float, use it only in its constructor
or in ``build``, or keep it under another name. Then the number is a *constant* of the class, and
each of its values compiles a program of its own. Documentation does not say which numbers these
are, so the class takes some steps on two small variables with its numbers as tensors.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.backend import keras_internals
from benchmark.errors import failure_reason
from benchmark.optimizers.adapter import adapt, place_of
from benchmark.optimizers.constructor import read_constructor
from benchmark.optimizers.hyperparameter import Hyperparameter

Array = np.ndarray[Any, Any]
ROUNDING = 1e-3
"""The share of the way that two computations of the same steps may be apart.

Keras computes 1 − β from a Python float, a program from its float32: for β = 0.999 that is
1e-5 of it, and 2e-4 of the moments where β = 0.9999. Iterations that orthogonalise (Muon)
magnify it some times.
"""
UNITS = 8 * float(np.finfo("float32").eps)
"""Roundings of weights of size one in four steps, some operations each."""


def distance(points: Sequence[Array], others: Sequence[Array]) -> float:
    """The largest difference; infinite where anything is not finite.

    Example:
        >>> distance([np.zeros(2)], [np.array([1.0, -3.0])])
        3.0
    """
    pairs = zip(points, others, strict=True)
    largest = max(float(np.max(np.abs(point - reference))) for point, reference in pairs)
    return largest if np.isfinite(largest) else float("inf")


def tolerance(points: Sequence[Array], start: Sequence[Array]) -> float:
    """How far two computations may be apart that went from ``start`` to ``points``."""
    return ROUNDING * distance(points, start) + UNITS


def other_values(rule: Hyperparameter, usual: float) -> list[float]:
    """Other values of a number, those first that change most within its range.

    Example:
        >>> other_values(Hyperparameter(default=0.9, low=0.0, high=1.0), 0.9)
        [0.5, 0.75, 0.45, 0.0625, 0.5]
        >>> other_values(Hyperparameter(default=5, low=1.0, integer=True), 5)
        [6, 4]
    """
    if rule.integer:
        whole = [int(usual) + 1, max(1, int(usual) - 1)]
        return [value for value in whole if rule.allows(value)]
    shares = [0.5, 0.75] if rule.high == 1 else []
    candidates = [*shares, usual / 2, 2 * usual, 2.0**-4, 0.5, -usual, 2.0]
    return [value for value in candidates if rule.allows(value) and value != usual]


Arguments = tuple[tuple[str, Any], ...]
"""Keyword arguments as a value, sorted by name."""
RATE = 2.0**-4
"""Larger than most defaults, so that steps stand out of the rounding of the weights."""
SHAPES = ((3, 2), (2,))
SCALES = (4.0, 0.05, 1.0, 0.02)
"""Of the gradients, step by step: where they are alike, signs and ratios hide the numbers."""
DIFFERENT = "its steps as a pure function are not those that it makes itself"
VISIBLE = 10 * ROUNDING
"""The share of the way that a number must move the weights by to be seen at all."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What of a class may be a tensor.

    Args:
        constants: numbers that may not.
        failure: why the class cannot be adapted at all; empty where it can.
    """

    constants: frozenset[str] = frozenset()
    failure: str = ""


def examine(optimizer_class: Any, arguments: Arguments = ()) -> Findings:
    """Find out which numbers of a class may be tensors.

    With all numbers as tensors, and with each of them changed alone, the adapted class
    makes some steps side by side with the class itself, which was constructed with those
    numbers. Where all at once cannot be traced, each is tried alone.

    Args:
        optimizer_class: a subclass of ``keras.optimizers.Optimizer``.
        arguments: what is fixed, options above all: with other options a class may
            branch elsewhere.
    """
    trial = _Trial(optimizer_class, dict(arguments))
    constants = {name for name in trial.numbers if not trial.has_place(name)}
    error = trial.trace(constants)
    if error:
        free = set(trial.numbers) - constants
        constants |= {name for name in free if trial.trace(set(trial.numbers) - {name})}
        error = trial.trace(constants)
    if error:
        return Findings(failure=error)
    try:
        wrong = trial.differing(constants)
    except (Exception, SystemExit) as raised:  # a class of anyone's
        return Findings(failure=failure_reason(raised))
    if "" in wrong:
        return Findings(failure=DIFFERENT)
    return Findings(frozenset(constants | wrong))


def verify(optimizer_class: Any, arguments: Arguments, findings: Findings) -> str:
    """Compare a class with itself once more, where its constants have other values.

    Args:
        optimizer_class: the class.
        arguments: options and constants.
        findings: of :func:`examine`, with these options.

    Returns:
        Why its steps as a pure function cannot be trusted; empty where they can.
    """
    trial = _Trial(optimizer_class, dict(arguments))
    try:
        optimizer = trial.adapted(findings.constants)
        adapted = [rows[0] for rows in trial.steps(optimizer, [{}])]
        plain = trial.plain_steps({})
    except (Exception, SystemExit) as error:  # a class of anyone's
        return failure_reason(error)
    return "" if distance(adapted, plain) <= trial.tolerance(plain) else DIFFERENT


class _Trial:
    """A class that is made to step.

    Args:
        optimizer_class: the class.
        arguments: fixed ones.
    """

    def __init__(self, optimizer_class: Any, arguments: Mapping[str, Any]) -> None:
        self.optimizer_class = optimizer_class
        self.arguments = {"learning_rate": RATE, **arguments}
        table, _ = read_constructor(optimizer_class)
        if "learning_rate" not in table:
            self.arguments.pop("learning_rate")
        self.table = table
        present = {name for name, number in table.items() if number.default is not None}
        self.numbers = sorted(present | (set(arguments) & set(table)))
        random = np.random.default_rng(3)
        self.start = [random.uniform(0.2, 1, shape).astype("float32") for shape in SHAPES]
        self.gradients = [
            [np.float32(scale) * random.normal(size=shape).astype("float32") for shape in SHAPES]
            for scale in SCALES
        ]

    def has_place(self, name: str) -> bool:
        """Whether the class keeps a number where it can be changed."""
        plain = self.optimizer_class(**self.arguments)
        is_variable = name == "learning_rate" and isinstance(
            keras_internals.learning_rate(plain), keras.Variable
        )
        return is_variable or place_of(plain, name) is not None

    def trace(self, constants: set[str]) -> str:
        """Try one step with all numbers but the constants as tensors; return what it raises."""
        try:
            optimizer = self.adapted(constants)
            self._traced(optimizer, *self._states(optimizer, [{}]))
        except (Exception, SystemExit) as error:  # a class of anyone's
            return failure_reason(error)
        return ""

    def differing(self, constants: set[str]) -> set[str]:
        """The numbers that have another effect as tensors, or none that is seen.

        An empty name stands for the class with its numbers as they are.
        """
        optimizer = self.adapted(constants)
        usual = _variables_of(optimizer)
        plain = self.plain_steps({})
        changed: dict[str, tuple[float, list[Array]]] = {}
        for name in (name for name in usual if name in self.numbers):
            change = self._changed(name, usual[name], plain)
            if change is not None:
                changed[name] = change
        rows = [usual, *({**usual, name: value} for name, (value, _) in changed.items())]
        together = self.steps(optimizer, rows)
        expected = [plain, *(points for _, points in changed.values())]
        wrong = {name for name in usual if name in self.numbers and name not in changed}
        for index, (name, points) in enumerate(zip(["", *changed], expected, strict=True)):
            found_points = [stacked[index] for stacked in together]
            if distance(found_points, points) > self.tolerance(points):
                wrong.add(name)
        return wrong

    def _changed(
        self, name: str, usual: float, plain: list[Array]
    ) -> tuple[float, list[Array]] | None:
        """Another value of a number, and where the class itself gets with it.

        Nothing where the class refuses all that are tried, or where none is seen.
        """
        for value in other_values(self.table[name], usual):
            try:
                points = self.plain_steps({name: value})
            except (Exception, SystemExit):  # noqa: S112 - a range that is not in the table
                continue
            if distance(points, plain) > VISIBLE * distance(plain, self.start):
                return value, points
        return None

    def plain_steps(self, changes: Mapping[str, float]) -> list[Array]:
        """Where the class itself gets, by Keras's own ``apply``."""
        optimizer = self.optimizer_class(**{**self.arguments, **changes})
        variables = [
            keras.Variable(value, name=f"weights_{i}") for i, value in enumerate(self.start)
        ]
        for gradients in self.gradients:
            optimizer.apply([ops.convert_to_tensor(g) for g in gradients], variables)
        return [np.asarray(ops.convert_to_numpy(variable.value)) for variable in variables]

    def adapted(self, constants: Collection[str]) -> Any:
        """The adapted class, built."""
        optimizer = adapt(self.optimizer_class, constants)(**self.arguments)
        # Other weights than those it will step from: a class that reads them here is found out.
        optimizer.build([keras.Variable(value + 1) for value in self.start])
        return optimizer

    def _states(self, optimizer: Any, rows: Sequence[Mapping[str, float]]) -> tuple[Any, Any]:
        """Variables and weights before the first step, stacked over the rows' numbers."""
        states = []
        for numbers in rows:
            optimizer.set_hyperparameters(numbers)
            states.append([np.array(ops.convert_to_numpy(v.value)) for v in optimizer.variables])
        values_of_rows = [np.stack(values) for values in zip(*states, strict=True)]
        return values_of_rows, [np.stack([value] * len(rows)) for value in self.start]

    def _traced(self, optimizer: Any, variables: Any, weights: Any) -> Any:
        step = backend.vectorize(optimizer.stateless_apply, (0, None, 0))
        return backend.trace(step, variables, self.gradients[0], weights)

    def steps(self, optimizer: Any, rows: Sequence[Mapping[str, float]]) -> list[Array]:
        """Where the adapted class gets as a pure function, with the numbers of each row."""
        variables, weights = self._states(optimizer, rows)
        step = self._traced(optimizer, variables, weights)
        for gradients in self.gradients:
            weights, variables = step(list(variables), gradients, list(weights))
        return [np.asarray(ops.convert_to_numpy(weight)) for weight in weights]

    def tolerance(self, points: list[Array]) -> float:
        """How far two computations of the same steps may be apart."""
        return tolerance(points, self.start)


def _variables_of(optimizer: Any) -> dict[str, float]:
    """The numbers of an adapted optimizer that are variables, with their values."""
    values = optimizer.hyperparameters
    return {name: value for name, value in values.items() if name not in optimizer.constants}
