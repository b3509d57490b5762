"""SIGTERM, which is how every platform ends a container."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.container.conftest import Database, Job, StartJob, revision

with_and_without_init = pytest.mark.parametrize(
    "options", [[], ["--init"]], ids=["as process 1", "under init"]
)


def until(condition: Callable[[], object], job: Job, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, job.output
        time.sleep(0.05)


@with_and_without_init
def test_sigterm_while_waiting_ends_at_once(start_job: StartJob, options: list[str]) -> None:
    job = start_job(env={"DATABASE_URL": "postgresql://app:x@no-such-host/app"}, options=options)
    until(lambda: "wait" in job.output, job)
    asked = time.monotonic()
    job.stop()
    done = job.wait()
    # Far less than the ten seconds after which Docker kills; a busy machine takes its time.
    assert time.monotonic() - asked < 5
    assert done.exit_code == 143, done.output
    assert done.finished["exit_code"] == 143


@with_and_without_init
def test_sigterm_in_mid_statement_cancels_it_and_rolls_back(
    start_job: StartJob, db: Database, project: Path, options: list[str]
) -> None:
    slow = "CREATE TABLE half (); SELECT pg_sleep(300)"
    versions = project / "migrations" / "versions"
    (versions / "0002_slow.py").write_text(revision("0002", "0001", slow))
    job = start_job(
        env={"DATABASE_URL": db.url, "SEEDER_PROJECT": "/db"},
        options=[*options, "--volume", f"{project}:/db:ro"],
    )
    active = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    until(lambda: db.value(f"{active} AND query LIKE '%pg_sleep(300)%'"), job)
    asked = time.monotonic()
    job.stop()
    done = job.wait()
    assert time.monotonic() - asked < 8
    assert done.exit_code == 143, done.output
    until(lambda: db.value(active) == 0, job, seconds=2)
    assert db.value("SELECT to_regclass('half') IS NULL")
    assert db.value("SELECT version_num FROM alembic_version") == "0001"
    assert db.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


@with_and_without_init
def test_sigterm_while_rows_are_written_leaves_none_of_them(
    start_job: StartJob, db: Database, project: Path, options: list[str]
) -> None:
    slow = (
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN IF new.name = ''violet'' THEN PERFORM pg_sleep(300); END IF; RETURN new; END'; "
        "CREATE TRIGGER slow BEFORE INSERT ON colours FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    versions = project / "migrations" / "versions"
    (versions / "0002_slow.py").write_text(revision("0002", "0001", slow))
    seeds = project / "seeds" / "core" / "colours.yaml"
    seeds.write_text(seeds.read_text() + "  - {name: violet, hex: ee82ee}\n")
    job = start_job(
        env={"DATABASE_URL": db.url, "SEEDER_PROJECT": "/db"},
        options=[*options, "--volume", f"{project}:/db:ro"],
    )
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = "
    until(lambda: db.value(f"{sleeping} current_database()"), job)
    asked = time.monotonic()
    job.stop()
    done = job.wait()
    assert time.monotonic() - asked < 8
    assert done.exit_code == 143, done.output
    until(lambda: not db.value(f"{sleeping} current_database()"), job, seconds=2)
    assert db.value("SELECT count(*) FROM colours") == 0
    assert db.value("SELECT version_num FROM alembic_version") == "0002"
    assert db.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
