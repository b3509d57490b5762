"""`seeder.testing` and the pytest plugin, on a server that is given."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest

import seeder
from seeder.testing import SeededDatabases, seeded_databases
from tests.support.postgres import Database

TESTS = """
    import psycopg

    def count(url):
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT count(*) FROM tiers").fetchone()[0]

    def test_rows_are_there(seeded_database):
        assert count(seeded_database.url) == ROWS
        with psycopg.connect(seeded_database.url) as connection:
            connection.execute("DROP TABLE tiers")

    def test_what_another_test_did_is_not(seeded_database):
        assert count(seeded_database.url) == ROWS
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A directory with a project in db/ and tests."""
    versions = tmp_path / "db" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "db" / "seeds" / "core").mkdir(parents=True)
    (tmp_path / "db" / "seeder.toml").write_text('identity = "shop"\nrelease = "1"\n')
    (versions / "0001.py").write_text(
        "from alembic import op\n"
        'revision, down_revision = "0001", None\n'
        "def upgrade():\n"
        '    op.execute("CREATE TABLE tiers (code text PRIMARY KEY)")\n'
    )
    seeds(tmp_path, "free", "team")
    return tmp_path


def seeds(shop: Path, *codes: str) -> None:
    rows = "".join(f"  - {{code: {code}}}\n" for code in codes)
    (shop / "db" / "seeds" / "core" / "tiers.yaml").write_text(
        f"table: tiers\nkey: code\nrows:\n{rows}"
    )
    tests = textwrap.dedent(TESTS).replace("ROWS", str(len(codes)))
    (shop / "test_tiers.py").write_text(tests)


@pytest.fixture
def own(database: Database) -> Iterator[psycopg.Connection]:
    """A connection to the server, whose templates and clones go afterwards."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        yield connection
        for name in names(connection):
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def names(connection: psycopg.Connection) -> list[str]:
    found = connection.execute(
        r"SELECT datname FROM pg_database WHERE datname LIKE 'seeder\_%\_%' ORDER BY 1"
    )
    return [row[0] for row in found]


def run_pytest(shop: Path, database: Database, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a directory, with the server of a database."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:django"),
            *("--rootdir", str(shop), "--seeder-server", database.url, *arguments),
        ],
        cwd=shop,
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_test_has_rows_of_its_own_and_one_template_serves_all(
    shop: Path, database: Database, own: psycopg.Connection
) -> None:
    done = run_pytest(shop, database, "-n", "2")
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout + done.stderr
    (template,) = names(own)
    assert template.startswith("seeder_template_")
    made = own.execute("SELECT oid FROM pg_database WHERE datname = %s", [template]).fetchone()
    assert run_pytest(shop, database).returncode == 0
    assert names(own) == [template]
    again = own.execute("SELECT oid FROM pg_database WHERE datname = %s", [template]).fetchone()
    assert made == again


def test_another_content_has_another_template(
    shop: Path, database: Database, own: psycopg.Connection
) -> None:
    assert run_pytest(shop, database).returncode == 0
    (former,) = names(own)
    seeds(shop, "free", "team", "firm")
    done = run_pytest(shop, database)
    assert done.returncode == 0, done.stdout
    (template,) = names(own)
    assert template != former


def test_a_value_of_the_environment_is_content(
    shop: Path, database: Database, own: psycopg.Connection
) -> None:
    (shop / "db" / "seeds" / "core" / "tiers.yaml").write_text(
        "table: tiers\nkey: code\nrows:\n  - {code: !env CODE}\n"
    )
    for code in ("one", "two", "one"):
        with (
            opened(shop, database, CODE=code) as databases,
            databases.fresh() as clone,
            psycopg.connect(clone.url) as connection,
        ):
            assert connection.execute("SELECT code FROM tiers").fetchall() == [(code,)]


def test_what_is_wrong_is_said_as_the_command_line_says_it(
    shop: Path, database: Database, own: psycopg.Connection
) -> None:
    (shop / "db" / "seeds" / "core" / "tiers.yaml").write_text(
        "table: tiers\nkey: code\nrwos:\n  - {code: free}\n"
    )
    done = run_pytest(shop, database)
    assert done.returncode == 1
    assert "seeds/core/tiers.yaml:3" in done.stdout
    assert "During handling" not in done.stdout
    assert names(own) == []


def test_a_project_that_is_not_there_is_refused(shop: Path, database: Database) -> None:
    with (
        pytest.raises(seeder.SeederError, match="invalid"),
        seeded_databases(database.url, project=shop / "none"),
    ):
        pass


def test_a_killed_session_leaves_clones_that_the_next_one_drops(
    shop: Path, database: Database, own: psycopg.Connection
) -> None:
    (shop / "test_tiers.py").write_text(
        "import os, signal\n"
        "def test_it_is_killed(seeded_database):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert run_pytest(shop, database).returncode == -9
    assert len(names(own)) == 2
    with opened(shop, database) as first, first.fresh() as used:
        assert len(names(own)) == 2
        with opened(shop, database):
            assert used.name in names(own)
    assert names(own) == [first.template]


def test_processes_that_begin_at_once_make_one_template(
    shop: Path, database: Database, own: psycopg.Connection
) -> None:
    def use(number: int) -> str:
        with opened(shop, database) as databases, databases.fresh() as clone:
            assert clone.parameters["dbname"] == clone.name
            return f"{number} {databases.template}"

    with ThreadPoolExecutor(4) as pool:
        used = {each.partition(" ")[2] for each in pool.map(use, range(4))}
    assert names(own) == [*used]


def opened(
    shop: Path, database: Database, **variables: str
) -> AbstractContextManager[SeededDatabases]:
    """Clones of the shop's project on a database's server."""
    return seeded_databases(database.url, project=shop / "db", environ=variables)
