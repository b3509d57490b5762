"""The row table: new, adopted, deleted, gone, back, moved, in and out of scope."""

from __future__ import annotations

import pytest

from seeder.errors import SeedingFailed
from seeder.merge.model import Mode
from seeder.merge.plan import RowAction, SetDecision
from tests.support.merge import Project, counts, outcome

ROLES = (
    "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text,"
    " is_active boolean NOT NULL DEFAULT true, deleted_at timestamptz)"
)


def seed(
    project: Project, *codes: str, head: str = "", names: dict[str, str] | None = None
) -> None:
    given = names or {}
    listed = "".join(
        f"  - {{code: {code}, name: {given.get(code, code.title())}}}\n" for code in codes
    )
    project.write(
        "roles", f"table: roles\nkey: code\n{head}rows:{listed and chr(10)}{listed or ' []'}\n"
    )


def codes(project: Project) -> list[str]:
    return [code for (code,) in project.rows("SELECT code FROM roles ORDER BY code")]


def state(project: Project, addr: str) -> str:
    return str(project.entry("roles", addr)["state"])


@pytest.fixture
def launched(project: Project) -> Project:
    """Roles a, b and c, seeded."""
    project.sql(ROLES)
    seed(project, "a", "b", "c")
    project.init()
    return project


def test_a_row_new_in_the_catalog_is_inserted(launched: Project) -> None:
    seed(launched, "a", "b", "c", "d")
    assert counts(launched.update(), "roles") == {"insert": 1}
    assert codes(launched) == ["a", "b", "c", "d"]
    assert launched.value("SELECT id FROM roles WHERE code = 'd'") == 4
    launched.assert_settled()


def test_a_row_new_in_the_catalog_that_is_already_there_is_adopted(launched: Project) -> None:
    launched.sql("INSERT INTO roles (code, name) VALUES ('d', 'Theirs')")
    seed(launched, "a", "b", "c", "d")
    assert counts(launched.update(), "roles") == {"adopt": 1, "conflicts": 1}
    assert launched.value("SELECT name FROM roles WHERE code = 'd'") == "Theirs"
    assert counts(launched.update(), "roles") == {}
    launched.assert_settled()


def test_a_row_that_a_person_deleted_is_never_reinserted(launched: Project) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'")
    assert counts(launched.update(), "roles") == {"record": 1}
    assert codes(launched) == ["a", "c"]
    assert state(launched, "b") == "d"
    seed(launched, "a", "b", "c", names={"b": "New"})
    assert counts(launched.update(), "roles") == {"keep": 1}
    assert codes(launched) == ["a", "c"]
    launched.assert_settled()


def test_a_deletion_outlives_leaving_the_catalog_and_coming_back(launched: Project) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'")
    seed(launched, "a", "c", head="removed: delete\n")
    launched.update()
    seed(launched, "a", "b", "c", head="removed: delete\n")
    launched.update()
    assert codes(launched) == ["a", "c"]
    launched.assert_settled()


def test_a_deletion_is_noticed_even_by_an_update_that_changes_nothing_else(
    launched: Project,
) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'")
    launched.init()
    launched.update()
    launched.assert_settled()
    assert codes(launched) == ["a", "c"]


# -- gone from the catalog ------------------------------------------------------------------


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


# -- soft deletion --------------------------------------------------------------------------


@pytest.mark.parametrize(("column", "mark"), [("deleted_at", "now()"), ("is_deleted", "true")])
def test_a_soft_deleted_row_is_gone_and_gets_no_twin(
    project: Project, column: str, mark: str
) -> None:
    project.sql(
        "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL, name text,"
        " deleted_at timestamptz, is_deleted boolean)"
    )
    project.sql(
        f"CREATE UNIQUE INDEX ON roles (code) WHERE {column} IS NOT TRUE"
        if column == "is_deleted"
        else "CREATE UNIQUE INDEX ON roles (code) WHERE deleted_at IS NULL"
    )
    seed(project, "a", "b", "c", head=f"deleted: {column}\n")
    project.init()
    project.sql(f"UPDATE roles SET {column} = {mark} WHERE code = 'b'")
    assert counts(project.update(), "roles") == {"record": 1}
    seed(project, "a", "b", "c", head=f"deleted: {column}\n", names={"b": "New"})
    assert counts(project.update(), "roles") == {"keep": 1}
    assert project.rows("SELECT code, name FROM roles ORDER BY id") == [
        ("a", "A"),
        ("b", "B"),
        ("c", "C"),
    ]
    project.assert_settled()


