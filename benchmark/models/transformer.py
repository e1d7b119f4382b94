"""A transformer encoder over the features of a row."""

import math
from typing import Any

import keras
from keras import ops

from benchmark.models.dropout import HashedDropout


def build(
    input_shape: tuple[int, ...],
    units: int,
    steps: int,
    width: int,
    heads: int,
    depth: int,
    activation: str,
    dropout: float = 0.0,
) -> keras.Model:
    """Build a token for each step of the features, blocks of attention, their mean, and logits.

    Token t is t_s = x_s T_s + p_s, where x_s are the features of the step s. With a layer
    normalisation n a block computes

        h ← h + d(attention(n(h))),    h ← h + d(a(n(h) U + c) W + b)

    and attention is softmax(Q Kᵀ / √(width / heads)) V for each head. The logits are those of the
    mean of n(h) over the steps.

    Args:
        input_shape: the shape of one example; flattened to d numbers.
        units: number of outputs.
        steps: how many tokens the features are split into, in their order; 0 means one for each.
        width: of each token; the inner layer of a block has twice as many units.
        heads: of the attention; they divide the width.
        depth: the number of blocks.
        activation: the Keras name of a, which acts on each unit alone.
        dropout: share that d drops in training, in [0, 1).

    References:
        Vaswani et al., Attention is all you need, 2017; Xiong et al., On layer normalization in
        the transformer architecture, 2020 (where n stands); Gorishniy et al., Revisiting deep
        learning models for tabular data, 2021, section 3.3 (tokens of features).

    Example:
        >>> model = build((6,), 3, steps=2, width=4, heads=2, depth=1, activation="gelu")
        >>> model.output_shape, model.count_params()
        ((None, 3), 227)
    """
    inputs = keras.Input(input_shape)
    features = math.prod(input_shape)
    count = steps or features
    hidden = keras.layers.Reshape((count, features // count), name="steps")(inputs)
    hidden = keras.layers.EinsumDense(
        "bsi,sio->bso",
        (count, width),
        bias_axes="so",  # the positions
        kernel_initializer="zeros",
        name="tokens",
    )(hidden)
    for index in range(1, depth + 1):
        name = f"block_{index}"
        branch = attention(normalized(hidden, f"{name}_attention"), width, heads, name)
        hidden = _added(hidden, branch, dropout, 2 * index - 1, f"{name}_attention")
        branch = normalized(hidden, f"{name}_dense")
        branch = dense(2 * width, f"{name}_inner", activation=activation)(branch)
        branch = dense(width, f"{name}_outer")(branch)
        hidden = _added(hidden, branch, dropout, 2 * index, f"{name}_dense")
    hidden = keras.layers.GlobalAveragePooling1D(name="mean")(normalized(hidden, "last"))
    return keras.Model(inputs, dense(units, "logits")(hidden), name="transformer")


def attention(hidden: Any, width: int, heads: int, name: str) -> Any:
    """Let each token take a mean over all of them, weighted by how well they answer its query.

    Not ``MultiHeadAttention``: it computes the weights in float32 in a float64 model.

    Args:
        hidden: of shape (n, steps, width).
        width: of the tokens.
        heads: that divide the width.
        name: of the block.
    """
    steps, size = hidden.shape[1], width // heads

    def of_heads(kind: str) -> Any:
        tokens = dense(width, f"{name}_{kind}")(hidden)
        return ops.transpose(ops.reshape(tokens, (-1, steps, heads, size)), (0, 2, 1, 3))

    query, key, value = (of_heads(kind) for kind in ("query", "key", "value"))
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / math.sqrt(size)
    means = ops.matmul(ops.softmax(scores, axis=-1), value)
    together = ops.reshape(ops.transpose(means, (0, 2, 1, 3)), (-1, steps, width))
    return dense(width, f"{name}_heads")(together)


def dense(size: int, name: str, **arguments: Any) -> keras.Layer:
    """A dense layer whose weights are a placeholder that draws no random number."""
    return keras.layers.Dense(size, kernel_initializer="zeros", name=name, **arguments)


def normalized(hidden: Any, name: str) -> Any:
    """Normalise each token."""
    return keras.layers.LayerNormalization(name=f"{name}_normalization")(hidden)


def _added(hidden: Any, branch: Any, dropout: float, seed: int, name: str) -> Any:
    if dropout:
        branch = HashedDropout(dropout, seed=seed, name=f"{name}_dropout")(branch)
    return keras.layers.Add(name=f"{name}_sum")([hidden, branch])
