"""Failures of a real server, while connecting and afterwards."""

from __future__ import annotations

import os
import pwd
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from seeder.database.connection.connect import connect
from seeder.database.connection.failures import Kind, as_seeder_error, describe, kind_of
from seeder.database.connection.target import Target
from seeder.errors import (
    AccessDenied,
    ConfigurationInvalid,
    ConnectionLost,
    DatabaseMissing,
    DatabaseUnavailable,
    SeederError,
    SeedingFailed,
)
from tests.support.postgres import Database, OwnServer, Server, run_own_server

SECRET = "hunter2"


@pytest.fixture(scope="module")
def strict() -> Iterator[OwnServer]:
    """A server with passwords and few slots."""
    hba = [
        "local all unlisted reject",
        "local postgres,closed,nowhere,frozen all scram-sha-256",
    ]
    with run_own_server(settings={"max_connections": "8"}, hba=hba) as server:
        for statement in (
            f"CREATE ROLE member LOGIN PASSWORD '{SECRET}'",
            f"CREATE ROLE sleeper NOLOGIN PASSWORD '{SECRET}'",
            f"CREATE ROLE unlisted LOGIN PASSWORD '{SECRET}'",
            f"CREATE ROLE crowded LOGIN PASSWORD '{SECRET}' CONNECTION LIMIT 0",
            "CREATE DATABASE closed",
            "REVOKE CONNECT ON DATABASE closed FROM public",
            "CREATE DATABASE frozen",
            "ALTER DATABASE frozen ALLOW_CONNECTIONS false",
        ):
            server.execute(statement)
        yield server


@pytest.mark.parametrize(
    ("database", "user", "password", "expected", "reason"),
    [
        ("postgres", "member", "wrong", AccessDenied, "the server refuses this role or"),
        ("postgres", "nobody_at_all", SECRET, AccessDenied, "the server refuses this role or"),
        ("postgres", "sleeper", SECRET, AccessDenied, "the server refuses this role or"),
        ("postgres", "unlisted", SECRET, AccessDenied, "the server's pg_hba.conf"),
        ("elsewhere", "member", SECRET, AccessDenied, "the server's pg_hba.conf"),
        ("closed", "member", SECRET, AccessDenied, "the role lacks the CONNECT privilege"),
        ("nowhere", "member", SECRET, DatabaseMissing, "the database does not exist"),
        ("postgres", "crowded", SECRET, DatabaseUnavailable, "no free connection slot"),
        ("frozen", "member", SECRET, DatabaseUnavailable, 'database "..." is not currently'),
    ],
)
def test_a_refused_login_is_classified_and_tells_no_secret(
    strict: OwnServer,
    database: str,
    user: str,
    password: str,
    expected: type[SeederError],
    reason: str,
) -> None:
    target = Target.parse(strict.url(database, user=user, password=password))
    with pytest.raises(expected) as caught:
        connect(target)
    assert str(caught.value.facts["reason"]).startswith(reason)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.facts)
    for secret in (password, user):
        assert secret not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_missing_password_is_told_apart(strict: OwnServer) -> None:
    with pytest.raises(AccessDenied, match="wants a password"):
        connect(Target.parse(strict.url(user="member", passfile="/nonexistent")))


def test_a_full_server_is_unavailable(strict: OwnServer) -> None:
    taken = []
    try:
        for _ in range(8):
            try:
                taken.append(strict.connect())
            except psycopg.OperationalError:
                break
        with pytest.raises(DatabaseUnavailable, match="no free connection slot"):
            connect(Target.parse(strict.url(user="member", password=SECRET)))
    finally:
        for connection in taken:
            connection.close()


def test_tls_that_the_server_does_not_offer_is_denied() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse_tls() -> None:
        client, _ = listener.accept()
        client.recv(8)
        client.sendall(b"N")

    threading.Thread(target=refuse_tls, daemon=True).start()
    port = listener.getsockname()[1]
    with pytest.raises(AccessDenied, match="TLS"):
        connect(Target.parse(f"postgres://u:{SECRET}@127.0.0.1:{port}/d?sslmode=require"))
    listener.close()