def test_a_row_soft_deleted_before_seeder_came_gets_no_twin(project: Project) -> None:
    project.sql(ROLES)
    project.sql("INSERT INTO roles (code, name, deleted_at) VALUES ('a', 'Old', now())")
    seed(project, "a", "b", head="deleted: deleted_at\n")
    project.update()
    assert project.rows("SELECT code, name FROM roles ORDER BY id") == [("a", "Old"), ("b", "B")]
    project.assert_settled()


def test_a_soft_deleted_row_that_a_person_brings_back_is_recorded_as_live(
    launched: Project,
) -> None:
    seed(launched, "a", "b", "c", head="deleted: deleted_at\n")
    launched.sql("UPDATE roles SET deleted_at = now() WHERE code = 'b'")
    launched.update()
    assert state(launched, "b") == "d"
    launched.sql("UPDATE roles SET deleted_at = NULL WHERE code = 'b'")
    launched.update()
    assert state(launched, "b") == "a"
    launched.assert_settled()


# -- moved ----------------------------------------------------------------------------------


def test_a_moved_row_keeps_its_primary_key_and_edits(launched: Project) -> None:
    launched.sql("UPDATE roles SET name = 'Mine' WHERE code = 'b'")
    seed(launched, "a", "beta", "c", head="moved: [{from: b, to: beta}]\n", names={"beta": "B"})
    assert counts(launched.update(), "roles") == {"move": 1}
    assert launched.rows("SELECT id, code, name FROM roles ORDER BY id") == [
        (1, "a", "A"),
        (2, "beta", "Mine"),
        (3, "c", "C"),
    ]
    assert [e["addr"] for e in launched.entries("roles")] == ["a", "beta", "c"]
    launched.assert_settled()


def test_chains_of_moves_compose(launched: Project) -> None:
    seed(
        launched,
        "a",
        "b3",
        "c",
        head="moved: [{from: b, to: b2}, {from: b2, to: b3}]\n",
        names={"b3": "B"},
    )
    assert counts(launched.update(), "roles") == {"move": 1}
    assert launched.rows("SELECT id, code FROM roles ORDER BY id") == [
        (1, "a"),
        (2, "b3"),
        (3, "c"),
    ]
    launched.assert_settled()


def test_a_move_of_a_row_that_a_person_renamed_is_a_conflict(launched: Project) -> None:
    launched.sql("UPDATE roles SET code = 'mine' WHERE code = 'b'")
    seed(launched, "a", "beta", "c", head="moved: [{from: b, to: beta}]\n", names={"beta": "B"})
    result = launched.update()
    assert counts(result, "roles").get("conflicts") == 1
    assert codes(launched) == ["a", "c", "mine"]
    assert counts(launched.update(), "roles") == {}
    launched.assert_settled()


def test_a_move_of_a_row_that_a_person_deleted_stays_deleted(launched: Project) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'")
    seed(launched, "a", "beta", "c", head="moved: [{from: b, to: beta}]\n")
    launched.update()
    assert codes(launched) == ["a", "c"]
    launched.assert_settled()


def test_a_move_to_a_key_that_a_person_has_taken_is_a_conflict(launched: Project) -> None:
    launched.sql("INSERT INTO roles (code, name) VALUES ('beta', 'Theirs')")
    seed(launched, "a", "beta", "c", head="moved: [{from: b, to: beta}]\n")
    result = launched.update()
    assert counts(result, "roles").get("conflicts") == 1
    assert launched.rows("SELECT id, code, name FROM roles ORDER BY id") == [
        (1, "a", "A"),
        (2, "b", "B"),
        (3, "c", "C"),
        (4, "beta", "Theirs"),
    ]
    launched.assert_settled()


def test_a_move_onto_another_seeded_row_is_a_conflict(launched: Project) -> None:
    seed(launched, "a", "c", head="moved: [{from: b, to: c}]\n")
    launched.update()
    assert launched.rows("SELECT id, code FROM roles ORDER BY id") == [(1, "a"), (2, "b"), (3, "c")]
    launched.assert_settled()


def test_a_move_in_a_database_that_never_had_the_old_row_inserts_the_new(
    project: Project,
) -> None:
    project.sql(ROLES)
    seed(project, "a", "beta", head="moved: [{from: b, to: beta}]\n")
    project.init()
    assert codes(project) == ["a", "beta"]
    project.assert_settled()


