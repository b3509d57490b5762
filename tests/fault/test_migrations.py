"""Migrations that fail, block, lose the lock, or are not the image's own."""

from __future__ import annotations

import json
import re
import signal
import threading
import time

import psycopg
import pytest

from tests.fault.conftest import until
from tests.support.postgres import runs
from tests.support.shop import Shop

HEAD = "SELECT version_num FROM alembic_version"


def columns(shop: Shop) -> set[str]:
    return {
        name
        for (name,) in shop.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'roles'"
        )
    }


# A table that somebody reads.


class Readers:
    """A session that keeps reading a table, and fails if it is held up for `patience`."""

    def __init__(self, url: str, *, patience: str) -> None:
        self.failure: psycopg.Error | None = None
        self._url = url
        self._patience = patience
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Readers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                # The server's clock counts waiting alone, not this machine's other delays.
                connection.execute(f"SET lock_timeout = '{self._patience}'")
                while not self._over.is_set():
                    connection.execute("SELECT count(*) FROM roles").fetchone()
                    time.sleep(0.02)
        except psycopg.Error as error:
            self.failure = error


def test_a_reader_that_blocks_an_alter_is_outlived_and_others_stall_no_longer_than_one_try(
    shop: Shop,
) -> None:
    assert shop.run().exit_code == 0
    shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    blocker = shop.database.connect()
    blocker.execute("BEGIN; SELECT FROM roles")
    with Readers(shop.database.url, patience="1s") as readers:
        child = shop.start("run", "--ddl-lock-timeout", "0.5")
        assert child.stderr is not None
        retried: list[str] = []
        while len(retried) < 2:
            line = child.stderr.readline()
            assert line, "it ended"
            retried += [line] if "migration.retried" in line else []
        blocker.execute("COMMIT")
        done = shop.end(child)
    assert done.exit_code == 0, done.stderr
    assert {json.loads(line)["sqlstate"] for line in retried} == {"55P03"}
    assert "note" in columns(shop)
    assert readers.failure is None, "held up for longer than one try"


