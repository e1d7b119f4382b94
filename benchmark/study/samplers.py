"""The samplers and pruners that a study may name, as tables that are read without Optuna.

To add one is one entry: :mod:`benchmark.search.samplers` makes its class from it, and the check of
a study, the listing and ``docs/study-file.md`` read it.

References:
    TPE: Bergstra et al., Algorithms for hyper-parameter optimization, 2011. Its multivariate
    density: Falkner et al., BOHB, 2018, section 3.2. Quasi-random: Bergstra and Bengio, Random
    search for hyper-parameter optimization, 2012, section 4.
    Median: Golovin et al., Google Vizier, 2017, section 3.2; that 5 trials finish first is
    Optuna's default. Successive halving: Li et al., A system for massively parallel
    hyperparameter tuning, 2020; reduction factor 4 as in section 4. Hyperband: Li et al.,
    Hyperband, 2018; reduction factor 3 as in section 3.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Protocol


class SearchedSpace(Protocol):
    """The search space of a compared optimizer."""

    @property
    def distributions(self) -> Mapping[str, Any]:
        """Optuna's distributions by hyperparameter."""

    @property
    def points(self) -> Mapping[str, Sequence[Any]]:
        """All values of each dimension; only of a space whose dimensions are finite."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the sampler of one trial is made from.

    Args:
        space: what is searched.
        trials: how many trials this optimizer gets.
        seed: of this trial alone, so that a proposal depends on nothing that a kill could lose.
        shared_seed: the same for all optimizers and trials, so that the compared optimizers meet
            the same points of their unit cubes.
    """

    space: SearchedSpace
    trials: int
    seed: int
    shared_seed: int


@dataclass(frozen=True, slots=True)
class SamplerEntry:
    """What is known of a sampler without importing it.

    Args:
        summary: what it is, in a phrase.
        target: ``"module:Class"``, a subclass of Optuna's ``BaseSampler``.
        arguments: the arguments of that class.
        learns: whether what it proposes depends on how earlier trials went.
        is_grid: whether it tries each point of the space once, so that all dimensions must be
            finite.
        marks_divergence: whether it is told by a constraint which trials diverged; otherwise it has
            their objective alone, the worst there can be.
        package: the module that it needs beyond our own requirements.
        extra: the extra of our distribution that installs it.
    """

    summary: str
    target: str
    arguments: Callable[[Proposal], dict[str, Any]]
    learns: bool = False
    is_grid: bool = False
    marks_divergence: bool = True
    package: str = ""
    extra: str = ""


@dataclass(frozen=True, slots=True)
class PrunerOption:
    """An option of a pruner, a key of ``pruner_options``.

    Args:
        rule: what it must be, in words.
        example: a sensible value, as a study file writes it.
        meaning: what it does.
        low: the smallest number.
        high: the largest number.
        integer: whether it is a whole number.
        choices: the names to choose from, if it is no number.
    """

    rule: str
    example: str
    meaning: str
    low: float = float("-inf")
    high: float = float("inf")
    integer: bool = False
    choices: tuple[str, ...] = ()

    def allows(self, value: object) -> bool:
        """Whether the option may have a value.

        Example:
            >>> PRUNERS["patient"].options["patience"].allows(2.5)
            False
        """
        if self.choices:
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, int if self.integer else float | int):
            return False
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class PrunerEntry:
    """What is known of a pruner without importing it.

    Args:
        summary: what it does, in a sentence.
        target: ``"module:Class"``, a subclass of Optuna's ``BasePruner``.
        arguments: the arguments of that class, from the epochs that every trial is trained and
            the epochs of a whole trial, both ≥ 1 but the first, which is ≥ 0.
        stops: whether it ever stops a trial, and so looks at every epoch of it.
        options: what ``pruner_options`` may give, by the names of the class's arguments.
        needs: options of which one must be given.
    """

    summary: str
    target: str
    arguments: Callable[[int, int], dict[str, Any]]
    stops: bool = True
    options: Mapping[str, PrunerOption] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


SAMPLERS: dict[str, SamplerEntry] = {
    "tpe": SamplerEntry(
        "tree-structured Parzen estimator: learns from finished trials where good ones lie",
        "optuna.samplers:TPESampler",
        lambda proposal: {
            "seed": proposal.seed,
            "n_startup_trials": startup_trials(len(proposal.space.distributions), proposal.trials),
            "multivariate": True,
            # Keeps trials that run at once from being given the same point.
            "constant_liar": True,
        },
        learns=True,
    ),
    "random": SamplerEntry(
        "independent uniform draws from the search space",
        "optuna.samplers:RandomSampler",
        lambda proposal: {"seed": proposal.seed},
    ),
    "quasi_random": SamplerEntry(
        "scrambled Sobol points, which cover the search space more evenly than random",
        "benchmark.search.samplers:ScrambledSobol",
        lambda proposal: {"space": proposal.space, "seed": proposal.shared_seed},
    ),
    "grid": SamplerEntry(
        "every combination of the listed values once, in a shuffled order",
        "optuna.samplers:GridSampler",
        lambda proposal: {"search_space": proposal.space.points, "seed": proposal.shared_seed},
        is_grid=True,
    ),
    "gp": SamplerEntry(
        "Gaussian process: learns a smooth model of the objective; for up to some 200 trials",
        "optuna.samplers:GPSampler",
        lambda proposal: {
            "seed": proposal.seed,
            "n_startup_trials": startup_trials(len(proposal.space.distributions), proposal.trials),
        },
        learns=True,
        marks_divergence=False,  # it needs the same constraints of all trials
        package="torch",
        extra="gp",
    ),
    "cma_es": SamplerEntry(
        "CMA-ES: evolves a normal distribution over the ranges; for many trials",
        "benchmark.search.cma_es:CmaEs",
        lambda proposal: {"space": proposal.space, "seed": proposal.seed},
        learns=True,
        package="cmaes",
        extra="cma_es",
    ),
}
"""The samplers by name."""

