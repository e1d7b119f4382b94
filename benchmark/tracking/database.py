"""Whether MLflow can use a database, found out in seconds and without changing it.

MLflow itself tries ten times and longer each time, for 100 s in all, where a password is wrong.
"""

import re
import sqlite3
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from benchmark.tracking.location import TrackingError, sqlite_file
from benchmark.urls import DATABASES, connect_arguments, masked, missing_driver, without_secrets

REVISION = "SELECT version_num FROM alembic_version"


def check_database(uri: str) -> None:
    """Raise where MLflow could not use a database that is there.

    Args:
        uri: the tracking URI; what is no database, or a file that is not there yet, passes.

    Raises:
        TrackingError: the database refuses us, or another MLflow wrote it.
    """
    file = sqlite_file(uri)
    if file is not None:
        check_revision(file_revision(file) if file.is_file() else None, str(file))
    elif uri.partition("://")[0].lower().partition("+")[0] in DATABASES:
        check_revision(_server_revision(uri), masked(uri))


def file_revision(file: Path) -> str | None:
    """Return the revision of the schema in a SQLite file, or nothing where there is none."""
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    try:
        row = connection.execute(REVISION).fetchone()
    except sqlite3.OperationalError:  # No such table: MLflow makes it. Or busy: MLflow waits.
        return None
    finally:
        connection.close()
    return str(row[0]) if row else None


def check_revision(revision: str | None, store: str) -> None:
    """Raise where the installed MLflow does not know the schema of a store.

    Args:
        revision: that of the schema.
        store: the store, for messages.

    Raises:
        TrackingError: another version of MLflow wrote it.
    """
    known = _known_revisions()
    if revision is not None and known and revision not in known:
        raise TrackingError(
            f"the MLflow store {store} must have a schema that MLflow {metadata.version('mlflow')} "
            f"knows. Received the revision {revision}, which another, probably newer, version "
            "of MLflow wrote. Install that version, or name another store with --tracking-uri."
        )


def _known_revisions() -> set[str]:
    """The schema revisions of the installed MLflow; none where it keeps them elsewhere."""
    package = find_spec("mlflow")
    if package is None or package.origin is None:
        return set()
    folder = Path(package.origin).parent / "store" / "db_migrations" / "versions"
    texts = (path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    return {match[1] for text in texts for match in re.finditer(r'(?m)^revision = "(\w+)"', text)}


def _server_revision(uri: str) -> str | None:
    from sqlalchemy import create_engine, inspect, text
    from sqlalchemy.pool import NullPool

    try:
        engine = create_engine(uri, connect_args=connect_arguments(uri), poolclass=NullPool)
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text(REVISION)).scalar()
    # Each driver has its own exceptions, and may be missing.
    except Exception as error:
        first_line = without_secrets(str(error).strip().partition("\n")[0], uri)
        remedy = missing_driver(error) or "Check user, password, address and that it runs."
        raise TrackingError(
            f"the database must let MLflow in. Received {type(error).__name__}: {first_line} "
            f"at {masked(uri)}. {remedy}"
        ) from None
