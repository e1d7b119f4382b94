"""Initial weights, drawn with NumPy so that they are the same on every backend."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

INITIALIZERS: dict[str, str] = {
    "truncated_normal": "Gaussian of deviation s, drawn again beyond two deviations.",
    "normal": "Gaussian of deviation s.",
    "uniform": "Uniform on [-s, s].",
    "glorot_uniform": "Uniform of variance 2 s² / (fan_in + fan_out).",
    "glorot_normal": "Truncated Gaussian of variance 2 s² / (fan_in + fan_out).",
    "he_uniform": "Uniform of variance 2 s² / fan_in.",
    "he_normal": "Truncated Gaussian of variance 2 s² / fan_in.",
    "lecun_uniform": "Uniform of variance s² / fan_in.",
    "lecun_normal": "Truncated Gaussian of variance s² / fan_in.",
    "orthogonal": "s times orthonormal rows or columns, whichever are fewer.",
    "zeros": "Zero, whatever s is: all units of a layer stay alike.",
}
"""The initializers, each with a sentence. s is the scale of the initial weights."""

DEFAULT_SCALE: dict[str, float] = {
    "truncated_normal": 0.05,
    "normal": 0.05,
    "uniform": 0.05,
    "glorot_uniform": 1.0,
    "glorot_normal": 1.0,
    "he_uniform": 1.0,
    "he_normal": 1.0,
    "lecun_uniform": 1.0,
    "lecun_normal": 1.0,
    "orthogonal": 1.0,
    "zeros": 1.0,
}
"""The usual scale of each: Keras's ``stddev`` of ``TruncatedNormal`` and ``RandomNormal`` and bound
of ``RandomUniform``; for the others 1 times the scale of the papers."""

TRUNCATED_DEVIATION = math.sqrt(
    1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2))
)
"""The deviation of a standard Gaussian cut at ±2, √(1 - 4 φ(2) / (2 Φ(2) - 1)) = 0.8796…;
Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, volume 1, section 13.10.1."""

_ZERO = ("bias", "beta")
_ONE = ("gamma", "scale")


def is_kernel(variable: "Variable") -> bool:
    """Whether an initializer draws a variable: a weight of two axes or more that is no bias."""
    return variable.path.rsplit("/", 1)[-1] not in _ZERO + _ONE and len(variable.shape) > 1


class Variable(Protocol):
    """What is asked of a Keras variable."""

    shape: Any
    path: str


class Model(Protocol):
    """What is asked of a Keras model."""

    trainable_variables: list[Any]


def initial_weights(
    model: Model,
    initializer: str,
    scale: float | None,
    seed: int,
    otherwise: Sequence[NDArray[np.float32]] | None = None,
) -> list[NDArray[np.float32]]:
    """Draw the initial weights of a model.

    For a weight of the shape (…, fan_in', fan_out') with r = the product of the leading
    axes, fan_in = r fan_in' and fan_out = r fan_out', as in Keras:

    - ``truncated_normal``: N(0, s²) cut at ±2 s (deviation 0.8796 s after the cut).
    - ``normal``: N(0, s²).
    - ``uniform``: U(-s, s).
    - ``glorot_*``, ``he_*``, ``lecun_*``: mean 0 and deviation σ = s √(2 / (fan_in + fan_out)),
      s √(2 / fan_in) or s √(1 / fan_in), as U(-√3 σ, √3 σ) or as a Gaussian cut at two
      deviations and widened so that σ is its deviation after the cut.
    - ``orthogonal``: s Q, where Q, seen as a matrix of fan_in rows and fan_out' columns, is
      drawn uniformly among those with QᵀQ = I or, with fewer rows than columns, QQᵀ = I.
    - ``zeros``: 0. Then all units of a layer have the same weights and the same gradient, and
      no optimizer of gradients tells them apart: a failure to be shown.

    Biases (and the offset ``beta`` of a normalisation) are 0, its factor ``gamma`` is 1.
    Weight i is drawn from ``SeedSequence(seed, spawn_key=(i,))``, so it does not depend on
    the other weights. With one seed, weights of different scales are multiples of each
    other.

    Args:
        model: a built model; asked for ``trainable_variables``, their ``shape`` and ``path``.
        initializer: a name in ``INITIALIZERS``.
        scale: s > 0, the hyperparameter ``fuzz``; nothing means ``DEFAULT_SCALE``.
        seed: seed of the axis ``initial_weights``, ≥ 0.
        otherwise: the values of variables that are neither a weight of two axes nor called bias,
            beta, gamma or scale; without them such a variable is refused.

    Returns:
        One float32 array for each of ``model.trainable_variables``, in their order.

    Raises:
        ValueError: the initializer is unknown, the scale is not > 0, or a variable is neither a
            weight nor a bias.

    References:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
        networks, 2010; He et al., Delving deep into rectifiers, 2015, equation 10; LeCun et
        al., Efficient BackProp, 1998, equation 16; Saxe, McClelland, Ganguli, Exact solutions
        to the nonlinear dynamics of learning in deep linear neural networks, 2014 (orthogonal);
        Goodfellow, Bengio, Courville, Deep Learning, 2016, section 8.4 (symmetry).

    Example:
        >>> from types import SimpleNamespace
        >>> kernel = SimpleNamespace(shape=(4, 3), path="logits/kernel")
        >>> bias = SimpleNamespace(shape=(3,), path="logits/bias")
        >>> model = SimpleNamespace(trainable_variables=[kernel, bias])
        >>> weights = initial_weights(model, "uniform", 0.1, seed=0)
        >>> weights[0].shape, bool(abs(weights[0]).max() <= 0.1), weights[1].tolist()
        ((4, 3), True, [0.0, 0.0, 0.0])
    """
    if initializer not in INITIALIZERS:
        raise ValueError(
            f"initializer must be one of {', '.join(INITIALIZERS)}. Received {initializer!r}."
        )
    factor = DEFAULT_SCALE[initializer] if scale is None else float(scale)
    if not 0 < factor < math.inf:
        raise ValueError(f"fuzz must be > 0 and finite. Received {scale!r}.")
    return [
        _weight(variable, initializer, factor, np.random.SeedSequence(seed, spawn_key=(index,)))
        if otherwise is None or _is_known(variable)
        else otherwise[index].copy()
        for index, variable in enumerate(model.trainable_variables)
    ]


def _is_known(variable: Variable) -> bool:
    return len(variable.shape) > 1 or variable.path.rsplit("/", 1)[-1] in _ZERO + _ONE


def _weight(
    variable: Variable, initializer: str, scale: float, seed: np.random.SeedSequence
) -> NDArray[np.float32]:
    shape = tuple(int(size) for size in variable.shape)
    role = variable.path.rsplit("/", 1)[-1]
    if role in _ZERO:
        return np.zeros(shape, np.float32)
    if role in _ONE:
        return np.ones(shape, np.float32)
    if len(shape) < 2:
        raise ValueError(
            f"a variable must be a weight of two axes or more, or be called one of "
            f"{', '.join(_ZERO + _ONE)}. Received {variable.path!r} of shape {shape}."
        )
    draw = _DRAWS[initializer]
    return draw(np.random.default_rng(seed), shape, scale).astype(np.float32)


Shape = tuple[int, ...]
Draw = Callable[[np.random.Generator, Shape, float], NDArray[np.float64]]


def _truncated_normal(
    random: np.random.Generator, shape: Shape, scale: float
) -> NDArray[np.float64]:
    values = random.standard_normal(shape)
    beyond = np.abs(values) > 2
    while beyond.any():
        values[beyond] = random.standard_normal(int(beyond.sum()))
        beyond = np.abs(values) > 2
    return scale * values


def _normal(random: np.random.Generator, shape: Shape, scale: float) -> NDArray[np.float64]:
    return scale * random.standard_normal(shape)


def _orthogonal(random: np.random.Generator, shape: Shape, scale: float) -> NDArray[np.float64]:
    rows, columns = _fans(shape)[0], shape[-1]
    tall = random.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    # Without the signs the distribution is not uniform: Mezzadri 2007, section 5.
    q *= np.sign(np.diag(r))
    return scale * (q if rows >= columns else q.T).reshape(shape)


def _zeros(random: np.random.Generator, shape: Shape, scale: float) -> NDArray[np.float64]:  # noqa: ARG001
    return np.zeros(shape)


def _uniform(random: np.random.Generator, shape: Shape, scale: float) -> NDArray[np.float64]:
    return scale * random.uniform(-1.0, 1.0, shape)


def _fans(shape: Shape) -> tuple[int, int]:
    receptive = math.prod(shape[:-2])
    return receptive * shape[-2], receptive * shape[-1]


def _glorot(shape: Shape) -> float:
    return math.sqrt(2 / sum(_fans(shape)))


def _he(shape: Shape) -> float:
    return math.sqrt(2 / _fans(shape)[0])


def _lecun(shape: Shape) -> float:
    return math.sqrt(1 / _fans(shape)[0])


def _scaled(draw: Draw, deviation_of: Callable[[Shape], float], unit: float) -> Draw:
    """Return ``draw`` rescaled to a deviation by shape; ``unit`` is its deviation at scale 1."""
    return lambda random, shape, scale: draw(random, shape, scale * deviation_of(shape) / unit)


_UNIFORM_DEVIATION = 1 / math.sqrt(3)
_DRAWS: dict[str, Draw] = {
    "truncated_normal": _truncated_normal,
    "normal": _normal,
    "uniform": _uniform,
    "glorot_uniform": _scaled(_uniform, _glorot, _UNIFORM_DEVIATION),
    "glorot_normal": _scaled(_truncated_normal, _glorot, TRUNCATED_DEVIATION),
    "he_uniform": _scaled(_uniform, _he, _UNIFORM_DEVIATION),
    "he_normal": _scaled(_truncated_normal, _he, TRUNCATED_DEVIATION),
    "lecun_uniform": _scaled(_uniform, _lecun, _UNIFORM_DEVIATION),
    "lecun_normal": _scaled(_truncated_normal, _lecun, TRUNCATED_DEVIATION),
    "orthogonal": _orthogonal,
    "zeros": _zeros,
}
