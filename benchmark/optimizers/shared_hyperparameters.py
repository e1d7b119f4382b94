"""Hyperparameters that several optimizers share: default, range and source of each, once.

A rule takes one from here, or :func:`~dataclasses.replace` changes what differs. What only one
optimizer has is declared in that optimizer's file.
"""

from dataclasses import replace

from benchmark.optimizers.hyperparameter import Hyperparameter

SEARCHED_RATES = {"low": 1e-4, "high": 1.0, "log": True}
CROWDED_VALLEY = "Schmidt, Schneider, Hennig 2021, Descending through a Crowded Valley, appendix"
CONVENTIONAL_RATE = Hyperparameter(
    default=0.01,
    low=0.0,
    space=SEARCHED_RATES,
    source=f"default: keras.optimizers.SGD; space: {CROWDED_VALLEY}",
)
MOMENTUM = Hyperparameter(
    default=0.9,
    low=0.0,
    high=1.0,
    low_included=True,
    space={"low": 0.0, "high": 0.99, "log": False},
    source="default and space: Goodfellow, Bengio, Courville 2016, Deep Learning, section 8.3.2, "
    "whose usual values are 0.5, 0.9 and 0.99",
)
AVERAGING_POWER = Hyperparameter(
    default=0.0,
    low=0.0,
    low_included=True,
    space={"low": 0.0, "high": 16.0, "log": False},
    source="default: Polyak, Juditsky 1992, the plain mean; space: up to twice the 8 of Ivgi, "
    "Hinder, Carmon 2023, DoG is SGD's best friend, section 4",
)
ADAM = {
    "learning_rate": Hyperparameter(
        default=0.001,
        low=0.0,
        space=SEARCHED_RATES,
        source=f"default: Kingma, Ba 2015, Adam, algorithm 1; space: {CROWDED_VALLEY}",
    ),
    "beta_1": Hyperparameter(
        default=0.9,
        low=0.0,
        high=1.0,
        low_included=True,
        space={"low": 0.5, "high": 0.999, "log": False},
        source=f"default: Kingma, Ba 2015, Adam, algorithm 1; space: {CROWDED_VALLEY}",
    ),
    "beta_2": Hyperparameter(
        default=0.999,
        low=0.0,
        high=1.0,
        low_included=True,
        space={"low": 0.8, "high": 0.999, "log": False},
        source=f"default: Kingma, Ba 2015, Adam, algorithm 1; space: {CROWDED_VALLEY}",
    ),
    "epsilon": Hyperparameter(
        default=1e-7,
        low=0.0,
        space={"low": 1e-10, "high": 1.0, "log": True},
        source="default: keras.optimizers.Adam (the paper has 1e-8); space: our choice, up to 1 "
        "because large values, which turn Adam towards momentum, can win: Choi et al. 2019, "
        "On Empirical Comparisons of Optimizers for Deep Learning",
    ),
}


def adam_rate(default: float, source: str, space_source: str = CROWDED_VALLEY) -> Hyperparameter:
    """Return a learning rate with Adam's range and search space.

    Args:
        default: the optimizer's.
        source: of the default.
        space_source: of the search space.
    """
    described = f"default: {source}; space: {space_source}"
    return replace(ADAM["learning_rate"], default=default, source=described)


def decay_rate(default: float, source: str) -> Hyperparameter:
    """Return the decay rate of a running mean of squares, with the range of Adam's beta_2.

    Args:
        default: the optimizer's.
        source: of the default.
    """
    described = f"default: {source}; space: our choice, that of Adam's beta_2, which does the same"
    return replace(ADAM["beta_2"], default=default, source=described)


def small_number(
    default: float,
    source: str,
    low: float = 1e-10,
    high: float = 1.0,
    space_source: str = "that of Adam's epsilon",
) -> Hyperparameter:
    """Return an epsilon > 0.

    Args:
        default: the optimizer's.
        source: of the default.
        low: lower end of the search space.
        high: upper end of the search space.
        space_source: of the search space.
    """
    return Hyperparameter(
        default=default,
        low=0.0,
        space={"low": low, "high": high, "log": True},
        source=f"default: {source}; space: {space_source}",
    )


def accumulator(default: float, source: str) -> Hyperparameter:
    """Return the initial value ≥ 0 of a sum or mean of squared gradients.

    Args:
        default: the optimizer's.
        source: of the default.
    """
    return Hyperparameter(
        default=default,
        low=0.0,
        low_included=True,
        space={"low": 1e-8, "high": 1.0, "log": True},
        source=f"default: {source}; space: our choice, from nothing beside a squared gradient "
        "to the square of a gradient of 1",
    )


PAPER_EPSILON = replace(
    ADAM["epsilon"],
    default=1e-8,
    source="default: the paper, or the authors' code; space: as for adam",
)
UNIT_RATE = Hyperparameter(
    default=1.0,
    low=0.0,
    space={"low": 0.5, "high": 2.0, "log": True},
    source="default: the paper, which leaves it there; space: our choice, around it",
)
"""The learning rate of methods that find their step size themselves."""
ROAD_LESS_SCHEDULED = "Defazio et al. 2024, The Road Less Scheduled"
WARMUP_STEPS = Hyperparameter(
    default=0,
    low=0.0,
    low_included=True,
    integer=True,
    space={"low": 0, "high": 1000, "log": False},
    source="default: the authors' code and keras.optimizers.ScheduleFreeAdamW; space: our "
    f"choice, the order of {ROAD_LESS_SCHEDULED}, appendix",
)
SOAP_PAPER = "Vyas et al. 2024, SOAP"


