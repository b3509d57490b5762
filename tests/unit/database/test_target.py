"""Database URLs: what is read, what is refused, and that no secret is shown."""

from __future__ import annotations

import pytest

from seeder.database.connection.target import Target
from seeder.errors import ConfigurationInvalid


@pytest.mark.parametrize(
    ("text", "host", "database"),
    [
        ("postgres://u:pw@h/db", "h", "db"),
        ("postgresql://u:pw@h:5433/db?sslmode=require", "h", "db"),
        ("postgresql+psycopg://u:pw@h/db", "h", "db"),
        ("postgresql+psycopg2://u:pw@h/db", "h", "db"),
        ("postgresql+asyncpg://u:pw@h/db", "h", "db"),
        ("POSTGRES://u:pw@h/db", "h", "db"),
        ("host=h user=u password=pw dbname=db", "h", "db"),
        ("postgres://u:pw@/db?host=/run/postgresql", "/run/postgresql", "db"),
        ("postgres://u:pw@[::1]/db", "::1", "db"),
        ("postgres://u:pw@a,b:5433/db?target_session_attrs=read-write", "a,b", "db"),
        ("postgres://u:p%40w%2F@h/db", "h", "db"),
        ("postgres:///", None, None),
    ],
)
def test_the_usual_forms_are_read(text: str, host: str | None, database: str | None) -> None:
    target = Target.parse(text)
    assert (target.host, target.database) == (host, database)


def test_neither_user_nor_password_is_ever_shown() -> None:
    target = Target.parse("postgres://somebody:hunter2@h/db?sslpassword=hunter3")
    for text in (str(target), repr(target), f"{target}", repr([target])):
        assert "somebody" not in text
        assert "hunter" not in text
    assert target.parameters["password"] == "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "mysql://u:hunter2@h/db",
        "sqlite:///hunter2",
        "postgres://u:hun@ter2@h/db",
        "postgres://u:hun/ter2@h/db",
        "postgres://u:hunter2@h:port/db",
        "postgres://u:hunter2@h:99999/db",
        "postgres://u:hunter2@h/db?ssl=require",
        "postgres://u:hunter2@h/db?nonsense=1",
        "host=h password=hunter2 nonsense",
        "dbname=postgres://u:hunter2@h/db",
        "postgres://u:hunter2@h/db?connect_timeout=hunter2",
    ],
)
def test_what_cannot_be_meant_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        Target.parse(text)
    told = f"{caught.value} {caught.value.hint} {caught.value.facts}"
    assert "hun" not in told
    assert "ter2" not in told


def test_options_of_other_drivers_are_named() -> None:
    with pytest.raises(ConfigurationInvalid, match="pgbouncer, schema"):
        Target.parse("postgres://u:pw@h/db?schema=public&pgbouncer=true")


def test_the_url_overrides_the_defaults() -> None:
    assert Target.parse("postgres://h/db").parameters["keepalives"] == "1"
    assert Target.parse("postgres://h/db?keepalives=0").parameters["keepalives"] == "0"
