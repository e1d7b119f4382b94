"""Muon: the momentum of a matrix with all its singular values made nearly equal."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter, check_size
from benchmark.optimizers.matrices import orthogonalized
from benchmark.optimizers.mechanics import present
from benchmark.optimizers.rules.adam import adam
from benchmark.optimizers.shared_hyperparameters import ADAM, MOMENTUM, SEARCHED_RATES, WEIGHT_DECAY
from benchmark.optimizers.tensors import State, Tensor, precision

_JORDAN = "Jordan et al. 2024, Muon"
_LIU = "Liu et al. 2025, Muon Is Scalable for LLM Training"
_OF_KERAS = "default: keras.optimizers.Muon"
_DECAY = replace(WEIGHT_DECAY, default=0.004, source=f"{_OF_KERAS}; space: that of weight decay")


def _coefficient(default: float, space: Mapping[str, Any]) -> Hyperparameter:
    source = f"default: {_JORDAN}, the quintic; space: our choice, a tenth on either side"
    return Hyperparameter(default=default, space=space, source=source)


_SHARED = {
    "adam_beta_1": replace(ADAM["beta_1"], source=f"{_OF_KERAS}; space: that of Adam"),
    "adam_beta_2": replace(ADAM["beta_2"], source=f"{_OF_KERAS}; space: that of Adam"),
    "adam_weight_decay": _DECAY,
    "epsilon": ADAM["epsilon"],
    "weight_decay": _DECAY,
}
_HYPERPARAMETERS = {
    "learning_rate": Hyperparameter(
        default=0.001,
        low=0.0,
        space=SEARCHED_RATES,
        source=f"{_OF_KERAS}; space: that of Adam, whose updates have the size that {_LIU}, "
        "section 2.2, gives Muon's",
    ),
    **_SHARED,
    "muon_a": _coefficient(3.4445, {"low": 3.1, "high": 3.8, "log": False}),
    "muon_b": _coefficient(-4.775, {"low": -5.2, "high": -4.3, "log": False}),
    "muon_c": _coefficient(2.0315, {"low": 1.8, "high": 2.2, "log": False}),
    "adam_lr_ratio": Hyperparameter(
        default=1.0,
        low=0.0,
        space={"low": 0.1, "high": 10.0, "log": True},
        source=f"{_OF_KERAS}; space: our choice, a decade on either side",
    ),
    "momentum": replace(
        MOMENTUM, default=0.95, source=f"default: {_JORDAN}; space: that of momentum"
    ),
    "rms_rate": Hyperparameter(
        default=0.2,
        low=0.0,
        space={"low": 0.02, "high": 2.0, "log": True},
        source=f"default: {_LIU}, section 2.2, from 0.2 to 0.4; space: a decade on either side",
    ),
}


ENTRY = OptimizerEntry(
    summary="the momentum of a matrix with equal singular values; AdamW for all other variables",
    hyperparameters=_HYPERPARAMETERS,
    options={"exclude_layers": "", "exclude_embeddings": True, "nesterov": True},
    advice='Start with adamw\'s learning_rate and weight_decay; exclude_layers = "logits" leaves '
    f"out the last layer ({_LIU}, section 2.2; {_JORDAN})",
    stability="{} has no limit of η·λmax: it makes the singular values of each step equal, so that "
    "its length does not fall with the gradient.",
)


def muon(
    state: State, gradient: Tensor, hyperparameters: State, *, nesterov: bool, steps: int
) -> tuple[State, Tensor]:
    """Return the new velocity V and the update η·s·O of a matrix.

    Args:
        state: ``velocity`` V.
        gradient: G.
        hyperparameters: ``learning_rate`` η, ``momentum`` μ, ``muon_a``, ``muon_b``,
            ``muon_c``, and ``rms_rate`` where there is one.
        nesterov: whether G + μ V is made orthogonal, and not V.
        steps: Newton–Schulz steps.
    """
    momentum = hyperparameters["momentum"]
    velocity = momentum * state["velocity"] + gradient
    direction = gradient + momentum * velocity if nesterov else velocity
    coefficients = tuple(hyperparameters[name] for name in ("muon_a", "muon_b", "muon_c"))
    update = hyperparameters["learning_rate"] * orthogonalized(direction, coefficients, steps)
    if "rms_rate" in hyperparameters:
        update = update * hyperparameters["rms_rate"] * max(gradient.shape[-2:]) ** 0.5
    return {"velocity": velocity}, update


def adam_beside(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the moments and the update of :func:`~benchmark.optimizers.rules.adam.adam`.

    Args:
        state: as for Adam.
        gradient: g.
        hyperparameters: Adam's, as ``adam_beta_1`` and ``adam_beta_2``, its rate being
            ``adam_lr_ratio`` · ``learning_rate``.
    """
    numbers = {
        "learning_rate": hyperparameters["learning_rate"] * hyperparameters["adam_lr_ratio"],
        "beta_1": hyperparameters["adam_beta_1"],
        "beta_2": hyperparameters["adam_beta_2"],
        "epsilon": hyperparameters["epsilon"],
    }
    return adam(state, gradient, numbers)


