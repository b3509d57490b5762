"""Database URLs: what is read, what is refused, and that no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg import pq

from seeder.database.connection import target as target_module
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


@pytest.mark.parametrize(
    ("option", "instead"),
    [
        ("schema=public", "search_path"),
        ("currentSchema=app", "search_path"),
        ("pgbouncer=true", "direct URL"),
        ("uselibpqcompat=true", "leave it out"),
        ("serverVersion=16", "leave it out"),
        ("pool_max_conns=10", "leave it out"),
        ("pool_size=10", "leave it out"),
        ("connectTimeout=10", "connect_timeout"),
        ("ssl=true", "sslmode=require"),
        ("sslmode=no-verify", "sslmode=require"),
        ("sslmode=hunter2", "none of disable, allow"),
        ("conect_timeout=5", "did you mean connect_timeout"),
    ],
)
def test_an_option_of_another_driver_is_named_with_what_to_write(option: str, instead: str) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        Target.parse(f"postgres://u:pw@h/db?application_name=x&{option}")
    assert instead in caught.value.message
    assert "hunter" not in caught.value.message


def test_all_such_options_are_named_at_once() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"schema is .*; pgbouncer is "):
        Target.parse("postgres://u:pw@h/db?schema=public&pgbouncer=true")


def test_a_question_mark_in_the_password_is_no_option() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"misplaced \?") as caught:
        Target.parse("postgres://u:hun?ter2=x@h/db")
    assert "ter2" not in str(caught.value)


def test_the_authorities_of_the_system_are_those_of_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    there = tmp_path / "ca.crt"
    there.touch()
    monkeypatch.setattr(target_module, "_AUTHORITIES", ("/no/such", str(there)))
    url = "postgres://u@h/db?sslrootcert=system"
    found = Target.parse(url).parameters
    assert (found["sslrootcert"], found["sslmode"]) == (str(there), "verify-full")
    # With any other mode libpq refuses it, and says so.
    assert Target.parse(f"{url}&sslmode=require").parameters["sslrootcert"] == "system"
    monkeypatch.setenv("SSL_CERT_FILE", "/elsewhere")
    assert Target.parse(url).parameters["sslrootcert"] == "system"


def test_every_variable_of_libpq_is_in_the_reference() -> None:
    root = Path(__file__).parents[3]
    page = (root / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for option in pq.Conninfo.get_defaults():
        if option.envvar:
            assert f"`{option.envvar.decode()}`" in page


def test_the_url_overrides_the_defaults() -> None:
    assert Target.parse("postgres://h/db").parameters["keepalives"] == "1"
    assert Target.parse("postgres://h/db?keepalives=0").parameters["keepalives"] == "0"
