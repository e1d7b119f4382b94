"""Ray's side: a cluster that lives as long as the command, or one that the user names."""

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray

from benchmark.distributed.machine import DistributedError
from benchmark.distributed.worker import Worker
from benchmark.urls import masked, remember, without_secrets

OBJECT_STORE_BYTES = 256 * 2**20
"""For replies that do not fit into a message; what is larger goes to the temporary folder."""
ANSWER_SECONDS = 10.0
"""How long the address of a cluster may take to answer."""
GOODBYE_SECONDS = 10.0
"""How long processes may take to end before they are killed."""
LONGEST_FOLDER = 40
"""Characters: a socket's path, to which Ray adds 64, may have 104 on macOS and 108 on Linux."""


class Cluster:
    """Ray as one run uses it.

    Without ``RAY_ADDRESS`` it is a cluster of this machine alone, reachable from it alone,
    with Ray's token authentication (its default for a new cluster), without
    dashboard and usage statistics, in a temporary folder of its own. With ``RAY_ADDRESS``
    the run joins that cluster and leaves it at the end.

    Args:
        workers: how many processes must fit.
        gpus: how many GPUs they hold; 0 for one core each.

    Raises:
        DistributedError: no cluster can be started or reached.
    """

    def __init__(self, workers: int, gpus: int) -> None:
        if ray.is_initialized():
            raise DistributedError(
                "Ray must not be in use in this process. Received a connection that somebody "
                "else opened. Call ray.shutdown() first."
            )
        self.address = os.environ.get("RAY_ADDRESS") or "local"
        remember(self.address)
        self.is_local = self.address == "local"
        self._folder: Path | None = None
        self._processes: set[int] = set()
        self._holds_gpu = gpus > 0
        try:
            with _kept_signal_handlers(), warnings.catch_warnings():
                # Ray advises on its own future defaults; nothing here depends on them.
                warnings.simplefilter("ignore", FutureWarning)
                self._connect(workers, gpus)
        except BaseException as error:
            self.stop()
            if isinstance(error, Exception):
                raise DistributedError(
                    f"Ray must start or be reachable at {masked(self.address)}. "
                    f"Received {without_secrets(str(error), self.address)}. "
                    "Leave out --workers to train in this process."
                ) from error
            raise

    def spawn(self, *arguments: Any) -> Any:
        """Begin to start a worker.

        Args:
            *arguments: of :class:`~benchmark.distributed.worker.Worker`.

        Returns:
            Its handle; calls wait until the worker is ready.
        """
        # Some libraries read the number of threads as they are loaded, and Ray loads NumPy.
        root = str(Path(__file__).parents[2])
        paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        variables = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        if self.is_local:
            variables["PYTHONPATH"] = os.pathsep.join(paths)
        options = {"num_gpus": 1} if self._holds_gpu else {"num_cpus": 1}
        actor = ray.remote(Worker).options(runtime_env={"env_vars": variables}, **options)
        return actor.remote(*arguments)

    def remember(self, process: int) -> None:
        """Note the process of a worker, which must be gone at the end."""
        if self.is_local:
            self._processes.add(process)

    def stop(self) -> None:
        """Leave the cluster; one of our own ends, with all its processes and files."""
        if ray.is_initialized():
            ray.shutdown(wait_for_processes=True)
        _wait_for_end(self._processes)
        self._processes.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _connect(self, workers: int, gpus: int) -> None:
        if not self.is_local:
            _check_answers(self.address)
            ray.init(self.address, log_to_driver=False, logging_level=logging.ERROR)
            return
        self._folder = _temporary_folder()
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            "local",
            num_cpus=workers,
            num_gpus=gpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=OBJECT_STORE_BYTES,
            _temp_dir=str(self._folder),
        )


@contextlib.contextmanager
def _kept_signal_handlers() -> Iterator[None]:
    """Give back the handlers that Ray replaces: SIGTERM must end a study cleanly."""
    try:
        before = signal.getsignal(signal.SIGTERM)
        yield
    finally:
        # In another thread than the main one Ray replaces none.
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, before)


def _check_answers(address: str) -> None:
    """Fail at once where nobody listens; Ray itself would try for many minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()


def _temporary_folder() -> Path:
    base, prefix = tempfile.gettempdir(), f"kappabench-{os.getpid()}-"
    if len(base) + len(prefix) + 9 > LONGEST_FOLDER and Path("/tmp").is_dir():  # noqa: S108
        base = "/tmp"  # noqa: S108 - mkdtemp makes a folder that nobody else can enter
    return Path(tempfile.mkdtemp(prefix=prefix, dir=base))


def _wait_for_end(processes: set[int]) -> None:
    if _have_ended(processes):
        return
    for process in filter(_is_alive, processes):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    # A killed process takes a moment to go where the machine is busy.
    _have_ended(processes)


def _have_ended(processes: set[int]) -> bool:
    """Whether all end within the time for goodbyes."""
    deadline = time.monotonic() + GOODBYE_SECONDS
    while any(map(_is_alive, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_alive(process: int) -> bool:
    try:
        # An ended process whose parent is gone may stay listed until somebody collects it.
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        return not state.lstrip().startswith("Z")
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
