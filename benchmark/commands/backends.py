"""What ``--backend`` may be."""

from enum import StrEnum


class Backend(StrEnum):
    """The frameworks that Keras may run on."""

    TENSORFLOW = "tensorflow"
    JAX = "jax"