def test_two_rows_may_swap_names_over_two_releases(launched: Project) -> None:
    seed(launched, "a", "x", "c", head="moved: [{from: b, to: x}]\n")
    launched.update()
    seed(launched, "a", "x", "b", head="moved: [{from: c, to: b}]\n")
    assert counts(launched.update(), "roles") == {"move": 1}
    assert launched.rows("SELECT id, code FROM roles ORDER BY id") == [(1, "a"), (2, "x"), (3, "b")]
    launched.assert_settled()


def test_what_refers_to_a_moved_row_follows_it(project: Project) -> None:
    project.sql(ROLES)
    project.sql(
        "CREATE TABLE grants (role_id int NOT NULL REFERENCES roles, perm text NOT NULL,"
        " note text, PRIMARY KEY (role_id, perm))"
    )

    def write(code: str, note: str, head: str = "") -> None:
        seed(project, "a", code, "c", head=head, names={code: "B"})
        project.write(
            "grants",
            f"""
            table: grants
            key: [role_id, perm]
            columns: {{role_id: {{ref: roles}}}}
            rows:
              - {{role_id: a, perm: view, note: {note}}}
              - {{role_id: {code}, perm: view, note: {note}}}
            """,
        )

    write("b", "one")
    project.init()
    before = project.rows("SELECT xmin, * FROM grants ORDER BY role_id")
    write("beta", "one", head="moved: [{from: b, to: beta}]\n")
    result = project.update()
    assert counts(result, "roles") == {"move": 1}
    assert counts(result, "grants") == {}
    assert project.rows("SELECT xmin, * FROM grants ORDER BY role_id") == before
    assert [e["addr"] for e in project.entries("grants")] == ["a,view", "beta,view"]
    project.assert_settled()
    write("beta", "two", head="moved: [{from: b, to: beta}]\n")
    assert counts(project.update(), "grants") == {"update": 2}


def test_a_move_of_a_composite_key_with_a_reference(project: Project) -> None:
    project.sql(ROLES)
    project.sql(
        "CREATE TABLE grants (id serial PRIMARY KEY, role_id int NOT NULL REFERENCES roles,"
        " perm text NOT NULL, UNIQUE (role_id, perm))"
    )

    def write(role: str, perm: str, head: str = "") -> None:
        seed(project, "a", "b")
        project.write(
            "grants",
            f"""
            table: grants
            key: [role_id, perm]
            columns: {{role_id: {{ref: roles}}}}
            {head}
            rows:
              - {{role_id: {role}, perm: {perm}}}
            """,
        )

    write("a", "view")
    project.init()
    write("b", "view", head="moved: [{from: [a, view], to: [b, view]}]")
    assert counts(project.update(), "grants") == {"move": 1}
    assert project.rows("SELECT id, role_id, perm FROM grants") == [(1, 2, "view")]
    project.assert_settled()
    write("a", "edit", head="moved: [{from: [b, view], to: [a, edit]}]")
    assert counts(project.update(), "grants") == {"move": 1}
    assert project.rows("SELECT id, role_id, perm FROM grants") == [(1, 1, "edit")]
    project.assert_settled()


# -- scope ----------------------------------------------------------------------------------


SCOPED = (
    "CREATE TABLE roles (id serial PRIMARY KEY, org int, code text NOT NULL, name text);"
    "CREATE UNIQUE INDEX ON roles (code) WHERE org IS NULL;"
    "CREATE UNIQUE INDEX ON roles (org, code) WHERE org IS NOT NULL"
)


def test_rows_out_of_scope_are_invisible(project: Project) -> None:
    project.sql(SCOPED)
    project.sql("INSERT INTO roles (org, code, name) VALUES (7, 'a', 'Customer')")
    seed(project, "a", "b", head="scope: {org: null}\nremoved: delete\n")
    result = project.run()
    assert counts(result, "roles") == {"insert": 2}
    project.assert_settled()
    seed(project, "a", head="scope: {org: null}\nremoved: delete\n", names={"a": "New"})
    assert counts(project.update(), "roles") == {"update": 1, "delete": 1}
    assert project.rows("SELECT org, code, name FROM roles ORDER BY id") == [
        (7, "a", "Customer"),
        (None, "a", "New"),
    ]


def test_a_row_that_a_person_moved_out_of_scope_counts_as_deleted(project: Project) -> None:
    project.sql(SCOPED)
    seed(project, "a", "b", "c", "d", head="scope: {org: null}\n")
    project.init()
    project.sql("UPDATE roles SET org = 7 WHERE code = 'a'")
    project.update()
    assert state(project, "a") == "d"
    assert project.value("SELECT count(*) FROM roles") == 4
    project.assert_settled()


