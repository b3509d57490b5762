"""`seeder restore`: what a person or an undo deleted comes back when somebody asks for it."""

from __future__ import annotations

import pytest

from seeder.errors import ConfigurationInvalid
from seeder.merge.plan import RowAction
from seeder.merge.settled import Settlement
from seeder.settle.restore import restore
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project


def bring_back(project: Project, *addresses: str) -> Settlement:
    return restore(project.settings(), log=Events(), addresses=addresses)


@pytest.fixture
def roles(project: Project) -> Project:
    project.sql(
        "CREATE TABLE roles (id serial PRIMARY KEY, name text NOT NULL UNIQUE, label text);"
        "CREATE TABLE grants (id serial PRIMARY KEY, role_id integer NOT NULL REFERENCES roles"
        " ON DELETE CASCADE, name text NOT NULL, UNIQUE (role_id, name))"
    )
    project.write(
        "roles",
        """
        table: roles
        key: name
        rows: [{name: owner, label: Owner}, {name: viewer, label: Viewer}]
        """,
    )
    project.write(
        "grants",
        """
        table: grants
        key: [role_id, name]
        columns: {role_id: {ref: roles}}
        rows: [{role_id: owner, name: edit}, {role_id: viewer, name: view}]
        """,
    )
    project.init()
    return project


def names(project: Project) -> list[str]:
    return [row[0] for row in project.rows("SELECT name FROM roles ORDER BY name")]


def test_a_deleted_row_comes_back_as_the_catalog_has_it(roles: Project) -> None:
    roles.sql("DELETE FROM roles WHERE name = 'viewer'")
    roles.update()
    roles.write(
        "roles",
        "table: roles\nkey: name\n"
        "rows: [{name: owner, label: The owner}, {name: viewer, label: Looks on}]\n",
    )
    settled = bring_back(roles, "roles/viewer")
    assert roles.rows("SELECT name, label FROM roles ORDER BY name") == [
        ("owner", "Owner"),
        ("viewer", "Looks on"),
    ], "other changes of the catalog are as pending as before"
    assert settled.counts == {"restore": 1}
    assert roles.entry("roles", "viewer")["state"] == "a"
    roles.update()
    roles.assert_settled()


def test_a_pending_change_of_the_set_stays_pending(roles: Project) -> None:
    roles.sql("DELETE FROM roles WHERE name = 'viewer'")
    roles.write(
        "roles",
        "table: roles\nkey: name\n"
        "rows: [{name: owner, label: New}, {name: viewer, label: V}, {name: more, label: M}]\n",
    )
    bring_back(roles, "roles/viewer")
    decisions = {each.name: each.decision.value for each in roles.init().sets}
    assert decisions["roles"] == "pending"
    assert names(roles) == ["owner", "viewer"]


def test_a_row_that_nobody_has_missed_yet_comes_back_too(roles: Project) -> None:
    roles.sql("DELETE FROM roles WHERE name = 'viewer'")
    bring_back(roles, "roles/viewer")
    assert names(roles) == ["owner", "viewer"]


def test_all_rows_of_a_set_can_come_back(roles: Project) -> None:
    roles.sql("DELETE FROM roles")
    settled = bring_back(
        roles, "roles/owner", "roles/viewer", "grants/owner,edit", "grants/viewer,view"
    )
    assert settled.counts == {"restore": 4}
    assert names(roles) == ["owner", "viewer"]
    assert roles.value("SELECT count(*) FROM grants") == 2
    roles.assert_settled()


def test_a_row_whose_parent_is_gone_is_left_with_the_reason(roles: Project) -> None:
    roles.sql("DELETE FROM roles WHERE name = 'viewer'")
    settled = bring_back(roles, "grants/viewer,view")
    assert [(row.action, row.reason) for row in settled.rows] == [
        (RowAction.KEEP, "refers to a row that is not there")
    ]
    assert settled.run is None


def test_a_row_that_is_there_is_left_alone(roles: Project) -> None:
    roles.sql("UPDATE roles SET label = 'mine' WHERE name = 'viewer'")
    before = roles.snapshot()
    settled = bring_back(roles, "roles/viewer")
    assert [row.reason for row in settled.rows] == ["is there already"]
    assert roles.snapshot() == before


def test_a_row_that_was_never_here_waits_for_an_update(roles: Project) -> None:
    roles.write(
        "roles",
        "table: roles\nkey: name\n"
        "rows: [{name: owner, label: O}, {name: viewer, label: V}, {name: more, label: M}]\n",
    )
    settled = bring_back(roles, "roles/more")
    assert [row.reason for row in settled.rows] == [
        "was never here; an update inserts or adopts it"
    ]
    assert names(roles) == ["owner", "viewer"]


def test_what_an_undo_deleted_comes_back(roles: Project) -> None:
    run = roles.value("SELECT max(id) FROM seeder.runs")
    undo(roles.settings(), log=Events(), run=run, dry_run=False)
    assert names(roles) == []
    bring_back(roles, "roles/owner")
    assert names(roles) == ["owner"]


