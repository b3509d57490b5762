"""Sessions that a role, a database or a pooler would cut short or share."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.fault.conftest import DATABASE
from tests.integration.test_pooler import pgbouncer  # noqa: F401  # a fixture
from tests.support.postgres import OwnServer
from tests.support.proxy import proxied
from tests.support.shop import Shop

ADVISORY = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
IMPATIENT = {
    "idle_session_timeout": "400ms",
    "idle_in_transaction_session_timeout": "400ms",
    "statement_timeout": "400ms",
    "lock_timeout": "400ms",
    "default_transaction_isolation": "serializable",
    "DateStyle": "German",
    "TimeZone": "Asia/Kathmandu",
}


def test_low_timeouts_of_the_role_are_overridden(
    shop: Shop, own_shop: Callable[..., OwnServer]
) -> None:
    server = own_shop()
    server.execute("CREATE ROLE job LOGIN SUPERUSER")
    for name, value in IMPATIENT.items():
        server.execute(f"ALTER ROLE job SET {name} = '{value}'")
    server.execute("ALTER ROLE job SET transaction_timeout = '400ms'")
    url = server.url(DATABASE, user="job")
    shop.scripts.add("0003", "SELECT pg_sleep(1)", "py:import time", "py:time.sleep(1)")
    shop.configure(release="1")
    done = shop.end(shop.start(DATABASE_URL=url))
    assert done.exit_code == 0, done.stderr
    shop.configure(release="2")
    shop.write("seeds/update/2_slow.sql", "SELECT pg_sleep(1)")
    shop.write(
        "seeds/update/3_idle.py",
        """
        import time
        from seeder import task

        @task(release="2")
        def idle(connection):
            time.sleep(1)
        """,
    )
    done = shop.end(shop.start(DATABASE_URL=url))
    assert done.exit_code == 0, done.stderr
    assert shop.value("SELECT count(*) FROM seeder.tasks") == 2


def test_a_command_that_takes_long_leaves_the_lock_where_it_is(
    shop: Shop, own_shop: Callable[..., OwnServer]
) -> None:
    server = own_shop()
    server.execute("ALTER ROLE postgres SET idle_session_timeout = '300ms'")
    shop.configure(migrations='command = ["sleep", "3"]')
    (shop.directory / "seeds/core/members.yaml").unlink()
    shop.database.execute("CREATE TABLE roles (id serial PRIMARY KEY, code text UNIQUE, level int)")
    done = shop.end(shop.start())
    assert done.exit_code == 0, done.stderr


def test_a_transaction_pooler_ends_with_13_and_no_lock_is_left(
    shop: Shop,
    pgbouncer: Callable[..., str],  # noqa: F811
) -> None:
    done = shop.end(shop.start(DATABASE_URL=pgbouncer("transaction")))
    assert done.exit_code == 13, done.stderr
    assert "direct URL" in done.failed["hint"]
    assert shop.value(ADVISORY) == 0
    assert not shop.rows("SELECT FROM pg_tables WHERE schemaname IN ('public', 'seeder')")


def test_a_session_pooler_will_do_and_no_lock_is_left(
    shop: Shop,
    pgbouncer: Callable[..., str],  # noqa: F811
) -> None:
    done = shop.end(shop.start(DATABASE_URL=pgbouncer("session")))
    assert done.exit_code == 0, done.stderr
    assert shop.value("SELECT count(*) FROM roles") == 3
    limit = time.monotonic() + 5
    while shop.value(ADVISORY):  # the pooler resets the session after the client has gone
        assert time.monotonic() < limit


@pytest.mark.parametrize("version", ["13.20", "9.6.24"])
def test_a_server_older_than_supported_ends_with_13(shop: Shop, version: str) -> None:
    with proxied(shop.database.server.conninfo) as proxy:
        proxy.version = version
        done = shop.end(shop.start(DATABASE_URL=proxy.url(shop.database.name)))
    assert done.exit_code == 13, done.stderr
    assert "14" in done.failed["message"]
