"""L-BFGS: quasi-Newton steps from the last few changes of the gradient."""

from collections.abc import Sequence

import keras
from keras import ops

from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.line_search import Line, wolfe
from benchmark.optimizers.objective import Objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer, Point, Step
from benchmark.optimizers.shared_hyperparameters import LINE_SEARCH_TRIALS, RELAXATION
from benchmark.optimizers.stability import OWN_STEP
from benchmark.optimizers.tensors import State, Tensor, number_dtype, precision
from benchmark.optimizers.vectors import Vector, dot, moved, norm, ratio, scaled

_MEMORY = Hyperparameter(
    default=10,
    low=1,
    low_included=True,
    integer=True,
    space={"low": 3, "high": 20, "log": False},
    source="default: SciPy's L-BFGS-B; space: Nocedal, Wright 2006, section 7.2",
)


ENTRY = OptimizerEntry(
    summary="quasi-Newton steps from recent changes of the gradient, with a line search",
    hyperparameters={
        "learning_rate": RELAXATION,
        "memory": _MEMORY,
        "line_search_trials": LINE_SEARCH_TRIALS,
    },
    constants=frozenset({"memory", "line_search_trials"}),
    advice="Keep learning_rate = 1 and use the full batch, or large mini-batches (Nocedal, "
    "Wright 2006, section 7.2; Schraudolph et al. 2007)",
    stability=OWN_STEP + "a line search.",
)


SAFEGUARD = 2.0**-23
"""sᵀy must be above this multiple of ‖y‖², as in L-BFGS-B, there with float64's."""


def two_loop_recursion(
    gradient: Sequence[Tensor],
    steps: Sequence[Tensor],
    changes: Sequence[Tensor],
    inverses: Tensor,
    scale: Tensor,
) -> Vector:
    """Return H g, H being the inverse Hessian that the pairs (s, y) stand for.

    Args:
        gradient: g.
        steps: s of each pair, the oldest first: for every variable a tensor of its shape
            with a leading axis over the pairs.
        changes: y, likewise.
        inverses: ρ = 1 / sᵀy of each pair, 0 for a place without one.
        scale: γ of the initial H = γ I.

    References:
        Nocedal, Wright, Numerical Optimization, 2006, algorithm 7.4.
    """
    count = inverses.shape[0]
    pairs = [([s[i] for s in steps], [y[i] for y in changes]) for i in range(count)]
    q = list(gradient)
    alphas: Vector = []
    for index in reversed(range(count)):
        s, y = pairs[index]
        alpha = inverses[index] * dot(s, q)
        q = moved(q, -alpha, y)
        alphas.insert(0, alpha)
    r = scaled(scale, q)
    for index, (s, y) in enumerate(pairs):
        beta = inverses[index] * dot(y, r)
        r = moved(r, alphas[index] - beta, s)
    return r


def limited_memory_bfgs(
    point: Point, hyperparameters: State, objective: Objective, trials: int
) -> Step:
    """Return a quasi-Newton step whose length meets Wolfe's conditions.

    Args:
        point: states ``steps`` and ``changes``; shared ``inverses`` and ``scale``, see
            :func:`two_loop_recursion`.
        hyperparameters: ``learning_rate``, the first length of each search.
        objective: asked for some values with gradients.
        trials: how many at most.
    """
    gradient, shared, new_state = point.gradient, point.shared, point.states
    is_empty = ops.equal(shared["inverses"][-1], 0)
    # A first step of unit length at most: nothing is known of the scale yet.
    unit = ops.minimum(1, ratio(ops.ones_like(point.value), norm(gradient)))
    scale = ops.where(is_empty, unit, shared["scale"])
    wanted = two_loop_recursion(
        gradient, new_state["steps"], new_state["changes"], shared["inverses"], scale
    )
    direction = scaled(-1, wanted)
    slope = dot(gradient, direction)
    line = Line(point.weights, direction, point.value, slope, gradient)
    search = wolfe(objective, line, hyperparameters["learning_rate"], trials)
    s = scaled(search.length, direction)
    y = [new - old for new, old in zip(search.gradient, gradient, strict=True)]
    new_state, shared = _remembered(point, s, y, search.length)
    return Step(scaled(-1, s), search.evaluations, new_state, shared)


