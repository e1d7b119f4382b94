"""How signals and gradients pass through the layers, and whether they vanish or explode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.curvature.operators import Array

MOST_OUTPUTS = 64
"""The Jacobian is taken up to this number of outputs; each takes a gradient."""
CHUNK = 1024
"""Examples at once in the search for dead units."""


class SignalProgram:
    """The Jacobian ∂output/∂input of a model and its dead units, compiled once.

    The model runs in inference mode and in its own arithmetic.

    Args:
        model: a built model, sequential or a graph; it is not changed.

    Example:
        >>> model = keras.Sequential(
        ...     [keras.Input((2,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(1)]
        ... )
        >>> kernel = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], "float32")
        >>> bias = np.array([0.0, 0.0, -1.0], "float32")
        >>> weights = [kernel, bias, np.ones((3, 1), "float32"), np.zeros(1, "float32")]
        >>> program = SignalProgram(model)
        >>> x = np.array([[1.0, 2.0], [3.0, -4.0]], "float32")
        >>> program.jacobians(weights, [], x)[:, 0].tolist()
        [[1.0, 1.0], [1.0, 0.0]]
        >>> [round(share, 4) for share in program.dead_units(weights, [], x).values()]
        [0.3333]
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._outputs = int(np.prod(model.output_shape[1:]))
        self._watched = [layer for layer in model.layers[:-1] if _may_die(layer)]
        watched = [layer.output for layer in self._watched]
        self._inner = keras.Model(model.inputs, watched) if watched else model
        self._slopes = backend.compile(self._slopes_of_outputs)
        self._answer = backend.compile(self._answers)

    @property
    def has_jacobian(self) -> bool:
        """Whether the outputs are few enough for a Jacobian."""
        return self._outputs <= MOST_OUTPUTS

    def jacobians(self, weights: Sequence[Any], state: Sequence[Any], x: Any) -> Array:
        """Return ∂output/∂input for each example, shape (examples, outputs, inputs).

        Args:
            weights: like ``model.trainable_variables``.
            state: like ``model.non_trainable_variables``.
            x: the examples, shape (examples, …).
        """
        slopes = self._slopes(x, list(weights), list(state))
        rows = np.asarray(ops.convert_to_numpy(slopes)).reshape(self._outputs, len(x), -1)
        return np.moveaxis(rows, 0, 1)

    def dead_units(self, weights: Sequence[Any], state: Sequence[Any], x: Any) -> dict[str, float]:
        """Return for each hidden layer the share of units that are zero for every example.

        Such a unit of a ReLU layer has no gradient on these examples, so training on them cannot
        revive it. A unit of a convolution is a channel.

        Args:
            weights: as in :meth:`jacobians`.
            state: as in :meth:`jacobians`.
            x: the examples, at least one; they pass in chunks, so there may be many.
        """
        if not self._watched:
            return {}
        size = min(len(x), CHUNK)
        largest: list[Array] = []
        for first in range(0, len(x), size):
            # The last chunk overlaps the one before, so that its shape compiles nothing new.
            chunk = x[min(first, len(x) - size) :][:size]
            tensors = self._answer(list(weights), list(state), chunk)
            answers = [np.asarray(ops.convert_to_numpy(tensor)) for tensor in tensors]
            largest = [np.maximum(*pair) for pair in zip(largest or answers, answers, strict=True)]
        return {
            layer.name: float(np.mean(tensor == 0))
            for layer, tensor in zip(self._watched, largest, strict=True)
        }

    # What is compiled. Everything below is pure.

    def _slopes_of_outputs(self, x: Any, weights: Any, state: Any) -> Any:
        """The gradient of each output, one after the other: shape (outputs, *x.shape)."""
        dtype = keras.backend.standardize_dtype(x.dtype)
        units = ops.eye(self._outputs, dtype=dtype)

        def output(inputs: Any, chosen: Any) -> Any:
            outputs, _ = self._model.stateless_call(weights, state, inputs[0], training=False)
            return ops.sum(ops.reshape(outputs, (-1, self._outputs)) * chosen)

        def body(unit: Any, now: tuple[Any, ...]) -> tuple[Any, ...]:
            _, slopes = backend.value_and_grad(output)([x], units[unit])
            start = ops.stack([unit, *(ops.zeros_like(unit) for _ in x.shape)])
            return (ops.slice_update(now[0], start, slopes[0][None]),)

        empty = ops.zeros((self._outputs, *x.shape), dtype)
        return backend.repeat(body, (empty,), self._outputs)[0]

    def _answers(self, weights: Any, state: Any, x: Any) -> Any:
        # The inner model lacks the layers after the last watched one.
        trainable = self._chosen(self._model.trainable_variables, weights, trainable=True)
        untrainable = self._chosen(self._model.non_trainable_variables, state, trainable=False)
        outputs, _ = self._inner.stateless_call(trainable, untrainable, x, training=False)
        outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
        return [
            ops.max(ops.abs(ops.reshape(output, (-1, output.shape[-1]))), axis=0)
            for output in outputs
        ]

    def _chosen(self, variables: Any, values: Any, *, trainable: bool) -> list[Any]:
        given = {id(variable): value for variable, value in zip(variables, values, strict=True)}
        inner = self._inner
        wanted = inner.trainable_variables if trainable else inner.non_trainable_variables
        return [given[id(variable)] for variable in wanted]


