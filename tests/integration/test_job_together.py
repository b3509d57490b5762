"""Jobs that run at the same time, and jobs that a signal ends."""

from __future__ import annotations

import signal
import socket
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seeder.database.connection.lock import key_of
from tests.support.shop import ROLES_SEED, Done, Shop


def test_ten_jobs_started_together_apply_everything_exactly_once(shop: Shop) -> None:
    shop.scripts.add("0003", "CREATE TABLE applied (revision text)")
    shop.scripts.add("0004", "INSERT INTO applied VALUES ('0004')", "py:import time", "SELECT 1")
    shop.configure(release="1")
    jobs = [shop.start() for _ in range(10)]
    done = [shop.end(job) for job in jobs]
    assert [each.exit_code for each in done] == [0] * 10, [each.stderr for each in done]
    revisions = [event["revision"] for each in done for event in each.named("migration.applied")]
    assert sorted(revisions) == ["0001", "0002", "0003", "0004"]
    assert shop.rows("SELECT revision FROM applied") == [("0004",)]
    inserted = [event["insert"] for each in done for event in each.named("set.applied")]
    assert sum(inserted) == 4
    assert shop.rows("SELECT id, code FROM roles ORDER BY id") == [
        (1, "owner"),
        (2, "editor"),
        (3, "viewer"),
    ]
    assert shop.value("SELECT last_value FROM roles_id_seq") == 3
    assert shop.value("SELECT count(*) FROM members") == 1
    assert [result for result, _ in shop.runs()].count("done") == 1
    assert {code for _, code in shop.runs()} == {0}
    assert [each.finished["result"] for each in done].count("done") == 1


def test_two_images_on_one_database_work_one_after_the_other(shop: Shop) -> None:
    shop.scripts.add("0003", "SELECT pg_sleep(1)")
    first = shop.start()
    time.sleep(0.1)
    second = shop.start("run", "--mode", "init")
    assert (shop.end(first).exit_code, shop.end(second).exit_code) == (0, 0)
    overlapping = shop.value(
        "SELECT count(*) FROM seeder.runs a JOIN seeder.runs b ON a.id < b.id"
        " AND a.finished_at > b.started_at"
    )
    assert overlapping == 0


# Signals.

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


def interrupted(shop: Shop, number: signal.Signals, reached: Callable[[], bool]) -> Done:
    """Start a run, signal it where it has come so far, and return its end."""
    job = shop.start()
    limit = time.monotonic() + 60
    while not reached():
        assert job.poll() is None, shop.end(job).stderr
        assert time.monotonic() < limit
        time.sleep(0.02)
    job.send_signal(number)
    started = time.monotonic()
    done = shop.end(job)
    assert time.monotonic() - started < 30, "a signal ends a run, not what it waits for"
    return done


def sleeping(shop: Shop) -> Callable[[], bool]:
    """Whether a session of the database is in pg_sleep."""
    return lambda: bool(
        shop.rows(
            "SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event = 'PgSleep'"
        )
    )


def asks_for_the_holder(shop: Shop) -> Callable[[], bool]:
    """Whether a job has found the lock held, and looked by whom."""
    return lambda: bool(
        shop.rows(
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE '%FROM pg_locks%' AND pid <> pg_backend_pid()"
        )
    )


