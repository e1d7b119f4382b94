"""A start of TensorFlow without its notices."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator

NOTICE = re.compile(
    rb"^(WARNING: All log messages before absl::InitializeLog|[IWE]\d{4} |"
    rb"To enable the following instructions: |\d{4}-\d\d-\d\d .*: [IWE] (tensorflow|external)/)"
)
"""A line of the C++ log at level information, warning or error; fatal ones stay."""


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Hold back notices of TensorFlow's C++ log while it starts.

    ``TF_CPP_MIN_LOG_LEVEL`` alone does not do it: TensorFlow writes about oneDNN and missing
    CUDA libraries before it reads that variable. Other lines on standard error are let
    through at the end, and all of them if the block raises an error. Nothing is held back where
    ``TF_CPP_MIN_LOG_LEVEL`` is 0 or 1, which asks for notices.
    """
    # Level 3 leaves fatal errors; a missing GPU is reported as an error on every CPU machine.
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") in ("0", "1"):
        yield
        return
    try:
        original = os.dup(2)
    except OSError:  # standard error is closed: nothing to keep clean
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        raised = True
        try:
            yield
            raised = False
        except KeyboardInterrupt:  # Ctrl-C is no error, which the notices might explain
            raised = False
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
            held.seek(0)
            kept = [line for line in held if raised or not NOTICE.match(line)]
            with contextlib.suppress(OSError):
                os.write(2, b"".join(kept))
