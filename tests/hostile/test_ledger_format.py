"""Ledgers of other formats: what older images left is continued, what newer ones left respected.

`stored/` holds, for each format that a release has written, a project and a dump of a database
that two releases of it made (`store.py`). The newer ones are made up here.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from seeder.database.ledger.tables.ledger import FORMAT, MINIMUM_READER
from tests.support.postgres import Database
from tests.support.revisions import Scripts
from tests.support.shop import Done, Shop

STORED = sorted((Path(__file__).parent / "stored").iterdir(), key=lambda path: int(path.name))
EDITED, DELETED = "roles/editor", "grants/viewer,user.view"

COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
    FROM information_schema.columns
    WHERE table_schema = 'seeder' AND table_name !~ '^base_' ORDER BY 1, ordinal_position
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'seeder'::regnamespace AND conrelid::regclass::text !~ 'base_'
        AND contype <> 'n' ORDER BY 1, 2
"""
BASES = """
    SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns
    WHERE table_schema = 'seeder' AND table_name = 'base_1' AND column_name !~ '^[cp][0-9]'
    ORDER BY 1
"""


@pytest.fixture(params=STORED, ids=lambda path: f"format {path.name}")
def stored(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Shop:
    """The stored project, and its database restored from the dump."""
    directory = tmp_path / "db"
    shutil.copytree(request.param / "project", directory)
    database.execute((request.param / "database.sql").read_text())
    shop = Shop(directory=directory, database=database, scripts=Scripts(tmp_path / "unused"))
    went_well(shop.command("mark", "production", "--database", database.name))
    return shop


def went_well(done: Done) -> Done:
    assert done.exit_code == 0, done.stderr
    return done


def release(shop: Shop, name: str, **levels: int) -> None:
    """Change levels of roles, and ask for an update."""
    shop.configure(release=name)
    path = shop.directory / "seeds/core/roles.yaml"
    text = path.read_text()
    for code, level in levels.items():
        text = re.sub(rf"(code: {code}, level: )\d+", rf"\g<1>{level}", text)
    path.write_text(text)


def levels(shop: Shop) -> dict[str, int]:
    return dict(shop.rows("SELECT code, level FROM roles"))


# From before.


def test_the_current_format_is_among_the_stored_ones() -> None:
    assert STORED[-1].name == str(FORMAT), "run `python -m tests.hostile.store`"
    assert MINIMUM_READER <= FORMAT


def test_a_ledger_that_an_older_image_left_has_nothing_to_do_under_the_same_catalog(
    stored: Shop,
) -> None:
    before = stored.snapshot(ledger=False)
    done = went_well(stored.run("--mode", "update"))
    assert set(done.finished["counts"]) <= {"keep"}
    assert stored.snapshot(ledger=False) == before


def test_the_next_update_goes_on_from_what_an_older_image_recorded(stored: Shop) -> None:
    assert levels(stored) == {"owner": 4, "editor": 9, "viewer": 1, "auditor": 1}
    release(stored, "3", owner=7, editor=6, auditor=2)
    done = went_well(stored.run())
    assert done.finished["counts"] == {"update": 2, "conflicts": 1, "keep": 2}
    # A person's edit and deletion are known as such from before.
    assert levels(stored) == {"owner": 7, "editor": 9, "viewer": 1, "auditor": 2}
    assert stored.value("SELECT count(*) FROM grants") == 7
    assert stored.rows("SELECT entry FROM journal") == [("task",)], "once per database"
    assert stored.value("SELECT format FROM seeder.meta") == FORMAT


def test_what_an_older_image_recorded_can_be_shown_undone_restored_and_settled(
    stored: Shop,
) -> None:
    assert went_well(stored.command("history")).stdout
    assert "roles/owner" in went_well(stored.command("show", "2")).stdout
    assert "roles/editor" in went_well(stored.command("status")).stdout
    went_well(stored.command("undo", "2", "--yes"))
    assert levels(stored)["owner"] == 3
    went_well(stored.command("resolve", EDITED, "--take", "desired"))
    assert levels(stored)["editor"] == 5
    went_well(stored.command("restore", DELETED))
    assert stored.value(
        "SELECT count(*) FROM grants g JOIN roles r ON r.id = role_id"
        " JOIN permissions p ON p.id = permission_id"
        " WHERE r.code = 'viewer' AND p.code = 'user.view'"
    )
    went_well(stored.command("prune", "--keep", "0d"))
    went_well(stored.run("--mode", "update"))


def test_tables_of_the_current_format_have_not_changed_since_it_was_stored(
    stored: Shop, create_database: Callable[[], Database]
) -> None:
    """Whoever changes them raises FORMAT, upgrades older ones, and stores the new one."""
    went_well(stored.run("--mode", "update"))
    upgraded = [stored.rows(query) for query in (COLUMNS, CONSTRAINTS, BASES)]
    stored.database = create_database()
    went_well(stored.run())
    assert [stored.rows(query) for query in (COLUMNS, CONSTRAINTS, BASES)] == upgraded


# From after.

REORGANISED = """
    ALTER SCHEMA seeder RENAME TO former;
    CREATE SCHEMA seeder;
    CREATE TABLE seeder.meta AS SELECT 99 AS format, {minimum} AS minimum_reader,
        environment, 'something' AS something FROM former.meta;
    DROP SCHEMA former CASCADE;
"""
"""A later format in which nothing is as it was but what is promised of every one."""

SETTLING = {
    "undo": ("undo", "1", "--yes"),
    "restore": ("restore", "roles/owner"),
    "resolve": ("resolve", "roles/owner", "--take", "desired"),
    "adopt": ("adopt",),
    "prune": ("prune", "--keep", "1d"),
    "approve": ("approve", "0" * 64),
    "requests": ("requests",),
    "history": ("history",),
    "show": ("show", "1"),
}


@pytest.fixture
def newer(shop: Shop) -> Shop:
    """A seeded shop whose ledger a later seeder has taken over and closed to this one."""
    shop.configure(release="1")
    went_well(shop.run())
    shop.database.execute(REORGANISED.format(minimum=FORMAT + 1))
    shop.configure(release="2")
    shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    text = (shop.directory / "seeds/core/roles.yaml").read_text()
    shop.seed("roles", text.replace("level: 3", "level: 30"))
    return shop


@pytest.mark.parametrize("mode", ["auto", "init", "update", "none"])
def test_a_ledger_closed_to_this_image_is_left_alone_with_a_warning(newer: Shop, mode: str) -> None:
    before = newer.snapshot()
    done = went_well(newer.run("--mode", mode))
    assert done.finished["result"] == "older-image"
    (warning,) = done.named("run.older_image")
    assert warning["level"] == "warning"
    assert "newer seeder" in warning["message"]
    assert newer.snapshot() == before


def test_of_a_ledger_closed_to_this_image_one_can_still_look(newer: Shop) -> None:
    before = newer.snapshot()
    assert "newer seeder" in went_well(newer.command("plan")).stdout
    status = went_well(newer.command("status"))
    assert "newer seeder (format 99)" in status.stdout
    went_well(newer.command("status", "--json"))
    went_well(newer.command("ready", SEEDER_WAIT_TIMEOUT="2"))
    went_well(newer.command("ready", "--release", SEEDER_WAIT_TIMEOUT="2"))
    assert newer.snapshot() == before


@pytest.mark.parametrize("command", [*SETTLING, "mark", "baseline", "claim"])
def test_nothing_is_settled_in_a_ledger_closed_to_this_image(newer: Shop, command: str) -> None:
    before = newer.snapshot()
    arguments = {"mark": ("staging",), "baseline": ("0001",)}.get(command, ())
    named = (command, *arguments, "--database", newer.database.name)
    done = newer.command(*SETTLING.get(command, named))
    assert done.exit_code == 10, done.stderr
    assert "newer seeder" in done.failed["message"]
    assert newer.snapshot() == before


def test_a_newer_format_that_is_open_to_this_image_is_continued(shop: Shop) -> None:
    shop.configure(release="1")
    went_well(shop.run())
    shop.database.execute(
        f"UPDATE seeder.meta SET format = {FORMAT + 1};"
        "ALTER TABLE seeder.meta ADD since_then text DEFAULT 'kept';"
        "ALTER TABLE seeder.runs ADD since_then text DEFAULT 'kept';"
        "CREATE TABLE seeder.since_then (n int)"
    )
    shop.configure(release="2")
    text = (shop.directory / "seeds/core/roles.yaml").read_text()
    shop.seed("roles", text.replace("level: 3", "level: 30"))
    went_well(shop.run())
    assert levels(shop)["owner"] == 30
    assert shop.rows("SELECT format, since_then FROM seeder.meta") == [(FORMAT + 1, "kept")]
    went_well(shop.command("undo", "2", "--yes"))
    assert levels(shop)["owner"] == 3