def test_two_scopes_of_one_table_are_two_worlds(project: Project) -> None:
    project.sql(SCOPED)
    for name, org in (("roles_1", 1), ("roles_2", 2)):
        project.write(
            name,
            f"table: roles\nkey: [org, code]\nscope: {{org: {org}}}\n"
            f"removed: delete\nrows: [{{code: a, name: N{org}}}, {{code: b}}]\n",
        )
    project.init()
    project.write(
        "roles_1",
        "table: roles\nkey: [org, code]\nscope: {org: 1}\n"
        "removed: delete\nrows: [{code: a, name: New}]\n",
    )
    result = project.update()
    assert counts(result, "roles_1") == {"update": 1, "delete": 1}
    assert counts(result, "roles_2") == {}
    assert project.rows("SELECT org, code, name FROM roles ORDER BY 1, 2") == [
        (1, "a", "New"),
        (2, "a", "N2"),
        (2, "b", None),
    ]
    project.assert_settled()


def test_a_scope_constant_may_hold_quotes_and_percent_signs(project: Project) -> None:
    project.sql(
        "CREATE TABLE t (kind text NOT NULL, code text NOT NULL, n int, PRIMARY KEY (kind, code))"
    )
    scope = "scope: {kind: \"100%s 'x'; {}\"}\n"
    project.write(
        "t",
        f"table: t\nkey: [kind, code]\n{scope}removed: delete\n"
        "rows: [{code: a%, n: 1}, {code: b, n: 1}]\n",
    )
    project.init()
    project.assert_settled()
    project.write(
        "t", f"table: t\nkey: [kind, code]\n{scope}removed: delete\nrows: [{{code: a%, n: 2}}]\n"
    )
    assert counts(project.update(), "t") == {"update": 1, "delete": 1}
    assert project.rows("SELECT * FROM t") == [("100%s 'x'; {}", "a%", 2)]


# -- the guard ------------------------------------------------------------------------------


def test_all_rows_of_three_gone_stops_the_run(launched: Project) -> None:
    launched.sql("TRUNCATE roles")
    with pytest.raises(SeedingFailed) as caught:
        launched.update()
    assert caught.value.exit_code == 18
    assert "roles" in str(caught.value)
    launched.update(allow_missing=("roles",))
    assert codes(launched) == []
    launched.assert_settled()


def test_two_of_three_gone_is_a_persons_business(launched: Project) -> None:
    launched.sql("DELETE FROM roles WHERE code <> 'a'")
    assert counts(launched.update(), "roles") == {"record": 2}


def test_over_half_of_ten_gone_or_rekeyed_stops_the_run(project: Project) -> None:
    project.sql(ROLES)
    names = [f"r{n}" for n in range(10)]
    seed(project, *names)
    project.init()
    project.sql("DELETE FROM roles WHERE id <= 3; UPDATE roles SET code = code || 'x' WHERE id > 7")
    with pytest.raises(SeedingFailed):
        project.update()
    project.sql("UPDATE roles SET code = trim(trailing 'x' from code)")
    assert counts(project.update(), "roles") == {"record": 3}


def test_rows_that_left_the_catalog_do_not_excuse_those_that_vanished(project: Project) -> None:
    project.sql(ROLES)
    names = [f"r{n}" for n in range(12)]
    seed(project, *names)
    project.init()
    project.sql("DELETE FROM roles")
    seed(project, *names[:4])
    with pytest.raises(SeedingFailed):
        project.update()


# -- refresh and ordinary deploys -----------------------------------------------------------


def test_refresh_brings_every_row_to_its_desired_value(project: Project) -> None:
    project.environment = "dev"
    project.sql(ROLES)
    seed(project, "a", "b", "c")
    project.run()
    project.sql("UPDATE roles SET name = 'Mine' WHERE code = 'a'; DELETE FROM roles WHERE code='b'")
    result = project.run(Mode.REFRESH)
    assert counts(result, "roles") == {"update": 1, "insert": 1}
    assert project.rows("SELECT code, name FROM roles ORDER BY code") == [
        ("a", "A"),
        ("b", "B"),
        ("c", "C"),
    ]
    project.assert_settled()
    project.assert_settled(mode=Mode.REFRESH)


