"""Errors that a user can fix: one base class, and the words that help."""

import difflib
import re
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path

MOST_CHARACTERS = 300
"""What of a message is kept: both ends of a longer one."""
_TRACED = "in user code:"
"""What AutoGraph begins a message with, before the lines of a traceback and the message."""
_TRACED_PLACE = re.compile(r'^ *File "(?P<file>.+)", line (?P<line>\d+), in .*\n.*\n', re.MULTILINE)
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_ARGUMENTS = re.compile(r"\n\s*Arguments received by .*", re.DOTALL)
"""What Keras adds to the message of an exception in a layer."""


class UserError(Exception):
    """A mistake of the user's, told in a sentence, without a traceback.

    The sentence holds the rule, the value received, the place and the remedy. The
    command line prints it and ends with exit code 2.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question that offers the nearest known word, to follow a sentence, or nothing.

    Example:
        >>> did_you_mean("learnin_rate", ["learning_rate", "momentum"])
        ' Did you mean `learning_rate`?'
        >>> did_you_mean("warmth", ["learning_rate", "momentum"])
        ''
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean `{near[0]}`?" if near else ""


def failure_reason(error: BaseException) -> str:
    r"""Say in one line what an exception says, and where in the user's files it was raised.

    Frameworks bury both: AutoGraph makes a traceback the message, Keras adds the arguments of
    the call in colours.

    Args:
        error: as it was caught, with its traceback.

    Returns:
        ``"Type: message"``, and ``(file:line)`` where a file of the user's was involved. The
        file is relative to the current folder, where it lies there.

    Example:
        >>> failure_reason(ValueError("the step must be finite.\nReceived nan."))
        'ValueError: the step must be finite. Received nan.'
        >>> place = 'File "/x/mine.py", line 3, in rule *\n raise error\n'
        >>> failure_reason(RuntimeError(f"in user code:\n\n {place}\n OddError: odd\n"))
        'OddError: odd (/x/mine.py:3)'
    """
    message = _ARGUMENTS.sub("", _ESCAPES.sub("", str(error)))
    text = f"{type(error).__name__}: {message.strip() or 'no message'}"
    if _TRACED in message:
        for traced in _TRACED_PLACE.finditer(message):
            text = message[traced.end() :]
    text = " ".join(text.split())
    if len(text) > MOST_CHARACTERS:
        text = f"{text[: MOST_CHARACTERS // 2]} … {text[-MOST_CHARACTERS // 2 :]}"
    place = _place(error, message)
    return f"{text} ({place})" if place else text


def without_numbers(reason: str) -> str:
    """Return a reason without what differs between trials: shapes, counts, addresses.

    Example:
        >>> without_numbers("no room for a batch of 32")
        'no room for a batch of #'
    """
    return re.sub(r"0x[0-9a-f]+|\d+", "#", reason)


def _place(error: BaseException, message: str) -> str:
    """The innermost line of a file of the user's, or nothing."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno) for frame in frames]
    # What AutoGraph runs has a generated file's place in the traceback.
    places += [(match["file"], int(match["line"])) for match in _TRACED_PLACE.finditer(message)]
    for file, line in reversed(places):
        if _is_of_user(Path(file)):
            return f"{_relative(Path(file))}:{line}"
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return _place(cause, str(cause)) if cause else ""


def _is_of_user(file: Path) -> bool:
    if file.suffix != ".py" or "autograph_generated_file" in file.name:
        return False
    folders = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]
    folders += [Path(__file__).parent]
    is_installed = {"site-packages", "dist-packages"} & set(file.parts)
    return not is_installed and not any(file.is_relative_to(folder) for folder in folders)


def _relative(file: Path) -> Path:
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file
