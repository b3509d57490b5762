"""`seeder resolve`: a person says how a conflict ends."""

from __future__ import annotations

import pytest

from seeder.errors import ConfigurationInvalid
from seeder.merge.plan import RowAction
from seeder.merge.settled import Settlement
from seeder.settle.resolve import Take, resolve
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project


def settle(project: Project, address: str, take: Take, *columns: str) -> Settlement:
    addresses = [f"{address}#{column}" for column in columns] or [address]
    return resolve(project.settings(), log=Events(), addresses=addresses, take=take)


def write(project: Project, label: str, seats: int) -> None:
    project.write(
        "tiers",
        f"table: tiers\nkey: name\nrows: [{{name: free, label: {label}, seats: {seats}}}]\n",
    )


@pytest.fixture
def tiers(project: Project) -> Project:
    """Both columns are in conflict."""
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE, label text, seats integer)"
    )
    write(project, "one", 1)
    project.init()
    project.sql("UPDATE tiers SET label = 'mine', seats = 100")
    write(project, "two", 2)
    assert project.update().counts["conflicts"] == 1
    return project


def live(project: Project) -> tuple[str, int]:
    ((label, seats),) = project.rows("SELECT label, seats FROM tiers")
    return label, seats


def test_taking_desired_writes_it_and_later_changes_arrive(tiers: Project) -> None:
    settled = settle(tiers, "tiers/free", Take.DESIRED)
    assert live(tiers) == ("two", 2)
    assert settled.counts == {"update": 1}
    assert tiers.entry("tiers", "free")["notes"] is None
    tiers.assert_settled()
    write(tiers, "three", 3)
    tiers.update()
    assert live(tiers) == ("three", 3)


def test_taking_live_writes_nothing_and_ends_the_conflict(tiers: Project) -> None:
    row = tiers.rows("SELECT xmin::text FROM tiers")
    settled = settle(tiers, "tiers/free", Take.LIVE)
    assert tiers.rows("SELECT xmin::text FROM tiers") == row
    assert settled.counts == {"record": 1}
    entry = tiers.entry("tiers", "free")
    assert (entry["asked"]["label"], entry["asked"]["seats"], entry["notes"]) == ("two", 2, None)
    tiers.survey()
    assert tiers.plans["tiers"].counts == {}
    tiers.assert_settled()


def test_a_live_value_that_was_taken_is_still_a_persons(tiers: Project) -> None:
    settle(tiers, "tiers/free", Take.LIVE)
    write(tiers, "three", 3)
    assert tiers.update().counts["conflicts"] == 1
    assert live(tiers) == ("mine", 100)


def test_one_column_can_be_settled_alone(tiers: Project) -> None:
    settle(tiers, "tiers/free", Take.DESIRED, "seats")
    assert live(tiers) == ("mine", 2)
    settled = settle(tiers, "tiers/free", Take.DESIRED)
    assert [column.name for column in settled.rows[0].columns] == ["label"]
    assert live(tiers) == ("two", 2)


def test_a_conflict_can_be_settled_before_the_update_that_would_report_it(
    tiers: Project,
) -> None:
    write(tiers, "three", 3)
    settle(tiers, "tiers/free", Take.LIVE)
    assert "conflicts" not in tiers.update().counts
    assert live(tiers) == ("mine", 100)


def test_other_pending_changes_of_the_row_stay_pending(project: Project) -> None:
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE, label text, seats integer)"
    )
    write(project, "one", 1)
    project.init()
    project.sql("UPDATE tiers SET label = 'mine'")
    write(project, "two", 2)
    settle(project, "tiers/free", Take.DESIRED)
    assert live(project) == ("two", 1)
    project.update()
    assert live(project) == ("two", 2)


def test_a_row_without_conflict_is_left_alone(tiers: Project) -> None:
    settle(tiers, "tiers/free", Take.LIVE)
    before = tiers.snapshot()
    settled = settle(tiers, "tiers/free", Take.DESIRED)
    assert [(row.action, row.reason) for row in settled.rows] == [
        (RowAction.KEEP, "is not in conflict")
    ]
    assert settled.run is None
    assert tiers.snapshot() == before


def test_a_deleted_row_cannot_be_resolved(tiers: Project) -> None:
    tiers.sql("DELETE FROM tiers")
    settled = settle(tiers, "tiers/free", Take.DESIRED)
    assert [row.reason for row in settled.rows] == ["deleted here; stays deleted"]


