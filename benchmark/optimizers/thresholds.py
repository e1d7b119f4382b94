"""What any optimizer may be given: clipping (``clipping.py``), penalties and weight decay."""

from benchmark.optimizers.hyperparameter import Hyperparameter

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
