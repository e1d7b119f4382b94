"""What a run may be called, and the files that are named for what a study names."""

import hashlib
import re
from pathlib import Path

from benchmark.errors import UserError

PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class RunNameError(UserError, ValueError):
    """A name that no new run can have."""


def check_run_name(root: str | Path, study_name: str, run_name: str | None) -> None:
    """Refuse a name that a new run of a study cannot have.

    Args:
        root: the folder of all results.
        study_name: the folder of the study's runs.
        run_name: the name, or nothing for the time, which is always free.

    Raises:
        RunNameError: it is not the plain name of a folder, means something else, or is taken.

    Example:
        >>> check_run_name("results", "quickstart", "a/b")
        Traceback (most recent call last):
        benchmark.results.names.RunNameError: run_name must be up to 100 letters, digits, dots, \
dashes and underscores, beginning with a letter or digit, and not "latest". Received 'a/b'.
    """
    if run_name is None:
        return
    if not PATTERN.fullmatch(run_name) or run_name == "latest":
        raise RunNameError(
            "run_name must be up to 100 letters, digits, dots, dashes and underscores, "
            f'beginning with a letter or digit, and not "latest". Received {run_name!r}.'
        )
    if (Path(root) / study_name / run_name).exists():
        raise RunNameError(
            f"run_name must be new. Received {run_name!r}, which is in {Path(root) / study_name}. "
            "Choose another name, or resume that run."
        )


MODELS = "best"
LONGEST = 180
"""Characters of a file's name; systems allow 255, and a temporary name is longer."""


def model_file(path: str | Path, label: str) -> Path:
    """Return where a run keeps the best model of a label.

    Every character of the label but ``a`` to ``z``, digits, ``_``, ``-`` and dots stands there
    in percent-encoding, capital letters too, because not every system tells them apart;
    ``urllib.parse.unquote`` gives the label back. A very long name is cut and ends in its
    SHA-256. So two labels never share a file.

    Args:
        path: the run folder.
        label: of a compared optimizer.

    Example:
        >>> model_file("run", "adam").as_posix(), model_file("run", "keras:Adam").name
        ('run/best/adam.keras', 'keras%3A%41dam.keras')
    """
    name = re.sub(r"[^a-z0-9_.-]|^\.", lambda match: _percent_encoded(match.group()), label)
    if len(name) > LONGEST:
        name = f"{name[: LONGEST - 65]}~{hashlib.sha256(label.encode()).hexdigest()}"
    return Path(path) / MODELS / f"{name}.keras"


def _percent_encoded(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
