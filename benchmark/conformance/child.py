"""Checks optimizers in a process of its own: ``python -m benchmark.conformance.child TASK``.

TASK is JSON: ``backend``, and ``optimizers``, their names. Each line of the output is JSON:
``refused`` with a sentence, before anything is checked; or an examination. Whatever the
checked classes print goes to standard error.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any


def answers(backend_name: str, optimizers: list[str]) -> Iterator[dict[str, Any]]:
    """Check optimizers one after another, once all of them are known to be there.

    Args:
        backend_name: the framework.
        optimizers: names.
    """
    from benchmark import backend
    from benchmark.conformance.checking import check_optimizer
    from benchmark.optimizers import optimizer_entry

    try:
        backend.select(backend_name)
        for name in optimizers:
            optimizer_entry(name)
    except (ValueError, ModuleNotFoundError) as error:
        yield {"refused": str(error)}
        return
    for name in optimizers:
        yield check_optimizer(name).document()


def main() -> None:
    """Read the task from the command line and print an answer a line."""
    task = json.loads(sys.argv[1])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    output = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        for answer in answers(task["backend"], task["optimizers"]):
            output.write(json.dumps(answer) + "\n")
            output.flush()


if __name__ == "__main__":
    main()