def _may_die(layer: keras.layers.Layer) -> bool:
    switches = keras.layers.Activation | keras.layers.ReLU
    return bool(layer.trainable_variables) or isinstance(layer, switches)


DECADES = 1e3
"""Beyond this factor something has vanished or exploded: three decades.

This is a convention: a learning rate that suits one layer is then a thousand times too small or
too large for another.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer with weights.

    Args:
        name: its name.
        weights: its arrays, the kernel first.
        gradients: the gradients of the mean loss, in the same shapes.
        before: its arrays before the last epoch; empty at the start.
    """

    name: str
    weights: Sequence[Array]
    gradients: Sequence[Array]
    before: Sequence[Array] = ()


def layer_quantities(layer: Layer) -> dict[str, float]:
    """Measure one layer.

    Args:
        layer: a layer with at least one array.

    Returns:
        ``gradient_norm`` ‖g‖ and ``weight_norm`` ‖W‖ over all its arrays; ``update_ratio``
        ‖W − W_before‖ / ‖W‖ over the epoch; ``singular_value_max`` and ``singular_value_min`` of
        the kernel, as a matrix of inputs (all axes but the last) times units.

    Example:
        >>> layer = Layer("dense", [np.diag([3.0, 4.0])], [np.eye(2)], [np.diag([3.0, 3.0])])
        >>> quantities = layer_quantities(layer)
        >>> quantities["weight_norm"], quantities["update_ratio"], quantities["singular_value_min"]
        (5.0, 0.2, 3.0)
    """
    size = _norm(layer.weights)
    quantities = {"gradient_norm": _norm(layer.gradients), "weight_norm": size}
    if layer.before and size > 0:
        moves = [new - old for new, old in zip(layer.weights, layer.before, strict=True)]
        quantities["update_ratio"] = _norm(moves) / size
    kernel = layer.weights[0]
    if kernel.ndim >= 2:
        matrix = kernel.reshape(-1, kernel.shape[-1])
        values = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
        quantities |= {
            "singular_value_max": float(values[0]),
            "singular_value_min": float(values[-1]),
        }
    return quantities


