"""URLs as they may be shown, stored and logged: without what is secret in them.

Every part that shows, stores or logs a URL of the user's asks this module, and every text of
a library that may quote one goes through :func:`without_secrets`.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

HIDDEN = "***"
DATABASES = ("sqlite", "postgresql", "postgres", "mysql", "mariadb", "mssql", "oracle")
CONNECT_SECONDS = 10
"""How long a database may take to accept a connection."""
CONNECT_ARGUMENTS = {
    "psycopg": "connect_timeout",
    "psycopg2": "connect_timeout",
    "pymysql": "connect_timeout",
    "mysqldb": "connect_timeout",
    "pg8000": "timeout",
}
"""What a driver calls its patience; another one may refuse an argument that it does not know."""
HARMLESS = {
    *("application_name", "cache", "charset", "check_same_thread", "client_encoding"),
    *("connect_timeout", "dbname", "driver", "host", "mode", "nolock", "port", "sslmode"),
    *("target_session_attrs", "timeout", "uri"),
    *("comparerunsmode", "viewstatesharekey", "workflowtype"),  # of MLflow's pages
}
"""Keys of a query whose values may be seen. Of any other key nobody knows what it carries."""
SECRET_VARIABLES = (
    "DATABRICKS_CLIENT_SECRET",
    "DATABRICKS_PASSWORD",
    "DATABRICKS_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MYSQL_PWD",
    "PGPASSWORD",
)
"""Environment variables that the libraries take their secrets from."""
SHORT = 4
"""A shorter secret is only hidden as a word of its own, or no sentence could be read."""

_SCHEME = re.compile(r"\s*([A-Za-z][\w+.-]*)://")
_CREDENTIALS = re.compile(r"[^:/]*(?::[^@]*)?@")  # as SQLAlchemy reads them
_PLAIN_VALUE = re.compile(r"[\w.,:/ +~-]*")
_KEY = re.compile(r"[a-z][a-z_.-]*", re.IGNORECASE)
# What ends a sentence or a bracket behind a URL is none of it.
_URL_IN_TEXT = re.compile(r"[A-Za-z][\w+.-]*://[^\s'\"<>]*[^\s'\"<>.,;:!?)\]]")

_remembered: dict[str, "_Parts"] = {}
"""The URLs of this process that hold a secret."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """A URL taken apart.

    Args:
        shown: the URL as it may be seen.
        secrets: what was hidden, as it stands in the URL.
        public: parts that may be seen, which hide nothing when a secret is the same word.
        readable: whether libraries will read it as it was meant.
    """

    shown: str
    secrets: tuple[str, ...] = ()
    public: frozenset[str] = frozenset()
    readable: bool = True


def masked(url: str) -> str:
    """Return a URL as it may be shown, stored and logged.

    The password is hidden, and every value of the query but those known to be harmless. A URL
    that cannot be read for certain, for instance since its password holds an unencoded ``@``,
    is hidden whole.

    Args:
        url: a database URL, an address over HTTP, or a path.

    Example:
        >>> masked("postgresql://ada:secret@host/studies?sslmode=require&sslpassword=hush")
        'postgresql://ada:***@host/studies?sslmode=require&sslpassword=***'
        >>> masked("postgresql://weird:p@ss:w/rd@host/studies")
        'postgresql://***'
        >>> masked("https://token@host:5000/mlflow"), masked("sqlite:////data/a@b.db")
        ('https://***@host:5000/mlflow', 'sqlite:////data/a@b.db')
    """
    return _parts(url).shown


def is_harmless(url: str) -> bool:
    """Whether a URL can be read and holds nothing to hide.

    Example:
        >>> is_harmless("postgresql://ada@host/studies"), is_harmless("sqlite:///x.db?key=1")
        (True, False)
    """
    parts = _parts(url)
    return parts.readable and not parts.secrets


def unreadable(url: str) -> str:
    """Return what a URL must be, where it cannot be read for certain, or nothing.

    Example:
        >>> unreadable("postgresql://ada:secret@host/studies")
        ''
        >>> unreadable("http://[::1")
        'a URL must have a number as its port, ... Received http://***, of which the rest ...'
    """
    if _parts(url).readable:
        return ""
    return (
        "a URL must have a number as its port, and every : / ? # @ within its user, password or "
        f"name percent-encoded (@ as %40). Received {masked(url)}, of which the rest is hidden "
        "because it may hold a password."
    )


def remember(*urls: str | None) -> None:
    """Hide the secrets of URLs in all that :func:`without_secrets` sees from now on.

    Args:
        *urls: what the user gave; nothing is ignored.
    """
    for url in filter(None, urls):
        parts = _parts(url)
        if parts.secrets:
            _remembered[url] = parts


def without_secrets(text: str, *urls: str) -> str:
    """Return a text of anyone's, for instance of a driver's exception, without secrets.

    Hidden are the secrets of the URLs given, of those remembered and of the environment,
    encoded and decoded, and those of any other URL in the text.

    Args:
        text: the text.
        *urls: the URLs that it may be about.

    Example:
        >>> without_secrets("login with 'p@ss' failed", "mysql://ada:p%40ss@host/d")
        "login with '***' failed"
        >>> without_secrets("no route to redis://:hush@host/0")
        'no route to redis://:***@host/0'
    """
    known = {**_remembered, **{url: _parts(url) for url in urls}}
    for url, parts in known.items():
        text = text.replace(url, parts.shown)
    text = _URL_IN_TEXT.sub(_masked_match, text)
    words = {word for parts in known.values() for word in _words(parts)}
    words |= {os.environ[name] for name in SECRET_VARIABLES if os.environ.get(name)}
    patterns = [_pattern(word) for word in sorted(words, key=len, reverse=True)]
    return re.sub("|".join(patterns), HIDDEN, text) if patterns else text


def connect_arguments(url: str) -> dict[str, int]:
    """Return what bounds the wait for a database's connection, as its driver calls it.

    Args:
        url: a database URL; what its own query says of it holds.

    Example:
        >>> connect_arguments("mysql+pymysql://ada@host/d")
        {'connect_timeout': 10}
        >>> connect_arguments("postgresql+psycopg://ada@host/d?connect_timeout=3")
        {}
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import NoSuchModuleError

    parsed = make_url(url)
    try:
        driver = parsed.get_dialect().driver
    except (NoSuchModuleError, ImportError):
        return {}
    name = CONNECT_ARGUMENTS.get(driver)
    return {name: CONNECT_SECONDS} if name and name not in parsed.query else {}


