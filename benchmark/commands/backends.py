"""What ``--backend`` may be, and how it comes into force."""

import os
from enum import StrEnum

from benchmark.errors import UserError


class Backend(StrEnum):
    """The frameworks that Keras may run on."""

    TENSORFLOW = "tensorflow"
    JAX = "jax"


def backend_name(chosen: str | None) -> str:
    """Return the framework that an option chooses.

    Args:
        chosen: the option; without it ``KERAS_BACKEND`` counts, or TensorFlow.

    Example:
        >>> backend_name(Backend.JAX)
        'jax'
    """
    return str(chosen or os.environ.get("KERAS_BACKEND") or "tensorflow")


def select_backend(chosen: str | None, recorded: str = "") -> None:
    """Choose the framework before Keras is imported; a resumed run keeps its own.

    Args:
        chosen: the option.
        recorded: that of the resumed run, or nothing.

    Raises:
        UserError: it is not that of the run, is not installed, or another one is in use.
    """
    from benchmark import backend

    if chosen and recorded and chosen != recorded:
        raise UserError(
            f"a run must be resumed on the backend it began on, {recorded}. "
            f"Received --backend {chosen}. Leave it out."
        )
    try:
        backend.select(recorded or backend_name(chosen))
    except (ModuleNotFoundError, RuntimeError, ValueError) as error:
        raise UserError(str(error)) from None
