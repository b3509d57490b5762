"""The advisory lock between real sessions and processes."""

from __future__ import annotations

import subprocess
import sys
import time

import psycopg
import pytest

from seeder.database.connection import lock
from seeder.database.connection.connect import ClientCursor, Connection
from seeder.errors import ConnectionLost, DeadlineExceeded, LockNotAcquired
from tests.support.events import Events
from tests.support.postgres import Database

KEY = lock.key_of("seeder")


def test_the_key_never_changes() -> None:
    assert lock.key_of("seeder") == 2843324848285969997
    assert lock.key_of("other") == -9212911245647286414


def test_a_free_lock_is_taken_at_once(database: Database, events: Events) -> None:
    connection = database.connect()
    assert lock.acquire(connection, KEY, timeout=1, log=events) < 0.5
    lock.verify(connection, KEY)
    assert events.names() == ["lock.acquired"]


@pytest.mark.parametrize("key", [KEY, -1, 0, 2**63 - 1, -(2**63), lock.key_of("other")])
def test_any_key_is_found_again(database: Database, events: Events, key: int) -> None:
    connection, other = database.connect(), database.connect()
    assert lock.holder(other, key) is None
    lock.acquire(connection, key, timeout=1, log=events)
    found = lock.holder(other, key)
    assert found is not None
    assert found.pid == connection.info.backend_pid
    lock.release(connection, key)
    assert lock.holder(other, key) is None


def test_the_holder_is_named_while_waiting_and_on_giving_up(
    database: Database, events: Events
) -> None:
    holder, waiter = database.connect(application_name="seeder/1.2.3"), database.connect()
    lock.acquire(holder, KEY, timeout=1, log=events)
    started = time.monotonic()
    with pytest.raises(LockNotAcquired) as caught:
        lock.acquire(waiter, KEY, timeout=0.8, log=events)
    assert 0.7 < time.monotonic() - started < 1.5
    assert f"process {holder.info.backend_pid} (seeder/1.2.3)" in caught.value.message
    assert caught.value.facts["holder_pid"] == holder.info.backend_pid
    assert events.named("lock.awaited")[0]["holder_application"] == "seeder/1.2.3"


def test_the_deadline_ends_the_wait_before_the_timeout(database: Database, events: Events) -> None:
    lock.acquire(database.connect(), KEY, timeout=1, log=events)
    with pytest.raises(DeadlineExceeded):
        lock.acquire(
            database.connect(), KEY, timeout=60, deadline=time.monotonic() + 0.3, log=events
        )


def test_a_waiting_session_blocks_no_index_build(database: Database, events: Events) -> None:
    holder, waiter = database.connect(), database.connect()
    lock.acquire(holder, KEY, timeout=1, log=events)
    holder.execute("CREATE TABLE t (n int)")

    def build_then_release(seconds: float) -> None:
        if not holder.closed:
            holder.execute("CREATE INDEX CONCURRENTLY ON t (n)")
            holder.close()
        time.sleep(seconds)

    assert lock.acquire(waiter, KEY, timeout=10, log=events, sleep=build_then_release) < 5


def test_a_lock_is_per_database(create_database, events: Events) -> None:
    for database in (create_database(), create_database()):
        lock.acquire(database.connect(), KEY, timeout=0.2, log=events)


def test_a_lost_lock_is_noticed(database: Database, events: Events) -> None:
    connection = database.connect()
    lock.acquire(connection, KEY, timeout=1, log=events)
    connection.execute("SELECT pg_advisory_unlock_all()")
    with pytest.raises(ConnectionLost):
        lock.verify(connection, KEY)
    lock.acquire(database.connect(), KEY, timeout=1, log=events)
    with pytest.raises(ConnectionLost):
        lock.verify(connection, KEY)


def test_a_lost_connection_is_noticed(database: Database, events: Events) -> None:
    connection = database.connect()
    lock.acquire(connection, KEY, timeout=1, log=events)
    database.execute("SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
    with pytest.raises(ConnectionLost):
        lock.verify(connection, KEY)
    with pytest.raises(ConnectionLost):
        lock.acquire(connection, KEY, timeout=1, log=events)


def test_a_killed_process_frees_the_lock_in_the_middle_of_a_statement(
    database: Database, events: Events
) -> None:
    job = """
import sys
from seeder.database.connection import connect, lock, session, target
from tests.support.events import Events
connection = connect.connect(target.Target.parse(sys.argv[1]))
session.prepare(connection)
lock.acquire(connection, int(sys.argv[2]), timeout=5, log=Events())
print("locked", flush=True)
connection.execute("SELECT pg_sleep(60)")
"""
    command = [sys.executable, "-c", job, database.url, str(KEY)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        waiter = database.connect()
        with pytest.raises(LockNotAcquired):
            lock.acquire(waiter, KEY, timeout=0.2, log=events)
        process.kill()
    assert lock.acquire(waiter, KEY, timeout=10, log=events) < 5


# Committing under the lock.


@pytest.fixture
def working(database: Database, events: Events) -> Connection:
    """A connection with the lock, as revisions have it."""
    connection = database.connect()
    connection.execute("CREATE TABLE written ()")
    lock.acquire(connection, KEY, timeout=1, log=events)
    connection.cursor_factory = ClientCursor
    return connection


def test_a_commit_under_the_lock_keeps_it_and_gives_it_back_once(
    working: Connection, database: Database
) -> None:
    with lock.held_twice(working, KEY):
        for _ in range(3):
            working.execute("BEGIN; INSERT INTO written DEFAULT VALUES")
            lock.commit_held(working, KEY)
            assert lock.holder(database.connect(), KEY) is not None
    assert database.fetch("SELECT count(*) FROM written") == [(3,)]
    lock.verify(working, KEY)
    lock.release(working, KEY)
    assert lock.holder(database.connect(), KEY) is None


@pytest.mark.parametrize("gone", ["_all()", f"({KEY}), pg_advisory_unlock({KEY})"])
def test_nothing_is_committed_once_the_lock_is_gone(
    working: Connection, database: Database, gone: str
) -> None:
    with lock.held_twice(working, KEY):
        working.execute(
            f"BEGIN; INSERT INTO written DEFAULT VALUES; SELECT pg_advisory_unlock{gone}"
        )
        with pytest.raises(ConnectionLost):
            lock.commit_held(working, KEY)
    assert database.fetch("SELECT count(*) FROM written") == [(0,)]


def test_a_commit_that_fails_by_itself_is_not_taken_for_a_lost_lock(working: Connection) -> None:
    working.execute(
        """
        CREATE FUNCTION divide() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN PERFORM 1 / 0; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON written DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION divide()
        """
    )
    with lock.held_twice(working, KEY):
        working.execute("BEGIN; INSERT INTO written DEFAULT VALUES")
        with pytest.raises(psycopg.errors.DivisionByZero):
            lock.commit_held(working, KEY)
    lock.verify(working, KEY)
