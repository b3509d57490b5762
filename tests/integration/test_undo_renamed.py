"""Undo, restore and resolve across renames: images and bases go by today's names."""

from __future__ import annotations

import pytest

from seeder.merge.choices import Take
from seeder.merge.plan import RowAction
from seeder.merge.settled import Settlement
from seeder.settle.resolve import resolve
from seeder.settle.restore import restore
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project

Rows = list[tuple[object, ...]]


@pytest.fixture
def updated(project: Project) -> Project:
    """Three tiers; the last run relabelled one, deleted another and inserted a third."""
    project.sql(
        "CREATE TABLE tier (id serial PRIMARY KEY, name text NOT NULL UNIQUE, title text, lim int)"
    )
    write(project, "{name: free, title: Free}", "{name: pro, title: Pro}")
    project.init()
    write(project, "{name: free, title: None}", "{name: max, title: Max}")
    project.update()
    assert rows(project, "tier", "title") == [("free", "None"), ("max", "Max")]
    return project


def write(
    project: Project, *rows: str, table: str = "tier", key: str = "name", extra: str = ""
) -> None:
    lines = "".join(f"  - {row}\n" for row in rows)
    project.write("tiers", f"table: {table}\nkey: {key}\nremoved: delete\n{extra}rows:\n{lines}")


def rows(project: Project, table: str, column: str) -> Rows:
    return project.rows(f"SELECT name, {column} FROM {table} ORDER BY name")


def take_back(project: Project, run: int = 2) -> Settlement:
    return undo(project.settings(), log=Events(), run=run, dry_run=False)


BEFORE = [("free", "Free"), ("pro", "Pro")]
LABELLED = ("{name: free, label: None}", "{name: max, label: Max}")


@pytest.mark.parametrize("deploy", ["init", "update"])
def test_a_run_is_undone_after_a_column_was_renamed(updated: Project, deploy: str) -> None:
    updated.sql("ALTER TABLE tier RENAME title TO label")
    write(updated, *LABELLED, extra="columns: {label: {was: title}}\n")
    getattr(updated, deploy)()
    settled = take_back(updated)
    assert settled.counts == {"delete": 1, "restore": 1, "update": 1}
    assert rows(updated, "tier", "label") == BEFORE
    updated.assert_settled()


def test_a_run_is_undone_after_its_table_was_renamed(updated: Project) -> None:
    updated.sql("ALTER TABLE tier RENAME TO tiers")
    write(
        updated,
        "{name: free, title: None}",
        "{name: max, title: Max}",
        table="tiers",
        extra="was: {table: tier}\n",
    )
    updated.init()
    take_back(updated)
    assert rows(updated, "tiers", "title") == BEFORE


def test_a_run_is_undone_after_the_primary_key_was_renamed(updated: Project) -> None:
    ids = updated.rows("SELECT id FROM tier WHERE name = 'free'")
    updated.sql("ALTER TABLE tier RENAME id TO tier_id")
    updated.sql("ALTER TABLE tier RENAME title TO label")
    updated.sql("UPDATE tier SET name = 'gratis' WHERE name = 'free'")
    write(updated, *LABELLED, extra="columns: {label: {was: [caption, title]}}\n")
    updated.update()
    take_back(updated)
    assert rows(updated, "tier", "label") == [("gratis", "Free"), ("pro", "Pro")]
    assert updated.rows("SELECT tier_id FROM tier WHERE name = 'gratis'") == ids
    updated.assert_settled()


def test_a_run_is_undone_after_the_set_got_another_key(updated: Project) -> None:
    updated.sql("ALTER TABLE tier ADD code text UNIQUE")
    updated.sql("UPDATE tier SET code = upper(name)")
    write(
        updated,
        "{code: FREE, name: free, title: None}",
        "{code: MAX, name: max, title: Max}",
        key="code",
        extra="was: {key: name}\n",
    )
    updated.update()
    assert {row.address: row.action for row in take_back(updated).rows} == {
        "tiers/FREE": RowAction.UPDATE,
        "tiers/MAX": RowAction.KEEP,  # the later run learnt its code
        "tiers/pro (name)": RowAction.RESTORE,
    }
    assert rows(updated, "tier", "title") == [*BEFORE[:1], ("max", "Max"), *BEFORE[1:]]


