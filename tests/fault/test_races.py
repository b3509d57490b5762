"""Many jobs at once, and jobs among the traffic of an application."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import psycopg

from seeder.database.connection.lock import key_of
from tests.fault.conftest import until
from tests.fault.walk import state_of, write_new, write_old
from tests.support.jobs import start_job
from tests.support.shop import Done, Shop

JOBS = 20


def run_at_once(shop: Shop) -> list[Done]:
    """Start many jobs, hold them at the lock until all are there, and let them go."""
    holder = shop.database.connect()
    holder.execute("SELECT pg_advisory_lock(%s)", [key_of("seeder")])
    jobs = [start_job(["run"], shop.variables()) for _ in range(JOBS)]
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'seeder/%'"
    )
    until(lambda: shop.value(waiting) == JOBS, seconds=60)
    holder.close()
    return [job.end() for job in jobs]


def all_succeeded(ended: list[Done]) -> None:
    for done in ended:
        assert done.exit_code == 0, done.stderr
    results = sorted(done.finished["result"] for done in ended)
    assert results == ["done"] + ["nothing-to-do"] * (JOBS - 1)


def test_twenty_jobs_on_an_empty_database_do_everything_once(empty_shop: Shop) -> None:
    shop = empty_shop
    write_old(shop)
    ended = run_at_once(shop)
    all_succeeded(ended)
    assert sum(len(done.named("migration.applied")) for done in ended) == 1
    state_of(shop.database.url)  # holds ledger and rows against each other
    assert shop.value("SELECT count(*) FROM roles") == 4
    assert shop.rows("SELECT release FROM seeder.releases") == [("1",)]


def test_twenty_jobs_on_a_pending_database_do_everything_once(empty_shop: Shop) -> None:
    shop = empty_shop
    write_old(shop)
    assert shop.run().exit_code == 0
    write_new(shop)
    ended = run_at_once(shop)
    all_succeeded(ended)
    assert sum(len(done.named("migration.applied")) for done in ended) == 1
    assert shop.rows("SELECT entry FROM journal") == [("task",)]
    assert shop.value("SELECT count(*) FROM seeder.runs WHERE result = 'done'") == 2


def test_twenty_jobs_apply_an_approved_plan_once(empty_shop: Shop) -> None:
    shop = empty_shop
    write_old(shop)
    assert shop.run().exit_code == 0
    write_new(shop)
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    assert shop.rows("SELECT entry FROM journal") == []
    shop.database.execute(
        "INSERT INTO seeder.requests (project, plan_id, actor) SELECT project, plan_id, 'anna'"
        " FROM seeder.pending_plan"
    )
    all_succeeded(run_at_once(shop))
    assert shop.rows("SELECT state FROM seeder.requests") == [("applied",)]
    assert shop.rows("SELECT entry FROM journal") == [("task",)]


def test_a_job_that_waits_does_not_hang_the_index_build_of_another(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    shop.scripts.add(
        "0003",
        "py:with op.get_context().autocommit_block():",
        "py:    op.execute('CREATE INDEX CONCURRENTLY roles_level ON roles (level)')",
    )
    reader = shop.database.connect()
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    reader.execute("SELECT FROM roles")
    first = shop.start()
    until(lambda: shop.rows("SELECT FROM pg_stat_progress_create_index"))
    second = shop.start()
    time.sleep(1.5)
    assert first.poll() is None
    assert second.poll() is None
    reader.execute("COMMIT")
    assert [shop.end(child).exit_code for child in (first, second)] == [0, 0]
    assert shop.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'roles_level'::regclass")


def test_a_lock_held_for_too_long_ends_with_31_naming_the_holder(shop: Shop) -> None:
    holder = shop.database.connect(application_name="another job")
    holder.execute("SELECT pg_advisory_lock(%s)", [key_of("seeder")])
    done = shop.end(shop.start("run", "--lock-timeout", "2"))
    assert done.exit_code == 31
    told = re.search(r"not free for (\d+\.\d) s", done.failed["message"])
    assert told is not None
    assert 2.0 <= float(told[1]) <= 2.5  # never earlier; the last look may come late
    assert f"process {holder.info.backend_pid} (another job)" in done.failed["message"]
    assert "pg_terminate_backend" in done.failed["hint"]
    assert done.named("lock.awaited")[0]["holder_pid"] == holder.info.backend_pid
    assert not shop.rows("SELECT FROM pg_tables WHERE schemaname = 'public'")


# Traffic.

ROWS = 600


class Traffic:
    """Sessions of an application that read and edit the rows of one table until stopped."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.edits: dict[str, tuple[float, str]] = {}
        """By row, the last edit that was committed: when, and what."""
        self.failures: list[BaseException] = []
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._guarded, args=(work, number))
            for number, work in enumerate([self._edit, self._edit, self._edit, self._read])
        ]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        assert not self.failures, self.failures

    def _guarded(self, work: Callable[[psycopg.Connection, int], None], number: int) -> None:
        try:
            with psycopg.connect(self.url, autocommit=True) as connection:
                work(connection, number)
        except BaseException as error:  # noqa: BLE001  # told by whoever joins the thread
            self.failures.append(error)

    def _edit(self, connection: psycopg.Connection, number: int) -> None:
        # Every writer has rows of its own, so the order of the edits of a row is known.
        step = 0
        while not self._over.is_set():
            step += 1
            code = f"r{step * 7 % 100 + number * 200:04}"  # every other hundred
            text = f"edit {step} of {number}"
            found = connection.execute(
                "UPDATE roles SET label = %s WHERE code = %s RETURNING 1", [text, code]
            )
            if found.rowcount:
                self.edits[code] = time.monotonic(), text
            time.sleep(0.01)

    def _read(self, connection: psycopg.Connection, _: int) -> None:
        connection.execute("SET lock_timeout = '1ms'")  # held up at all means failed
        while not self._over.is_set():
            connection.execute("SELECT count(label) FROM roles").fetchone()
            time.sleep(0.01)


def labels(shop: Shop, word: str) -> None:
    lines = "\n".join(f"r{n:04},{word} {n}" for n in range(ROWS))
    shop.write("seeds/core/roles.csv", f"code,label\n{lines}\n")


def test_an_update_amid_traffic_loses_no_edit_and_blocks_no_reader(empty_shop: Shop) -> None:
    shop = empty_shop
    shop.scripts.add(
        "0001", "CREATE TABLE roles (id serial PRIMARY KEY, code text UNIQUE, label text)"
    )
    shop.seed("roles", "table: roles\nkey: code\nrows_from: roles.csv\n")
    labels(shop, "old")
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    labels(shop, "new")
    shop.configure(release="2")
    # Keeps the transaction, and with it all locks of the update, open for a while.
    shop.write("seeds/update/2_hold.sql", "SELECT pg_sleep(1)")
    with Traffic(shop.database.url) as traffic:
        time.sleep(0.3)
        child = shop.start()
        done = shop.end(child)
        time.sleep(0.3)
    assert done.exit_code == 0, done.stderr
    counts = done.finished["counts"]
    assert counts["update"], counts
    assert counts["conflicts"], "the traffic began before the update"
    found = dict(shop.rows("SELECT code, label FROM roles"))
    for code, label in found.items():
        expected = traffic.edits[code][1] if code in traffic.edits else f"new {int(code[1:])}"
        assert label == expected
