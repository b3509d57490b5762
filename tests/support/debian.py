"""A server of Debian's Postgres, which is built with ICU and libxml; that of the wheel is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seeder.database.embedded import embedded_server
from tests.support.postgres import Server

VERSIONS = Path("/usr/lib/postgresql")


def debian_programs() -> Path:
    """The `bin` directory of the newest version that is installed, or the test is not run."""
    found = [each.parent for each in VERSIONS.glob("*/bin/postgres")]
    if not found:
        pytest.skip("not run: Postgres as Debian packages it is not installed")
    return max(found, key=lambda each: int(each.parent.name))


@pytest.fixture(scope="session")
def debian_server() -> Iterator[Server]:
    """A server with ICU and libxml."""
    with embedded_server.throwaway(programs=debian_programs()) as running:
        yield Server(running.conninfo())
