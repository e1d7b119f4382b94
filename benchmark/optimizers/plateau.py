"""Reducing the learning rate where the loss stands still."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Plateau:
    """What the schedule ``reduce_on_plateau`` remembers between epochs.

    A loss is better where it is below the best so far by more than ``min_delta``. After
    ``patience`` epochs in a row without a better one the rate is multiplied by ``factor``,
    and the epochs are counted anew.

    Args:
        factor: of the learning rate, the product of the reductions so far.
        best: the best loss so far.
        wait: epochs since then, or since the last reduction.

    References:
        ``keras.callbacks.ReduceLROnPlateau``, without cooldown and lowest rate.
    """

    factor: float = 1.0
    best: float = math.inf
    wait: int = 0

    def after(self, loss: float, parameters: Mapping[str, float]) -> Self:
        """Return what is remembered after one more epoch.

        Args:
            loss: after the epoch, of the validation part where there is one.
            parameters: ``factor``, ``patience`` and ``min_delta``.

        Example:
            >>> plateau, parameters = Plateau(), {"factor": 0.5, "patience": 2, "min_delta": 0.0}
            >>> for loss in (1.0, 1.0, 1.2):
            ...     plateau = plateau.after(loss, parameters)
            >>> plateau
            Plateau(factor=0.5, best=1.0, wait=0)
        """
        if loss < self.best - parameters["min_delta"]:
            return replace(self, best=loss, wait=0)
        if self.wait + 1 < parameters["patience"]:
            return replace(self, wait=self.wait + 1)
        return replace(self, factor=self.factor * parameters["factor"], wait=0)
