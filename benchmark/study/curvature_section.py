"""What a study says about the curvature that is measured: the table ``[curvature]``."""

from typing import Annotated, Literal

from pydantic import Field

from benchmark.study.dimension import Count, Section

Rank = Literal["best", "median", "worst"]
GradientNorm = Literal["monitor_epochs", "every_epoch", "never"]
DIAGNOSIS_ROWS = 8192
"""Most training examples that a diagnosis takes the Hessian over, unless the study says more.

The largest eigenvalues over this many drawn rows of 60,000 differed by 0.5 to 3 % from those over
all, by 8 % where a network fits nearly every row (docs/curvature.md).
"""


class CurvatureSection(Section):
    """``[curvature]``: what curvature to measure, in which trials, after which epochs.

    Args:
        trials: which trials are diagnosed: the replicates, those of the search, all, or none.
        epochs: the epochs after which they are diagnosed; by default the start and the end.
        exact_limit: the full Hessian is formed for models with at most this many parameters.
        lanczos_steps: Hessian-vector products of a diagnosis of a larger model.
        samples: the largest number of training examples over which a diagnosis takes the Hessian;
            the same ones are drawn in every trial; 0 means all.
        diagnosed: the ranks of search trials that are trained again and diagnosed, for each
            optimizer.
        monitor: whether to monitor the curvature of every search trial on a probe; by default yes,
            unless ``trials`` is ``"none"``.
        monitor_epochs: the epochs after which curvature is monitored; by default 0, 1, 4, 16 … and
            the last, or 0, 1, 2, 4, 8 … and the last where that is at most one epoch in eight.
        probe: training examples in the probe; with 64, monitoring took a fifth of the time of
            training a digits network for 15 epochs.
        gradient_norm: when the norm of the gradient of the whole training loss is computed, which
            costs twice as much as the loss; by default after the ``monitor_epochs``, and never
            where curvature is not monitored.
    """

    trials: Literal["none", "replicate", "search", "all"] = "replicate"
    epochs: list[Annotated[Count, Field(ge=0)]] | None = None
    exact_limit: Count = Field(1000, ge=0)
    lanczos_steps: Count = Field(40, ge=2)
    samples: Count = Field(DIAGNOSIS_ROWS, ge=0)
    diagnosed: list[Rank] = Field(default_factory=list)
    monitor: bool | None = None
    monitor_epochs: list[Annotated[Count, Field(ge=0)]] | None = None
    probe: Count = Field(64, ge=1)
    gradient_norm: GradientNorm | None = None

    @property
    def is_monitored(self) -> bool:
        """Whether the curvature of every search trial is monitored."""
        return self.trials != "none" if self.monitor is None else self.monitor

    @property
    def gradient_norm_taken(self) -> GradientNorm:
        """When the norm of the gradient of the whole training loss is computed."""
        return self.gradient_norm or ("monitor_epochs" if self.is_monitored else "never")
