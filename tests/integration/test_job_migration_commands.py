"""Migrations by a command of the project: which database it gets, and when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.support.postgres import Database
from tests.support.shop import Shop

MIGRATE = """
    import os, psycopg
    with psycopg.connect(os.environ["DATABASE_URL"].replace("+psycopg", "")) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS roles (id serial PRIMARY KEY, code text UNIQUE, level int)"
        )
        connection.execute("CREATE TABLE IF NOT EXISTS urls (url text)")
        connection.execute("INSERT INTO urls VALUES (%s)", [os.environ["DATABASE_URL"]])
"""


@pytest.fixture
def commanded(empty_shop: Shop) -> Shop:
    """A project whose migrations are a script of its own."""
    shop = empty_shop
    shop.write("migrate.py", MIGRATE)
    configure(shop)
    shop.seed("roles", "table: roles\nkey: code\nrows:\n  - {code: owner, level: 3}\n")
    return shop


def configure(shop: Shop, *lines: str) -> None:
    command = f'command = ["{sys.executable}", "migrate.py"]'
    shop.configure(migrations="\n".join([command, *lines]))


def test_a_command_migrates_the_database_that_is_seeded(commanded: Shop) -> None:
    done = commanded.run()
    assert done.exit_code == 0, done.stderr
    assert commanded.rows("SELECT code FROM roles") == [("owner",)]
    assert commanded.rows("SELECT url FROM urls") == [(commanded.database.url,)]


def test_a_command_sees_the_url_with_its_driver(commanded: Shop) -> None:
    url = commanded.database.url.replace("postgresql:", "postgresql+psycopg:")
    assert commanded.run(DATABASE_URL=url).exit_code == 0
    assert commanded.rows("SELECT url FROM urls") == [(url,)]


def test_a_command_never_migrates_the_applications_database_instead(
    commanded: Shop, create_database: Callable[[], Database]
) -> None:
    other = create_database()
    done = commanded.run(DATABASE_URL=other.url, SEEDER_DATABASE_URL=commanded.database.url)
    assert done.exit_code == 0, done.stderr
    assert commanded.rows("SELECT code FROM roles") == [("owner",)]
    assert other.fetch("SELECT to_regclass('roles')") == [(None,)]


def test_a_command_without_a_digest_runs_at_every_deploy(commanded: Shop) -> None:
    commanded.run()
    done = commanded.run()
    assert (done.exit_code, done.finished["result"]) == (0, "nothing-to-do")
    assert commanded.value("SELECT count(*) FROM urls") == 2


def test_a_command_with_a_digest_runs_when_that_changes(commanded: Shop) -> None:
    configure(commanded, 'digest = ["*.sql"]')
    commanded.write("one.sql", "SELECT 1")
    commanded.run()
    assert commanded.run().names[1] == "run.unchanged"
    commanded.write("one.sql", "SELECT 2")
    assert commanded.run().exit_code == 0
    assert commanded.value("SELECT count(*) FROM urls") == 2


def test_what_a_command_prints_is_logged_and_its_failure_seeds_nothing(commanded: Shop) -> None:
    commanded.write("migrate.py", "import sys\nprint('no such luck')\nsys.exit(3)\n")
    done = commanded.run()
    assert done.exit_code == 16
    assert [event["line"] for event in done.named("migration.output")] == ["no such luck"]
    assert "exit code 3" in done.failed["message"]
    assert commanded.runs() == [("failed", 16)]


def test_a_command_that_does_not_exist_is_a_matter_of_configuration(commanded: Shop) -> None:
    commanded.configure(migrations='command = ["no-such-program"]')
    done = commanded.run()
    assert done.exit_code == 10
    assert "'no-such-program' cannot be run" in done.failed["message"]
