"""Natural primary keys that a person changed, with what refers to them."""

from __future__ import annotations

import pytest

from seeder.look.status import status
from seeder.report import text
from tests.support.events import Events
from tests.support.merge import Project


def write(project: Project, role: str, label: str, head: str = "") -> None:
    """Write the sets `roles` and `grants`."""
    project.write(
        "roles",
        f"table: roles\nkey: name\n{head}rows:\n  - {{name: {role}, label: {label}}}\n"
        "  - {name: viewer, label: Viewer}\n",
    )
    project.write(
        "grants",
        "table: grants\nkey: [role, what]\ncolumns: {role: {ref: roles}}\n"
        f"rows:\n  - {{role: {role}, what: edit, note: {label}}}\n"
        f"  - {{role: viewer, what: view, note: {label}}}\n",
    )


@pytest.fixture
def renamed(project: Project) -> Project:
    """A row whose primary key a person changed, and another that followed it."""
    project.sql(
        "CREATE TABLE roles (name text PRIMARY KEY, label text);"
        "CREATE TABLE grants (role text REFERENCES roles ON UPDATE CASCADE, what text, note text,"
        " PRIMARY KEY (role, what))"
    )
    write(project, "owner", "One")
    project.init()
    project.sql("UPDATE roles SET name = 'boss' WHERE name = 'owner'")
    write(project, "owner", "Two")
    project.update()
    return project


def test_status_says_which_rows_get_no_later_defaults_and_the_way_out(renamed: Project) -> None:
    found = status(renamed.settings(), log=Events())
    assert (found.deleted, found.deleted_rows) == (2, ("grants/owner,edit", "roles/owner"))
    told = " ".join(text.status(found).split())
    assert "name its new key in the catalog, with `moved`" in told
    assert "grants/owner,edit roles/owner" in told


def test_a_move_to_the_new_key_lets_them_go_on(renamed: Project) -> None:
    write(renamed, "boss", "Three", head="moved: [{from: owner, to: boss}]\n")
    renamed.update()
    assert renamed.rows("SELECT * FROM roles ORDER BY name") == [
        ("boss", "Three"),
        ("viewer", "Viewer"),
    ]
    assert renamed.rows("SELECT * FROM grants ORDER BY role") == [
        ("boss", "edit", "Three"),
        ("viewer", "view", "Three"),
    ]
    renamed.assert_settled()
    assert status(renamed.settings(), log=Events()).deleted == 0