def diagnose_depth(
    layers: Sequence[Layer], jacobians: Array | None = None, dead: dict[str, float] | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """Measure all layers and say whether gradients vanish or explode, and where.

    In a chain of n layers W = QΛQᵀ, signals carry the factor Λⁿ⁻¹ and gradients Λⁿ: values below 1
    vanish with depth, values above 1 explode. The first of three rules that applies decides:

        1. Signals: the largest singular value of the input-output Jacobian (the median over
           examples) is above 10³ (exploding) or below 10⁻³ (vanishing). The verdict names the
           layer whose kernel stretches most, or least, or whose units are all dead.
        2. Layers: the smallest ‖g‖ of a layer is below 10⁻³ of the largest. If that layer is nearer
           to the input, the gradient vanished on its way back, at that layer. Otherwise it grew
           on its way back: it explodes, at the layer with the largest ‖g‖.
        3. Neither.

    There is no verdict if the gradient is zero in every layer or a number is not finite.

    Args:
        layers: from the input to the output, at least one.
        jacobians: ∂output/∂input for some examples, shape (examples, outputs, inputs).
        dead: the share of dead units by the name of the layer, in [0, 1].

    Returns:
        Quantities ``layer.<position>.<name>.<quantity>``, ``jacobian_singular_value_max`` and
        ``jacobian_singular_value_min`` (medians over examples), ``dead_units`` (the largest share
        in a layer) and ``gradient_norm_ratio`` (smallest over largest); findings ``depth`` and
        ``dead_units``.

    Example:
        >>> chain = [Layer(f"layer_{i}", [0.1 * np.eye(2)], [1e-4 * np.eye(2)]) for i in range(4)]
        >>> quantities, findings = diagnose_depth(chain, (1e-4 * np.eye(2))[None])
        >>> round(quantities["jacobian_singular_value_max"], 9), findings["depth"].split(":")[0]
        (0.0001, 'Vanishing at layer_0')

    References:
        Bengio, Simard, Frasconi, Learning long-term dependencies with gradient descent is
        difficult, 1994; Glorot, Bengio, Understanding the difficulty of training deep feedforward
        neural networks, 2010, §4; Saxe, McClelland, Ganguli, 2014 (singular values of the
        Jacobian).
    """
    dead = dead or {}
    measured = [layer_quantities(layer) for layer in layers]
    quantities = {
        f"layer.{position:02d}.{layer.name}.{name}": value
        for position, (layer, numbers) in enumerate(zip(layers, measured, strict=True), start=1)
        for name, value in numbers.items()
    }
    norms = np.array([numbers["gradient_norm"] for numbers in measured])
    if norms.max() > 0:
        quantities["gradient_norm_ratio"] = float(norms.min() / norms.max())
    if jacobians is not None and np.isfinite(jacobians).all():
        values = np.linalg.svd(jacobians.astype(np.float64), compute_uv=False)
        quantities["jacobian_singular_value_max"] = float(np.median(values[:, 0]))
        quantities["jacobian_singular_value_min"] = float(np.median(values[:, -1]))
    cut = next((name for name, share in dead.items() if share == 1), "")
    is_finite = np.isfinite(norms).all() and (jacobians is None or np.isfinite(jacobians).all())
    verdict = (
        _verdict(layers, measured, norms, quantities, cut)
        if is_finite
        else "Whether gradients vanish or explode is not known: a gradient or the input-output "
        "Jacobian is not finite."
    )
    findings = {"depth": verdict}
    if dead:
        positions = {layer.name: position for position, layer in enumerate(layers, start=1)}
        for name, share in dead.items():
            quantities[f"layer.{positions.get(name, 0):02d}.{name}.dead_units"] = share
        worst = max(dead, key=lambda name: dead[name])
        quantities["dead_units"] = dead[worst]
        findings["dead_units"] = (
            f"{100 * dead[worst]:.0f} % of the units of {worst} are dead: zero for every example."
            if dead[worst] > 0
            else "No unit is dead: each is above zero for some example."
        )
    return quantities, findings


def _verdict(
    layers: Sequence[Layer],
    measured: Sequence[dict[str, float]],
    norms: Array,
    quantities: dict[str, float],
    cut: str,
) -> str:
    """Say vanishing, exploding or neither, with the layer and the rule that decided."""
    stretch = [numbers.get("singular_value_max", 1.0) for numbers in measured]
    signal = quantities.get("jacobian_singular_value_max", 1.0)
    if signal > DECADES:
        name = layers[int(np.argmax(stretch))].name
        return (
            f"Exploding at {name}: the largest singular value of the input-output Jacobian, "
            f"{signal:.2g}, is above {DECADES:g}, and {name} stretches most."
        )
    if signal < 1 / DECADES and cut:
        return (
            f"Vanishing at {cut}: the largest singular value of the input-output Jacobian, "
            f"{signal:.2g}, is below {1 / DECADES:g}, and all units of {cut} are dead."
        )
    if signal < 1 / DECADES:
        name = layers[int(np.argmin(stretch))].name
        return (
            f"Vanishing at {name}: the largest singular value of the input-output Jacobian, "
            f"{signal:.2g}, is below {1 / DECADES:g}, and {name} stretches least."
        )
    low, high = int(np.argmin(norms)), int(np.argmax(norms))
    if norms[high] == 0:
        return "The gradient is zero in every layer: there is nothing to vanish or explode."
    if norms[low] * DECADES < norms[high]:
        if low < high:
            word, name = "Vanishing", layers[low].name
        else:
            word, name = "Exploding", layers[high].name
        return (
            f"{word} at {name}: the gradient norms of the layers, {norms[low]:.2g} at "
            f"{layers[low].name} and {norms[high]:.2g} at {layers[high].name}, are more than "
            f"{DECADES:g} times apart."
        )
    return (
        f"Gradients neither vanish nor explode: the norms of the layers lie within a factor of "
        f"{norms[high] / norms[low]:.3g} (the limit is {DECADES:g})."
    )


def _norm(arrays: Sequence[Array]) -> float:
    return float(np.sqrt(sum(float(np.sum(np.square(a.astype(np.float64)))) for a in arrays)))