@keras.saving.register_keras_serializable(package="kappabench")
class Muon(Optimizer):
    """Muon, with the arguments, defaults and steps of Keras's ``Muon``.

    For a matrix:

        V ← μ V + G                                    μ = ``momentum``
        X = (G + μ V) / ‖G + μ V‖, or V / ‖V‖ without ``nesterov``
        X ← a X + (b X Xᵀ + c (X Xᵀ)²) X,  ``ns_steps`` times      a, b, c = ``muon_a``, …
        W ← W − η ρ √max(rows, columns) X              η = ``learning_rate``, ρ = ``rms_rate``

    X comes near U Vᵀ of the singular value decomposition: with the defaults singular
    values from 0.002 ‖V‖ on end between 0.68 and 1.21, and the update has a root mean square
    of about ρ η. A
    matrix is a variable of two axes whose path has no "embedding" (``exclude_embeddings``)
    and matches none of ``exclude_layers``. All others, kernels of convolutions among them,
    get AdamW with the rate ``adam_lr_ratio`` · η. Which ones is decided at ``build`` by
    shape and path. Exclude the final layer (Jordan 2024):
    ``exclude_layers=["logits"]`` for the models of this project.

    It stores one number per weight of a matrix, and two of any other variable.

    Departures from Keras: a text is taken for one pattern of ``exclude_layers``; those of
    :class:`~benchmark.optimizers.rules.adam.Adam`. Departures from Jordan's publication, which are
    Keras's: the factor ρ √max(rows, columns) is that of Liu et al. 2025, where Jordan's is
    √max(1, rows / columns); convolutions are not flattened.

    Args:
        adam_beta_1: β₁ of AdamW.
        adam_beta_2: β₂ of AdamW.
        adam_weight_decay: λ of AdamW's variables; ``None`` for none.
        epsilon: ε of AdamW.
        weight_decay: λ of matrices; ``None`` for none.
        exclude_layers: regular expressions; a variable whose path holds one gets AdamW.
        exclude_embeddings: whether embeddings get AdamW.
        ns_steps: structural, ≥ 1. Default 5, Jordan 2024.
        nesterov: whether the momentum is Nesterov's.
        rms_rate: ρ; with ``None`` the factor is 1.
        arguments: clipping, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([[0.0, 0.0], [0.0, 0.0]])
        >>> gradient = keras.ops.convert_to_tensor([[0.0, 3.0], [2.0, 0.0]])
        >>> Muon(learning_rate=1.0, rms_rate=None).apply([gradient], [weights])
        >>> weights.numpy().tolist()
        [[0.0, -1.12], [-0.68, 0.0]]

    References:
        Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
        Liu et al., Muon is scalable for LLM training, 2025.
    """

    entry = ENTRY
    is_elementwise = False

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        *,
        exclude_layers: Sequence[str] | str | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **arguments: Any,
    ) -> None:
        numbers: dict[str, float | None] = {
            "adam_beta_1": adam_beta_1,
            "adam_beta_2": adam_beta_2,
            "adam_weight_decay": adam_weight_decay,
            "epsilon": epsilon,
            "muon_a": muon_a,
            "muon_b": muon_b,
            "muon_c": muon_c,
            "adam_lr_ratio": adam_lr_ratio,
            "momentum": momentum,
            "rms_rate": rms_rate,
        }
        super().__init__(learning_rate, present(numbers), weight_decay=weight_decay, **arguments)
        patterns = [exclude_layers] if isinstance(exclude_layers, str) else exclude_layers or ()
        self.exclude_layers = [pattern for pattern in patterns if pattern]
        self.exclude_embeddings = bool(exclude_embeddings)
        self.nesterov = bool(nesterov)
        self.ns_steps = check_size("ns_steps", ns_steps, instance=5)

    def initial_state(self, weights: Any) -> State:
        """Return a velocity for a matrix of Muon's, the moments of Adam for all else."""
        names = ("velocity",) if self._is_orthogonalized(weights) else _MOMENTS
        return {name: ops.zeros(weights.shape, dtype=precision(weights)) for name in names}

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`muon` or :func:`adam_beside`, by what is kept of the variable."""
        if "velocity" not in state:
            return adam_beside(state, gradient, hyperparameters)
        return muon(state, gradient, hyperparameters, nesterov=self.nesterov, steps=self.ns_steps)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        return {
            "adam_weight_decay": None,
            "rms_rate": None,
            **super().get_config(),
            "exclude_layers": list(self.exclude_layers),
            "exclude_embeddings": self.exclude_embeddings,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
        }

    def _is_orthogonalized(self, variable: Any) -> bool:
        path = str(getattr(variable, "path", variable.name))
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in path.lower()):
            return False
        return not any(re.search(pattern, path) for pattern in self.exclude_layers)

    def _decay_of(self, variable: Any) -> str:
        return "weight_decay" if self._is_orthogonalized(variable) else "adam_weight_decay"


_MOMENTS = ("first_moment", "second_moment")
