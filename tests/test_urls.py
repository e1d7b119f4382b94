"""What of a URL may be seen, against what SQLAlchemy and urllib make of the same URL."""

import itertools
from urllib.parse import quote, quote_plus, unquote, urlsplit

import pytest
from sqlalchemy import make_url

from benchmark.urls import (
    connect_arguments,
    is_harmless,
    masked,
    missing_driver,
    remember,
    unreadable,
    without_secrets,
)

PASSWORDS = ("plain5ecret", "w/5ecret:x", "p@5ecret", "q?5ecret#y", "ä%5ecret&z=1", "two 5ecrets+")
QUERY_KEYS = ("password", "passwd", "token", "secret", "key", "sslpassword", "odbc_connect", "x")
SHOWN = {
    "postgresql+psycopg://ada@host:5432/studies": "postgresql+psycopg://ada@host:5432/studies",
    "postgresql://ada%40tenant:x5ecret@host/d": "postgresql://ada%40tenant:***@host/d",
    "postgresql://ada@tenant:x5ecret@host/d": "postgresql://ada@tenant:***@host/d",
    "postgresql://:x5ecret@host/d?sslmode=require": "postgresql://:***@host/d?sslmode=require",
    "postgresql:///d?host=/tmp&password=x5ecret": "postgresql:///d?host=/tmp&password=***",
    "postgresql+psycopg://weird:p@5s:w/rd@host/d": "postgresql+psycopg://***",
    "postgresql://ada:p@5ecret@host/d": "postgresql://***",
    "postgresql://ada:p@5ec/ret?x@host/d": "postgresql://***",
    "mysql://ada@host:5ecret/d": "mysql://***",
    "sqlite:////data/a@b/x.db": "sqlite:////data/a@b/x.db",
    "sqlite:///x.db?mode=ro;password=5ecret": "sqlite:///x.db?mode=***",
    "sqlite:///x.db?5ecret": "sqlite:///x.db?***",
    "https://5ecret@host:5000/mlflow": "https://***@host:5000/mlflow",
    "https://host/?dG9rZW5ecret==": "https://host/?***",
    "https://host/#access_token=5ecret": "https://host/#access_token=***",
    "http://ada:12/5ecret@host": "http://***",
    "http://ada:5ecret/x@host": "http://***",
    "http://[::1": "http://***",
    "http://127.0.0.1:5000/#/e?workflowType=a": "http://127.0.0.1:5000/#/e?workflowType=a",
    "http://h/#/e?viewStateShareKey=trials-1": "http://h/#/e?viewStateShareKey=trials-1",
    "ray://5ecret@host:10001": "ray://***@host:10001",
    "ada:5ecret@host/d": "***",
    "/data/a@b": "/data/a@b",
    "file:///data/a@b": "file:///data/a@b",
    "databricks://scope:prefix": "databricks://scope:prefix",
}


@pytest.mark.parametrize("url", SHOWN)
def test_a_url_is_shown_without_what_is_secret_in_it(url: str) -> None:
    shown = SHOWN[url]
    assert masked(url) == shown
    assert is_harmless(url) is (shown == url)
    assert bool(unreadable(url)) is (shown.endswith("://***") or shown == "***")
    assert "5ec" not in unreadable(url)
    assert masked(shown) == shown


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "mysql+pymysql", "https"])
@pytest.mark.parametrize("write", [str, quote, quote_plus, lambda text: quote(text, safe="")])
def test_no_spelling_of_a_password_is_seen(scheme, password, write) -> None:
    """Whatever a library reads as the password, and also where it reads something else."""
    url = f"{scheme}://ada:{write(password)}@host:5432/studies"
    shown = masked(url)
    assert "5ec" not in shown
    try:
        read = make_url(url).password if "+" in scheme else unquote(urlsplit(url).password or "")
        host = make_url(url).host if "+" in scheme else urlsplit(url).hostname
    except ValueError:
        read = host = None
    if read and host == "host":
        # For certain readable: only the password is hidden.
        assert shown == f"{scheme}://ada:***@host:5432/studies"
        text = f"login {read!r} failed at {url} ({quote(read)}, {quote(read, safe='')})"
        hidden = without_secrets(text, url)
        assert "5ec" not in hidden
        assert hidden.startswith("login '***' failed at")
    else:
        assert unreadable(url)


@pytest.mark.parametrize("key", QUERY_KEYS)
def test_a_query_hides_every_value_but_those_known_to_be_harmless(key: str) -> None:
    for base in ("sqlite:////data/x.db", "postgresql://ada@host/d", "https://host/api"):
        url = f"{base}?charset=utf8&{key}=5ecret&timeout=3"
        assert masked(url) == f"{base}?charset=utf8&{key}=***&timeout=3"
        assert not is_harmless(url)
        assert not unreadable(url)


def test_a_text_is_cleared_of_what_is_remembered_and_of_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "env5ecret")
    remember(None, "https://ada:first5ecret@host/", "postgresql://host/d")
    text = "first5ecret, env5ecret and redis://:third5ecret@host/0 at postgresql://host/d"
    assert without_secrets(text) == "***, *** and redis://:***@host/0 at postgresql://host/d"


def test_a_short_password_leaves_a_sentence_readable() -> None:
    url = "postgresql://ada:a@host/d"
    assert without_secrets(f"password a of ada at {url} has failed", url) == (
        "password *** of ada at postgresql://ada:***@host/d has failed"
    )


def test_a_password_that_is_the_name_beside_it_leaves_the_name() -> None:
    url = "postgresql://postgres:postgres@postgres/postgres"
    assert without_secrets(url, url) == "postgresql://postgres:***@postgres/postgres"


@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        ("postgresql://host/d", {"connect_timeout": 10}),
        ("postgresql+psycopg://host/d?connect_timeout=3", {}),
        ("nosuch://host/d", {}),
    ],
)
def test_a_connection_is_bounded_where_its_driver_can(url, arguments) -> None:
    assert connect_arguments(url) == arguments


def test_a_missing_driver_is_named_with_what_brings_it() -> None:
    for module, remedy in itertools.chain(
        [("psycopg", "kappabench[postgres]"), ("psycopg2", "postgresql+psycopg://")],
        [("MySQLdb", "MySQLdb"), ("oracledb.base", "oracledb")],
    ):
        error = RuntimeError("wrapped")
        error.__cause__ = ModuleNotFoundError(f"No module named {module!r}", name=module)
        assert remedy in missing_driver(error)
