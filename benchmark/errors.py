"""What a user can mend: one base class, and the words that help."""

import difflib
from collections.abc import Iterable


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
