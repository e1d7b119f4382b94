"""Optimizers with a step size for each weight, taken from the gradients so far."""

from benchmark.optimizers.entries.common import ADAM
from benchmark.optimizers.entry import OptimizerEntry

ADAPTIVE: dict[str, OptimizerEntry] = {
    "adam": OptimizerEntry(
        summary="a step per weight, scaled by running means of the gradient and of its square",
        target="benchmark.optimizers.adam:Adam",
        hyperparameters=ADAM,
        advice="begin with the defaults and tune the learning rate first, then epsilon and the "
        "betas: Kingma, Ba 2015, Adam, algorithm 1; Choi et al. 2019, On Empirical Comparisons of "
        "Optimizers for Deep Learning, section 4",
    ),
}
