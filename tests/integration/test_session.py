"""The session's settings, before and after migrations have had their way with it."""

from __future__ import annotations

import pytest

from seeder.database.connection import lock, session
from seeder.errors import AccessDenied, ConnectionLost
from tests.support.events import Events
from tests.support.postgres import Database

KEY = lock.key_of("seeder")


def setting(connection, name: str) -> str:
    return connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0]


def test_values_have_one_text_form_whatever_the_role_prefers(database: Database) -> None:
    for name, value in (
        ("TimeZone", "Asia/Tokyo"),
        ("DateStyle", "German"),
        ("IntervalStyle", "iso_8601"),
        ("bytea_output", "escape"),
        ("extra_float_digits", "0"),
    ):
        database.execute(f"ALTER DATABASE {database.name} SET {name} = '{value}'")
    connection = database.connect()
    session.prepare(connection)
    row = connection.execute(
        "SELECT '2026-11-22 12:00+00'::timestamptz::text, '1 day 02:00'::interval::text,"
        " '\\x00ff'::bytea::text, (0.1::float8 + 0.2)::text"
    ).fetchone()
    assert row == ("2026-11-22 12:00:00+00", "1 day 02:00:00", "\\x00ff", "0.30000000000000004")


def test_no_timeout_of_the_role_ends_the_session(database: Database) -> None:
    names = ["statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"]
    if int(database.fetch("SHOW server_version_num")[0][0]) >= 170000:
        names.append("transaction_timeout")
    for name in names:
        database.execute(f"ALTER DATABASE {database.name} SET {name} = '100s'")
    connection = database.connect()
    session.prepare(connection)
    assert [setting(connection, name) for name in names] == ["0"] * len(names)
    assert setting(connection, "client_connection_check_interval") == "500ms"


def test_the_lock_timeout_is_an_argument(database: Database) -> None:
    connection = database.connect()
    session.prepare(connection, lock_timeout=2.5)
    assert setting(connection, "lock_timeout") == "2500ms"
    session.prepare(connection)
    assert setting(connection, "lock_timeout") == "0"


def test_the_search_path_is_the_project_s(database: Database) -> None:
    database.execute(f"ALTER DATABASE {database.name} SET search_path = app, public")
    connection = database.connect()
    session.prepare(connection)
    assert setting(connection, "search_path") == "app, public"


def test_a_role_is_taken_on_and_a_foreign_one_refused(database: Database) -> None:
    connection = database.connect()
    session.prepare(connection, role="pg_monitor")
    assert connection.execute("SELECT current_user").fetchone() == ("pg_monitor",)
    connection.execute("SET SESSION AUTHORIZATION pg_monitor")
    with pytest.raises(AccessDenied):
        session.prepare(connection, role="pg_write_all_data")


def test_what_a_migration_left_is_undone_and_the_lock_kept(
    database: Database, events: Events
) -> None:
    connection = database.connect()
    session.prepare(connection, role="pg_monitor")
    lock.acquire(connection, KEY, timeout=1, log=events)
    connection.execute("RESET ROLE")
    for statement in (
        "SELECT set_config('search_path', '', false)",
        "SET TimeZone = 'Asia/Tokyo'",
        "SET statement_timeout = '1min'",
        "SET row_security = off",
        "SET SESSION AUTHORIZATION pg_write_all_data",
        "BEGIN",
        "SELECT 1",
    ):
        connection.execute(statement)
    session.restore(connection, lock_key=KEY, role="pg_monitor")
    assert setting(connection, "search_path") == '"$user", public'
    assert setting(connection, "TimeZone") == "UTC"
    assert setting(connection, "statement_timeout") == "0"
    assert connection.execute("SELECT session_user, current_user").fetchone() == (
        "postgres",
        "pg_monitor",
    )
    assert connection.info.transaction_status.name == "IDLE"


def test_a_lock_that_a_migration_dropped_ends_the_run(database: Database, events: Events) -> None:
    connection = database.connect()
    lock.acquire(connection, KEY, timeout=1, log=events)
    connection.execute("DISCARD ALL")
    with pytest.raises(ConnectionLost):
        session.restore(connection, lock_key=KEY)
