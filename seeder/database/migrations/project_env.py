"""What the project's own env.py finds around it: a configuration, a connection, Flask, a log."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alembic.config import Config
from sqlalchemy.engine import URL, Connection

from seeder.database.connection.connect import Connection as OwnConnection
from seeder.errors import ConfigurationInvalid
from seeder.merge.model import Migrations
from seeder.runtime.log import Log

_SCHEME = re.compile(r"(postgres(?:ql)?(?:\+\w+)?)://")


def give_url(
    config: Config, connection: OwnConnection, environment: Mapping[str, str] | None
) -> None:
    """Have `sqlalchemy.url` name the job's database, through the driver that the project uses.

    What the file says may be a placeholder or a developer's own.
    """
    # Raw: a password with a % in it may not be what configparser can interpolate.
    own = config.file_config.get(
        config.config_ini_section, "sqlalchemy.url", raw=True, fallback=None
    )
    written = [own, (environment or {}).get("DATABASE_URL")]
    schemes = [match[1] for text in written if (match := _SCHEME.match(text or ""))]
    url = _url(connection, schemes[0] if schemes else "postgresql")
    text = url.render_as_string(hide_password=False)
    config.set_main_option("sqlalchemy.url", text.replace("%", "%%"))


def _url(connection: OwnConnection, scheme: str) -> URL:
    driver = scheme.partition("+")[2]
    if not driver and find_spec("psycopg2") is None:
        driver = "psycopg"
    given: dict[str, str] = dict(connection.info.get_parameters())
    host, port = given.pop("host", None), given.pop("port", None)
    user, name = given.pop("user", None), given.pop("dbname", None)
    query = {name: value for name, value in given.items() if name != "connect_timeout"}
    if driver == "asyncpg":  # it knows no other parameter of libpq's
        query = {"ssl": query["sslmode"]} if "sslmode" in query else {}
    several = host is not None and ("," in str(host) or str(host).startswith("/"))
    if several:
        query |= {"host": str(host), **({"port": port} if port else {})}
    return URL.create(
        "postgresql" + (f"+{driver}" if driver else ""),
        username=user,
        password=connection.info.password or None,
        host=None if several else host,
        port=int(port) if port and not several else None,
        database=name,
        query=query,
    )


def give_connection(config: Config, connection: Connection) -> None:
    """Put the connection where env.py files look for one; as an engine it has `connect()`."""

    @contextlib.contextmanager
    def connect() -> Iterator[Connection]:
        yield connection

    connection.connect = connect  # type: ignore[attr-defined]
    config.attributes["connection"] = connection


@contextlib.contextmanager
def environment_of(environment: Mapping[str, str] | None) -> Iterator[None]:
    """Have os.environ say what the job was given, the database above all."""
    before = dict(os.environ)
    os.environ.update(environment or {})
    try:
        yield
    finally:
        changed = {name for name in os.environ if os.environ[name] != before.get(name)}
        for name in changed:
            del os.environ[name]
        os.environ.update({name: before[name] for name in before if name not in os.environ})


@contextlib.contextmanager
def output_logged(log: Log) -> Iterator[None]:
    """Turn what is printed, or logged by `fileConfig`, into events; logging is put back after."""
    root = logging.getLogger()
    loggers = [
        each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)
    ]
    before = [
        (each, list(each.handlers), each.level, each.propagate, each.disabled)
        for each in (root, *loggers)
    ]
    lines = _Lines(log)
    try:
        with contextlib.redirect_stdout(lines), contextlib.redirect_stderr(lines):
            yield
    finally:
        lines.end()
        for each, handlers, level, propagate, disabled in before:
            each.handlers[:] = handlers
            each.setLevel(level)
            each.propagate, each.disabled = propagate, disabled


class _Lines(io.TextIOBase):
    """A text stream whose lines are events, as what a migration command prints."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._tell(line)
        return len(text)

    def end(self) -> None:
        self._tell(self._rest)
        self._rest = ""

    def _tell(self, line: str) -> None:
        if text := line.rstrip():
            self._log.info("migration.output", line=text)


@contextlib.contextmanager
def flask_application(migrations: Migrations) -> Iterator[Any | None]:
    """The context of the application, where `flask` names one or env.py asks for one.

    Yields what Flask-Migrate keeps of it, None without. It is found as the flask command finds
    it: FLASK_APP, else wsgi.py or app.py.
    """
    assert migrations.alembic is not None  # noqa: S101  # only these come here
    if migrations.flask is None and not _asks_for_flask(migrations.alembic / "env.py"):
        yield None
        return
    try:
        from flask import cli
    except ImportError as error:
        raise ConfigurationInvalid(
            "env.py wants the Flask application, and Flask is not installed here.",
            hint="Install the job in the application's environment, or use `command`.",
        ) from error
    cli.load_dotenv()
    named = migrations.flask or os.environ.get("FLASK_APP")
    application = cli.ScriptInfo(app_import_path=named).load_app()
    with application.app_context():
        yield application.extensions.get("migrate")


def _asks_for_flask(env: Path) -> bool:
    try:
        return re.search(r"\bcurrent_app\b", env.read_text("utf-8", "replace")) is not None
    except OSError:
        return False


def flask_config(extension: Any, config: Config, migrations: Migrations) -> Config:
    """The configuration that `flask db upgrade` would make, with the application's callbacks."""
    x = [f"{name}={value}" for name, value in migrations.options]
    made = extension.migrate.get_config(str(migrations.alembic), x_arg=x)
    assert isinstance(made, Config)  # noqa: S101  # Flask-Migrate's is a subclass
    made.attributes.update(config.attributes)
    return made
