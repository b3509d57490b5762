"""What is told where somebody has to decide: which rows refer, what was expected, what is set."""

from __future__ import annotations

import datetime
import json

import pytest

from seeder.merge.model import Mode
from seeder.merge.plan import COUNTED, ColumnCase, Plan, RowAction, RowChange
from seeder.merge.result import RunResult
from seeder.phases import planning
from seeder.report import html, markdown, plan_text, text
from tests.support.events import Events
from tests.support.merge import Project

Captured = pytest.CaptureFixture[str]

NOON = datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC)

ROWS = ("free", "pro", "max")


def write(project: Project, *names: str, removed: str = "delete") -> None:
    rows = "".join(f"\n  - {{name: {name}, seats: 1, active: true}}" for name in names)
    project.write("tiers", f"table: tiers\nkey: name\nremoved: {removed}\nrows:{rows or ' []'}\n")


@pytest.fixture
def tiers(project: Project) -> Project:
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE, seats int, active bool,"
        " parent_id int REFERENCES tiers);"
        "CREATE TABLE users (id serial PRIMARY KEY, tier_id int REFERENCES tiers,"
        " old_tier_id int REFERENCES tiers);"
        "CREATE TABLE bills (id serial PRIMARY KEY, tier_id int REFERENCES tiers)"
    )
    write(project, *ROWS)
    project.init()
    return project


def plan_of(project: Project) -> Plan:
    return planning.plan(project.settings(Mode.UPDATE), log=Events())


def referred_to(project: Project) -> None:
    project.sql(
        "INSERT INTO users (tier_id, old_tier_id) SELECT 2, 2 FROM generate_series(1, 3);"
        "INSERT INTO users (tier_id) VALUES (1);"
        f"INSERT INTO bills (tier_id) SELECT 2 FROM generate_series(1, {COUNTED + 5});"
        "UPDATE tiers SET parent_id = id WHERE id = 2"
    )


def rows_of(found: Plan | RunResult) -> dict[str, RowChange]:
    changes = [
        row
        for each in found.sets
        for row in (each.rows if isinstance(found, Plan) else each.kept)  # type: ignore[union-attr]
    ]
    return {row.address: row for row in changes}


def output(project: Project, captured: Captured, *arguments: str) -> str:
    captured.readouterr()
    assert project.command(*arguments) == 0
    return captured.readouterr().out


TOLD = f"referred to by more than {COUNTED:,} rows of public.bills, 3 rows of public.users"


def test_a_row_that_others_refer_to_says_which_tables_and_how_many_rows(
    tiers: Project, capsys: Captured
) -> None:
    referred_to(tiers)
    write(tiers, "free", "max")
    plan = plan_of(tiers)
    row = rows_of(plan)["tiers/pro"]
    assert (row.rule, [(each.table, each.rows) for each in row.referring]) == (
        "left_referenced",
        [("public.bills", COUNTED + 1), ("public.users", 3)],
    )
    assert TOLD in plan_text.plan(plan)
    assert TOLD in html.plan(plan, made=NOON)
    assert TOLD in markdown.plan(plan)
    result = tiers.update()
    assert rows_of(result)["tiers/pro"].referring == row.referring
    assert TOLD in text.run(result)
    assert TOLD in output(tiers, capsys, "conflicts")
    (found,) = json.loads(output(tiers, capsys, "conflicts", "--json"))["in_conflict"]
    assert found["referring"] == [
        {"table": "public.bills", "rows": COUNTED + 1},
        {"table": "public.users", "rows": 3},
    ]


def test_rows_that_leave_in_the_same_run_are_not_counted(tiers: Project) -> None:
    tiers.write(
        "users",
        "table: users\nkey: id\nremoved: delete\ncolumns: {tier_id: {ref: tiers}}\n"
        "rows: [{id: 101, tier_id: pro}, {id: 102, tier_id: pro}]\n",
    )
    tiers.init()
    tiers.sql("INSERT INTO users (id, tier_id) VALUES (103, 2)")
    tiers.write(
        "users",
        "table: users\nkey: id\nremoved: delete\ncolumns: {tier_id: {ref: tiers}}\nrows: []\n",
    )
    write(tiers, "free", "max")
    for found in (plan_of(tiers), tiers.update()):
        (one,) = rows_of(found)["tiers/pro"].referring
        assert (one.table, one.rows) == ("public.users", 1)
    assert tiers.rows("SELECT id FROM users") == [(103,)]


def test_an_undo_says_what_refers_to_a_row_that_it_leaves(tiers: Project, capsys: Captured) -> None:
    write(tiers, *ROWS, "extra")
    run = tiers.update().run_id
    tiers.sql("INSERT INTO users (tier_id) SELECT id FROM tiers WHERE name = 'extra'")
    told = output(tiers, capsys, "undo", str(run), "--dry-run")
    assert "other rows refer to it" in told
    assert "referred to by 1 row of public.users" in told