def missing_driver(error: BaseException | None) -> str:
    """Say how to install a database's driver, where its absence is why something failed.

    Args:
        error: what was raised; its causes are looked at too.

    Example:
        >>> missing_driver(ModuleNotFoundError("No module named 'psycopg'", name="psycopg"))
        'PostgreSQL needs the driver psycopg: pip install "kappabench[postgres]".'
        >>> missing_driver(ValueError())
        ''
    """
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            module = error.name.partition(".")[0]
            if module == "psycopg":
                return 'PostgreSQL needs the driver psycopg: pip install "kappabench[postgres]".'
            if module == "psycopg2":
                return (
                    'pip install "kappabench[postgres]" brings the driver psycopg: begin the URL '
                    "with postgresql+psycopg://."
                )
            return f"The database needs the Python package that provides {module}; install it."
        error = error.__cause__ or error.__context__
    return ""


def _parts(url: str) -> _Parts:
    scheme = _SCHEME.match(url)
    if scheme is None:
        # A path, or a URL of which the scheme was forgotten.
        return _hidden(url, "") if re.search(r":.*@", url) else _Parts(url)
    name = scheme[1].lower()
    try:
        is_database = name.split("+")[0] in DATABASES or "+" in name
        return _database(url) if is_database else _address(url)
    except ValueError:
        return _hidden(url, scheme[0])


def _hidden(url: str, scheme: str) -> _Parts:
    rest = url.removeprefix(scheme)
    return _Parts(scheme.strip() + HIDDEN, (rest,), readable=False)


