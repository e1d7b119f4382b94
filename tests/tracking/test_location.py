import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from benchmark.tracking import (
    default_tracking_uri,
    resolve_tracking_uri,
    ui_command,
    ui_environment,
)
from benchmark.tracking.location import TrackingError, artifact_root_of, sqlite_file, sqlite_uri
from benchmark.urls import is_harmless


def test_default_store_is_absolute_and_beside_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_tracking_uri(Path("results")) == f"sqlite:///{tmp_path}/results/mlflow.db"


@pytest.mark.parametrize(
    ("option", "environ", "expected"),
    [
        ("http://a:1", {"MLFLOW_TRACKING_URI": "http://b:2"}, "http://a:1"),
        (None, {"MLFLOW_TRACKING_URI": "http://b:2"}, "http://b:2"),
        (None, {"MLFLOW_TRACKING_URI": ""}, "sqlite:////r/mlflow.db"),
        (None, {}, "sqlite:////r/mlflow.db"),
    ],
)
def test_option_beats_environment_beats_default(
    option: str | None, environ: dict[str, str], expected: str
) -> None:
    assert resolve_tracking_uri(option, environ, Path("/r")) == expected


@pytest.mark.parametrize(
    ("uri", "root"),
    [
        ("sqlite:////data/mlflow.db", Path("/data/mlartifacts")),
        ("sqlite:////data/mlflow.db?timeout=5", Path("/data/mlartifacts")),
        ("postgresql://host/mlflow", None),
        ("sqlite://", None),
        ("http://127.0.0.1:5000", None),
    ],
)
def test_artifacts_stand_beside_a_sqlite_file(uri: str, root: Path | None) -> None:
    assert artifact_root_of(uri) == root


def test_given_artifact_root_wins_for_databases_but_not_for_servers(tmp_path: Path) -> None:
    assert artifact_root_of("postgresql://host/mlflow", tmp_path) == tmp_path
    assert artifact_root_of("https://host", tmp_path) is None


@given(st.lists(st.text("abc é%", min_size=1), min_size=1, max_size=3))
def test_sqlite_file_undoes_the_percent_encoding(names: list[str]) -> None:
    from urllib.parse import quote

    path = "/" + "/".join(names)
    assert sqlite_file(f"sqlite:///{quote(path)}") == Path(path)


@given(st.text("abc é%?#&@: ", min_size=1).filter(str.strip))
def test_the_address_of_a_file_is_read_as_that_file(name: str) -> None:
    uri = sqlite_uri(Path("/data", name, "mlflow.db"))
    # As SQLAlchemy reads it, and with it MLflow and Optuna.
    assert make_url(uri).database == f"/data/{name}/mlflow.db"
    assert make_url(uri).get_backend_name() == "sqlite" and not make_url(uri).query
    assert sqlite_file(uri) == Path("/data", name, "mlflow.db")
    assert is_harmless(uri)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("http://[::1", "must have a number as its port"),
        ("postgresql://ada:s3:cret@x/y@host/d", "must have a number as its port"),
        ("sqlite://", "must be a file that is kept"),
        ("sqlite:///:memory:", "must be a file that is kept"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(uri: str, words: str) -> None:
    with pytest.raises(TrackingError, match=words) as refusal:
        resolve_tracking_uri(None, {"MLFLOW_TRACKING_URI": uri}, Path("/r"))
    assert "at MLFLOW_TRACKING_URI" in str(refusal.value)
    assert "s3" not in str(refusal.value)


def test_ui_runs_this_python_on_loopback_with_the_given_store() -> None:
    command = ui_command("sqlite:////data/mlflow.db", port=5001)
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert command[:4] == [sys.executable, "-m", "mlflow", "ui"]
    assert options["--backend-store-uri"] == "sqlite:////data/mlflow.db"
    assert (options["--host"], options["--port"]) == ("127.0.0.1", "5001")
    assert options["--artifacts-destination"] == "file:///data/mlartifacts"


def test_ui_refuses_a_server_and_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"Received the server http://h:1; open that address"):
        ui_command("http://h:1")
    with pytest.raises(ValueError, match=r"server http://me:\*\*\*@h:1; open that address"):
        ui_command("http://me:s3cret@h:1")


@pytest.mark.parametrize("uri", ["redis://:s3cret@h/0", "databricks://profile", "me:s3cret@h/d"])
def test_ui_refuses_what_mlflow_does_not_serve_and_would_print(uri: str) -> None:
    with pytest.raises(TrackingError, match=r"must be a database or a folder") as refusal:
        ui_command(uri)
    assert "s3cret" not in str(refusal.value)


def test_ui_shows_no_password_to_other_users_of_the_machine() -> None:
    uri = "postgresql://me:s3cret@h/d"
    assert "s3cret" not in " ".join(ui_command(uri))
    assert ui_environment({}, uri)["MLFLOW_BACKEND_STORE_URI"] == uri


def test_ui_environment_sends_nothing_outside_and_keeps_the_rest() -> None:
    environ = ui_environment({"PATH": "/bin", "DO_NOT_TRACK": "false"})
    assert environ["PATH"] == "/bin"
    assert environ["MLFLOW_DISABLE_TELEMETRY"] == environ["DO_NOT_TRACK"] == "true"
