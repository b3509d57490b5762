"""PgBouncer between the job and the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from tests.container.conftest import IMAGES, PASSWORD, USER, Database, RunJob, build

ADVISORY = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"


@pytest.fixture
def pooler(network: Network, server: PostgresContainer) -> Iterator[Callable[[str], str]]:
    """Start PgBouncer in a mode; returns its host and port as jobs see them."""
    image = build(IMAGES / "pgbouncer", tag="seeder-test-pgbouncer")
    started: list[DockerContainer] = []

    def start(mode: str) -> str:
        alias = f"pgbouncer-{mode}"
        container = DockerContainer(image).with_network(network).with_network_aliases(alias)
        variables = {"POOL_MODE": mode, "DB_USER": USER, "DB_PASSWORD": PASSWORD}
        for name, value in variables.items():
            container.with_env(name, value)
        container.waiting_for(LogMessageWaitStrategy("process up").with_startup_timeout(20))
        started.append(container.start())
        return f"{alias}:6432"

    yield start
    for container in started:
        container.stop()


def test_session_pooling_works(run_job: RunJob, db: Database, pooler: Callable[[str], str]) -> None:
    url = db.url.replace("@db/", f"@{pooler('session')}/")
    done = run_job(env={"DATABASE_URL": url})
    assert done.exit_code == 0, done.output
    assert db.value("SELECT count(*) FROM roles") == 7
    assert db.value(ADVISORY) == 0


def test_transaction_pooling_is_refused_and_leaves_no_lock_behind(
    run_job: RunJob, db: Database, pooler: Callable[[str], str]
) -> None:
    url = db.url.replace("@db/", f"@{pooler('transaction')}/")
    done = run_job(env={"DATABASE_URL": url})
    assert done.exit_code == 13, done.output
    assert done.finished["hint"]
    assert db.value(ADVISORY) == 0
    assert db.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
