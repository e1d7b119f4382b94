"""Which framework Keras runs on, chosen once in a process, and started without its notices."""

import contextlib
import importlib
import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from benchmark.backend.cache import cache_folder
from benchmark.backend.memory import free_system_memory

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
            lines = [line for line in held if raised or not NOTICE.match(line)]
            with contextlib.suppress(OSError):
                os.write(2, b"".join(lines))


BACKENDS = ("tensorflow", "jax")
"""The frameworks that :func:`select` takes."""
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
"""What numerical libraries read, as they are loaded, for the size of their thread pools."""
POOL_VARIABLES = (
    "TF_NUM_INTRAOP_THREADS",
    "NPROC",  # the size of XLA's pool on JAX
)
"""What the frameworks read for the size of the pool that shares the work of one program.

XLA cuts a large matrix product, and on JAX a large sum, according to this size, whether or not
the threads have cores of their own. So its size decides how such sums are rounded.
"""
ONE_THREAD_PRODUCTS = "--xla_cpu_multi_thread_eigen"
"""The flag of XLA by which a single matrix product is shared between threads of the CPU.

Off: several programs side by side make better use of the cores. It is off in every process,
for it changes how sums are rounded.
"""
JOINED_RESULTS = ("--xla_backend_extra_options", "xla_cpu_use_multi_output_fusion")
"""The option of XLA by which one loop over memory computes several results on a CPU.

Without it the new state of an optimizer and the new weights are two loops that both read the
old state, which is copied for it at every step: momentum took 1.2 to 1.3 times as long as plain
SGD on JAX. A version that does not know the option, as TensorFlow's, passes over it. Loops
of which one needs what the other computes stay two, unless it computes that itself
(:func:`benchmark.backend.apart`).
"""
TENSORFLOW_CACHE = "--tf_xla_persistent_cache_directory"
_chosen_threads: list[int] = []
REMEDIES = {
    "tensorflow": "Install it with: pip install kappabench",
    "jax": "Install it with: pip install 'kappabench[jax]'",
}


def select(backend: str, threads: int | None = None, pool: int | None = None) -> None:
    """Choose the framework that Keras runs on, import it, and make it deterministic.

    Call it once, before the first import of Keras: importing TensorFlow takes seconds, so
    nothing that answers at once (``--help``, ``list``, ``report``) may call it.

    * TensorFlow's start-up log (CPU features, oneDNN, missing CUDA) is silenced, unless
      ``TF_CPP_MIN_LOG_LEVEL`` is 0 or 1.
    * Operations are deterministic: the same inputs give bitwise equal outputs on the same
      machine. Random draws must carry their own seed; there is no global random state.
      (On a GPU, JAX needs ``XLA_FLAGS=--xla_gpu_deterministic_ops=true`` for it besides.)
    * float32 means float32: the 10-bit mantissa of TensorFloat-32 is switched off, since a
      spectrum's tolerance counts on machine epsilon. float64 is available on both frameworks.

    Args:
        backend: ``"tensorflow"`` or ``"jax"``.
        threads: how many threads of the CPU this process computes with, ≥ 1; nothing leaves
            it to the framework. It must be asked for before the framework is imported.
        pool: the size of the pool that shares the work of one program, ≥ 1, where it differs
            from ``threads``. Processes with pools of one size round alike.

    Raises:
        ValueError: the name is not one of :data:`BACKENDS`, or a number is below 1.
        ModuleNotFoundError: the framework is not installed.
        RuntimeError: Keras is already imported with another backend, or with its own number
            of threads.

    Example:
        >>> select(name())  # a second choice of the same framework changes nothing
        >>> select("theano")
        Traceback (most recent call last):
        ValueError: the backend must be one of tensorflow, jax. Received 'theano'.
    """
    if backend not in BACKENDS:
        raise ValueError(f"the backend must be one of {', '.join(BACKENDS)}. Received {backend!r}.")
    if find_spec(backend) is None:
        raise ModuleNotFoundError(
            f"the backend must be installed. Received {backend!r}, which is not. "
            f"{REMEDIES[backend]}",
            name=backend,
        )
    _refuse_second_backend(backend)
    if threads is not None:
        _limit_threads(threads, threads if pool is None else pool)
    os.environ["KERAS_BACKEND"] = backend
    make_deterministic()