PRUNERS: dict[str, PrunerEntry] = {
    "none": PrunerEntry(
        "every trial trains all its epochs",
        "optuna.pruners:NopPruner",
        lambda _warmup, _epochs: {},
        stops=False,
    ),
    "median": PrunerEntry(
        "stops a trial whose best value is worse than the median of the others",
        "optuna.pruners:MedianPruner",
        lambda warmup, _epochs: {"n_startup_trials": 5, "n_warmup_steps": warmup},
    ),
    "successive_halving": PrunerEntry(
        "lets the best quarter of the trials pass each rung of epochs",
        "optuna.pruners:SuccessiveHalvingPruner",
        lambda warmup, epochs: {
            "min_resource": first_rung(warmup, epochs),
            "reduction_factor": 4,
        },
    ),
    "hyperband": PrunerEntry(
        "runs several successive halvings, from strict to lenient",
        "optuna.pruners:HyperbandPruner",
        lambda warmup, epochs: {
            "min_resource": first_rung(warmup, epochs),
            "max_resource": epochs,
            "reduction_factor": 3,
        },
    ),
    "patient": PrunerEntry(
        "stops a trial that has not improved for some epochs, and where it wraps another pruner "
        "only if that one agrees",
        "optuna.pruners:PatientPruner",
        lambda _warmup, _epochs: {"wrapped_pruner": "none", "patience": 5},
        options={
            "patience": PrunerOption(
                "a whole number >= 1", "5", "epochs without improvement", low=1, integer=True
            ),
            "min_delta": PrunerOption(
                "a number >= 0", "0.01", "how much is an improvement", low=0.0
            ),
            "wrapped_pruner": PrunerOption(
                "one of none, median, successive_halving",
                '"median"',
                "the pruner that must agree",
                choices=("none", "median", "successive_halving"),
            ),
        },
    ),
    "threshold": PrunerEntry(
        "stops a trial whose objective leaves the range from lower to upper",
        "optuna.pruners:ThresholdPruner",
        lambda warmup, _epochs: {"n_warmup_steps": warmup},
        options={
            "lower": PrunerOption("a number", "0.1", "the least value that may go on"),
            "upper": PrunerOption("a number", "2.5", "the largest value that may go on"),
        },
        needs=("lower", "upper"),
    ),
    "wilcoxon": PrunerEntry(
        "stops a trial whose curve lies above that of the best one, by Wilcoxon's signed-rank test "
        "over their epochs, which are not independent: its p-value is no error rate",
        "optuna.pruners:WilcoxonPruner",
        lambda warmup, _epochs: {"n_startup_steps": warmup},
        options={
            "p_threshold": PrunerOption(
                "a number from 0 to 1", "0.1", "the p-value below which it stops", low=0.0, high=1.0
            )
        },
    ),
}
"""The pruners by name."""


def missing_package(sampler: str) -> tuple[str, str] | None:
    """Return the rule that a sampler breaks whose package is not installed, and the remedy.

    Args:
        sampler: a key of ``SAMPLERS``.

    Example:
        >>> missing_package("tpe") is None
        True
    """
    entry = SAMPLERS[sampler]
    if not entry.package or find_spec(entry.package) is not None:
        return None
    rule = f"the sampler {sampler} needs the package {entry.package}, which is not installed"
    return rule, f'Run: pip install "kappabench[{entry.extra}]".'


def startup_trials(dimensions: int, trials: int) -> int:
    """Return how many trials are drawn at random before TPE learns.

    Optuna's 10 (Bergstra et al., 2011, use 20 or more), but no more than a third of a small
    budget, and never fewer than one beyond the dimensions, which a multivariate density needs
    (Falkner et al., BOHB, 2018, section 3.2).

    Example:
        >>> startup_trials(dimensions=5, trials=100), startup_trials(dimensions=5, trials=12)
        (10, 6)
    """
    return min(10, max(dimensions + 1, trials // 3))


def first_rung(warmup: int, epochs: int) -> int:
    """Return the epochs of the first rung: with more than all, hyperband has no bracket.

    Example:
        >>> first_rung(3, 20), first_rung(0, 20), first_rung(30, 20)
        (3, 1, 20)
    """
    return min(max(1, warmup), epochs)
