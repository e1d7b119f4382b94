"""The limits of η·λmax against companion matrices, NumPy loops and the optimizers themselves."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.commands.optimizer_page import limits_section
from benchmark.conformance import Outcome, check_property
from benchmark.curvature.stability import declared, limit_without_state, stepping
from benchmark.curvature.steps import StepRule, ascended
from benchmark.optimizers import OPTIMIZERS, build_optimizer, load_optimizer, registry
from benchmark.optimizers.objective import function_objective
from benchmark.optimizers.stability import (
    AveragedIterates,
    MomentumRecurrence,
    Recurrence,
    Snapshot,
    Stability,
    Stepping,
)
from tests.source_tree import ROOT

Array = np.ndarray[Any, Any]
Pair = tuple[float, float]
KNOWN = [name for name in OPTIMIZERS if isinstance(declared(name), Stability)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_has_a_limit_or_a_reason(name):
    where = f"`stability` of ENTRY in {registry.rule_path(name)}"
    stability = declared(name)
    assert stability is not None, (
        f"{name} must declare its limit of η·λmax, or why it has none. "
        f"Received nothing at {where}. "
        "Give it a Stability (benchmark/optimizers/stability.py has the forms), or a sentence."
    )
    if isinstance(stability, Stability):
        return
    reason = stepping(name, Snapshot(0.1, {}, 3))
    assert isinstance(reason, str), where
    assert reason.startswith(f"{name} has no"), f"{where} must begin with '{{}} has no'"
    assert reason.endswith("."), f"{where} must be a sentence, with a full stop"


def test_the_page_has_the_limits_as_they_are_declared():
    page = (ROOT / "docs" / "optimizers.md").read_text(encoding="utf-8")
    assert limits_section().strip() in page, (
        "docs/optimizers.md must have the limits that benchmark/optimizers/rules/ declares. "
        "Run python -m benchmark.commands.optimizer_page docs/optimizers.md"
    )


# A step of (W, v) or (z, x) along one eigenvector, as each method's paper or docstring has it.


def heavy_ball(s: float, beta: float, omega: float, _: float) -> Callable[[Pair], Pair]:
    def step(state: Pair) -> Pair:
        velocity = beta * state[1] + s * state[0]
        return (1 - omega) * state[0] - velocity, velocity

    return step


def nesterov(s: float, beta: float, omega: float, _: float) -> Callable[[Pair], Pair]:
    def step(state: Pair) -> Pair:
        velocity = beta * state[1] + s * state[0]
        return (1 - omega) * state[0] - beta * velocity - s * state[0], velocity

    return step


def running_mean(s: float, beta: float, omega: float, _: float) -> Callable[[Pair], Pair]:
    def step(state: Pair) -> Pair:
        mean = beta * state[1] + (1 - beta) * state[0]
        return (1 - omega) * state[0] - s * mean, mean

    return step


def looked_ahead(s: float, beta: float, omega: float, _: float) -> Callable[[Pair], Pair]:
    """NAdam after its warm-up: n = β m + (1 − β) g."""

    def step(state: Pair) -> Pair:
        mean = beta * state[1] + (1 - beta) * state[0]
        return (1 - omega) * state[0] - s * (beta * mean + (1 - beta) * state[0]), mean

    return step


def schedule_free(s: float, beta: float, omega: float, share: float) -> Callable[[Pair], Pair]:
    def step(state: Pair) -> Pair:
        y = (1 - beta) * state[0] + beta * state[1]
        z = state[0] - (s + omega) * y
        return z, (1 - share) * state[1] + share * z

    return step


FORMS: dict[str, tuple[Any, Callable[[float, float, float], Recurrence]]] = {
    "heavy ball": (heavy_ball, lambda beta, omega, _: MomentumRecurrence(beta, decay=omega)),
    "nesterov": (nesterov, lambda beta, omega, _: MomentumRecurrence(beta, beta, 1.0, omega)),
    "mean": (running_mean, lambda beta, omega, _: MomentumRecurrence(beta, 1 - beta, decay=omega)),
    "nadam": (
        looked_ahead,
        lambda beta, omega, _: MomentumRecurrence(beta, (1 - beta) * beta, 1 - beta, omega),
    ),
    "schedule-free": (
        schedule_free,
        lambda beta, omega, share: AveragedIterates(beta, share, omega),
    ),
}


@pytest.mark.parametrize("omega", [0.0, 0.1])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("form", FORMS)
def test_at_the_limit_the_largest_root_is_one_and_nowhere_before(form, beta, omega):
    make, recurrence_of = FORMS[form]
    for share in (1e-4, 0.1, 1.0):
        recurrence = recurrence_of(beta, omega, share)
        for factor in (*np.linspace(0.01, 0.98, 40), 1.0, 1.02, 1.5):
            s = factor * recurrence.limit
            step = make(s, beta, omega, share)
            matrix = np.array([step((1.0, 0.0)), step((0.0, 1.0))]).T
            np.testing.assert_allclose(np.poly(matrix), recurrence.polynomial(s), atol=1e-10)
            radius = np.abs(np.roots(recurrence.polynomial(s))).max()
            if factor == 1.0:
                assert radius == pytest.approx(1.0, abs=1e-9)
            else:
                assert (radius > 1) == (factor > 1)


@pytest.mark.parametrize("form", FORMS)
def test_a_loop_contracts_below_the_limit_and_diverges_above(form):
    make, recurrence_of = FORMS[form]
    for factor, grows in ((0.98, False), (1.02, True)):
        state = (1.0, 1.0)
        step = make(factor * recurrence_of(0.7, 0.05, 0.01).limit, 0.7, 0.05, 0.01)
        for _ in range(3000):
            state = step(state)
        assert (np.hypot(*state) > 1e3) if grows else (np.hypot(*state) < 1e-3)


@pytest.mark.parametrize(
    ("name", "numbers", "limit"),
    [
        ("gradient_descent", {}, 2.0),
        ("sgd", {}, 2.0),
        ("averaged_sgd", {}, 2.0),
        ("momentum", {"momentum": 0.9}, 3.8),
        ("dampened_momentum", {"momentum": 0.9}, 38.0),
        ("nesterov", {"momentum": 0.9}, 3.8 / 2.8),
        ("sgd", {"learning_rate": 0.1, "weight_decay": 1.0}, 1.9),
        ("adam", {"beta_1": 0.9}, None),
        ("lion", {}, None),
        ("keras:SGD", {"momentum": 0.9}, None),
    ],
)
def test_published_limits_of_the_hessian_itself(name, numbers, limit):
    computed_limit = limit_without_state(name, numbers)
    assert (
        computed_limit is None
        if limit is None
        else computed_limit == pytest.approx(limit, rel=1e-12)
    )


# The optimizers themselves.

LIKE_ADAM = [
    name for name in KNOWN if {"beta_1", "beta_2", "epsilon"} <= {*OPTIMIZERS[name].hyperparameters}
]
NUMBERS: dict[str, dict[str, float]] = {
    "momentum": {"momentum": 0.7},
    "dampened_momentum": {"momentum": 0.7},
    "nesterov": {"momentum": 0.7},
    "adagrad": {"initial_accumulator_value": 0.2, "epsilon": 1e-3},
    "adadelta": {"rho": 0.8, "epsilon": 1e-3},
    "rmsprop": {"rho": 0.8, "momentum": 0.0, "epsilon": 1e-3},
    **{name: {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3} for name in LIKE_ADAM},
    "shampoo": {"momentum": 0.7, "epsilon": 1e-3},
    "soap": {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3, "precondition_frequency": 5},
    "schedule_free_sgd": {"momentum": 0.7},
    "schedule_free_adamw": {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3},
    "prodigy": {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3, "initial_distance": 10.0},
    "dog": {"initial_movement": 0.3},
    "gradient_descent": {"tolerance": 0.0},
}
SHAPES = ((3, 2), (3,))
RNG = np.random.default_rng(5)
START = [RNG.normal(size=shape) for shape in SHAPES]
GRADIENTS = [[RNG.normal(size=shape) for shape in SHAPES] for _ in range(13)]


def flat(arrays: Any) -> Array:
    return np.concatenate([np.ravel(keras.ops.convert_to_numpy(array)) for array in arrays])


def built(name: str, numbers: dict[str, float], **options: Any) -> tuple[Any, list[Any]]:
    optimizer = build_optimizer(name, numbers, constants=options)
    weights = [keras.Variable(value, dtype="float64") for value in START]
    optimizer.build(weights)
    return optimizer, weights


def snapshot(name: str, optimizer: Any, step: int) -> Snapshot:
    values = [keras.ops.convert_to_numpy(variable.value) for variable in optimizer.variables]
    defaults = {
        key: hyperparameter.default
        for key, hyperparameter in OPTIMIZERS[name].hyperparameters.items()
    }
    numbers = {**defaults, **optimizer.hyperparameters}
    states, shared = optimizer.memory(values)
    return Snapshot(numbers["learning_rate"], numbers, step, states, shared)


def read(name: str, optimizer: Any, step: int) -> Stepping:
    reading = stepping(name, snapshot(name, optimizer, step))
    assert isinstance(reading, Stepping), reading
    return reading


def apply(optimizer: Any, weights: list[Any], gradients: Any) -> None:
    tensors = [keras.ops.convert_to_tensor(gradient, dtype="float64") for gradient in gradients]
    optimizer.apply(tensors, weights)


def preconditioned(reading: Stepping, vector: Array) -> Array:
    """P⁻¹ v."""
    if reading.root is None:
        return vector
    return np.asarray(reading.root(reading.root(vector[:, None])))[:, 0]


OPTIONS: list[tuple[str, dict[str, Any], int]] = [
    *[
        (name, {}, 13)
        for name in KNOWN
        if name not in {"sam", "adadelta"} and not name.startswith("schedule_free")
    ],
    # Until ρₜ > 4, which is the fifth step at most values of β₂.
    ("radam", {}, 3),
    ("adam", {"amsgrad": True}, 13),
    ("rmsprop", {"centered": True}, 13),
    # Iterate and average are one point after the first step.
    ("schedule_free_sgd", {}, 1),
    ("schedule_free_adamw", {}, 1),
]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("name", "options", "steps"), OPTIONS)
def test_an_update_is_the_recurrence_over_the_preconditioner(name, options, steps):
    """W − W' must be ω W + η P⁻¹ (a v + b g), v being what the gradients alone make of it."""
    numbers = {"learning_rate": 0.1, **NUMBERS.get(name, {})}
    if OPTIMIZERS[name].weight_decay:
        numbers["weight_decay"] = 0.3
    optimizer, weights = built(name, numbers, **options)
    before = flat(weights)
    for gradients in GRADIENTS[:steps]:
        before = flat(weights)
        apply(optimizer, weights, gradients)
    reading = read(name, optimizer, steps)
    recurrence = reading.recurrence
    if isinstance(recurrence, MomentumRecurrence):
        past = np.array([flat(step_gradients) for step_gradients in GRADIENTS[:steps]])
        velocity = recurrence.momentum ** np.arange(steps)[::-1] @ past
        direction = recurrence.velocity * velocity + recurrence.gradient * past[-1]
    else:
        assert isinstance(recurrence, AveragedIterates)
        assert recurrence.share == pytest.approx(1.0)
        direction = flat(GRADIENTS[0])
    expected = recurrence.decay * before + reading.rate * preconditioned(reading, direction)
    assert recurrence.decay == pytest.approx(reading.rate * numbers.get("weight_decay", 0.0))
    # Shampoo's root is exact but for a shift of 2⁻⁴⁴ of the norm, in float64.
    np.testing.assert_allclose(before - flat(weights), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.usefixtures("float64")
def test_adadelta_divides_by_the_ratio_of_its_two_means():
    """Its step uses the mean of the updates before; what is read is that of the next step."""
    optimizer, weights = built("adadelta", {"learning_rate": 0.1, **NUMBERS["adadelta"]})
    for gradients in GRADIENTS[:-1]:
        apply(optimizer, weights, gradients)
    earlier, before = snapshot("adadelta", optimizer, 12), flat(weights)
    apply(optimizer, weights, GRADIENTS[-1])
    last = snapshot("adadelta", optimizer, 13)
    states = [
        {**new, "squared_update": old["squared_update"]}
        for new, old in zip(last.states, earlier.states, strict=True)
    ]
    reading = stepping("adadelta", Snapshot(0.1, last.numbers, 13, states))
    assert isinstance(reading, Stepping)
    expected = 0.1 * preconditioned(reading, flat(GRADIENTS[-1]))
    np.testing.assert_allclose(before - flat(weights), expected, rtol=1e-10)


# With an ε far above every gradient the preconditioner of a real optimizer stays as it is.
FROZEN: dict[str, dict[str, float]] = {
    "adagrad": {"initial_accumulator_value": 1e8},
    "adadelta": {"rho": 0.5, "epsilon": 1e8},
    "rmsprop": {"rho": 0.5, "momentum": 0.6, "epsilon": 1e8},
    **{name: {"beta_1": 0.6, "beta_2": 0.5, "epsilon": 1e4} for name in LIKE_ADAM},
    "radam": {"beta_1": 0.6, "beta_2": 0.8, "epsilon": 1e4},
    "shampoo": {"momentum": 0.6, "epsilon": 1e8},
    "soap": {"beta_1": 0.6, "beta_2": 0.5, "epsilon": 1e4},
    "schedule_free_sgd": {"momentum": 0.5},
    "schedule_free_adamw": {"beta_1": 0.5, "beta_2": 0.5, "epsilon": 1e4},
    "prodigy": {"beta_1": 0.6, "beta_2": 0.5, "epsilon": 1e4, "initial_distance": 1e3},
    "dog": {"epsilon": 1e8, "initial_movement": 1e3},
}
LIVELY = 120
# One for each form of the recurrence and of its preconditioner; the others are slow.
REPRESENTATIVES = ("sgd", "nesterov", "adam", "rmsprop", "schedule_free_sgd")


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("factor", [0.98, 1.02])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in REPRESENTATIVES))
        for name in KNOWN
        if name != "sam"
    ],
)
def test_an_optimizer_contracts_below_its_limit_and_diverges_above(name, factor):
    numbers = {"learning_rate": 1.0, **NUMBERS.get(name, {}), **FROZEN.get(name, {})}
    numbers |= {"weight_decay": 0.0} if OPTIMIZERS[name].weight_decay else {}
    # Until running means are full; NAdam's μₜ is β₁ (1 − 0.96ᵗ / 2).
    quiet = 160 if name == "nadam" else 40
    size = sum(array.size for array in START)
    basis, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(size, size)))
    hessian = (basis * np.linspace(0.5, 3.0, size)) @ basis.T
    optimizer, weights = built(name, numbers)
    start = 1e-3 * flat(START)

    def begin() -> None:
        optimizer.reset()
        for variable, part in zip(weights, split(start), strict=True):
            variable.assign(part)
        for _ in range(quiet):
            apply(optimizer, weights, split(np.zeros(size)))

    begin()
    # Rates scale all steps alike, so that one reading gives the rate at the limit; decay, a
    # share of the weights, is given in proportion to it.
    reading = read(name, optimizer, quiet)
    inverse = np.column_stack([preconditioned(reading, row) for row in np.eye(size)])
    sharpest = np.linalg.eigvals(inverse @ hessian).real.max()
    omega = 0.05 if OPTIMIZERS[name].weight_decay else 0.0
    limit = (
        reading.recurrence.limit * (1 - omega / 2)
        if isinstance(reading.recurrence, MomentumRecurrence)
        else reading.recurrence.limit - omega
    )
    rate = factor * limit / (reading.rate * sharpest)
    optimizer.set_hyperparameters(
        {"learning_rate": rate} | ({"weight_decay": omega / (rate * reading.rate)} if omega else {})
    )
    begin()
    for variable, part in zip(weights, split(start), strict=True):
        variable.assign(part)
    again = read(name, optimizer, quiet)
    assert again.rate * sharpest / again.recurrence.limit == pytest.approx(factor, rel=1e-9)
    lengths = []
    for _ in range(LIVELY):
        apply(optimizer, weights, split(hessian @ flat(weights)))
        lengths.append(np.linalg.norm(flat(weights)))
    growth = max(lengths[-10:]) / max(lengths[50:60])
    assert growth > 1.5 if factor > 1 else growth < 0.7


