"""Rows that leave the catalog, by what the set says of them, and come back."""

from __future__ import annotations

import pytest

from seeder.merge.plan import RowAction
from seeder.settle.undo import undo
from tests.support.coded_roles import ROLES, codes, launch, seed, state
from tests.support.events import Events
from tests.support.merge import Project, counts, outcome


@pytest.fixture
def launched(project: Project) -> Project:
    """Roles a, b and c, seeded."""
    return launch(project)


def test_a_row_that_leaves_the_catalog_is_kept_by_default(launched: Project) -> None:
    seed(launched, "a", "c")
    assert counts(launched.update(), "roles") == {"release": 1}
    assert codes(launched) == ["a", "b", "c"]
    assert state(launched, "b") == "k"
    launched.assert_settled()


def test_a_kept_row_that_comes_back_merges_with_what_was_last_applied(launched: Project) -> None:
    seed(launched, "a", "c")
    launched.update()
    seed(launched, "a", "b", "c", names={"b": "New"})
    assert counts(launched.update(), "roles") == {"update": 1}
    assert launched.value("SELECT name FROM roles WHERE code = 'b'") == "New"
    assert state(launched, "b") == "a"
    launched.assert_settled()


def test_a_kept_row_that_was_edited_meanwhile_is_a_conflict_when_it_comes_back(
    launched: Project,
) -> None:
    seed(launched, "a", "c")
    launched.update()
    launched.sql("UPDATE roles SET name = 'Mine' WHERE code = 'b'")
    seed(launched, "a", "b", "c", names={"b": "New"})
    assert counts(launched.update(), "roles")["conflicts"] == 1
    assert launched.value("SELECT name FROM roles WHERE code = 'b'") == "Mine"
    assert state(launched, "b") == "a"
    launched.assert_settled()


def test_a_kept_row_that_comes_back_as_it_was_is_active_again(launched: Project) -> None:
    seed(launched, "a", "c")
    launched.update()
    seed(launched, "a", "b", "c")
    assert counts(launched.update(), "roles") == {"record": 1}
    assert state(launched, "b") == "a"
    launched.assert_settled()


def test_a_kept_row_that_a_person_deleted_stays_deleted_when_it_comes_back(
    launched: Project,
) -> None:
    seed(launched, "a", "c")
    launched.update()
    launched.sql("DELETE FROM roles WHERE code = 'b'")
    seed(launched, "a", "b", "c")
    launched.update()
    assert codes(launched) == ["a", "c"]
    launched.assert_settled()


def test_an_unmodified_row_that_leaves_the_catalog_is_deleted_where_the_set_says_so(
    launched: Project,
) -> None:
    seed(launched, "a", "c", head="removed: delete\n")
    assert counts(launched.update(), "roles") == {"delete": 1}
    assert codes(launched) == ["a", "c"]
    assert state(launched, "b") == "r"
    ((action, before),) = launched.rows("SELECT action, before FROM seeder.changes")
    assert action == "delete"
    assert before["code"] == "b"
    launched.assert_settled()


def test_a_modified_row_that_leaves_the_catalog_is_not_deleted_but_reported(
    launched: Project,
) -> None:
    launched.sql("UPDATE roles SET name = 'Mine' WHERE code = 'b'")
    seed(launched, "a", "c", head="removed: delete\n")
    result = launched.update()
    assert counts(result, "roles") == {"keep": 1, "conflicts": 1}
    (kept,) = outcome(result, "roles").kept
    assert (kept.address, kept.action) == ("roles/b", RowAction.KEEP)
    assert codes(launched) == ["a", "b", "c"]


def test_a_row_that_comes_back_after_seeder_deleted_it_is_inserted(launched: Project) -> None:
    seed(launched, "a", "c", head="removed: delete\n")
    launched.update()
    seed(launched, "a", "b", "c", head="removed: delete\n", names={"b": "New"})
    assert counts(launched.update(), "roles") == {"restore": 1}
    assert launched.rows("SELECT id, name FROM roles WHERE code = 'b'") == [(4, "New")]
    assert state(launched, "b") == "a"
    launched.assert_settled()


def test_a_row_deleted_by_seeder_that_a_person_made_anew_is_merged_when_it_comes_back(
    launched: Project,
) -> None:
    seed(launched, "a", "c", head="removed: delete\n")
    launched.update()
    launched.sql("INSERT INTO roles (code, name) VALUES ('b', 'Mine')")
    seed(launched, "a", "b", "c", head="removed: delete\n", names={"b": "New"})
    assert counts(launched.update(), "roles")["conflicts"] == 1
    assert launched.value("SELECT name FROM roles WHERE code = 'b'") == "Mine"
    launched.assert_settled()


def test_a_referenced_row_that_leaves_the_catalog_is_never_deleted_by_cascade(
    launched: Project,
) -> None:
    launched.sql("CREATE TABLE members (role_id int REFERENCES roles ON DELETE CASCADE)")
    launched.sql("INSERT INTO members SELECT id FROM roles WHERE code = 'b'")
    seed(launched, "a", head="removed: delete\n")
    result = launched.update()
    assert counts(result, "roles") == {"delete": 1, "keep": 1, "conflicts": 1}
    assert codes(launched) == ["a", "b"]
    assert launched.value("SELECT count(*) FROM members") == 1
    launched.sql("DELETE FROM members")
    assert counts(launched.update(), "roles") == {"delete": 1}


