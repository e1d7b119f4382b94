"""What measurements of an engine alone are called."""

ENDS_ONLY = "ends_only"


def name_of(
    engine: str,
    workload: str,
    backend: str,
    workers: int | None,
    batch_sizes: tuple[int, ...],
    *,
    ends_only: bool = False,
) -> str:
    """The name of a measurement of an engine alone.

    Args:
        engine: ``"sequential"`` or ``"vectorized"``.
        workload: a name in ``WORKLOADS``.
        backend: the framework.
        workers: processes, or nothing for the measuring process itself.
        batch_sizes: of the trials; one alone is part of the name.
        ends_only: whether trials are evaluated at their start and end only.

    Example:
        >>> name_of("vectorized", "digits_mlp", "jax", 2, (32,))
        'vectorized/digits_mlp/jax/workers_2/batch_32'
        >>> name_of("sequential", "digits_mlp", "jax", None, (16, 32))
        'sequential/digits_mlp/jax'
    """
    parts = [engine, workload, backend]
    parts += [f"workers_{workers}"] if workers else []
    parts += [f"batch_{batch_sizes[0]}"] if len(batch_sizes) == 1 else []
    parts += [ENDS_ONLY] if ends_only else []
    return "/".join(parts)