def _database(url: str) -> _Parts:
    """Take a database URL apart as SQLAlchemy reads it.

    Raises:
        ValueError: it cannot be read for certain.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url.strip())
    except ArgumentError:
        raise ValueError(url) from None
    scheme, _, rest = url.strip().partition("://")
    credentials = _CREDENTIALS.match(rest) if parsed.username is not None else None
    tail = rest[credentials.end() :] if credentials else rest
    if ("@" in tail and not tail.startswith("/")) or (parsed.username and not credentials):
        raise ValueError(url)
    user, colon, password = credentials[0][:-1].partition(":") if credentials else ("", "", "")
    front = f"{user}{colon}{HIDDEN if password else ''}@" if credentials else ""
    path, mark, query = tail.partition("?")
    shown, secrets = _query(query)
    public = frozenset(filter(None, (parsed.username, parsed.host, parsed.database, scheme)))
    secrets = [password, *secrets] if password else secrets
    return _Parts(f"{scheme}://{front}{path}{mark}{shown}", tuple(secrets), public)


def _address(url: str) -> _Parts:
    """Take any other address apart.

    Raises:
        ValueError: it cannot be read for certain.
    """
    parsed = urlsplit(url.strip())
    userinfo, at, host = parsed.netloc.rpartition("@")
    user, colon, password = userinfo.partition(":")
    rest = (parsed.path, parsed.query, parsed.fragment)
    if parsed.scheme == "databricks":
        return _Parts(url)  # The name of a profile, or of a secret that is kept elsewhere.
    # A port that is no number, of which `port` raises, is the first half of a password.
    is_cut = parsed.port is None and parsed.netloc.endswith(":")
    if is_cut or (parsed.netloc and any("@" in part for part in rest)):
        raise ValueError(url)
    # A user without a password is how some services take a token.
    secret = password if colon else user
    front = f"{user}:{HIDDEN if secret else ''}@" if colon else HIDDEN + "@" if user else at
    query, secrets = _query(parsed.query)
    page, mark, choice = parsed.fragment.partition("?")
    chosen, more = _query(choice)
    if "=" in page:
        page, hidden = _query(page)
        more += hidden
    shown = f"{parsed.scheme}://{front}{host}{parsed.path}{'?' if query else ''}{query}"
    shown += f"{'#' if parsed.fragment else ''}{page}{mark}{chosen}"
    public = frozenset(filter(None, (user if colon else "", parsed.hostname, parsed.scheme)))
    return _Parts(shown, tuple(filter(None, (secret, *secrets, *more))), public)


def _query(query: str) -> tuple[str, list[str]]:
    """A query as it may be shown, and what was hidden of it."""
    shown, secrets = [], []
    for piece in filter(None, query.split("&")):
        key, equals, value = piece.partition("=")
        is_plain = _PLAIN_VALUE.fullmatch(unquote(value)) is not None
        if unquote(key).lower() in HARMLESS and equals and is_plain:
            shown.append(piece)
        elif value.strip("=") and _KEY.fullmatch(key):
            shown.append(f"{key}={HIDDEN}")
            secrets.append(value)
        else:  # A token that stands alone.
            shown.append(HIDDEN)
            secrets += [piece, key, value]
    return "&".join(shown), secrets


def _words(parts: _Parts) -> Iterable[str]:
    """All spellings of what is secret in a URL."""
    # A library that reads the URL otherwise may show a piece.
    pieces = [
        piece
        for secret in parts.secrets
        for piece in re.split(r"[/:@?&=#]", secret)
        if len(piece) >= SHORT
    ]
    for secret in (*parts.secrets, *pieces):
        plain = {unquote(secret), unquote_plus(secret)}
        quoted = {write(text) for text in plain for write in (quote, quote_plus, _quote_all)}
        # Python's `repr`, in which many exceptions show their arguments.
        escaped = {repr(text)[1:-1] for text in plain}
        yield from ({secret} | plain | quoted | escaped) - parts.public - {"", HIDDEN}


def _quote_all(text: str) -> str:
    return quote(text, safe="")


def _pattern(word: str) -> str:
    pattern = re.escape(word)
    return rf"(?<!\w){pattern}(?!\w)" if len(word) < SHORT else pattern


def _masked_match(match: re.Match[str]) -> str:
    return masked(match[0]) if "@" in match[0] or "?" in match[0] else match[0]