@pytest.fixture
def seats(updated: Project) -> Project:
    """Prices are known by the tier they refer to; the last run set one, and deleted another."""
    updated.sql(
        "CREATE TABLE price (id serial PRIMARY KEY, tier_id int REFERENCES tier, name text,"
        " cents int, UNIQUE (tier_id, name))"
    )
    price(updated, "{tier_id: free, name: m, cents: 1}", "{tier_id: max, name: m, cents: 2}")
    updated.update()
    price(updated, "{tier_id: free, name: m, cents: 3}")
    updated.update()
    assert prices(updated) == [("m", 3)]
    return updated


def price(project: Project, *rows: str) -> None:
    lines = "".join(f"  - {row}\n" for row in rows)
    project.write(
        "price",
        "table: price\nkey: [tier_id, name]\nremoved: delete\n"
        f"columns: {{tier_id: {{ref: tiers}}}}\nrows:\n{lines}",
    )


def prices(project: Project) -> Rows:
    return project.rows("SELECT name, cents FROM price ORDER BY tier_id")


@pytest.mark.parametrize("deploy", ["init", "update"])
def test_a_run_is_undone_after_the_set_that_is_part_of_the_key_got_another_key(
    seats: Project, deploy: str
) -> None:
    (run,) = seats.rows("SELECT max(run) FROM seeder.changes")[0]
    seats.sql("ALTER TABLE tier ADD code text UNIQUE")
    seats.sql("UPDATE tier SET code = upper(name)")
    write(
        seats,
        "{code: FREE, name: free, title: None}",
        "{code: MAX, name: max, title: Max}",
        key="code",
        extra="was: {key: name}\n",
    )
    price(seats, "{tier_id: FREE, name: m, cents: 3}")
    getattr(seats, deploy)()
    assert {row.address: row.action for row in take_back(seats, run).rows} == {
        "price/FREE,m": RowAction.UPDATE,
        "price/MAX,m": RowAction.RESTORE,
    }
    assert prices(seats) == [("m", 1), ("m", 2)]
    seats.update()
    assert prices(seats) == [("m", 1), ("m", 2)]
    seats.assert_settled()


def test_a_run_is_undone_after_a_row_that_is_part_of_the_key_was_moved(seats: Project) -> None:
    (run,) = seats.rows("SELECT max(run) FROM seeder.changes")[0]
    write(
        seats,
        "{name: gratis, title: None}",
        "{name: max, title: Max}",
        extra="moved: [{from: free, to: gratis}]\n",
    )
    price(seats, "{tier_id: gratis, name: m, cents: 3}")
    seats.update()
    take_back(seats, run)
    assert prices(seats) == [("m", 1), ("m", 2)]


def test_a_run_is_undone_after_part_of_the_key_was_written_as_a_reference(seats: Project) -> None:
    seats.sql("CREATE TABLE stock (tier_id int, n int, PRIMARY KEY (tier_id))")
    (tier,) = seats.rows("SELECT id FROM tier WHERE name = 'free'")[0]
    plain = "table: stock\nkey: tier_id\nrows: [{{tier_id: {}, n: {}}}]\n"
    for n in (1, 2):
        seats.write("stock", plain.format(tier, n))
        seats.update()
    (run,) = seats.rows("SELECT max(run) FROM seeder.changes")[0]
    seats.write("stock", plain.format("free", 2) + "columns: {tier_id: {ref: tiers}}\n")
    seats.update()
    take_back(seats, run)
    assert seats.rows("SELECT n FROM stock") == [(1,)]


def test_a_person_s_key_stays_a_conflict_when_the_set_gets_another_key(updated: Project) -> None:
    updated.sql("UPDATE tier SET name = 'mine' WHERE name = 'free'")
    moved = "moved: [{from: free, to: gratis}]\n"
    write(updated, "{name: gratis, title: None}", "{name: max, title: Max}", extra=moved)
    updated.update()
    assert updated.rows("SELECT name FROM tier ORDER BY id LIMIT 1") == [("mine",)]
    updated.sql("ALTER TABLE tier ADD code text UNIQUE")
    updated.sql("UPDATE tier SET code = CASE name WHEN 'max' THEN 'MAX' ELSE 'FREE' END")
    write(
        updated,
        "{code: FREE, name: gratis, title: None}",
        "{code: MAX, name: max, title: Max}",
        key="code",
        extra="was: {key: name}\n",
    )
    updated.update()
    assert updated.entry("tier", "FREE")["notes"]["offered"] == {"name": "gratis"}
    updated.assert_settled()
    assert updated.entry("tier", "FREE")["notes"]["offered"] == {"name": "gratis"}
    resolve(updated.settings(), log=Events(), addresses=("tiers/FREE",), take=Take.DESIRED)
    assert updated.rows("SELECT name FROM tier WHERE code = 'FREE'") == [("gratis",)]


