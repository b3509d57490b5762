"""Migrations by a command of the project: which database it gets, and when it runs."""

from __future__ import annotations

import json
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


BY_ALEMBIC = """
    import os, sys
    from alembic import command
    from alembic.config import Config
    config = Config()
    config.set_main_option("script_location", "migrations")
    command.upgrade(config, "head")
"""
ENV = """
    import os
    from alembic import context
    from sqlalchemy import create_engine
    url = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
    with create_engine(url).connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
"""


@pytest.fixture
def by_alembic(shop: Shop) -> Shop:
    """The shop, whose revisions are run by a script that calls Alembic, each by itself."""
    shop.write("migrate.py", BY_ALEMBIC)
    shop.write("migrations/env.py", ENV)
    configure(shop)
    return shop


def test_what_a_command_did_is_told_by_the_revisions_before_and_after(by_alembic: Shop) -> None:
    shop = by_alembic
    shop.run("--mode", "none")
    shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    shop.scripts.add("0004", "ALTER TABLE roles ADD hint text")
    report = shop.directory / "report.json"
    done = shop.run("--mode", "none", "--report", str(report))
    assert (done.exit_code, done.finished["result"]) == (0, "done"), done.stderr
    (advanced,) = done.named("migration.advanced")
    assert (advanced["revision_before"], advanced["revision_after"]) == (["0002"], ["0004"])
    told = json.loads(report.read_text())
    assert (told["revision_before"], told["revision_after"]) == (["0002"], ["0004"])
    shop.scripts.add("0005", "ALTER TABLE roles ADD remark text")
    text = shop.run("--mode", "none", SEEDER_LOG_FORMAT="text").stdout
    assert text.startswith("Done in ")
    assert "  migrated  0004 → 0005" in text.splitlines()
    page = shop.directory / "report.html"
    shop.scripts.add("0006", "ALTER TABLE roles ADD mark text")
    assert shop.run("--mode", "none", "--report", str(page)).exit_code == 0
    assert "migrations: 0005 → 0006" in page.read_text()


def test_how_far_a_command_has_come_is_told_while_it_runs(by_alembic: Shop) -> None:
    shop = by_alembic
    shop.scripts.add("0003", "SELECT pg_sleep(5)")
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    steps = [each["revision_after"] for each in done.named("migration.advanced")]
    assert steps == [["0002"], ["0003"]]


def test_what_a_command_applied_before_it_failed_is_told(by_alembic: Shop) -> None:
    shop = by_alembic
    shop.run()
    shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    failing = shop.scripts.add("0004", "SELECT 1 / 0")
    done = shop.run()
    assert done.exit_code == 16
    assert "It went from revision 0002 to 0003, which stays applied." in done.failed["message"]
    assert shop.rows("SELECT version_num FROM alembic_version") == [("0003",)]
    assert "is at revision 0003, as before" in shop.run().failed["message"]
    failing.write_text(failing.read_text().replace("1 / 0", "1"))
    assert shop.run().exit_code == 0
    assert shop.rows("SELECT version_num FROM alembic_version") == [("0004",)]


@pytest.mark.parametrize("each", [True, False])
def test_what_the_projects_env_py_applied_before_it_failed_is_told(
    by_alembic: Shop, each: bool
) -> None:
    shop = by_alembic
    shop.write(
        "migrations/env.py",
        f"""
        from alembic import context
        connection = context.config.attributes["connection"]
        context.configure(connection=connection, transaction_per_migration={each})
        with context.begin_transaction():
            context.run_migrations()
        """,
    )
    shop.configure(migrations='alembic = "migrations"\nenv = "project"')
    shop.run()
    shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    shop.scripts.add("0004", "SELECT 1 / 0")
    done = shop.run()
    assert done.exit_code == 16
    at = shop.value("SELECT version_num FROM alembic_version")
    assert at == ("0003" if each else "0002")
    says = "from revision 0002 to 0003, which stays" if each else "at revision 0002, as before"
    assert says in done.failed["message"]
