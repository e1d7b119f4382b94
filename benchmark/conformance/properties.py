"""The properties that are checked: an explicit table, read without any framework."""

from dataclasses import dataclass

_HERE = "benchmark.conformance"


@dataclass(frozen=True, slots=True)
class Property:
    """What an optimizer should keep to.

    Args:
        sentence: what it means.
        target: ``"module:function"``, which takes a ``Subject`` and raises where the
            property fails or does not apply.
    """

    sentence: str
    target: str


PROPERTIES: dict[str, Property] = {
    "finite steps": Property(
        "At its defaults the weights stay finite for gradients of every size from 1e-20 to 1e6.",
        f"{_HERE}.descent:steps_are_finite",
    ),
    "parabola": Property(
        "At some learning rate ½‖w − w*‖² falls to 1 % of its start within 400 steps.",
        f"{_HERE}.descent:goes_down_a_parabola",
    ),
    "Rosenbrock": Property(
        "At some learning rate 400 steps lead into the valley of Rosenbrock's function.",
        f"{_HERE}.descent:goes_into_the_valley_of_rosenbrock",
    ),
    "ill-conditioned quadratic": Property(
        "At some learning rate a quadratic with κ = 10⁴ falls to 10 % of its start within 400 "
        "steps.",
        f"{_HERE}.descent:goes_down_an_ill_conditioned_quadratic",
    ),
    "types and shapes": Property(
        "Weights of float32, float64 and bfloat16 keep their type and shape, move and stay "
        "finite, and those of float64 have steps of as many digits; the state keeps the types "
        "and shapes it was built with.",
        f"{_HERE}.tensors:keeps_types_and_shapes",
    ),
    "sizes": Property(
        "Scalars, single elements, a million elements and a matrix of 256 × 512 are stepped "
        "on, and stay finite.",
        f"{_HERE}.tensors:takes_every_size",
    ),
    "zero gradient": Property(
        "A gradient of zero moves nothing, with weight decay switched off; one that is zero in a "
        "row and a column of a matrix leaves all weights finite and moves the others.",
        f"{_HERE}.tensors:rests_at_a_zero_gradient",
    ),
    "resumed": Property(
        "A run that goes on from its saved state ends at the same bits as one that was not "
        "interrupted.",
        f"{_HERE}.state:resumes",
    ),
    "configuration": Property(
        "get_config holds what a constructor needs: from_config and (de)serialize give an "
        "optimizer of the same configuration, which takes the same steps.",
        f"{_HERE}.state:configuration_round_trip",
    ),
    "one compilation": Property(
        "A compiled step serves other values of the hyperparameters without being compiled anew.",
        f"{_HERE}.tensors:compiles_once",
    ),
    "arrays as floats": Property(
        "Hyperparameters that are rows of an array give the steps that they give as floats, to "
        "a thousandth of the way.",
        f"{_HERE}.tensors:arrays_equal_floats",
    ),
    "compile and fit": Property(
        "model.compile and model.fit train with it: the loss stays finite and the weights move.",
        f"{_HERE}.drop_in:fits",
    ),
    "saved model": Property(
        "A model that was saved and loaded goes on training to the same bits.",
        f"{_HERE}.drop_in:survives_saving",
    ),
    "as in Keras": Property(
        "Keras's class of the same name has the same arguments and defaults, and its steps "
        "differ by a thousandth of the way at most; or departure_from_keras of the class says why "
        "they do not.",
        f"{_HERE}.drop_in:steps_as_keras",
    ),
    "stability limit": Property(
        "The limit of η·λmax of a built-in optimizer is known, or the reason why it has none.",
        f"{_HERE}.state:has_a_stability_limit",
    ),
    "vectorised as sequential": Property(
        "The vectorized engine ends where the sequential one does, to a thousandth of the way; "
        "where a method magnifies the roundings of float32, in float64 to a billionth.",
        f"{_HERE}.engines:vectorized_equals_sequential",
    ),
    "any neighbours": Property(
        "A trial ends at the same bits alone and beside others, one of them diverging.",
        f"{_HERE}.engines:neighbours_change_nothing",
    ),
}
"""Every property by its name, in the order in which they are checked."""
