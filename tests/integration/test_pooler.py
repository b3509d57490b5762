"""A real PgBouncer in front of the server."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from seeder.database.connection.connect import connect
from seeder.database.connection.pooler import require_direct, require_exclusive
from seeder.database.connection.target import Target
from seeder.errors import ServerUnsupported
from tests.support.postgres import Database, url_of

PGBOUNCER = shutil.which("pgbouncer", path=os.defpath + ":/usr/sbin")


@pytest.fixture
def pgbouncer(database: Database) -> Iterator[Callable[..., str]]:
    """Start PgBouncer and return a URL that leads through it to the test's database."""
    if PGBOUNCER is None:
        if os.environ.get("CI"):
            pytest.fail("PgBouncer is not installed")
        pytest.skip("PgBouncer is not installed")
    running: list[subprocess.Popen[bytes]] = []
    directories: list[Path] = []

    def start(mode: str, *, size: int = 5, direct: str = database.url) -> str:
        directory = Path(tempfile.mkdtemp(prefix="seeder-pgbouncer-"))
        directories.append(directory)
        directory.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        (directory / "users").write_text('"postgres" ""\n')
        given = Target.parse(direct).parameters
        (directory / "ini").write_text(
            f"[databases]\nd = host={given['host']} port={given['port']} user=postgres"
            f" dbname={given['dbname']}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            f"auth_file = {directory}/users\npool_mode = {mode}\ndefault_pool_size = {size}\n"
        )
        command = [str(PGBOUNCER), str(directory / "ini")]
        # The embedded server's socket belongs to its account.
        account = pwd.getpwuid(Path(given["host"]).stat().st_uid) if os.geteuid() == 0 else None
        running.append(
            subprocess.Popen(
                command,
                stderr=subprocess.DEVNULL,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
            )
        )
        url = url_of(f"postgresql://postgres@127.0.0.1:{port}/d")
        for _ in range(50):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return url
            except OSError:
                time.sleep(0.05)
        raise AssertionError("PgBouncer did not start")

    yield start
    for process in running:
        process.kill()
        process.wait()
    for directory in directories:
        shutil.rmtree(directory)


def test_a_direct_connection_is_accepted_with_one_query(database: Database) -> None:
    target = Target.parse(database.url)
    with connect(target) as connection:
        require_direct(connection, target)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_transaction_pooler_is_refused(pgbouncer: Callable[..., str], size: int) -> None:
    target = Target.parse(pgbouncer("transaction", size=size))
    with connect(target) as connection, pytest.raises(ServerUnsupported, match="pooler") as caught:
        require_direct(connection, target)
    assert caught.value.exit_code == 13
    assert caught.value.hint is not None
    assert "direct URL" in caught.value.hint


@pytest.mark.parametrize("size", [1, 5])
def test_a_session_pooler_is_accepted(pgbouncer: Callable[..., str], size: int) -> None:
    target = Target.parse(pgbouncer("session", size=size))
    started = time.monotonic()
    with connect(target) as connection:
        require_direct(connection, target)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert time.monotonic() - started < 6


def test_startup_options_refused_by_a_pooler_are_explained(
    pgbouncer: Callable[..., str],
) -> None:
    url = pgbouncer("session") + "?options=-c%20jit%3Doff"
    with pytest.raises(ServerUnsupported, match="startup parameter"):
        connect(Target.parse(url))


def test_a_lock_that_a_second_connection_gets_as_well_is_refused(
    pgbouncer: Callable[..., str], database: Database
) -> None:
    target = Target.parse(pgbouncer("transaction", size=1))
    with connect(target) as connection:
        connection.execute("SELECT pg_advisory_lock(7)")
        with pytest.raises(ServerUnsupported, match="two connections") as caught:
            require_exclusive(connection, target, 7)
        assert caught.value.exit_code == 13
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7"
        assert connection.execute(held).fetchone() == (1,)  # what was tried was given back once
        connection.execute("SELECT pg_advisory_unlock(7)")
        assert connection.execute(held).fetchone() == (0,)


@pytest.mark.parametrize("size", [1, 5])
def test_a_lock_behind_a_session_pooler_is_trusted(
    pgbouncer: Callable[..., str], size: int
) -> None:
    target = Target.parse(pgbouncer("session", size=size))
    with connect(target) as connection:
        connection.execute("SELECT pg_advisory_lock(7)")
        require_exclusive(connection, target, 7)
        assert connection.execute("SELECT pg_try_advisory_lock(7)").fetchone() == (True,)


def test_a_role_that_may_connect_once_is_trusted(database: Database) -> None:
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute("CREATE ROLE once LOGIN CONNECTION LIMIT 1")
    try:
        target = Target.parse(url_of(database.url, user="once"))
        with connect(target) as connection:
            connection.execute("SELECT pg_advisory_lock(7)")
            require_exclusive(connection, target, 7)
    finally:
        with psycopg.connect(database.url, autocommit=True) as admin:
            admin.execute("DROP ROLE once")