def test_a_removal_shows_the_columns_that_it_sets(tiers: Project) -> None:
    removed = "{set: {active: false, seats: 0}}"
    write(tiers, *ROWS, removed=removed)
    tiers.update()
    write(tiers, "free", "max", removed=removed)
    plan = plan_of(tiers)
    row = rows_of(plan)["tiers/pro"]
    assert row.action is RowAction.REMOVE
    assert [(c.name, c.case, c.live, c.desired) for c in row.columns] == [
        ("seats", ColumnCase.MARK, "1", "0"),
        ("active", ColumnCase.MARK, "true", "false"),
    ]
    assert "seats   1 → 0\n        active  true → false\n" in plan_text.plan(plan)
    page = html.plan(plan, made=NOON)
    assert "<mark>true</mark>" in page or ">true<" in page
    assert "-     seats: 1\n+     seats: 0" in markdown.plan(plan)
    tiers.update()
    assert tiers.rows("SELECT active, seats FROM tiers WHERE name = 'pro'") == [(False, 0)]


def test_a_removal_shows_nothing_of_a_column_that_a_person_changed(tiers: Project) -> None:
    tiers.sql("UPDATE tiers SET seats = 7 WHERE name = 'pro'")
    write(tiers, "free", "max", removed="{set: {active: false, seats: 0}}")
    names = [column.name for column in rows_of(plan_of(tiers))["tiers/pro"].columns]
    assert names == ["active"]


def test_a_row_that_left_and_was_changed_here_shows_what_was_expected_and_what_is_live(
    tiers: Project,
) -> None:
    tiers.sql("UPDATE tiers SET seats = 7 WHERE name = 'pro'")
    write(tiers, "free", "max")
    plan = plan_of(tiers)
    (column,) = rows_of(plan)["tiers/pro"].columns
    assert (column.name, column.case, column.asked, column.live) == (
        "seats",
        ColumnCase.CHANGED,
        "1",
        "7",
    )
    assert "seats  1 → 7  changed here since" in plan_text.plan(plan)
    assert "seats  1 → 7  changed here since" in text.run(tiers.update())


def test_an_undo_shows_what_it_expected_and_what_is_live(tiers: Project, capsys: Captured) -> None:
    write(tiers, *ROWS, "extra")
    tiers.write(
        "tiers",
        "table: tiers\nkey: name\nrows:\n  - {name: free, seats: 5, active: true}\n"
        "  - {name: pro, seats: 6, active: false}\n  - {name: max, seats: 1, active: true}\n"
        "  - {name: extra, seats: 2, active: true}\n",
    )
    run = tiers.update().run_id
    tiers.sql(
        "UPDATE tiers SET seats = 50 WHERE name IN ('free', 'pro');"
        "UPDATE tiers SET seats = 20 WHERE name = 'extra'"
    )
    told = output(tiers, capsys, "undo", str(run), "--dry-run")
    assert "! tiers/free  changed here since\n        seats  5 → 50" in told
    assert "! tiers/extra  changed here since\n        seats  2 → 20" in told
    assert "active  false → true\n        seats   50 stays, changed here since (was 6)" in told


def test_a_value_that_was_set_back_by_hand_is_not_told_as_changed(
    tiers: Project, capsys: Captured
) -> None:
    tiers.write("tiers", "table: tiers\nkey: name\nrows: [{name: pro, seats: 6, active: false}]\n")
    run = tiers.update().run_id
    tiers.sql("UPDATE tiers SET seats = 1 WHERE name = 'pro'")
    told = output(tiers, capsys, "undo", str(run), "--dry-run", "--json")
    (row,) = [row for row in json.loads(told)["rows"] if row["action"] == "update"]
    assert [column["name"] for column in row["columns"]] == ["active"]


def test_a_restored_row_has_no_value_before(tiers: Project) -> None:
    write(tiers, "free", "max")
    tiers.update()
    write(tiers, *ROWS)
    plan = plan_of(tiers)
    assert rows_of(plan)["tiers/pro"].action is RowAction.RESTORE
    assert "+ tiers/pro  seats 1, active true" in plan_text.plan(plan)
    for told in (plan_text.plan(plan), html.plan(plan, made=NOON), markdown.plan(plan)):
        assert "NULL" not in told


def test_rows_that_wait_name_what_is_not_there(tiers: Project, capsys: Captured) -> None:
    tiers.sql("DELETE FROM tiers WHERE name = 'max'")
    tiers.write(
        "users",
        "table: users\nkey: id\ncolumns: {tier_id: {ref: tiers}, old_tier_id: {ref: tiers}}\n"
        "rows: [{id: 101, tier_id: max, old_tier_id: free}]\n",
    )
    row = rows_of(plan_of(tiers))["users/101"]
    assert (row.action, row.missing) == (RowAction.SKIP, "tiers/max")
    result = tiers.update()
    assert "users/101  refers to tiers/max" in text.run(result)
    told = output(tiers, capsys, "conflicts", "--kept")
    assert "users/101  refers to tiers/max, run 2" in told
