"""Hyperparameters that several optimizers share, each with its sources."""

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
