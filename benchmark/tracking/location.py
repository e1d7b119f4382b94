"""Where the MLflow store is, and how its user interface is started."""

import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmark.errors import UserError
from benchmark.urls import is_harmless, masked, remember, unreadable

STORE_FILE = "mlflow.db"
ARTIFACT_FOLDER = "mlartifacts"
SERVED = ("", "file", "sqlite", "postgresql", "mysql", "mssql")
"""The schemes of stores that MLflow's user interface opens; a folder has none."""


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
    return sqlite_uri(results_root / STORE_FILE)


def sqlite_uri(file: Path) -> str:
    """Return the address of a SQLite file, whatever characters its path has.

    Example:
        >>> sqlite_uri(Path("/data/mlflow.db")), sqlite_uri(Path("/50%?/mlflow.db"))
        ('sqlite:////data/mlflow.db', 'sqlite+pysqlite:////50%25%3F/mlflow.db')
    """
    path = file.absolute().as_posix()
    quoted = path.replace("%", "%25").replace("?", "%3F")
    # MLflow makes the folder of what stands after "sqlite:///", encoded as it is.
    return f"{'sqlite' if quoted == path else 'sqlite+pysqlite'}:///{quoted}"


def resolve_tracking_uri(option: str | None, environ: Mapping[str, str], results_root: Path) -> str:
    """Choose the store: the option beats ``MLFLOW_TRACKING_URI``, which beats the default.

    Args:
        option: the value of ``--tracking-uri``, or nothing.
        environ: the environment variables; an empty one counts as unset.
        results_root: the folder ``results/``, home of the default store.

    Raises:
        TrackingError: the address cannot be read, or names a store that is never kept.

    Example:
        >>> environ = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"}
        >>> resolve_tracking_uri(None, environ, Path("/data/results"))
        'http://127.0.0.1:5000'
        >>> resolve_tracking_uri("sqlite:////x.db", environ, Path("/data/results"))
        'sqlite:////x.db'
        >>> resolve_tracking_uri(None, {}, Path("/data/results"))
        'sqlite:////data/results/mlflow.db'
    """
    uri = option or environ.get("MLFLOW_TRACKING_URI") or default_tracking_uri(results_root)
    remember(uri)
    where = "--tracking-uri" if option else "MLFLOW_TRACKING_URI"
    if mistake := unreadable(uri):
        raise TrackingError(f"the MLflow store at {where} cannot be opened: {mistake}")
    file = sqlite_file(uri)
    if uri.startswith("sqlite") and (file is None or file == Path(":memory:")):
        raise TrackingError(
            f"the MLflow store must be a file that is kept. Received {masked(uri)} at {where}. "
            "Write sqlite:///PATH, with four slashes before an absolute path."
        )
    return uri


def is_server(uri: str) -> bool:
    """Whether the address is that of an MLflow server reached over HTTP.

    Example:
        >>> is_server("http://127.0.0.1:5000"), is_server("sqlite:////x.db")
        (True, False)
    """
    return uri.lower().startswith(("http://", "https://"))


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

    Start it with the environment of :func:`ui_environment`, which has the store where its
    address holds a password: every user of the machine can see the arguments. The default
    host is loopback: the interface has no login, so anybody who reaches it can change and delete
    runs. MLflow itself refuses requests whose ``Host`` header is neither local nor a private
    address.

    Args:
        uri: the store, as returned by :func:`resolve_tracking_uri`.
        host: the address to listen on.
        port: the TCP port, 1 to 65535.
        artifact_root: the folder of artifacts; by default the one beside a SQLite file.

    Raises:
        TrackingError: the store is already a server, which has its own interface, or no store
            that MLflow serves.

    Example:
        >>> ui_command("sqlite:////data/mlflow.db", port=5001)[1:6]
        ['-m', 'mlflow', 'ui', '--backend-store-uri', 'sqlite:////data/mlflow.db']
    """
    if is_server(uri):
        raise TrackingError(
            "the store of ui must be a database or a folder. "
            f"Received the server {masked(uri)}; open that address in a browser."
        )
    if urlsplit(uri).scheme.split("+")[0] not in SERVED:
        # MLflow would print the address, with its password.
        raise TrackingError(
            f"the store of ui must be a database or a folder. Received {masked(uri)}. Write "
            f"sqlite:///PATH, the path of a folder, or a URL of {', '.join(SERVED[3:])}."
        )
    command = [sys.executable, "-m", "mlflow", "ui"]
    command += ["--backend-store-uri", uri] if is_harmless(uri) else []
    # One worker answers one person; each costs about 300 MB and seconds of start-up.
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    root = artifact_root_of(uri, artifact_root)
    if root is not None:
        # For experiments created in the interface; ours carry their own file address.
        command += ["--artifacts-destination", root.as_uri()]
    return command


def ui_environment(environ: Mapping[str, str], uri: str = "") -> dict[str, str]:
    """Return the environment for :func:`ui_command`: nothing is sent to the outside.

    Args:
        environ: the environment of this process.
        uri: the store, which goes with the environment where its address holds a password.

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
    store = {} if is_harmless(uri) else {"MLFLOW_BACKEND_STORE_URI": uri}
    return {**environ, **quiet, **store}
