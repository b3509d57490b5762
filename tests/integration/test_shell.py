"""`seeder db`: psql on the embedded server, or its URL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from seeder.database.embedded import embedded_server
from tests.support.postgres import Database

SEEDER = (sys.executable, "-m", "seeder", "db")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A working directory; the embedded server of it is stopped at the end."""
    yield tmp_path
    data = tmp_path / ".seeder" / "postgres"
    if data.exists():
        embedded_server.start(data).stop()


def db(
    home: Path, *arguments: str, typed: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    named = ("DATABASE_URL", "SEEDER_")
    environ: Mapping[str, str] = {k: v for k, v in os.environ.items() if not k.startswith(named)}
    return subprocess.run(
        [*SEEDER, *arguments],
        cwd=home,
        env={**environ, **variables},
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )


def test_psql_is_opened_on_the_embedded_server_which_stops_with_it(home: Path) -> None:
    done = db(home, typed="\\pset tuples_only on\nSELECT 6 * 7;\n")
    assert done.returncode == 0, done.stderr
    assert "42" in done.stdout
    assert not (home / ".seeder" / "postgres" / "data" / "postmaster.pid").exists()


def test_the_exit_code_is_psqls(home: Path, database: Database) -> None:
    done = db(home, typed="\\set ON_ERROR_STOP on\nSELEC 1;\n", DATABASE_URL=database.url)
    assert done.returncode == 3
    assert not (home / ".seeder").exists()


def test_the_url_is_of_a_server_that_stays_up_until_it_is_stopped(home: Path) -> None:
    done = db(home, "--url")
    with psycopg.connect(done.stdout.strip()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert db(home, "--stop").returncode == 0
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(done.stdout.strip())


def test_there_is_nothing_to_stop_of_a_database_that_somebody_else_runs(
    home: Path, database: Database
) -> None:
    assert db(home, "--stop", DATABASE_URL=database.url).returncode == 10
    assert db(home, "--stop").returncode == 0
    assert not (home / ".seeder").exists()


def test_without_psql_the_url_is_printed(home: Path, database: Database) -> None:
    done = db(home, DATABASE_URL=database.url, PATH=str(home))
    assert (done.returncode, done.stdout.strip()) == (0, database.url)
