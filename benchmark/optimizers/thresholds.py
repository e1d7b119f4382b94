"""What any optimizer may be given: clipping, whose rules are in ``clipping.py``, and decay."""

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
WEIGHT_DECAY = Hyperparameter(
    default=None, low=0.0, low_included=True, space={"low": 1e-6, "high": 1e-1, "log": True}
)
"""Decoupled weight decay, absent where it is not given."""