def test_removed_set_marks_the_row_and_restores_it_when_it_comes_back(launched: Project) -> None:
    head = "removed: {set: {is_active: false}}\n"
    seed(launched, "a", "c", head=head)
    assert counts(launched.update(), "roles") == {"remove": 1}
    assert launched.rows("SELECT code, is_active FROM roles ORDER BY 1") == [
        ("a", True),
        ("b", False),
        ("c", True),
    ]
    assert state(launched, "b") == "s"
    launched.assert_settled()
    seed(launched, "a", "b", "c", head=head)
    assert counts(launched.update(), "roles") in ({"restore": 1}, {"record": 1})
    assert launched.value("SELECT is_active FROM roles WHERE code = 'b'") is True
    assert state(launched, "b") == "a"
    launched.assert_settled()


def test_removed_set_restores_nothing_that_a_person_touched_meanwhile(launched: Project) -> None:
    head = "removed: {set: {is_active: false, name: gone}}\n"
    seed(launched, "a", "c", head=head)
    launched.update()
    assert launched.rows("SELECT name, is_active FROM roles WHERE code = 'b'") == [("gone", False)]
    launched.sql("UPDATE roles SET name = 'Mine' WHERE code = 'b'")
    seed(launched, "a", "b", "c", head=head)
    launched.update()
    assert launched.rows("SELECT name, is_active FROM roles WHERE code = 'b'") == [("Mine", True)]


def test_removed_set_restores_a_column_that_the_catalog_names(launched: Project) -> None:
    head = "removed: {set: {name: gone}}\n"
    seed(launched, "a", "c", head=head)
    launched.update()
    seed(launched, "a", "b", "c", head=head)
    assert counts(launched.update(), "roles") == {"restore": 1}
    assert launched.value("SELECT name FROM roles WHERE code = 'b'") == "B"
    launched.assert_settled()


@pytest.mark.parametrize("given", ["", ", gone: false"])
def test_a_row_that_its_removal_marked_as_deleted_comes_back(project: Project, given: str) -> None:
    project.sql(
        """
        CREATE TABLE roles (id serial PRIMARY KEY, name text NOT NULL, gone bool DEFAULT false);
        CREATE UNIQUE INDEX ON roles (name) WHERE NOT gone;
        CREATE TABLE users (id serial PRIMARY KEY, name text UNIQUE, role int REFERENCES roles);
        """
    )

    def write(*roles: str, user: str) -> None:
        listed = "".join(f"  - {{name: {name}{given}}}\n" for name in roles)
        project.write(
            "roles",
            "table: roles\nkey: name\ndeleted: gone\nremoved: {set: {gone: true}}\n"
            f"rows:\n{listed}",
        )
        project.write(
            "users",
            "table: users\nkey: name\ncolumns: {role: {ref: roles}}\n"
            f"rows: [{{name: ann, role: {user}}}]\n",
        )

    write("owner", "viewer", "guest", user="owner")
    project.init()
    write("owner", user="owner")
    assert counts(project.update(), "roles") == {"remove": 2}
    project.assert_settled()
    project.sql("UPDATE roles SET gone = false WHERE name = 'guest'")  # somebody wants it back
    project.sql("UPDATE roles SET gone = true WHERE name = 'guest'")
    write("owner", "viewer", user="viewer")
    project.update()
    assert project.rows("SELECT id, name, gone FROM roles ORDER BY id") == [
        (1, "owner", False),
        (2, "viewer", False),
        (3, "guest", True),
    ]
    assert project.rows("SELECT role FROM users") == [(2,)]
    project.assert_settled()
    write("owner", user="owner")
    project.update()
    project.sql("INSERT INTO roles (name) VALUES ('viewer')")  # made anew beside the marked one
    write("owner", "viewer", user="viewer")
    project.update()
    assert project.rows("SELECT id, name, gone FROM roles ORDER BY id") == [
        (1, "owner", False),
        (2, "viewer", True),
        (3, "guest", True),
        (4, "viewer", False),
    ]
    assert project.rows("SELECT role FROM users") == [(4,)]
    project.assert_settled()


def test_removed_set_leaves_a_column_that_a_person_changed(launched: Project) -> None:
    launched.sql("UPDATE roles SET name = 'Mine' WHERE code = 'b'")
    seed(launched, "a", "c", head="removed: {set: {name: gone, is_active: false}}\n")
    launched.update()
    assert launched.rows("SELECT name, is_active FROM roles WHERE code = 'b'") == [("Mine", False)]
    launched.assert_settled()


def test_a_row_that_left_and_was_deleted_by_a_person_is_remembered_as_deleted(
    launched: Project,
) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'")
    seed(launched, "a", "c")
    assert counts(launched.update(), "roles") == {"record": 1}
    assert state(launched, "b") == "d"
    launched.assert_settled()