def test_refresh_brings_back_what_a_person_deleted_long_ago(project: Project) -> None:
    project.environment = "dev"
    project.sql(ROLES)
    seed(project, "a", "b", "c")
    project.run()
    project.sql("DELETE FROM roles WHERE code = 'b'")
    project.update()
    assert state(project, "b") == "d"
    project.run(Mode.REFRESH)
    assert codes(project) == ["a", "b", "c"]
    assert state(project, "b") == "a"
    project.assert_settled()


def test_refresh_of_a_table_that_seeder_never_saw(project: Project) -> None:
    project.environment = "dev"
    project.sql(ROLES)
    project.sql("INSERT INTO roles (code, name) VALUES ('a', 'Mine'), ('z', 'Z')")
    seed(project, "a", "b")
    project.run(Mode.REFRESH)
    assert project.rows("SELECT code, name FROM roles ORDER BY code") == [
        ("a", "A"),
        ("b", "B"),
        ("z", "Z"),
    ]
    project.assert_settled()


def test_an_ordinary_deploy_touches_nothing_that_was_seeded(launched: Project) -> None:
    seed(launched, "a", "b", "c", "d", names={"a": "New"})
    before = launched.snapshot()
    result = launched.init()
    assert outcome(result, "roles").decision is SetDecision.PENDING
    assert launched.snapshot() == before


def test_when_missing_inserts_rows_never_seeded_on_an_ordinary_deploy(launched: Project) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'; UPDATE roles SET name = 'Mine'")
    seed(launched, "a", "b", "c", "d", head="when: missing\n", names={"a": "New"})
    result = launched.init()
    assert counts(result, "roles") == {"insert": 1}
    assert launched.rows("SELECT code, name FROM roles ORDER BY code") == [
        ("a", "Mine"),
        ("c", "Mine"),
        ("d", "D"),
    ]
    result = launched.update()
    assert "b" not in codes(launched)
    assert launched.value("SELECT name FROM roles WHERE code = 'a'") == "Mine"


def test_when_missing_does_not_swallow_what_an_update_would_bring(launched: Project) -> None:
    seed(launched, "a", "b", "c", "d", head="when: missing\n", names={"a": "New"})
    launched.init()
    launched.init()
    assert counts(launched.update(), "roles") == {"update": 1}
    assert launched.value("SELECT name FROM roles WHERE code = 'a'") == "New"


def test_when_missing_leaves_live_rows_of_the_same_key_alone(launched: Project) -> None:
    launched.sql("INSERT INTO roles (code, name) VALUES ('d', 'Theirs')")
    seed(launched, "a", "b", "c", "d", head="when: missing\n")
    launched.init()
    assert launched.value("SELECT name FROM roles WHERE code = 'd'") == "Theirs"


def test_a_key_that_is_always_generated_cannot_move_and_the_row_is_named(
    project: Project,
) -> None:
    project.sql("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text)")
    head = "table: t\nkey: id\n"
    project.write("t", head + "rows:\n  - {id: 1, label: A}\n  - {id: 2, label: B}\n")
    project.init()
    project.write(
        "t",
        head + "moved: [{from: 2, to: 5}]\nrows:\n  - {id: 1, label: A2}\n  - {id: 5, label: B}\n",
    )
    with pytest.raises(SeedingFailed) as caught:
        project.update()
    assert caught.value.message == (
        "t/5 is to have another value in the column id of public.t, which is GENERATED ALWAYS."
    )
    assert "SET GENERATED BY DEFAULT" in (caught.value.hint or "")
    assert [(each.line, each.address) for each in caught.value.problems] == [(6, "t/5")]
    assert project.rows("SELECT * FROM t ORDER BY 1") == [(1, "A"), (2, "B")]
    project.sql("ALTER TABLE t ALTER id SET GENERATED BY DEFAULT")
    assert counts(project.update(), "t") == {"update": 1, "move": 1}
    assert project.rows("SELECT * FROM t ORDER BY 1") == [(1, "A2"), (5, "B")]
    project.assert_settled()


def test_an_id_that_is_always_generated_cannot_change_and_the_row_is_named(
    project: Project,
) -> None:
    project.sql(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text UNIQUE)"
    )
    head = "table: t\nkey: code\nrows:\n"
    project.write("t", head + "  - {code: a, id: 1}\n  - {code: b, id: 2}\n")
    project.init()
    project.write("t", head + "  - {code: a, id: 1}\n  - {code: b, id: 7}\n")
    with pytest.raises(SeedingFailed, match=r"^t/b is to have another value in the column id"):
        project.update()