def assert_ended(done: Done, code: int) -> None:
    assert done.exit_code == code, done.stderr
    assert done.finished["exit_code"] == code
    assert done.finished["result"] == "interrupted"
    assert "start" in done.finished["phases"]
    assert "Interrupted by SIG" in done.failed["message"]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_ends_the_wait_for_the_database(
    shop: Shop, number: signal.Signals, code: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        shop.environ["DATABASE_URL"] = f"postgresql://app@127.0.0.1:{port}/shop"
        shop.environ["SEEDER_WAIT_TIMEOUT"] = "60"
        silent.settimeout(60)
        calls = []

        def reached() -> bool:
            calls.append(silent.accept())
            return len(calls) == 2  # the first is the unchanged path's

        assert_ended(interrupted(shop, number, reached), code)
        for connection, _ in calls:
            connection.close()
    assert shop.rows("SELECT to_regnamespace('seeder')") == [(None,)]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_ends_the_wait_for_the_lock(shop: Shop, number: signal.Signals, code: int) -> None:
    holder = shop.database.connect()
    holder.execute("SELECT pg_advisory_lock(%s)", [key_of("seeder")])
    before = shop.snapshot()
    assert_ended(interrupted(shop, number, asks_for_the_holder(shop)), code)
    assert shop.snapshot() == before


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_in_a_migration_rolls_that_one_back(
    shop: Shop, number: signal.Signals, code: int
) -> None:
    assert shop.run("--mode", "none").exit_code == 0
    shop.scripts.add("0003", "ALTER TABLE roles ADD note text", "SELECT pg_sleep(60)")
    before = shop.snapshot()
    assert_ended(interrupted(shop, number, sleeping(shop)), code)
    assert shop.snapshot() == before
    assert shop.runs()[-1] == ("interrupted", code)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_while_seeding_applies_nothing_and_the_next_run_all(
    shop: Shop, number: signal.Signals, code: int
) -> None:
    shop.scripts.add(
        "0003",
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$",
        "CREATE TRIGGER slow BEFORE INSERT ON members FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    assert shop.run("--mode", "none").exit_code == 0
    before = shop.snapshot(sequences=False)
    assert_ended(interrupted(shop, number, sleeping(shop)), code)
    assert shop.snapshot(sequences=False) == before
    assert shop.runs()[-1] == ("interrupted", code)
    shop.database.execute("DROP TRIGGER slow ON members")
    assert shop.run().finished["counts"] == {"insert": 4}, "the lock was free at once"


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_in_the_projects_python_ends_the_run(
    shop: Shop, number: signal.Signals, code: int
) -> None:
    flag = shop.directory / "reached"
    shop.write(
        "seeds/core/slow.py",
        f"""
        import pathlib, time
        from seeder import rows

        @rows(table="roles", key="code")
        def more_roles(context):
            pathlib.Path({str(flag)!r}).touch()
            time.sleep(60)
            yield {{"code": "slow", "level": 0}}
        """,
    )
    before = shop.snapshot()
    assert_ended(interrupted(shop, number, flag.exists), code)
    assert shop.snapshot() == before


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_stops_a_migration_command_with_its_children(
    shop: Shop, number: signal.Signals, code: int
) -> None:
    flag = shop.directory / "reached"
    shop.write("migrate.sh", "touch reached; sleep 61 & sleep 61; touch finished")
    shop.configure(migrations='command = ["sh", "migrate.sh"]')
    assert_ended(interrupted(shop, number, flag.exists), code)
    assert not (shop.directory / "finished").exists()


def test_a_second_signal_does_not_break_into_the_rollback(shop: Shop) -> None:
    shop.scripts.add("0003", "SELECT pg_sleep(60)")
    job = shop.start()
    while not sleeping(shop)():
        time.sleep(0.02)
    for _ in range(5):
        job.send_signal(signal.SIGTERM)
    assert_ended(shop.end(job), 143)


def test_a_killed_job_leaves_nothing_and_its_lock_is_free(shop: Shop) -> None:
    shop.seed("roles", ROLES_SEED)
    shop.scripts.add("0003", "ALTER TABLE roles ADD note text", "SELECT pg_sleep(60)")
    job = shop.start()
    while not sleeping(shop)():
        time.sleep(0.02)
    job.kill()
    shop.end(job)
    text = (shop.directory / "migrations/versions/0003.py").read_text()
    shop.write("migrations/versions/0003.py", text.replace("pg_sleep(60)", "1"))
    done = shop.run(SEEDER_LOCK_TIMEOUT="10")
    assert done.exit_code == 0, done.stderr
    assert [event["revision"] for event in done.named("migration.applied")] == ["0003"]
    assert shop.runs()[0][0] == "lost", "a killed run has no end of its own"


SLOW_IMPORT = """
    import sys, time
    from importlib.machinery import PathFinder

    class Slow:
        def find_spec(self, name, path=None, target=None):
            if name != "seeder.database.applying.seed":
                return None
            spec = PathFinder.find_spec(name, path, target)
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (time.sleep(60), load(module))
            return spec

    sys.meta_path.insert(0, Slow())
"""


@pytest.mark.parametrize(("arguments", "code"), [((), 143), (("--deadline", "3"), 34)])
def test_what_ends_a_run_while_it_imports_is_recorded(
    shop: Shop, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    # As from a disk that is slow to answer.
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(SLOW_IMPORT))
    started = time.monotonic()
    job = shop.start("run", *arguments, PYTHONPATH=str(tmp_path))
    while not shop.value("SELECT to_regclass('seeder.runs') IS NOT NULL") or not shop.runs():
        assert job.poll() is None
        time.sleep(0.02)
    if code == 143:
        job.send_signal(signal.SIGTERM)
    done = shop.end(job)
    assert time.monotonic() - started < 45, "not the 60 s of the import"
    assert done.exit_code == code, done.stderr
    assert shop.runs() == [("interrupted" if code == 143 else "failed", code)]
