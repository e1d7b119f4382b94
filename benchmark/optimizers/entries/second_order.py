"""Optimizers that use products with the Hessian."""

from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter

_RELAXATION = Hyperparameter(
    default=1.0,
    low=0.0,
    space={"low": 0.1, "high": 1.0, "log": True},
    source="default: the method's own step; space: our choice, that step shortened up to tenfold",
)
_MAXIMUM_STEP = Hyperparameter(
    default=100.0,
    low=0.0,
    space={"low": 0.1, "high": 1000.0, "log": True},
    source="our choice: the exact step at curvatures from 10 to 0.001; by default at 0.01",
)

_LINE_SEARCH_TRIALS = Hyperparameter(
    default=10,
    low=1,
    low_included=True,
    integer=True,
    space={"low": 5, "high": 20, "log": False},
    source="our choice: ten halvings shorten a step to a thousandth",
)
_MEMORY = Hyperparameter(
    default=10,
    low=1,
    low_included=True,
    integer=True,
    space={"low": 3, "high": 20, "log": False},
    source="default: SciPy's L-BFGS-B; space: Nocedal, Wright 2006, section 7.2",
)
_CG_ITERATIONS = Hyperparameter(
    default=20,
    low=1,
    low_included=True,
    integer=True,
    space={"low": 5, "high": 100, "log": True},
    source="our choice; Martens 2010, Hessian-free optimization, allows 250",
)
_RADIUS = Hyperparameter(
    default=1.0,
    low=0.0,
    space={"low": 0.01, "high": 100.0, "log": True},
    source="default: SciPy's trust-ncg; space: our choice, two decades on either side",
)
_MAXIMUM_RADIUS = Hyperparameter(
    default=1000.0,
    low=0.0,
    space={"low": 1.0, "high": 10000.0, "log": True},
    source="default: SciPy's trust-ncg; space: our choice",
)


def _forcing_term(default: float, source: str) -> Hyperparameter:
    return Hyperparameter(
        default=default,
        low=0.0,
        high=1.0,
        space={"low": 0.001, "high": 0.9, "log": True},
        source=f"default: {source}; space: our choice, from almost exact to hardly a step",
    )


SECOND_ORDER: dict[str, OptimizerEntry] = {
    "steepest_descent": OptimizerEntry(
        summary="W ← W − learning_rate · α* g with the exact step α* = gᵀg / gᵀHg",
        target="benchmark.optimizers.rules.steepest_descent:SteepestDescent",
        hyperparameters={"learning_rate": _RELAXATION, "maximum_step": _MAXIMUM_STEP},
        advice="Keep learning_rate = 1; shorten it where the path zigzags (Raydan, Svaiter 2002).",
    ),
    "nonlinear_conjugate_gradient": OptimizerEntry(
        summary="Polak and Ribière's conjugate directions with the exact step −gᵀd / dᵀHd",
        target="benchmark.optimizers.rules.nonlinear_conjugate_gradient:NonlinearConjugateGradient",
        hyperparameters={
            "learning_rate": _RELAXATION,
            "maximum_step": _MAXIMUM_STEP,
            "line_search_trials": _LINE_SEARCH_TRIALS,
        },
        full_batch=True,
        constants=frozenset({"line_search_trials"}),
        advice="Keep learning_rate = 1, the exact step (Nocedal, Wright 2006, section 5.2).",
    ),
    "lbfgs": OptimizerEntry(
        summary="quasi-Newton steps from the last changes of the gradient, with a line search",
        target="benchmark.optimizers.rules.lbfgs:LBFGS",
        hyperparameters={
            "learning_rate": _RELAXATION,
            "memory": _MEMORY,
            "line_search_trials": _LINE_SEARCH_TRIALS,
        },
        constants=frozenset({"memory", "line_search_trials"}),
        advice="Keep learning_rate = 1 and take the full batch, or large mini-batches "
        "(Nocedal, Wright 2006, section 7.2; Schraudolph et al. 2007).",
    ),
    "newton_cg": OptimizerEntry(
        summary="Newton's step by conjugate gradients in a trust region; leaves saddles",
        target="benchmark.optimizers.rules.newton_cg:NewtonCG",
        hyperparameters={
            "learning_rate": _RELAXATION,
            "radius": _RADIUS,
            "maximum_radius": _MAXIMUM_RADIUS,
            "forcing_term": _forcing_term(0.5, "Nocedal, Wright 2006, algorithm 7.1"),
            "cg_iterations": _CG_ITERATIONS,
        },
        constants=frozenset({"cg_iterations"}),
        advice="Keep the defaults and take large mini-batches (Martens 2010, section 4.4).",
    ),
    "levenberg_marquardt": OptimizerEntry(
        summary="(G + λ I) d = −g with the Gauss-Newton matrix G, λ damped by success",
        target="benchmark.optimizers.rules.levenberg_marquardt:LevenbergMarquardt",
        hyperparameters={
            "learning_rate": _RELAXATION,
            "damping": Hyperparameter(
                default=0.01,
                low=0.0,
                space={"low": 1e-4, "high": 100.0, "log": True},
                source="default: Marquardt 1963; space: our choice, up to Martens's 2010 start",
            ),
            "damping_factor": Hyperparameter(
                default=10.0,
                low=1.0,
                space={"low": 1.5, "high": 10.0, "log": True},
                source="default: Marquardt 1963; space: down to Martens's 2010 factor 3/2",
            ),
            "forcing_term": _forcing_term(0.1, "our choice"),
            "cg_iterations": _CG_ITERATIONS,
        },
        constants=frozenset({"cg_iterations"}),
        advice="Keep the defaults and take large mini-batches (Martens 2010, section 4.4).",
    ),
}