def test_a_restore_can_be_undone(roles: Project) -> None:
    roles.sql("DELETE FROM roles WHERE name = 'viewer'")
    settled = bring_back(roles, "roles/viewer")
    assert settled.run is not None
    undo(roles.settings(), log=Events(), run=settled.run, dry_run=False)
    assert names(roles) == ["owner"]


@pytest.mark.parametrize(
    ("kind", "gone", "clear"),
    [("timestamptz", "now()", None), ("boolean NOT NULL DEFAULT false", "true", False)],
)
def test_a_soft_deleted_row_loses_its_mark_and_keeps_the_rest(
    project: Project, kind: str, gone: str, clear: object
) -> None:
    project.sql(
        "CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL UNIQUE, label text,"
        f" gone {kind})"
    )
    project.write(
        "items", "table: items\nkey: name\ndeleted: gone\nrows: [{name: a, label: x}, {name: b}]"
    )
    project.init()
    project.sql(f"UPDATE items SET gone = {gone}, label = 'mine' WHERE name = 'a'")
    project.update()
    assert project.entry("items", "a")["state"] == "d"
    settled = bring_back(project, "items/a")
    assert project.rows("SELECT label, gone FROM items WHERE name = 'a'") == [("mine", clear)]
    assert settled.counts == {"restore": 1}
    assert project.entry("items", "a")["state"] == "a"
    project.assert_settled()
    assert bring_back(project, "items/a").run is None


def test_rows_that_refer_to_each_other_come_back_together(project: Project) -> None:
    project.sql(
        "CREATE TABLE areas (id serial PRIMARY KEY, name text NOT NULL UNIQUE,"
        " parent_id integer REFERENCES areas)"
    )
    project.write(
        "areas",
        """
        table: areas
        key: name
        columns: {parent_id: {ref: areas}}
        rows: [{name: world, parent_id: null}, {name: land, parent_id: world}]
        """,
    )
    project.init()
    project.sql("DELETE FROM areas")
    bring_back(project, "areas/land", "areas/world")
    assert project.value(
        "SELECT p.name FROM areas a JOIN areas p ON p.id = a.parent_id WHERE a.name = 'land'"
    ) == ("world")
    project.assert_settled()


MOVED_ROLES = """
    table: roles
    key: name
    rows: [{name: boss, label: Owner}, {name: viewer, label: Viewer}]
    moved: [{from: owner, to: boss}]
    """
MOVED_GRANTS = """
    table: grants
    key: [role_id, name]
    columns: {role_id: {ref: roles}}
    rows: [{role_id: boss, name: edit}, {role_id: viewer, name: view}]
    """


def test_a_row_comes_back_below_a_row_whose_key_is_about_to_change(roles: Project) -> None:
    roles.sql("DELETE FROM grants")
    roles.write("roles", MOVED_ROLES)
    roles.write("grants", MOVED_GRANTS)
    assert bring_back(roles, "grants/boss,edit").counts == {"restore": 1}
    assert names(roles) == ["owner", "viewer"], "the change itself waits for an update"
    roles.update()
    assert names(roles) == ["boss", "viewer"]
    assert roles.rows("SELECT name FROM grants") == [("edit",)]
    roles.assert_settled()


def test_what_was_deleted_below_a_moved_row_stays_deleted_after_a_restore(roles: Project) -> None:
    roles.sql("DELETE FROM grants; DELETE FROM roles WHERE name = 'viewer'")
    roles.update()
    roles.write("roles", MOVED_ROLES)
    roles.write("grants", MOVED_GRANTS)
    bring_back(roles, "roles/viewer")
    roles.update()
    assert roles.rows("SELECT name FROM grants") == []
    roles.assert_settled()


@pytest.mark.parametrize("key", ["world", "earth"])
def test_a_row_comes_back_below_a_row_of_its_own_set(project: Project, key: str) -> None:
    project.sql(
        "CREATE TABLE areas (id serial PRIMARY KEY, name text NOT NULL UNIQUE,"
        " parent_id integer REFERENCES areas)"
    )
    areas = """
        table: areas
        key: name
        columns: {parent_id: {ref: areas}}
        rows: [{name: world, parent_id: null}, {name: land, parent_id: world}]
        """
    project.write("areas", areas)
    project.init()
    project.sql("DELETE FROM areas WHERE name = 'land'")
    if key != "world":
        areas = areas.replace("world", key) + f"moved: [{{from: world, to: {key}}}]\n"
    project.write("areas", areas)
    assert bring_back(project, "areas/land").counts == {"restore": 1}
    project.update()
    assert project.value(
        "SELECT p.name FROM areas a JOIN areas p ON p.id = a.parent_id WHERE a.name = 'land'"
    ) == (key)
    project.assert_settled()


def test_an_unknown_address_is_answered_with_a_near_one(roles: Project) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        bring_back(roles, "roles/viever", "rolls/owner")
    assert [problem.remedy for problem in caught.value.problems] == [
        "Did you mean roles/viewer?",
        "Did you mean roles?",
    ]


def test_a_run_of_the_other_class_is_refused(roles: Project) -> None:
    roles.environment = "dev"
    with pytest.raises(ConfigurationInvalid, match="marked production"):
        bring_back(roles, "roles/viewer")
