import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.tracking import (
    default_tracking_uri,
    resolve_tracking_uri,
    ui_command,
    ui_environment,
)
from benchmark.tracking.location import artifact_root_of, public_uri, sqlite_file


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


def test_password_is_not_shown() -> None:
    assert public_uri("http://me:s3cret@host:5000/x") == "http://host:5000/x"
    assert public_uri("sqlite:////a@b/mlflow.db") == "sqlite:////a@b/mlflow.db"


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


def test_ui_environment_sends_nothing_outside_and_keeps_the_rest() -> None:
    environ = ui_environment({"PATH": "/bin", "DO_NOT_TRACK": "false"})
    assert environ["PATH"] == "/bin"
    assert environ["MLFLOW_DISABLE_TELEMETRY"] == environ["DO_NOT_TRACK"] == "true"
