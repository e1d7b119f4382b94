"""Running a server in the foreground until Ctrl-C, without leaving a worker behind."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

DONE, FAILED = 0, 1
GRACE_SECONDS = 10.0


def serve(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a server until it ends by itself or this process is told to end.

    The server gets a process group of its own, all of which is ended: MLflow does not
    pass a signal on to its workers.

    Args:
        command: the program and its arguments.
        environment: its environment variables.

    Returns:
        0 if it was ended by a signal to this process or ended well, else 1.
    """
    previous = signal.signal(signal.SIGTERM, _interrupt)
    server = subprocess.Popen(command, env=dict(environment), start_new_session=True)
    try:
        return DONE if server.wait() == 0 else FAILED
    except KeyboardInterrupt:
        return DONE
    finally:
        signal.signal(signal.SIGTERM, previous)
        _end_group(server)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _end_group(server: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(GRACE_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