def test_a_deleted_row_known_by_its_old_key_is_not_taken_for_one_with_the_same_new_key(
    updated: Project,
) -> None:
    updated.sql("ALTER TABLE tier ADD code text UNIQUE")
    updated.sql("UPDATE tier SET code = upper(name)")
    was = "was: {key: name}\n"
    both = ("{code: FREE, name: free, title: None}", "{code: MAX, name: max, title: Max}")
    write(updated, *both, key="code", extra=was)
    updated.update()
    write(updated, *both, "{code: pro, name: other, title: New}", key="code", extra=was)
    assert updated.update().counts == {"insert": 1}
    updated.assert_settled()
    take_back(updated)
    assert rows(updated, "tier", "code") == [
        ("free", "FREE"),
        ("max", "MAX"),
        ("other", "pro"),
        ("pro", None),
    ]
    assert [each["addr"] for each in updated.entries("tier")] == [
        "FREE",
        "MAX",
        "pro",
        "pro (name)",
    ]


def test_a_run_is_undone_after_its_row_was_moved_to_another_key(updated: Project) -> None:
    write(
        updated,
        "{name: gratis, title: None}",
        "{name: max, title: Max}",
        extra="moved: [{from: free, to: gratis}]\n",
    )
    updated.update()
    take_back(updated)
    assert rows(updated, "tier", "title") == [("gratis", "Free"), ("pro", "Pro")]


def test_before_a_run_has_followed_the_rename_undo_says_what_is_missing(updated: Project) -> None:
    updated.sql("ALTER TABLE tier RENAME title TO label")
    reasons = {row.address: (row.action, row.reason) for row in take_back(updated).rows}
    for address in ("tiers/free", "tiers/pro"):
        action, reason = reasons[address]
        assert action is RowAction.KEEP
        assert reason.startswith("the column title is gone or has another name")
    assert ("pro", None) not in rows(updated, "tier", "label")
    write(updated, *LABELLED, extra="columns: {label: {was: title}}\n")
    updated.update()
    take_back(updated)
    assert rows(updated, "tier", "label") == BEFORE


def test_an_image_without_a_column_that_was_dropped_comes_back(updated: Project) -> None:
    updated.sql("ALTER TABLE tier DROP lim")
    take_back(updated)
    assert rows(updated, "tier", "title") == BEFORE


def test_restore_follows_renames_that_no_run_has_seen(updated: Project) -> None:
    updated.sql("DELETE FROM tier WHERE name = 'free'")
    updated.update()
    updated.sql("ALTER TABLE tier RENAME TO tiers")
    updated.sql("ALTER TABLE tiers RENAME title TO label")
    write(
        updated,
        *LABELLED,
        table="tiers",
        extra="was: {table: tier}\ncolumns: {label: {was: title}}\n",
    )
    settled = restore(updated.settings(), log=Events(), addresses=["tiers/free"])
    assert settled.counts == {"restore": 1}
    assert rows(updated, "tiers", "label") == [("free", "None"), ("max", "Max")]
    updated.assert_settled()


@pytest.mark.parametrize(("take", "label"), [(Take.LIVE, "Mine"), (Take.DESIRED, "Gratis")])
def test_resolve_follows_renames_that_no_run_has_seen(
    updated: Project, take: Take, label: str
) -> None:
    updated.sql("UPDATE tier SET title = 'Mine' WHERE name = 'free'")
    write(updated, "{name: free, title: Gratis}", "{name: max, title: Max}")
    updated.update()
    updated.sql("ALTER TABLE tier RENAME TO tiers")
    updated.sql("ALTER TABLE tiers RENAME title TO label")
    write(
        updated,
        "{name: free, label: Gratis}",
        "{name: max, label: Max}",
        table="tiers",
        extra="was: {table: tier}\ncolumns: {label: {was: title}}\n",
    )
    settled = resolve(updated.settings(), log=Events(), addresses=["tiers/free"], take=take)
    assert sum(n for action, n in settled.counts.items() if action != "keep") == 1
    assert rows(updated, "tiers", "label") == [("free", label), ("max", "Max")]
    updated.assert_settled()
