"""What trains a study, from the options of the command line."""

from typing import TYPE_CHECKING, Literal

from benchmark.commands.terminal import bad_input

if TYPE_CHECKING:
    from benchmark.engine import EngineChoice


def engine_choice(name: str | None, capacity: int | None, workers: str | None) -> "EngineChoice":
    """Return what the options ask for, or leave with exit code 2.

    Args:
        name: of the engine, or nothing for the usual one.
        capacity: how many trials it runs at once.
        workers: a number, ``"auto"`` or nothing.
    """
    from benchmark.engine import DEFAULT_ENGINE, EngineChoice

    try:
        return EngineChoice(name or DEFAULT_ENGINE, capacity, _workers(workers))
    except ValueError as error:
        bad_input(str(error))


def _workers(option: str | None) -> int | Literal["auto"] | None:
    if option is None:
        return None
    if option == "auto":
        return "auto"
    try:
        return int(option)
    except ValueError:
        raise ValueError(
            f"the workers must be >= 1 or auto. Received {option!r} at --workers."
        ) from None
