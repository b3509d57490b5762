"""A full disk, deadlocks and rows that somebody will not let go."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fault.conftest import until
from tests.fault.walk import state_of, write_new, write_old
from tests.support.postgres import OwnServer
from tests.support.shop import ROLES_SEED, Shop

BLOCKED = (
    "SELECT FROM pg_stat_activity WHERE application_name LIKE 'seeder/%'"
    " AND wait_event_type = 'Lock'"
)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of a megabyte that anybody may write to."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    directory = Path(tempfile.mkdtemp(prefix="seeder-disk-"))
    directory.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "tmpfs", str(directory)]
    if subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("needs the privilege to mount a small file system")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)
    directory.rmdir()


def test_a_disk_that_fills_up_in_mid_seed_ends_with_18_and_nothing_is_applied(
    shop: Shop, own_shop: Callable[..., OwnServer], small_disk: Path
) -> None:
    server = own_shop()
    account = server.running.account
    if account is not None:
        os.chown(small_disk, account.uid, account.gid)
    server.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    shop.scripts.add(
        "0003", "CREATE TABLE notes (code text PRIMARY KEY, text text) TABLESPACE small"
    )
    lines = "\n".join(f"n{n},{'x' * 500}" for n in range(8000))
    shop.write("seeds/core/notes.csv", f"code,text\n{lines}\n")
    shop.seed("notes", "table: notes\nkey: code\nrows_from: notes.csv\n")
    done = shop.end(shop.start())
    assert done.exit_code == 18, done.stderr
    assert done.failed["sqlstate"] == "53100"
    assert "xxx" not in done.stderr
    assert shop.value("SELECT count(*) FROM notes") == 0
    assert shop.value("SELECT count(*) FROM roles") == 0
    assert shop.runs() == [("failed", 18)]
    shop.database.execute("ALTER TABLE notes SET TABLESPACE pg_default")
    assert shop.end(shop.start()).exit_code == 0
    assert shop.value("SELECT count(*) FROM notes") == 8000


def test_a_deadlock_with_the_application_is_retried_and_its_edit_stays(shop: Shop) -> None:
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    shop.seed("roles", ROLES_SEED.replace("level: ", "level: 1"))
    shop.configure(release="2")
    # The application is patient, so it is the job that the server ends.
    application = shop.database.connect()
    application.execute("SET deadlock_timeout = '20s'")
    application.execute("BEGIN; UPDATE roles SET level = 8 WHERE code = 'viewer'")
    child = shop.start()
    until(lambda: shop.rows(BLOCKED))
    # The job has locked this one, in the order of keys, and waits for the other.
    application.execute("UPDATE roles SET level = 7 WHERE code = 'editor'")
    application.execute("COMMIT")
    done = shop.end(child)
    assert done.exit_code == 0, done.stderr
    assert done.named("seeding.retried")
    found = shop.rows("SELECT code, level FROM roles ORDER BY code")
    assert found == [("editor", 7), ("owner", 13), ("viewer", 8)]


def test_a_row_that_is_never_let_go_ends_with_32_and_nothing_is_applied(empty_shop: Shop) -> None:
    shop = empty_shop
    write_old(shop)
    assert shop.run().exit_code == 0
    write_new(shop)
    assert shop.run("--mode", "none").exit_code == 0
    before = state_of(shop.database.url)
    application = shop.database.connect()
    application.execute("BEGIN; UPDATE roles SET level = 8 WHERE code = 'owner'")
    done = shop.end(shop.start("run", "--ddl-lock-timeout", "0.3"))
    assert done.exit_code == 32, done.stderr
    assert len(done.named("seeding.retried")) == 4
    assert state_of(shop.database.url).seeded == before.seeded
    application.execute("ROLLBACK")
    assert shop.end(shop.start()).exit_code == 0