def test_a_reader_that_blocks_an_alter_for_ever_ends_with_32(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    blocker = shop.database.connect()
    blocker.execute("BEGIN; SELECT FROM roles")
    done = shop.end(shop.start("run", "--ddl-lock-timeout", "1", "--deadline", "20"))
    assert done.exit_code == 32, done.stderr
    assert done.failed["revision"] == "0003"
    assert "note" not in columns(shop)
    blocker.execute("COMMIT")
    assert shop.end(shop.start()).exit_code == 0
    assert "note" in columns(shop)


# Partial work.


@pytest.mark.parametrize("repair", ["DROP INDEX one_level", "REINDEX INDEX one_level"])
def test_an_index_that_cannot_be_built_ends_with_17_until_somebody_repairs_it(
    shop: Shop, repair: str
) -> None:
    assert shop.run().exit_code == 0
    shop.database.execute("INSERT INTO roles (code, level) VALUES ('twin', 3)")
    shop.scripts.add(
        "0003",
        "py:with op.get_context().autocommit_block():",
        "py:    op.execute('CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_level"
        " ON roles (level)')",
    )
    for _ in range(3):
        done = shop.run()
        assert done.exit_code == 17, done.stderr
        assert shop.value(HEAD) == "0002"
        assert "public.one_level" in done.failed["message"]
        assert "REINDEX INDEX CONCURRENTLY" in done.failed["hint"]
    shop.database.execute(f"DELETE FROM roles WHERE code = 'twin'; {repair}")
    done = shop.end(shop.start())
    assert done.exit_code == 0, done.stderr
    assert shop.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_level'::regclass")


def test_revision_three_of_five_fails_with_16_and_a_mended_image_goes_on(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    shop.scripts.add("0003", "ALTER TABLE roles ADD a int")
    shop.scripts.add("0004", "ALTER TABLE roles ADD b int")
    broken = shop.scripts.add("0005", "ALTER TABLE roles ADD c int", "SELECT 1 / 0")
    shop.scripts.add("0006", "ALTER TABLE roles ADD d int")
    shop.scripts.add("0007", "ALTER TABLE roles ADD e int")
    done = shop.end(shop.start())
    assert done.exit_code == 16, done.stderr
    assert done.failed["revision"] == "0005"
    assert done.failed["applied"] == ["0003", "0004"]
    assert shop.value(HEAD) == "0004"
    assert columns(shop) >= {"a", "b"}
    assert "c" not in columns(shop), "of the one that failed nothing is left"
    broken.write_text(broken.read_text().replace("SELECT 1 / 0", "SELECT 1"))
    done = shop.end(shop.start())
    assert done.exit_code == 0, done.stderr
    assert shop.value(HEAD) == "0007"
    assert columns(shop) >= {"a", "b", "c", "d", "e"}


def test_under_the_projects_own_env_py_a_failing_revision_takes_all_of_the_run_back(
    shop: Shop,
) -> None:
    shop.configure(migrations='alembic = "migrations"\nenv = "project"')
    shop.write(
        "migrations/env.py",
        """
        from alembic import context
        context.configure(connection=context.config.attributes["connection"])
        with context.begin_transaction():
            context.run_migrations()
        """,
    )
    assert shop.run().exit_code == 0
    shop.scripts.add("0003", "ALTER TABLE roles ADD a int")
    shop.scripts.add("0004", "SELECT 1 / 0")
    done = shop.end(shop.start())
    assert done.exit_code == 16, done.stderr
    assert shop.value(HEAD) == "0002"
    assert "a" not in columns(shop)


# The lock.


def test_a_session_killed_in_a_migration_commits_nothing_more(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    shop.scripts.add("0003", "ALTER TABLE roles ADD a int")
    shop.scripts.add("0004", "ALTER TABLE roles ADD b int", "SELECT pg_sleep(60)")
    shop.scripts.add("0005", "ALTER TABLE roles ADD c int")
    child = shop.start()
    sleeping = "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
    until(lambda: shop.rows(sleeping))
    shop.database.execute(f"SELECT pg_terminate_backend(pid) FROM ({sleeping}) s")
    done = shop.end(child)
    assert done.exit_code == 33, done.stderr
    assert shop.value(HEAD) == "0003"
    assert not columns(shop) & {"b", "c"}


def test_a_migration_that_gives_the_lock_away_is_noticed_before_it_commits(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    shop.scripts.add("0003", "ALTER TABLE roles ADD a int")
    bad = shop.scripts.add("0004", "ALTER TABLE roles ADD b int", "SELECT pg_advisory_unlock_all()")
    shop.scripts.add("0005", "ALTER TABLE roles ADD c int")
    done = shop.end(shop.start())
    assert done.exit_code == 33, done.stderr
    assert "pg_advisory_unlock_all()" in done.failed["hint"]
    assert shop.value(HEAD) == "0003"
    assert not columns(shop) & {"b", "c"}
    bad.write_text(bad.read_text().replace("SELECT pg_advisory_unlock_all()", "SELECT 1"))
    assert shop.end(shop.start()).exit_code == 0


def test_a_signal_that_costs_the_connection_is_told_as_a_signal(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    shop.scripts.add(
        "0003",
        "ALTER TABLE roles ADD a int",
        "py:import os, signal, time",
        "py:try:",
        "py:    os.kill(os.getpid(), signal.SIGTERM)",
        "py:    time.sleep(60)",
        "py:except BaseException:",
        # As psycopg does where the server does not answer its request to cancel.
        "py:    op.get_bind().connection.driver_connection.pgconn.finish()",
        "py:    raise",
    )
    done = shop.end(shop.start())
    assert done.exit_code == 143, done.stderr
    assert "a" not in columns(shop)


@pytest.mark.parametrize("fault", ["its session is terminated", "it is asked to stop"])
def test_a_migration_command_is_stopped_with_the_job(shop: Shop, fault: str) -> None:
    mark, pids = shop.directory / "finished", shop.directory / "pids"
    shop.write(
        "migrate.sh", f"echo $$ > {pids}\nsleep 30 & echo $! >> {pids}\nwait\ntouch {mark}\n"
    )
    shop.configure(migrations='command = ["sh", "migrate.sh"]')
    child = shop.start()
    until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    running = [int(pid) for pid in pids.read_text().split()]
    if fault == "it is asked to stop":
        child.send_signal(signal.SIGTERM)
    else:
        shop.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    done = shop.end(child)
    assert done.exit_code == (143 if fault == "it is asked to stop" else 33), done.stderr
    assert not mark.exists()
    assert not [pid for pid in running if runs(pid)]
    assert not shop.rows("SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted")


# Images.


def test_an_older_image_leaves_a_newer_database_alone(shop: Shop) -> None:
    newer = shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    assert shop.run().exit_code == 0
    newer.unlink()
    done = shop.end(shop.start("run", "--mode", "update"))
    assert done.exit_code == 0, done.stderr
    assert done.finished["result"] == "older-image"
    assert done.named("run.older_image")[0]["level"] == "warning"
    shop.database.execute("UPDATE alembic_version SET version_num = 'f00d'")
    done = shop.end(shop.start())
    assert done.exit_code == 15, done.stderr
    assert "f00d" in done.failed["message"]


def test_two_heads_are_refused_before_the_database_is_waited_for(shop: Shop) -> None:
    shop.scripts.add("0003", "SELECT 1", down="0001")
    done = shop.end(shop.start(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere"))
    assert done.exit_code == 14, done.stderr
    assert "database.awaited" not in done.names
    assert {"0002", "0003"} <= set(re.findall(r"\d{4}", str(done.failed)))
