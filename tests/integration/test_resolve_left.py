"""`seeder resolve` of rows that have left the catalog, and stay since people changed them."""

from __future__ import annotations

import json

import pytest

from seeder.merge.plan import RowAction
from seeder.merge.settled import Settlement
from seeder.settle.resolve import Take, resolve
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project
from tests.support.shop import Done, Shop

GUEST = "      - {code: guest, level: 0}\n"
ROLES = """
    table: roles
    key: code
    removed: delete
    rows:
      - {code: owner, level: 3}
"""


@pytest.fixture
def left(empty_shop: Shop) -> Shop:
    """A role that a person changed has left the catalog, and an update has met it."""
    shop = empty_shop
    shop.scripts.add(
        "0001", "CREATE TABLE roles (id serial PRIMARY KEY, code text UNIQUE, level int)"
    )
    shop.seed("roles", ROLES + GUEST)
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    shop.database.execute("UPDATE roles SET level = 9 WHERE code = 'guest'")
    shop.seed("roles", ROLES)
    shop.configure(release="2")
    assert plan_code(shop) == 21
    assert shop.run().finished["counts"] == {"keep": 1, "conflicts": 1}
    return shop


def plan_code(shop: Shop) -> int:
    return shop.command("plan", "--mode", "update", "--exit-code").exit_code


def conflicts(shop: Shop) -> list[dict[str, object]]:
    found = json.loads(shop.command("status", "--json").stdout)
    assert found["conflicts"] == len(found["in_conflict"])
    names = ("address", "columns", "left_catalog", "holder")
    return [{name: each[name] for name in names} for each in found["in_conflict"]]


def take(shop: Shop, which: str, *arguments: str) -> Done:
    return shop.command("resolve", "roles/guest", "--take", which, *arguments)


def codes(shop: Shop) -> list[str]:
    return [code for (code,) in shop.rows("SELECT code FROM roles ORDER BY id")]


def test_such_a_row_is_reported_once_and_then_told_by_status(left: Shop) -> None:
    assert conflicts(left) == [
        {"address": "roles/guest", "columns": [], "left_catalog": True, "holder": None}
    ]
    assert plan_code(left) == 21
    before = left.snapshot()
    left.run("--mode", "update")
    assert left.rows("SELECT code, level FROM roles ORDER BY id") == [("owner", 3), ("guest", 9)]
    assert plan_code(left) == 21
    text = left.command("status").stdout
    assert "  ! roles/guest  left the catalog  since run 2" in text.splitlines()
    assert "Of a row that left the catalog, `--take live` keeps the row" in text
    assert before["public.roles"] == left.snapshot()["public.roles"]


def test_taking_live_leaves_it_to_people(left: Shop) -> None:
    done = take(left, "live")
    assert done.exit_code == 0, done.stderr
    assert "released" in done.stdout
    assert (conflicts(left), plan_code(left), codes(left)) == ([], 0, ["owner", "guest"])
    assert left.run("--mode", "update").finished["counts"] == {}
    again = take(left, "live")
    assert again.exit_code == 0
    assert "is not in conflict" in again.stdout


def test_taking_desired_deletes_it_and_can_be_undone(left: Shop) -> None:
    done = take(left, "desired", "--json")
    assert done.exit_code == 0, done.stderr
    settled = json.loads(done.stdout)
    assert settled["counts"] == {"delete": 1}
    assert (conflicts(left), plan_code(left), codes(left)) == ([], 0, ["owner"])
    assert left.command("undo", str(settled["run"]), "--yes").exit_code == 0
    assert left.rows("SELECT code, level FROM roles ORDER BY id") == [("owner", 3), ("guest", 9)]
    assert (conflicts(left), plan_code(left)) == ([], 0)


def test_undoing_a_row_left_to_people_finds_nothing_to_take_back(left: Shop) -> None:
    settled = json.loads(take(left, "live", "--json").stdout)
    done = left.command("undo", str(settled["run"]), "--yes")
    assert done.exit_code == 0
    assert "Nothing to do" in done.stdout


def test_it_can_be_settled_before_the_update_that_would_report_it(left: Shop) -> None:
    left.seed("roles", "table: roles\nkey: code\nremoved: delete\nrows: []\n")
    left.database.execute("UPDATE roles SET level = 8 WHERE code = 'owner'")
    assert left.command("resolve", "roles/owner", "--take", "desired").exit_code == 0
    assert codes(left) == ["guest"]


def test_a_row_back_in_the_catalog_is_no_longer_one_that_left(left: Shop) -> None:
    left.seed("roles", ROLES + GUEST)
    assert left.run("--mode", "update").finished["counts"] == {"record": 1}
    assert conflicts(left) == []
    left.seed("roles", ROLES)
    assert plan_code(left) == 21