def precondition_frequency(default: int, source: str) -> Hyperparameter:
    """Return the number of steps from one preconditioner to the next.

    Args:
        default: the optimizer's.
        source: of the default.
    """
    return Hyperparameter(
        default=default,
        low=1,
        low_included=True,
        integer=True,
        space={"low": 1, "high": 100, "log": True},
        source=f"default: {source}; space: our choice, a decade around the 10 of {SOAP_PAPER}",
    )


RELAXATION = Hyperparameter(
    default=1.0,
    low=0.0,
    space={"low": 0.1, "high": 1.0, "log": True},
    source="default: the method's own step; space: our choice, that step shortened up to tenfold",
)
"""The learning rate of methods that compute the length of their step."""
MAXIMUM_STEP = Hyperparameter(
    default=100.0,
    low=0.0,
    space={"low": 0.1, "high": 1000.0, "log": True},
    source="our choice: the exact step at curvatures from 10 to 0.001; by default at 0.01",
)
LINE_SEARCH_TRIALS = Hyperparameter(
    default=10,
    low=1,
    low_included=True,
    integer=True,
    space={"low": 5, "high": 20, "log": False},
    source="our choice: ten halvings shorten a step to a thousandth",
)
CG_ITERATIONS = Hyperparameter(
    default=20,
    low=1,
    low_included=True,
    integer=True,
    space={"low": 5, "high": 100, "log": True},
    source="our choice; Martens 2010, Hessian-free optimization, allows 250",
)


def forcing_term(default: float, source: str) -> Hyperparameter:
    """Return the share of the gradient's norm at which conjugate gradients end.

    Args:
        default: the optimizer's.
        source: of the default.
    """
    return Hyperparameter(
        default=default,
        low=0.0,
        high=1.0,
        space={"low": 0.001, "high": 0.9, "log": True},
        source=f"default: {source}; space: our choice, from almost exact to hardly a step",
    )


# What any optimizer may be given: clipping (`clipping.py`), penalties and weight decay.

_SEARCHED_THRESHOLDS = {"low": 1e-2, "high": 10.0, "log": True}
_THRESHOLD_SOURCE = (
    "space: our choice, three decades around the norms of gradients that are usual with scaled "
    "inputs; Pascanu, Mikolov, Bengio 2013, section 3.2, advise to start from that norm"
)
CLIPPING: dict[str, Hyperparameter] = {
    kind: Hyperparameter(
        default=None, low=0.0, space=_SEARCHED_THRESHOLDS, source=_THRESHOLD_SOURCE
    )
    for kind in ("clipvalue", "clipnorm", "global_clipnorm")
} | {
    "adaptive_clipnorm": Hyperparameter(
        default=None,
        low=0.0,
        space={"low": 1e-3, "high": 1.0, "log": True},
        source="space: our choice around the 0.01 to 0.16 of Brock et al. 2021, High-Performance "
        "Large-Scale Image Recognition Without Normalization, section 4.1",
    ),
    "percentile_clipnorm": Hyperparameter(
        default=None,
        low=0.0,
        high=100.0,
        low_included=True,
        high_included=True,
        space={"low": 1.0, "high": 100.0, "log": False},
        source="space: Seetharaman et al. 2020, AutoClip, whose percentiles go from 0 to 100 "
        "and whose choice is 10",
    ),
}
"""The kinds of gradient clipping, each a threshold: in units of the gradient, of a unit's weights
for ``adaptive_clipnorm``, and in per cent for ``percentile_clipnorm``."""
WEIGHT_DECAY = Hyperparameter(
    default=None,
    low=0.0,
    low_included=True,
    space={"low": 1e-6, "high": 1e-1, "log": True},
    source="space: our choice around the 0.004 of keras.optimizers.AdamW and the 1e-4 to 1e-2 of "
    "Loshchilov, Hutter 2019, Decoupled Weight Decay Regularization",
)
"""Decoupled weight decay, absent where it is not given."""
_PENALTY = Hyperparameter(
    default=None,
    low=0.0,
    low_included=True,
    space={"low": 1e-6, "high": 1e-1, "log": True},
    source="space: our choice, two decades and more around the 1e-4 of "
    "sklearn.neural_network.MLPClassifier and the 0.01 of keras.regularizers",
)
REGULARIZATION: dict[str, Hyperparameter] = {
    "weight_decay": WEIGHT_DECAY,
    "l1": _PENALTY,
    "l2": _PENALTY,
}
"""What holds weights small: decoupled decay, and the coefficients of penalties on the loss."""
OF_KERAS = (
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)
"""Arguments of ``keras.optimizers.Optimizer`` that change weights or gradient outside the rule."""
