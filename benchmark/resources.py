"""Where the shipped study files and dataset cards lie.

In a checkout they are the top-level folders ``studies/`` and ``datasets/``; a
built wheel carries the same files inside the package, under ``shipped/``.
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """Return the folder of shipped files called ``folder``.

    Args:
        folder: ``"studies"`` or ``"datasets"``.

    Returns:
        The folder inside the installed package or, in a checkout, beside it.

    Raises:
        FileNotFoundError: neither place has such a folder.

    Example:
        >>> sorted(path.name for path in shipped("datasets").glob("iris.toml"))
        ['iris.toml']
    """
    for place in (PACKAGE / "shipped" / folder, PACKAGE.parent / folder):
        if place.is_dir():
            return place
    raise FileNotFoundError(
        f"the installation must carry its {folder}/ folder. Received none beside {PACKAGE}. "
        "Install kappabench again."
    )