def test_an_adopted_difference_can_be_settled_either_way(project: Project) -> None:
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE, label text, seats integer);"
        "INSERT INTO tiers (name, label, seats) VALUES ('free', 'old', 7)"
    )
    write(project, "one", 1)
    project.update()
    assert live(project) == ("old", 7)
    settle(project, "tiers/free", Take.LIVE, "label")
    settle(project, "tiers/free", Take.DESIRED, "seats")
    assert live(project) == ("old", 1)
    assert project.entry("tiers", "free")["notes"] is None
    project.assert_settled()


def test_a_reference_in_conflict_can_be_settled_either_way(project: Project) -> None:
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE);"
        "CREATE TABLE plans (id serial PRIMARY KEY, name text UNIQUE,"
        " tier_id integer REFERENCES tiers)"
    )
    project.write("tiers", "table: tiers\nkey: name\nrows: [{name: a}, {name: b}, {name: c}]")
    plan = "table: plans\nkey: name\ncolumns: {{tier_id: {{ref: tiers}}}}\n"
    plan += "rows: [{{name: p, tier_id: {0}}}, {{name: q, tier_id: {0}}}]\n"
    project.write("plans", plan.format("a"))
    project.init()
    project.sql("UPDATE plans SET tier_id = (SELECT id FROM tiers WHERE name = 'b')")
    project.write("plans", plan.format("c"))
    project.update()
    settle(project, "plans/p", Take.DESIRED)
    settle(project, "plans/q", Take.LIVE)
    assert project.rows(
        "SELECT p.name, t.name FROM plans p JOIN tiers t ON t.id = p.tier_id ORDER BY 1"
    ) == [("p", "c"), ("q", "b")]
    project.assert_settled()


PLANS = """
    table: plans
    key: {key}
    columns: {{tier_id: {{ref: tiers}}, later_id: {{ref: tiers}}}}
    rows: [{{name: p, label: {label}, tier_id: {tier}, later_id: {later}}}]
    """


@pytest.mark.parametrize("key", ["name", "[tier_id, name]"])
def test_a_conflict_below_a_row_whose_key_is_about_to_change_can_be_settled(
    project: Project, key: str
) -> None:
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE);"
        "CREATE TABLE plans (id serial PRIMARY KEY, name text UNIQUE, label text,"
        " tier_id integer REFERENCES tiers, later_id integer REFERENCES tiers,"
        " UNIQUE (tier_id, name))"
    )
    project.write("tiers", "table: tiers\nkey: name\nrows: [{name: a}, {name: b}, {name: c}]")
    project.write("plans", PLANS.format(key=key, label="one", tier="a", later="b"))
    project.init()
    project.sql("UPDATE plans SET label = 'mine', later_id = 3")
    project.write(
        "tiers",
        "table: tiers\nkey: name\nrows: [{name: z}, {name: b}, {name: c}]\n"
        "moved: [{from: a, to: z}]",
    )
    project.write("plans", PLANS.format(key=key, label="two", tier="z", later="z"))
    address = "plans/p" if key == "name" else "plans/z,p"
    assert settle(project, address, Take.DESIRED).counts == {"update": 1}
    assert project.rows("SELECT label, tier_id, later_id FROM plans") == [("two", 1, 1)]
    assert project.value("SELECT name FROM tiers WHERE id = 1") == "a", "waits for an update"
    project.update()
    assert project.value("SELECT name FROM tiers WHERE id = 1") == "z"
    project.assert_settled()


def test_a_resolution_can_be_undone(tiers: Project) -> None:
    settled = settle(tiers, "tiers/free", Take.DESIRED)
    assert settled.run is not None
    undo(tiers.settings(), log=Events(), run=settled.run, dry_run=False)
    assert live(tiers) == ("mine", 100)


def test_a_resolution_is_recorded_as_one(tiers: Project) -> None:
    settled = settle(tiers, "tiers/free", Take.DESIRED)
    assert tiers.value(f"SELECT reason FROM seeder.changes WHERE run = {settled.run}") == (
        "the catalog's value is taken"
    )


def test_an_unknown_column_is_answered_with_a_near_one(tiers: Project) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        settle(tiers, "tiers/free", Take.LIVE, "labl")
    assert caught.value.hint == "Did you mean label?"