@pytest.fixture
def offers_tls() -> Iterator[int]:
    """The port of a server that agrees to TLS and says no more."""
    listener = socket.create_server(("127.0.0.1", 0))

    def offer() -> None:
        client, _ = listener.accept()
        client.recv(8)
        client.sendall(b"S")
        time.sleep(1)

    threading.Thread(target=offer, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def test_a_missing_root_certificate_is_denied(offers_tls: int) -> None:
    url = f"postgres://u:{SECRET}@127.0.0.1:{offers_tls}/d?sslmode=verify-full&sslrootcert=/no/such"
    with pytest.raises(AccessDenied, match=r"certificate or key cannot be used: /no/such\."):
        connect(Target.parse(url))


def test_a_certificate_below_the_home_of_somebody_else_is_named(
    offers_tls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where a container is started as another user and HOME stays root's.
    certificate = tmp_path / ".postgresql" / "postgresql.crt"
    certificate.parent.mkdir()
    certificate.touch()
    certificate.parent.chmod(0)
    monkeypatch.setenv("HOME", str(tmp_path))
    target = Target.parse(f"postgres://u:{SECRET}@127.0.0.1:{offers_tls}/d?sslmode=require")
    user = os.geteuid()
    if user == 0:  # whom no mode of a file keeps out
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        with pytest.raises(AccessDenied) as caught:
            connect(target)
    finally:
        os.seteuid(user)
        certificate.parent.chmod(0o700)
    assert caught.value.exit_code == 11
    assert f"cannot be used: {certificate}." in caught.value.message
    assert "below HOME" in (caught.value.hint or "")


def test_of_several_hosts_the_first_that_may_be_a_primary_is_taken(database: Database) -> None:
    given = conninfo_to_dict(database.url)
    hosts, ports = f"/no/such/directory,{given['host']}", f"1,{given['port']}"
    target = Target(
        parameters={**Target.parse(database.url).parameters, "host": hosts, "port": ports}
    )
    with connect(target) as connection:
        assert connection.info.get_parameters()["target_session_attrs"] == "primary"
    with connect(target, primary=False) as connection:
        assert "target_session_attrs" not in connection.info.get_parameters()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgres://u@127.0.0.1:1/d", "nothing listens"),
        ("postgres://u@/d?host=/no/such/directory", "nothing listens"),
        ("postgres://u@no-such-host.invalid/d", "does not resolve"),
    ],
)
def test_an_address_without_a_server_is_unavailable(url: str, reason: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=reason):
        connect(Target.parse(url))


def test_a_silent_address_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = time.monotonic()
        url = f"postgres://u@127.0.0.1:{listener.getsockname()[1]}/d?connect_timeout=60"
        with pytest.raises(DatabaseUnavailable, match="no answer in time") as caught:
            connect(Target.parse(url), timeout=2)
        assert time.monotonic() - started < 4
    assert "is it a Postgres that listens there?" in str(caught.value.hint)


def test_an_invalid_option_is_a_configuration_error(server: Server) -> None:
    with pytest.raises(ConfigurationInvalid):
        connect(Target.parse(server.url(sslmode="nonsense")))
    with pytest.raises(ConfigurationInvalid):
        connect(Target.parse(server.url(options="-c nonsense=1")))


def test_the_connection_is_named_and_in_autocommit(database: Database) -> None:
    with connect(Target.parse(database.url)) as connection:
        row = connection.execute("SELECT current_setting('application_name')").fetchone()
        assert row is not None
        assert row[0].startswith("seeder/")
        assert connection.autocommit
        assert connection.prepare_threshold is None


def _failure(connection: psycopg.Connection, statement: str) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement)  # type: ignore[call-overload]
    return caught.value


@pytest.mark.parametrize("immediately", [False, True])
def test_a_terminated_session_is_a_lost_connection(
    database: Database, own_server: Callable[..., OwnServer], immediately: bool
) -> None:
    if immediately:
        server = own_server()
        connection = server.connect()
        server.kill(connection.info.backend_pid)
    else:
        connection = database.connect()
        database.execute("SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
    for _ in range(2):
        error = _failure(connection, "SELECT 1")
        assert kind_of(error) is Kind.LOST
        translated = as_seeder_error(error, doing="testing", otherwise=SeedingFailed)
        assert isinstance(translated, ConnectionLost)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT 1 / 0", Kind.OTHER),
        ("SET transaction_read_only = on; CREATE TABLE t ()", Kind.READ_ONLY),
        ("SET ROLE pg_monitor; CREATE SCHEMA s", Kind.DENIED),
        ("SET idle_in_transaction_session_timeout = 1; nonsense", Kind.OTHER),
        ("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", Kind.RETRYABLE),
        ("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$", Kind.RETRYABLE),
        ("DO $$ BEGIN RAISE SQLSTATE '55P03'; END $$", Kind.RETRYABLE),
        ("DO $$ BEGIN RAISE SQLSTATE '57P02'; END $$", Kind.LOST),
        ("DO $$ BEGIN RAISE SQLSTATE '08006'; END $$", Kind.LOST),
    ],
)
def test_failed_statements_are_classified(database: Database, statement: str, kind: Kind) -> None:
    assert kind_of(_failure(database.connect(), statement)) is kind


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("INSERT INTO t VALUES ('hunter2')", "constraint t_pkey"),
        ("INSERT INTO t VALUES (NULL)", "column name"),
        ("SELECT 'hunter2'::int", "InvalidTextRepresentation (22P02)"),
        ("DO $$ BEGIN RAISE 'hunter2'; END $$", "RaiseException (P0001)"),
        ("SELECT 'hunter2' 'x'", "SyntaxError (42601)"),
        ("SELECT * FROM absent", 'relation "absent" does not exist'),
    ],
)
def test_descriptions_hold_names_and_no_values(
    database: Database, statement: str, told: str
) -> None:
    database.execute("CREATE TABLE t (name text PRIMARY KEY); INSERT INTO t VALUES ('hunter2')")
    text = describe(_failure(database.connect(), statement))
    assert told in text
    assert SECRET not in text
