"""The overall deadline, while one long statement runs."""

from __future__ import annotations

import time

import pytest

from tests.support.shop import Shop

SLOW_TASK = "SELECT pg_sleep(60)"


def start_release(shop: Shop, release: str) -> None:
    shop.configure(release=release)
    shop.write(f"seeds/update/{release}_slow.sql", SLOW_TASK)


@pytest.mark.parametrize("slow", ["a task", "a migration", "a migration in Python"])
def test_the_deadline_cancels_a_long_statement_and_ends_with_34(shop: Shop, slow: str) -> None:
    assert shop.run().exit_code == 0
    before = shop.snapshot(ledger=False)
    match slow:
        case "a task":
            start_release(shop, "2")
        case "a migration":
            shop.scripts.add("0003", "SELECT pg_sleep(60)")
        case _:
            shop.scripts.add("0003", "py:import time", "py:time.sleep(60)")
    started = time.monotonic()
    done = shop.end(shop.start("run", "--deadline", "3"))
    assert time.monotonic() - started < 45, "not the 60 s of the statement"
    assert done.exit_code == 34, done.stderr
    assert "deadline" in done.failed["message"]
    assert done.failed["hint"]
    time.sleep(0.7)  # until the server has looked for its client again
    assert not shop.rows(
        "SELECT FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND state <> 'idle'"
        " AND pid <> pg_backend_pid()"
    )
    assert shop.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    assert shop.snapshot(ledger=False) == before


def test_a_wait_for_the_lock_ends_at_the_deadline_naming_the_holder(shop: Shop) -> None:
    from seeder.database.connection.lock import key_of

    holder = shop.database.connect(application_name="another")
    holder.execute("SELECT pg_advisory_lock(%s)", [key_of("seeder")])
    done = shop.end(shop.start("run", "--deadline", "2"))
    assert done.exit_code == 34
    assert f"process {holder.info.backend_pid} (another)" in done.failed["message"]
