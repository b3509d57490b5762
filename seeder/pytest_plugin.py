"""Fixtures for pytest: `seeded_database`, a fresh database with the project's rows for each test.

pytest finds this by itself where seeder is installed; the rest is imported when a test asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from seeder.testing import Database, SeededDatabases

EMBEDDED_DIRECTORY = ".seeder/testing"
"""Of the embedded server, below pytest's root directory; templates outlive the tests there."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    parser.getgroup("seeder").addoption(
        "--seeder-server",
        metavar="URL",
        help="A database on the server where tests get theirs, of a role with CREATEDB."
        " Without it the embedded server is started.",
    )
    parser.addini("seeder_project", "Directory of seeder.toml, from pytest's root directory.")
    parser.addini("seeder_environment", "Environment whose rows tests get.")


@pytest.fixture(scope="session")
def seeder_server(pytestconfig: pytest.Config) -> Iterator[str]:
    """URL of a database on the tests' server; a project may override it with one of its own."""
    given = pytestconfig.getoption("--seeder-server")
    if given:
        yield str(given)
        return
    from seeder.database.embedded.embedded_server import THROWAWAY_SETTINGS
    from seeder.phases.sharing import shared_server

    directory = pytestconfig.rootpath / EMBEDDED_DIRECTORY
    with _told(), shared_server(directory, settings=THROWAWAY_SETTINGS) as server:
        yield server.conninfo()


@pytest.fixture(scope="session")
def seeded_databases(pytestconfig: pytest.Config, seeder_server: str) -> Iterator[SeededDatabases]:
    """Where fresh databases come from: `with seeded_databases.fresh() as database: ...`."""
    from seeder.testing import seeded_databases as opened

    named = str(pytestconfig.getini("seeder_project") or "")
    environment = str(pytestconfig.getini("seeder_environment") or "") or None
    project = pytestconfig.rootpath / named if named else None
    with _told(), opened(seeder_server, project=project, environment=environment) as databases:
        yield databases


@pytest.fixture
def seeded_database(seeded_databases: SeededDatabases) -> Iterator[Database]:
    """A database of the test's own with the project's migrations and rows."""
    with _told(), seeded_databases.fresh() as database:
        yield database


@contextmanager
def _told() -> Iterator[None]:
    """Say what is wrong as the command line says it, without a traceback through seeder."""
    from seeder.errors import SeederError

    try:
        yield
    except SeederError as error:
        from seeder.report import failure_text
        from seeder.report.failure import describe

        told = failure_text.failure(describe(error))
        raise pytest.fail.Exception(told, pytrace=False) from None
