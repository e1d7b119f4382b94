"""The kinds of gradient clipping, without Keras; their rules are in ``clipping.py``."""

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
}
"""The kinds of gradient clipping, each a threshold in units of the gradient."""
