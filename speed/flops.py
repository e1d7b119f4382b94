"""How much arithmetic a trial needs, counted from its model.

Only products of matrices are counted; an activation or a loss is small beside them. With M
multiply-adds in the forward pass of one sample, that pass has 2 M floating-point operations
and the backward pass twice as many: one product for the gradient of the weights and one for
that of the inputs. (The first layer needs no gradient of its inputs; the customary count of
6 M includes it, and so does this one.)
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

FORWARD, FORWARD_AND_BACKWARD = 2, 6


def dense_multiply_adds(widths: Sequence[int]) -> int:
    """Multiply-adds of one sample in dense layers: the number of weights in their matrices.

    Args:
        widths: inputs, hidden widths and outputs.

    Example:
        >>> dense_multiply_adds([64, 64, 10])
        4736
    """
    return sum(a * b for a, b in pairwise(widths))


def multiply_adds(model: Any) -> int:
    """Multiply-adds of one sample in the layers of a built Keras model.

    A kernel is applied once in a dense layer and once at each output position in a
    convolution (channels last).

    Args:
        model: a model of dense and convolution layers, nested or not.
    """
    total = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):
            total += multiply_adds(layer)
        elif getattr(layer, "kernel", None) is not None:
            positions = math.prod(layer.output.shape[1:-1])
            total += math.prod(layer.kernel.shape) * positions
    return total


def training_flops(per_sample: int, samples: int) -> int:
    """Floating-point operations of training: 6 M for each sample seen.

    Args:
        per_sample: M, multiply-adds of one sample.
        samples: training rows times epochs.

    Example:
        >>> training_flops(4736, 1078 * 20)
        612648960
    """
    return FORWARD_AND_BACKWARD * per_sample * samples


def evaluation_flops(per_sample: int, sizes: tuple[int, int, int], evaluated: int) -> int:
    """Floating-point operations of evaluating a trial as our engines do.

    Each time, as a rule at the start and after each epoch: loss and metric on the training and
    the validation part (2 M a row). At the end once: the test part. The norm of the gradient of
    the whole training loss (6 M a row) is not taken, as in no program that ours are compared
    with.

    Args:
        per_sample: M, multiply-adds of one sample.
        sizes: rows of the training, validation and test part.
        evaluated: how often, before the final test.

    Example:
        >>> evaluation_flops(1, (10, 5, 3), evaluated=3)
        96
    """
    train, validation, test = sizes
    return per_sample * FORWARD * (evaluated * (train + validation) + test)