def test_rows_of_a_file_that_is_gone_are_kept_with_a_warning(project: Project) -> None:
    project.sql(ROLES)
    project.sql("CREATE TABLE other (code text PRIMARY KEY)")
    project.write("other", "table: other\nkey: code\nrows: [{code: x}]\n")
    seed(project, "a", "b", "c", head="removed: delete\n")
    project.init()
    project.remove("roles")
    result = project.update()
    assert codes(project) == ["a", "b", "c"]
    assert any("roles" in warning for warning in result.warnings)
    seed(project, head="removed: delete\n")
    assert counts(project.update(), "roles") == {"delete": 3}
    assert codes(project) == []


def test_an_empty_list_of_rows_removes_all_of_them(launched: Project) -> None:
    seed(launched, head="removed: delete\n")
    assert counts(launched.update(), "roles") == {"delete": 3}
    assert codes(launched) == []
    launched.assert_settled()


def test_a_renamed_file_changes_nothing(launched: Project) -> None:
    text = (launched.directory / "seeds/core/roles.yaml").read_text()
    launched.remove("roles")
    launched.write("profiles", text.replace("key: code", "key: code\nremoved: delete"))
    result = launched.update()
    assert counts(result, "profiles") == {}
    assert result.warnings == ()
    assert codes(launched) == ["a", "b", "c"]
    launched.write(
        "profiles",
        text.replace("  - {code: b, name: B}\n", "").replace(
            "key: code", "key: code\nremoved: delete"
        ),
    )
    assert counts(launched.update(), "profiles") == {"delete": 1}


def test_a_file_that_is_split_changes_nothing(launched: Project) -> None:
    seed(launched, "a", head="removed: delete\n")
    launched.write(
        "more_roles",
        """
        table: roles
        key: code
        removed: delete
        rows:
          - {code: b, name: B}
          - {code: c, name: C}
        """,
    )
    launched.update()
    assert codes(launched) == ["a", "b", "c"]
    launched.update()
    launched.assert_settled()
    launched.write(
        "more_roles", "table: roles\nkey: code\nremoved: delete\nrows: [{code: b, name: B}]\n"
    )
    result = launched.update()
    assert counts(result, "more_roles") == {"delete": 1}
    assert codes(launched) == ["a", "b"]


def test_a_row_that_moves_to_another_file_first_in_order_changes_nothing(
    launched: Project,
) -> None:
    seed(launched, "a", head="removed: delete\n")
    launched.write(
        "a_roles",
        "table: roles\nkey: code\nremoved: delete\nrows:\n"
        "  - {code: b, name: B}\n  - {code: c, name: C}\n",
    )
    launched.update()
    assert codes(launched) == ["a", "b", "c"]
    launched.assert_settled()


def test_files_that_are_joined_change_nothing(project: Project) -> None:
    project.sql(ROLES)
    for name in ("a", "b", "c"):
        project.write(
            f"roles_{name}", f"table: roles\nkey: code\nremoved: delete\nrows: [{{code: {name}}}]\n"
        )
    project.init()
    assert codes(project) == ["a", "b", "c"]
    for name in ("a", "b", "c"):
        project.remove(f"roles_{name}")
    project.write(
        "roles",
        "table: roles\nkey: code\nremoved: delete\nrows: [{code: a}, {code: b}, {code: c}]\n",
    )
    result = project.update()
    assert counts(result, "roles") == {}
    assert codes(project) == ["a", "b", "c"]
    project.assert_settled()
    project.write("roles", "table: roles\nkey: code\nremoved: delete\nrows: [{code: a}]\n")
    assert counts(project.update(), "roles") == {"delete": 2}


def test_rows_of_another_environment_have_not_left_the_catalog(launched: Project) -> None:
    launched.sql("DROP SCHEMA seeder CASCADE; TRUNCATE roles RESTART IDENTITY")
    seed(launched, "a", head="removed: delete\n")
    extra = """
        table: roles
        key: code
        removed: delete
        environments: [{}]
        rows:
          - {{code: b, name: B}}
          - {{code: c, name: C}}
        """
    launched.write("extra", extra.format("production"))
    launched.update()
    assert codes(launched) == ["a", "b", "c"]
    launched.write("extra", extra.format("staging"))
    launched.update()
    launched.update()
    assert codes(launched) == ["a", "b", "c"]


def test_a_column_that_no_row_has_given_does_not_keep_a_row_and_comes_back_with_it(
    launched: Project,
) -> None:
    launched.sql("UPDATE roles SET is_active = false WHERE code = 'b'")
    seed(launched, "a", "c", head="removed: delete\n")
    result = launched.update()
    assert counts(result, "roles") == {"delete": 1}
    launched.assert_settled()
    undo(launched.settings(), log=Events(), run=result.run_id, dry_run=False)
    assert launched.rows("SELECT code, is_active FROM roles ORDER BY code") == [
        ("a", True),
        ("b", False),
        ("c", True),
    ]