def test_a_row_that_was_released_is_merged_once_it_is_back(left: Shop) -> None:
    take(left, "live")
    left.seed("roles", ROLES + GUEST.replace("0", "5"))
    assert left.run("--mode", "update").finished["counts"]["conflicts"] == 1
    assert left.rows("SELECT level FROM roles WHERE code = 'guest'") == [(9,)]


def test_a_value_set_back_lets_the_row_leave(left: Shop) -> None:
    left.database.execute("UPDATE roles SET level = 0 WHERE code = 'guest'")
    assert left.run("--mode", "update").finished["counts"] == {"delete": 1}
    assert conflicts(left) == []


def test_a_conflict_of_a_column_that_was_open_before_is_settled_with_the_row(shop: Shop) -> None:
    shop.seed("roles", ROLES + GUEST)
    shop.configure(release="1")
    (shop.directory / "seeds/core/members.yaml").unlink()
    shop.run()
    shop.database.execute("UPDATE roles SET level = 9 WHERE code = 'guest'")
    shop.seed("roles", ROLES + GUEST.replace("0", "5"))
    shop.run("--mode", "update")
    assert conflicts(shop) == [
        {"address": "roles/guest", "columns": ["level"], "left_catalog": False, "holder": None}
    ]
    shop.seed("roles", ROLES.replace("removed: delete", "removed: keep"))
    assert take(shop, "live").exit_code == 0
    assert conflicts(shop) == []
    assert plan_code(shop) == 0


def test_it_is_told_by_the_name_that_its_set_has_now(left: Shop) -> None:
    (left.directory / "seeds/core/roles.yaml").unlink()
    left.seed("positions", ROLES)
    left.configure(release="3")
    assert left.run().exit_code == 0
    assert [each["address"] for each in conflicts(left)] == ["positions/guest"]
    assert left.command("resolve", "positions/guest", "--take", "live").exit_code == 0
    assert conflicts(left) == []


def test_a_set_that_keeps_rows_by_now_can_settle_it(left: Shop) -> None:
    left.seed("roles", ROLES.replace("removed: delete", "removed: keep"))
    assert take(left, "live").exit_code == 0
    assert conflicts(left) == []
    assert codes(left) == ["owner", "guest"]


def test_columns_of_it_cannot_be_settled_alone(left: Shop) -> None:
    done = left.command("resolve", "roles/guest#level", "--take", "live")
    assert done.exit_code == 10
    assert "settled as a whole" in done.failed["message"]


def test_a_row_that_neither_catalog_nor_ledger_knows_is_refused(left: Shop) -> None:
    done = left.command("resolve", "roles/gust", "--take", "live")
    assert done.exit_code == 10
    assert "The catalog has no row roles/gust." in done.failed["problems"][0]


def test_a_row_that_others_refer_to_is_not_deleted(project: Project) -> None:
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE, seats int);"
        "CREATE TABLE orders (tier_id int REFERENCES tiers)"
    )
    project.write(
        "tiers", "table: tiers\nkey: name\nremoved: delete\nrows: [{name: a, seats: 1}]\n"
    )
    project.update()
    project.sql("UPDATE tiers SET seats = 2; INSERT INTO orders SELECT id FROM tiers")
    project.write("tiers", "table: tiers\nkey: name\nremoved: delete\nrows: []\n")
    assert project.update().counts == {"keep": 1, "conflicts": 1}
    project.assert_settled()
    kept = settle(project, "tiers/a", Take.DESIRED)
    assert [(row.action, row.reason) for row in kept.rows] == [
        (RowAction.KEEP, "left the catalog, but other rows refer to it")
    ]
    assert kept.run is None
    project.sql("DELETE FROM orders")
    settled = settle(project, "tiers/a", Take.DESIRED)
    assert settled.counts == {"delete": 1}
    assert project.rows("SELECT FROM tiers") == []
    assert settled.run is not None
    undo(project.settings(), log=Events(), run=settled.run, dry_run=False)
    assert project.rows("SELECT name, seats FROM tiers") == [("a", 2)]


def test_values_that_the_set_marks_rows_with_are_written(project: Project) -> None:
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE, seats int, label text)"
    )
    head = "table: tiers\nkey: name\nremoved: {set: {label: gone}}\n"
    project.write("tiers", f"{head}rows: [{{name: a, seats: 1}}]\n")
    project.update()
    project.sql("UPDATE tiers SET seats = 2")
    project.write("tiers", f"{head}rows: [{{name: a, seats: 3}}]\n")
    assert project.update().counts == {"keep": 1, "conflicts": 1}
    project.write("tiers", f"{head}rows: []\n")
    assert settle(project, "tiers/a", Take.DESIRED).counts == {"remove": 1}
    assert project.rows("SELECT name, seats, label FROM tiers") == [("a", 2, "gone")]
    project.assert_settled()


def settle(project: Project, address: str, which: Take) -> Settlement:
    return resolve(project.settings(), log=Events(), addresses=[address], take=which)
