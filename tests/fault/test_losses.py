"""The server, its processes or the network go away in mid-run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fault.conftest import DATABASE, until
from tests.support.postgres import OwnServer
from tests.support.proxy import Statement, proxied
from tests.support.shop import Shop

SEEDED = [("editor", 2), ("owner", 3), ("viewer", 1)]
SEEDING = 'INSERT INTO "public"."members"'


def roles(shop: Shop) -> list[tuple[str, int]]:
    return shop.rows("SELECT code, level FROM roles ORDER BY code")


@pytest.mark.parametrize("victim", ["a server process", "the whole server"])
def test_a_server_killed_in_mid_seed_ends_with_33_and_the_next_run_seeds(
    shop: Shop, own_shop: Callable[..., OwnServer], victim: str
) -> None:
    server = own_shop()
    postmaster = server.postmaster

    def kill(statement: Statement) -> None:
        if SEEDING in statement.text:
            proxy.before = lambda _: None
            assert statement.backend is not None
            if victim == "the whole server":
                server.kill(postmaster)
            server.kill(statement.backend)

    with proxied(server.conninfo) as proxy:
        proxy.before = kill
        done = shop.end(shop.start(DATABASE_URL=proxy.url(DATABASE)))
    assert done.exit_code == 33, done.stderr
    assert done.finished["error"] == "ConnectionLost"
    if victim == "the whole server":
        server.restart_after_kill(postmaster)
    again = shop.end(shop.start(SEEDER_WAIT_TIMEOUT="30"))
    assert again.exit_code == 0, again.stderr
    assert roles(shop) == SEEDED
    assert again.finished["counts"] == {"insert": 4}, "nothing of the first try is left"


def test_a_connection_reset_in_mid_seed_ends_with_33(shop: Shop) -> None:
    def cut(statement: Statement) -> None:
        if SEEDING in statement.text:
            proxy.cut()

    with proxied(shop.database.server.conninfo) as proxy:
        proxy.before = cut
        done = shop.end(shop.start(DATABASE_URL=proxy.url(shop.database.name)))
    assert done.exit_code == 33, done.stderr
    assert roles(shop) == []
    assert shop.end(shop.start()).exit_code == 0
    assert roles(shop) == SEEDED


def test_a_killed_jobs_lock_is_free_although_its_statement_runs_on(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    shop.configure(release="2")
    task = shop.write("seeds/update/2_slow.sql", "SELECT pg_sleep(60)")
    child = shop.start()
    until(lambda: shop.rows("SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"))
    child.kill()
    task.unlink()
    assert shop.end(shop.start("run", "--lock-timeout", "10")).exit_code == 0
