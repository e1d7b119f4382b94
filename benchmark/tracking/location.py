"""Where the MLflow store is, and how its user interface is started."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmark.errors import UserError

STORE_FILE = "mlflow.db"
ARTIFACT_FOLDER = "mlartifacts"


class TrackingError(UserError, ValueError):
    """A tracking store that cannot be used as asked."""


def default_tracking_uri(results_root: Path) -> str:
    """Return the address of the embedded store: one SQLite file beside the results.

    Args:
        results_root: the folder ``results/``; it need not exist yet.

    Example:
        >>> default_tracking_uri(Path("/data/results"))
        'sqlite:////data/results/mlflow.db'
    """
    return f"sqlite:///{(results_root.absolute() / STORE_FILE).as_posix()}"


def resolve_tracking_uri(option: str | None, environ: Mapping[str, str], results_root: Path) -> str:
    """Choose the store: the option beats ``MLFLOW_TRACKING_URI``, which beats the default.

    Args:
        option: the value of ``--tracking-uri``, or nothing.
        environ: the environment variables; an empty one counts as unset.
        results_root: the folder ``results/``, home of the default store.

    Example:
        >>> environ = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"}
        >>> resolve_tracking_uri(None, environ, Path("/data/results"))
        'http://127.0.0.1:5000'
        >>> resolve_tracking_uri("sqlite:////x.db", environ, Path("/data/results"))
        'sqlite:////x.db'
        >>> resolve_tracking_uri(None, {}, Path("/data/results"))
        'sqlite:////data/results/mlflow.db'
    """
    return option or environ.get("MLFLOW_TRACKING_URI") or default_tracking_uri(results_root)


def is_server(uri: str) -> bool:
    """Whether the address is that of an MLflow server reached over HTTP.

    Example:
        >>> is_server("http://127.0.0.1:5000"), is_server("sqlite:////x.db")
        (True, False)
    """
    return urlsplit(uri).scheme in ("http", "https")


def public_uri(uri: str) -> str:
    """Return an address without user name and password, for messages.

    Example:
        >>> public_uri("postgresql://me:secret@host:5432/mlflow")
        'postgresql://host:5432/mlflow'
    """
    return re.sub(r"(://)[^/@]*@", r"\1", uri)


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite address, or nothing for any other store.

    Example:
        >>> sqlite_file("sqlite:////data/mlflow.db").as_posix()
        '/data/mlflow.db'
        >>> sqlite_file("postgresql://host/mlflow") is None
        True
    """
    scheme, _, rest = uri.partition(":///")
    path = unquote(rest.partition("?")[0])
    return Path(path) if scheme.split("+")[0] == "sqlite" and path else None


def artifact_root_of(uri: str, artifact_root: Path | None = None) -> Path | None:
    """Return the folder of artifacts: the given one, or the one beside a SQLite file.

    Example:
        >>> artifact_root_of("sqlite:////data/mlflow.db").as_posix()
        '/data/mlartifacts'
        >>> artifact_root_of("http://127.0.0.1:5000", Path("/data")) is None
        True
    """
    if is_server(uri):
        return None  # The server decides where artifacts go.
    file = sqlite_file(uri)
    if artifact_root is None and file is not None:
        return file.absolute().parent / ARTIFACT_FOLDER
    return artifact_root.absolute() if artifact_root is not None else None


def ui_command(
    uri: str, host: str = "127.0.0.1", port: int = 5000, artifact_root: Path | None = None
) -> list[str]:
    """Return the command that serves MLflow's user interface on a store.

    Start it with the environment of :func:`ui_environment`. The default host is loopback:
    the interface has no login, so whoever reaches it may change and delete runs. MLflow
    itself refuses requests whose ``Host`` header is neither local nor a private address.

    Args:
        uri: the store, as returned by :func:`resolve_tracking_uri`.
        host: the address to listen on.
        port: the TCP port, 1 to 65535.
        artifact_root: the folder of artifacts; by default the one beside a SQLite file.

    Raises:
        TrackingError: the store is already a server, which has its own interface.

    Example:
        >>> ui_command("sqlite:////data/mlflow.db", port=5001)[1:6]
        ['-m', 'mlflow', 'ui', '--backend-store-uri', 'sqlite:////data/mlflow.db']
    """
    if is_server(uri):
        raise TrackingError(
            f"the store of ui must be a database or a folder. Received the server {uri}; "
            "open that address in a browser."
        )
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri]
    # One worker answers one person; each costs about 300 MB and seconds of start-up.
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    root = artifact_root_of(uri, artifact_root)
    if root is not None:
        # For experiments created in the interface; ours carry their own file address.
        command += ["--artifacts-destination", root.as_uri()]
    return command


def ui_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for :func:`ui_command`: nothing is sent to the outside.

    Example:
        >>> ui_environment({"PATH": "/bin"})["MLFLOW_DISABLE_TELEMETRY"]
        'true'
    """
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        # The job runners serve language-model evaluation only and cost two processes.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    return {**environ, **quiet}