def name() -> str:
    """Return the framework in use; imports Keras.

    Raises:
        RuntimeError: Keras runs on a framework other than :data:`BACKENDS`.

    Example:
        >>> name() in BACKENDS
        True
    """
    _set_flags()
    with quiet_start():
        import keras

    backend = str(keras.backend.backend())
    if backend not in BACKENDS:
        raise RuntimeError(
            f"Keras must run on one of {', '.join(BACKENDS)}. Received {backend!r}. "
            "Set KERAS_BACKEND, or call benchmark.backend.select before Keras is imported."
        )
    return backend


def computing_threads() -> int:
    """Return how many compiled programs this process can run side by side, ≥ 1.

    On a processor one for each core that the process may use; on a graphics card two, so
    that the next one's inputs are made while one computes.
    """
    if not devices()[0].startswith("cpu"):
        return 2
    if _chosen_threads:
        return _chosen_threads[-1]
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def devices() -> list[str]:
    """Return the devices of the framework in use, accelerators first.

    Example:
        >>> devices()[-1]
        'cpu:0'
    """
    return list(implementation().devices())


def free_memory() -> int | None:
    """Return the bytes that the first device can still give, or nothing where none can tell.

    Of a processor that is the memory which the system and the control group leave; of a
    graphics card what the framework may still take.
    """
    if devices()[0].startswith("cpu"):
        return free_system_memory()
    available = implementation().free_device_memory()
    return None if available is None else int(available)


def versions() -> dict[str, str]:
    """Return the versions on which numbers depend, without importing any framework.

    Returns:
        The version of Python, and of each package of the numerical stack that is installed.

    Example:
        >>> versions()["python"] == platform.python_version()
        True
    """
    installed = {"python": platform.python_version()}
    for package in ("keras", "tensorflow", "jax", "jaxlib", "numpy", "scipy"):
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


@cache
def implementation() -> ModuleType:
    """Return the module that implements the transformations, its framework set up."""
    module = importlib.import_module(f"benchmark.backend.{name()}")
    with quiet_start():
        module.setup()
    return module


@cache
def make_deterministic() -> None:
    """Let the same inputs give bitwise equal outputs from now on, in the whole process.

    :func:`select` and :func:`benchmark.backend.compile` do it. It is left undone for who only
    takes an optimizer of ours into a ``model.fit`` of their own: there TensorFlow would refuse
    whatever is random and was made without a seed.
    """
    implementation().make_deterministic()


def _set_flags() -> None:
    """Set what XLA reads at its start; values of the user's own stay."""
    _add_flag("XLA_FLAGS", ONE_THREAD_PRODUCTS, "false")
    _add_flag("XLA_FLAGS", *JOINED_RESULTS)
    if "tensorflow" not in sys.modules and TENSORFLOW_CACHE not in _flags("TF_XLA_FLAGS"):
        folder = tensorflow_cache()
        if folder is not None and " " not in str(folder):
            _add_flag("TF_XLA_FLAGS", TENSORFLOW_CACHE, str(folder))


@cache
def tensorflow_cache() -> Path | None:
    """Return the folder of compiled programs and their graphs, see :func:`cache_folder`."""
    try:
        release = version("tensorflow")
    except PackageNotFoundError:
        return None
    return cache_folder("tensorflow", release, _flags("XLA_FLAGS"))


def _add_flag(variable: str, flag: str, value: str) -> None:
    if flag not in _flags(variable):
        os.environ[variable] = f"{_flags(variable)} {flag}={value}".strip()


def _flags(variable: str) -> str:
    return os.environ.get(variable, "")


def _refuse_second_backend(backend: str) -> None:
    if "keras" not in sys.modules:
        return
    current = name()
    if current != backend:
        raise RuntimeError(
            "the backend must be selected before Keras is imported. "
            f"Received {backend!r} while Keras already runs on {current!r}. "
            f"Start a new process, with KERAS_BACKEND={backend} or this call first."
        )


def _limit_threads(threads: int, pool: int) -> None:
    for name, value in (("threads", threads), ("pool", pool)):
        if value < 1:
            raise ValueError(f"{name} must be >= 1. Received {value}.")
    if "keras" in sys.modules:
        raise RuntimeError(
            "threads must be chosen before Keras is imported. "
            f"Received {threads} afterwards. Start a new process, with this call first."
        )
    _chosen_threads.append(threads)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    os.environ.update(dict.fromkeys(POOL_VARIABLES, str(pool)))
