"""A database that goes elsewhere takes what the ledger knows along, and the next release goes on.

Each test applies a release, lets people edit, copies with a real tool, and applies the next
release to the copy.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from seeder.database.embedded import embedded_server
from seeder.database.embedded.embedded_files import find_programs, service_account
from tests.integration.test_neighbours import edited
from tests.support.debian import debian_programs
from tests.support.postgres import Database, OwnServer, Server
from tests.support.shop import Shop

PROGRAMS = find_programs(None)
"""Of the newest version: its pg_dump reads every older one."""
FOUND = "SELECT code, level FROM roles ORDER BY code"


def first_release(shop: Shop) -> None:
    shop.configure(release="1")
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    shop.database.execute("UPDATE roles SET level = 7 WHERE code = 'owner'")


def next_release_goes_on(shop: Shop, copy: Database, *, runs: int = 2) -> None:
    """A new default arrives, a row comes and one leaves, the person's edit stays; and back."""
    shop.database = copy
    assert shop.run().finished["result"] == "nothing-to-do"
    edited(shop, "2")
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert shop.rows(FOUND) == [("editor", 5), ("guest_2", 1), ("owner", 7)]
    assert [result for result, _ in shop.runs()] == ["done"] * runs
    undone = shop.command("undo", "2", "--yes")
    assert undone.exit_code == 0, undone.stderr
    assert shop.rows(FOUND) == [("editor", 2), ("owner", 7), ("viewer", 1)]


def tool(name: str, *arguments: object) -> None:
    done = subprocess.run(
        [PROGRAMS / name, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_dump_that_was_restored(
    shop: Shop, create_database: Callable[[], Database], tmp_path: Path
) -> None:
    first_release(shop)
    copy = create_database()
    tool("pg_dump", "-Fc", "-f", tmp_path / "dump", shop.database.url)
    # A version before 17 does not know a setting that a newer pg_restore turns off.
    tool("pg_restore", "-f", tmp_path / "sql", tmp_path / "dump")
    lines = (tmp_path / "sql").read_text().splitlines(keepends=True)
    (tmp_path / "sql").write_text("".join(each for each in lines if "transaction_tim" not in each))
    tool("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", tmp_path / "sql", copy.url)
    next_release_goes_on(shop, copy)


def test_a_clone_by_template(shop: Shop, create_database: Callable[[], Database]) -> None:
    first_release(shop)
    copy = create_database()
    server = copy.server
    server.execute(f"DROP DATABASE {copy.name}")
    server.execute(f"CREATE DATABASE {copy.name} TEMPLATE {shop.database.name}")
    next_release_goes_on(shop, copy)


def test_a_logical_subscriber(shop: Shop, own_server: Callable[..., OwnServer]) -> None:
    server = own_server(settings={"wal_level": "logical"})
    for name in ("source", "target"):
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    source, target = Database(server, "source"), Database(server, "target")
    shop.database = source
    first_release(shop)
    with tempfile.NamedTemporaryFile(suffix=".sql") as schema:
        tool("pg_dump", "-s", "-f", schema.name, source.url)
        tool("psql", "-qX", "-f", schema.name, target.url)
    source.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    where = conninfo_to_dict(source.url)
    conninfo = make_conninfo(
        host=where["host"], port=where["port"], dbname="source", user="postgres"
    )
    # A subscription to the same server waits for itself, unless the slot is there already.
    source.execute("SELECT pg_create_logical_replication_slot('copy', 'pgoutput')")
    target.execute(
        f"CREATE SUBSCRIPTION copy CONNECTION '{conninfo}'"
        " PUBLICATION everything WITH (create_slot = false, slot_name = 'copy')"
    )
    source.execute("UPDATE roles SET level = 8 WHERE code = 'owner'")
    source.execute("UPDATE roles SET level = 7 WHERE code = 'owner'")
    limit = time.monotonic() + 60
    while target.fetch(
        "SELECT FROM pg_subscription_rel WHERE srsubstate <> 'r'"
        " UNION ALL SELECT FROM pg_class WHERE relname = 'roles' AND NOT EXISTS"
        " (SELECT FROM roles WHERE code = 'owner' AND level = 7)"
    ):
        assert time.monotonic() < limit, "the copy does not come"
        time.sleep(0.1)
    target.execute("ALTER SUBSCRIPTION copy DISABLE")
    target.execute("ALTER SUBSCRIPTION copy SET (slot_name = NONE)")
    target.execute("DROP SUBSCRIPTION copy")
    # Neither the sequences nor who runs what travelled.
    next_release_goes_on(shop, target)


@contextmanager
def upgraded(home: Path, programs: Path) -> Iterator[Server]:
    """The data in `home/data` on the newest version, brought there by pg_upgrade."""
    account = service_account(home / "data") if os.geteuid() == 0 else None
    newest = find_programs(account)
    new = home / "new"
    new.mkdir(mode=0o755)
    as_account = account.as_subprocess_arguments() if account else {}
    if account:
        os.chown(new, account.uid, account.gid)
    create = [newest / "initdb", "-D", new / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    create += ["--locale=C", "--no-sync", "--no-data-checksums"]
    upgrade = [newest / "pg_upgrade", "-b", programs, "-B", newest, "-d", home / "data"]
    upgrade += ["-D", new / "data", "-U", "postgres", "-s", new]
    for command in (create, upgrade):
        done = subprocess.run(
            command, cwd=new, capture_output=True, text=True, check=False, **as_account
        )
        assert done.returncode == 0, done.stdout + done.stderr
    with embedded_server.start(new, settings=embedded_server.THROWAWAY_SETTINGS) as running:
        yield Server(running.conninfo())


def test_pg_upgrade(shop: Shop) -> None:
    with tempfile.TemporaryDirectory(prefix="seeder-upgrade-") as name:
        home = Path(name)
        home.chmod(0o755)
        programs = debian_programs()
        old = embedded_server.start(
            home, settings=embedded_server.THROWAWAY_SETTINGS, programs=programs, sync=False
        )
        with old:
            server = Server(old.conninfo())
            server.execute("CREATE DATABASE shop TEMPLATE template0")
            shop.database = Database(server, "shop")
            first_release(shop)
            before = shop.value("SHOW server_version_num")
        with upgraded(home, programs) as server:
            copy = Database(server, "shop")
            assert int(copy.fetch("SHOW server_version_num")[0][0]) > int(before)
            next_release_goes_on(shop, copy)