def split(vector: Array) -> list[Array]:
    ends = np.cumsum([array.size for array in START])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(vector, ends), SHAPES, strict=True)]


@pytest.mark.usefixtures("float64")
def test_the_blocks_of_sides_are_symmetric_roots():
    """P^(-1/2) of SOAP and Shampoo as a matrix: symmetric, definite, of one block a variable."""
    for name in ("soap", "shampoo"):
        optimizer, weights = built(name, {"learning_rate": 0.1, **NUMBERS[name]})
        for gradients in GRADIENTS:
            apply(optimizer, weights, gradients)
        reading = read(name, optimizer, len(GRADIENTS))
        assert reading.root is not None
        root = reading.root(np.eye(9))
        np.testing.assert_allclose(root, root.T, atol=1e-12 * np.abs(root).max())
        assert np.linalg.eigvalsh(root)[0] > 0
        assert not root[:6, 6:].any()


@pytest.mark.usefixtures("float64")
def test_shampoo_with_a_diagonal_side_is_read_too():
    optimizer = load_optimizer("shampoo")(0.1, epsilon=1e-3, max_preconditioner_dim=2)
    weights = [keras.Variable(value, dtype="float64") for value in START]
    optimizer.build(weights)
    for gradients in GRADIENTS:
        before = flat(weights)
        apply(optimizer, weights, gradients)
    reading = read("shampoo", optimizer, len(GRADIENTS))
    expected = 0.1 * preconditioned(reading, flat(GRADIENTS[-1]))
    np.testing.assert_allclose(before - flat(weights), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_sam_grows_or_shrinks_along_one_direction_by_the_present_norm(momentum):
    """In one dimension the pull is towards the |g| at which η·λ is at the limit of that |g|."""
    curvature, radius, rate = 2.0, 0.05, 0.6
    parabola = function_objective(lambda w: curvature * keras.ops.sum(w[0] ** 2) / 2)
    optimizer = build_optimizer("sam", {"learning_rate": rate, "momentum": momentum, "rho": radius})
    weights = [keras.Variable(np.array([1.0]), dtype="float64")]
    optimizer.build(weights)
    reading = read("sam", optimizer, 0)
    assert (reading.rate, reading.radius) == (rate, radius)
    assert reading.recurrence.limit == pytest.approx(2 + 2 * momentum)
    norms = []
    for _ in range(400):
        optimizer.minimize(parabola, weights)
        norms.append(curvature * abs(float(weights[0].numpy()[0])))
    # The swing that repeats itself is where the limit meets η·λ.
    rule = StepRule(rate, reading.recurrence.limit, radius=radius)
    assert ascended(rule, norms[-1]) == pytest.approx(rate * curvature, rel=1e-6)
    assert ascended(rule, 2 * norms[-1]) > rate * curvature > ascended(rule, norms[-1] / 2)


def test_sam_with_a_penalty_has_none():
    numbers = {"momentum": 0.0, "rho": 0.1, "l2": 0.1}
    assert "penalty" in str(stepping("sam", Snapshot(0.1, numbers)))


def reason(name: str, at: Snapshot) -> str:
    sentence = stepping(name, at)
    assert isinstance(sentence, str)
    return sentence


def test_a_built_in_optimizer_that_declares_no_limit_is_found(monkeypatch):
    entry = dataclasses.replace(OPTIMIZERS["adam"], stability=None)
    monkeypatch.setattr(registry, "OPTIMIZERS", {**OPTIMIZERS, "adam": entry})
    monkeypatch.setattr("benchmark.curvature.stability.OPTIMIZERS", registry.OPTIMIZERS)
    message = reason("adam", Snapshot(0.1, {}, 5))
    assert message == (
        "a built-in optimizer must declare its stability limit, or a sentence on why it has none. "
        "Received adam without one, at ENTRY in benchmark/optimizers/rules/adam.py. "
        "Give OptimizerEntry a `stability` (benchmark/optimizers/stability.py has the forms)."
    )
    result = check_property("adam", "stability limit")
    assert (result.outcome, result.words) == (Outcome.FAILED, message)
    assert check_property("sgd", "stability limit").outcome is Outcome.PASSED
    assert check_property("keras:SGD", "stability limit").outcome is Outcome.DOES_NOT_APPLY


def test_a_class_of_a_user_may_declare_its_limit():
    from tests.conformance.broken_optimizers import Declared

    name = f"{Declared.__module__}:Declared"
    steps = stepping(name, Snapshot(0.1, {"momentum": 0.5}, 1))
    assert isinstance(steps, Stepping)
    assert steps.recurrence.limit == 3.0
    assert check_property(name, "stability limit").outcome is Outcome.PASSED
    assert limit_without_state(name, {"momentum": 0.5}) is None  # a report imports no class


def test_what_is_not_known_is_said():
    numbers = {"learning_rate": 0.1, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
    assert "no step yet" in reason("adam", Snapshot(0.1, numbers))
    assert "not kept with the weights" in reason("adam", Snapshot(0.1, numbers, 5))
    assert "it is not a built-in optimizer" in reason("keras:SGD", Snapshot(0.1, numbers, 5))
    states = [{"second_moment": np.array([np.inf, 1.0])}]
    assert "not positive and finite" in reason("adam", Snapshot(0.1, numbers, 5, states))
    decayed = reason("sgd", Snapshot(0.5, {"weight_decay": 5.0}))
    assert decayed == (
        "Weight decay alone multiplies the weights by 1 − 2.5 in a step of sgd, so that they grow "
        "whatever η·λmax is."
    )