def _remembered(
    point: Point, s: Vector, y: Vector, length: Tensor
) -> tuple[dict[str, Vector], State]:
    """The pairs with a new one, where its curvature is positive; none after a failed search."""
    product, square = dot(s, y), dot(y, y)
    is_sound = product > SAFEGUARD * square
    pushed = {
        name: [
            ops.where(is_sound, ops.concatenate([old[1:], ops.expand_dims(new, 0)]), old)
            for old, new in zip(point.states[name], vector, strict=True)
        ]
        for name, vector in (("steps", s), ("changes", y))
    }
    inverses = point.shared["inverses"]
    newest = ops.reshape(ratio(ops.ones_like(product), product), (1,))
    inverses = ops.where(is_sound, ops.concatenate([inverses[1:], newest]), inverses)
    inverses = ops.where(length > 0, inverses, ops.zeros_like(inverses))
    scale = ops.where(is_sound, ratio(product, square), point.shared["scale"])
    return pushed, {"inverses": inverses, "scale": scale}


@keras.saving.register_keras_serializable(package="kappabench")
class LBFGS(ObjectiveOptimizer):
    """L-BFGS, the quasi-Newton method with limited memory.

        s = W − W', y = ∇f(W) − ∇f(W')     of the last m steps, m = ``memory``
        H ≈ (∂²f/∂W²)⁻¹                    by the two-loop recursion over (s, y),
                                           from γ I with γ = sᵀy / yᵀy of the newest
        W ← W − t H g                      t by a line search that meets Wolfe's conditions

    The search doubles and bisects from t = ``learning_rate`` on, with at most
    ``line_search_trials`` values and gradients; if none goes down enough the weights rest
    and the memory is emptied, so that the next step begins with the gradient. A pair is
    kept only where sᵀy > ε ‖y‖², so that H stays positive definite. The first step is at
    most of unit length.

    Both gradients of a pair are of the same mini-batch, so that y is curvature and not the
    difference of two mini-batches (Schraudolph et al.); on the full batch it is the plain
    method, for which one gradient a step is computed twice. A step takes one gradient and
    one more in each trial. Stores 2 m numbers per weight.

    Departure: a bisection in place of a strong-Wolfe search with interpolation, so that the
    number of trials is fixed.

    Args:
        learning_rate: the first t.
        arguments: clipping, ``weight_decay``, ``name`` …, see
            :class:`~benchmark.optimizers.objective_optimizer.ObjectiveOptimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number, or an argument is not offered.

    Example:
        >>> import keras
        >>> from benchmark.optimizers.objective import function_objective
        >>> valley = function_objective(
        ...     lambda w: (1 - w[0][0]) ** 2 + 100 * (w[0][1] - w[0][0] ** 2) ** 2)
        >>> weights = keras.Variable([-1.2, 1.0])
        >>> optimizer = LBFGS()
        >>> for _ in range(50):
        ...     before = optimizer.minimize(valley, [weights])
        >>> weights.numpy().round(2).tolist()
        [1.0, 1.0]

    References:
        Liu, Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
        Nocedal, Wright, Numerical Optimization, 2006, section 7.2. Schraudolph, Yu, Günter,
        A stochastic quasi-Newton method for online convex optimization, 2007.
    """

    entry = ENTRY
    state_names = ("steps", "changes")

    def initial_state(self, weights: Tensor) -> State:
        """Return empty places for the pairs of one variable."""
        shape = (self.constants["memory"], *weights.shape)
        return {name: ops.zeros(shape, dtype=precision(weights)) for name in self.state_names}

    def initial_shared(self) -> State:
        """Return the state before the first step: no pair."""
        dtype = number_dtype()
        inverses = ops.zeros((self.constants["memory"],), dtype=dtype)
        return {
            **super().initial_shared(),
            "inverses": inverses,
            "scale": ops.ones((), dtype=dtype),
        }

    def objective_rule(self, point: Point, hyperparameters: State, objective: Objective) -> Step:
        """Apply :func:`limited_memory_bfgs`."""
        trials = self.constants["line_search_trials"]
        return limited_memory_bfgs(point, hyperparameters, objective, trials)
