"""Rows whose key changes in the catalog."""

from __future__ import annotations

import pytest

from seeder.errors import SeedingFailed
from tests.support.coded_roles import ROLES, codes, launch, seed
from tests.support.merge import Project, counts


@pytest.fixture
def launched(project: Project) -> Project:
    """Roles a, b and c, seeded."""
    return launch(project)


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
