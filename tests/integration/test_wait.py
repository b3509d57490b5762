"""Waiting for a database that is not there yet, not writable yet, or never will be."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from seeder.database.connection.target import Target
from seeder.database.connection.wait import wait_until_ready
from seeder.errors import (
    AccessDenied,
    DatabaseMissing,
    DatabaseUnavailable,
    DeadlineExceeded,
    Interrupted,
)
from tests.support.events import Events
from tests.support.postgres import Database, OwnServer, Server, run_own_server


@pytest.fixture
def later() -> Iterator[Callable[[float, Callable[[], object]], None]]:
    """Do something in another thread after a while."""
    threads = []

    def schedule(seconds: float, action: Callable[[], object]) -> None:
        threads.append(threading.Timer(seconds, action))
        threads[-1].start()

    yield schedule
    for thread in threads:
        thread.join()


def test_a_ready_database_is_taken_at_once(database: Database, events: Events) -> None:
    with wait_until_ready(Target.parse(database.url), timeout=5, log=events) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (database.name,)
    assert events.names() == ["database.ready"]


def test_a_server_that_starts_later_is_waited_for(
    own_server: Callable[..., OwnServer], events: Events, later
) -> None:
    server = own_server()
    server.stop()
    later(0.6, server.start)
    with wait_until_ready(Target.parse(server.url()), timeout=20, log=events) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert "nothing listens" in events.named("database.awaited")[0]["reason"]
    assert events.named("database.ready")[0]["attempts"] > 1


def test_a_database_that_is_created_later_is_waited_for(
    server: Server, database: Database, events: Events, later
) -> None:
    name = f"{database.name}_late"
    later(0.5, lambda: server.execute(f"CREATE DATABASE {name}"))
    try:
        wait_until_ready(Target.parse(server.url(name)), timeout=20, log=events).close()
    finally:
        server.execute(f"DROP DATABASE IF EXISTS {name}")
    assert events.named("database.awaited")[0]["reason"] == "the database does not exist"


def test_a_missing_database_is_final_after_the_grace(server: Server, events: Events) -> None:
    started = time.monotonic()
    with pytest.raises(DatabaseMissing):
        wait_until_ready(Target.parse(server.url("never_made")), timeout=30, grace=0.5, log=events)
    assert 0.4 < time.monotonic() - started < 4


def test_a_wrong_password_is_final_after_the_grace(events: Events) -> None:
    with run_own_server(hba=["local all all scram-sha-256"]) as server:
        server.execute("CREATE ROLE member LOGIN PASSWORD 'right'")
        target = Target.parse(server.url(user="member", password="wrong"))
        with pytest.raises(AccessDenied):
            wait_until_ready(target, timeout=30, grace=0.3, log=events)
        assert "wrong" not in repr(events.all)
        started = time.monotonic()
        with pytest.raises(AccessDenied):
            wait_until_ready(target, timeout=1, grace=60, log=events)
        assert time.monotonic() - started < 8


def test_nothing_at_the_address_ends_at_the_timeout(events: Events) -> None:
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="nothing listens") as caught:
        wait_until_ready(Target.parse("postgres://u@127.0.0.1:1/d"), timeout=1.5, log=events)
    assert 1.4 < time.monotonic() - started < 8
    assert caught.value.exit_code == 30


def test_a_silent_address_ends_at_the_timeout(events: Events) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        url = f"postgres://u@127.0.0.1:{listener.getsockname()[1]}/d"
        started = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="no answer in time"):
            wait_until_ready(Target.parse(url), timeout=3, log=events)
        assert time.monotonic() - started < 10


def test_the_deadline_ends_the_wait_before_the_timeout(events: Events) -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        wait_until_ready(
            Target.parse("postgres://u@127.0.0.1:1/d"),
            timeout=60,
            deadline=time.monotonic() + 0.5,
            log=events,
        )
    assert caught.value.exit_code == 34


def test_a_read_only_database_is_waited_for(database: Database, events: Events, later) -> None:
    name = database.name
    database.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    target = Target.parse(database.url)
    with pytest.raises(DatabaseUnavailable, match="read_only"):
        wait_until_ready(target, timeout=0.5, log=events)
    wait_until_ready(target, timeout=5, writable=False, log=events).close()
    later(
        0.4,
        lambda: database.server.execute(
            f"ALTER DATABASE {name} RESET default_transaction_read_only"
        ),
    )
    wait_until_ready(target, timeout=20, log=events).close()


def test_a_standby_is_waited_for_until_it_is_promoted(
    own_server: Callable[..., OwnServer], events: Events, later
) -> None:
    server = own_server()
    server.stop()
    # A recovery without an archive stays a hot standby until it is promoted.
    (server.running.data / "standby.signal").touch()
    server.start()
    target = Target.parse(server.url())
    with pytest.raises(DatabaseUnavailable, match="standby"):
        wait_until_ready(target, timeout=0.5, log=events)
    wait_until_ready(target, timeout=5, writable=False, log=events).close()
    later(0.4, lambda: server.execute("SELECT pg_promote()"))
    wait_until_ready(target, timeout=30, log=events).close()


def test_a_signal_interrupts_the_wait(events: Events) -> None:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.7)
    started = time.monotonic()
    try:
        with pytest.raises(Interrupted):
            wait_until_ready(Target.parse("postgres://u@127.0.0.1:1/d"), timeout=60, log=events)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - started < 1.5
