"""References: through the ledger, by key, to rows of no set, and to nowhere."""

from __future__ import annotations

import pytest

from seeder.errors import SeedingFailed
from seeder.merge.plan import RowAction, SetDecision
from tests.support.merge import Project, counts, outcome

ROLES = "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text)"
USERS = (
    "CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE,"
    " role_id int REFERENCES roles, name text)"
)


def roles(project: Project, *codes: str, head: str = "") -> None:
    listed = "".join(f"  - {{code: {code}}}\n" for code in codes)
    project.write(
        "roles", f"table: roles\nkey: code\n{head}rows:{chr(10) + listed if listed else ' []'}\n"
    )


def users(project: Project, head: str = "", **role_of: str) -> None:
    listed = "".join(f"  - {{email: {e}, role_id: {r}}}\n" for e, r in role_of.items())
    project.write(
        "users",
        f"table: users\nkey: email\n{head}columns: {{role_id: {{ref: roles}}}}\nrows:\n{listed}",
    )


def live(project: Project) -> list[tuple[object, ...]]:
    return project.rows(
        "SELECT u.email, r.code FROM users u LEFT JOIN roles r ON r.id = u.role_id ORDER BY 1"
    )


@pytest.fixture
def launched(project: Project) -> Project:
    project.sql(ROLES + ";" + USERS)
    roles(project, "owner", "viewer")
    users(project, ann="owner", bob="viewer")
    project.init()
    return project


def test_references_store_the_primary_key_of_the_row_they_name(launched: Project) -> None:
    assert live(launched) == [("ann", "owner"), ("bob", "viewer")]
    launched.assert_settled()


def test_a_reference_that_the_catalog_changes_is_updated(launched: Project) -> None:
    users(launched, ann="viewer", bob="viewer")
    assert counts(launched.update(), "users") == {"update": 1}
    assert live(launched) == [("ann", "viewer"), ("bob", "viewer")]
    launched.assert_settled()


def test_a_reference_that_a_person_changed_is_kept(launched: Project) -> None:
    launched.sql("UPDATE users SET role_id = 1 WHERE email = 'bob'")
    launched.assert_settled()
    roles(launched, "owner", "viewer", "editor")
    users(launched, ann="owner", bob="editor")
    assert counts(launched.update(), "users") == {"keep": 1, "conflicts": 1}
    assert live(launched) == [("ann", "owner"), ("bob", "owner")]
    assert counts(launched.update(), "users") == {}
    launched.assert_settled()


def test_a_reference_follows_a_row_that_a_person_renamed(launched: Project) -> None:
    launched.sql("UPDATE roles SET code = 'boss' WHERE code = 'owner'")
    users(launched, ann="owner", bob="owner")
    assert counts(launched.update(), "users") == {"update": 1}
    assert live(launched) == [("ann", "boss"), ("bob", "boss")]
    launched.assert_settled()


def test_a_reference_to_a_row_inserted_by_the_same_update(launched: Project) -> None:
    roles(launched, "owner", "viewer", "editor")
    users(launched, ann="editor", bob="viewer", cid="editor")
    assert counts(launched.update(), "users") == {"update": 1, "insert": 1}
    assert live(launched) == [("ann", "editor"), ("bob", "viewer"), ("cid", "editor")]
    launched.assert_settled()


def test_a_reference_may_become_null_and_come_back(launched: Project) -> None:
    users(launched, ann="null", bob="viewer")
    assert counts(launched.update(), "users") == {"update": 1}
    assert live(launched)[0] == ("ann", None)
    launched.assert_settled()
    users(launched, ann="owner", bob="viewer")
    assert counts(launched.update(), "users") == {"update": 1}
    assert live(launched)[0] == ("ann", "owner")
    launched.assert_settled()


def test_a_new_row_that_refers_to_a_deleted_one_is_skipped_and_named(launched: Project) -> None:
    launched.sql("UPDATE users SET role_id = NULL; DELETE FROM roles WHERE code = 'viewer'")
    users(launched, ann="owner", bob="viewer", cid="viewer")
    result = launched.update()
    skipped = [row for row in outcome(result, "users").kept if row.action is RowAction.SKIP]
    assert "users/cid" in [row.address for row in skipped]
    assert [email for email, _ in live(launched)] == ["ann", "bob"]


def test_a_row_that_is_to_refer_to_a_deleted_one_is_skipped(launched: Project) -> None:
    roles(launched, "owner", "viewer", "editor")
    launched.update()
    launched.sql("DELETE FROM roles WHERE code = 'editor'")
    users(launched, ann="editor", bob="viewer")
    result = launched.update()
    assert counts(result, "users")["skip"] == 1
    assert live(launched)[0] == ("ann", "owner")


def test_a_row_whose_referenced_row_was_deleted_is_quiet_while_nothing_new_is_asked(
    launched: Project,
) -> None:
    launched.sql("UPDATE users SET role_id = 1; DELETE FROM roles WHERE code = 'viewer'")
    result = launched.update()
    assert counts(result, "users") == {}
    launched.assert_settled()


def test_a_skipped_row_arrives_once_the_row_it_refers_to_is_back(launched: Project) -> None:
    launched.sql("UPDATE users SET role_id = NULL; DELETE FROM roles WHERE code = 'viewer'")
    users(launched, ann="owner", bob="viewer", cid="viewer")
    launched.update()
    launched.sql("INSERT INTO roles (code) VALUES ('viewer')")
    launched.update()
    assert ("cid", "viewer") in live(launched)
    launched.assert_settled()


def test_a_recreated_row_with_a_new_primary_key_keeps_its_dependents_working(
    launched: Project,
) -> None:
    launched.sql(
        "UPDATE users SET role_id = NULL WHERE email = 'bob';"
        "DELETE FROM roles WHERE code = 'viewer'; INSERT INTO roles (code) VALUES ('viewer');"
        "UPDATE users SET role_id = 3 WHERE email = 'bob'"
    )
    launched.update()
    launched.assert_settled()
    users(launched, ann="viewer", bob="owner")
    launched.update()
    assert live(launched)[0] == ("ann", "viewer")


def test_references_to_rows_that_no_set_owns(project: Project) -> None:
    project.sql(
        "CREATE TABLE currencies (id serial PRIMARY KEY, code char(3) UNIQUE);"
        "INSERT INTO currencies (code) VALUES ('EUR'), ('USD');"
        "CREATE TABLE plans (code text PRIMARY KEY, currency_id int REFERENCES currencies)"
    )

    def plans(**currency: str) -> None:
        listed = "".join(f"  - {{code: {c}, currency_id: {v}}}\n" for c, v in currency.items())
        project.write(
            "plans",
            "table: plans\nkey: code\ncolumns:\n  currency_id:"
            f" {{ref: {{table: currencies, key: code}}}}\nrows:\n{listed}",
        )

    plans(a="EUR", b="USD")
    project.init()
    assert project.rows("SELECT * FROM plans ORDER BY 1") == [("a", 1), ("b", 2)]
    project.assert_settled()
    plans(a="USD", b="USD", c="CHF")
    result = project.update()
    assert counts(result, "plans") == {"update": 1, "skip": 1}
    assert project.rows("SELECT * FROM plans ORDER BY 1") == [("a", 2), ("b", 2)]


def test_a_foreign_key_to_a_column_that_is_not_the_primary_key(project: Project) -> None:
    project.sql(
        "CREATE TABLE roles (id serial PRIMARY KEY, code text UNIQUE NOT NULL, ref uuid UNIQUE"
        " NOT NULL DEFAULT gen_random_uuid());"
        "CREATE TABLE users (email text PRIMARY KEY, role_ref uuid REFERENCES roles (ref))"
    )
    roles(project, "a", "b")
    project.write(
        "users",
        "table: users\nkey: email\ncolumns: {role_ref: {ref: roles}}\n"
        "rows: [{email: x, role_ref: a}, {email: yy, role_ref: b}]\n",
    )
    project.init()
    assert project.rows(
        "SELECT email, code FROM users JOIN roles ON ref = role_ref ORDER BY 1"
    ) == [("x", "a"), ("yy", "b")]
    project.assert_settled()
    roles(project, "a", "b", "c")
    project.write(
        "users",
        "table: users\nkey: email\ncolumns: {role_ref: {ref: roles}}\n"
        "rows: [{email: x, role_ref: c}, {email: yy, role_ref: b}]\n",
    )
    assert counts(project.update(), "users") == {"update": 1}


def test_references_to_rows_with_a_composite_key(project: Project) -> None:
    project.sql(
        "CREATE TABLE places (id serial PRIMARY KEY, land text, town text, UNIQUE (land, town));"
        "CREATE TABLE shops (code text PRIMARY KEY, place_id int REFERENCES places)"
    )
    project.write(
        "places",
        "table: places\nkey: [land, town]\nrows:\n"
        "  - {land: de, town: 'A, B'}\n  - {land: 'd\\e', town: X}\n",
    )
    project.write(
        "shops",
        "table: shops\nkey: code\ncolumns: {place_id: {ref: places}}\nrows:\n"
        "  - {code: s, place_id: [de, 'A, B']}\n  - {code: t, place_id: ['d\\e', X]}\n",
    )
    project.init()
    assert project.rows("SELECT * FROM shops ORDER BY 1") == [("s", 1), ("t", 2)]
    project.assert_settled()


# -- references and removal ------------------------------------------------------------------


def test_children_that_leave_in_the_same_release_do_not_hold_their_parents(
    launched: Project,
) -> None:
    roles(launched, "owner", head="removed: delete\n")
    users(launched, ann="owner", head="removed: delete\n")
    result = launched.update()
    assert counts(result, "users") == {"delete": 1}
    assert counts(result, "roles") == {"delete": 1}
    assert live(launched) == [("ann", "owner")]
    launched.assert_settled()


def test_children_that_are_kept_hold_their_parents(launched: Project) -> None:
    launched.sql("UPDATE users SET name = 'Mine', role_id = 2 WHERE email = 'bob'")
    launched.sql("UPDATE users SET role_id = 2 WHERE email = 'ann'")
    roles(launched, "owner", head="removed: delete\n")
    users(launched, ann="owner", head="removed: delete\n")
    result = launched.update()
    assert counts(result, "roles") == {"keep": 1, "conflicts": 1}
    assert launched.value("SELECT count(*) FROM roles") == 2


def test_a_child_that_points_elsewhere_in_the_same_release_frees_its_parent(
    launched: Project,
) -> None:
    roles(launched, "owner", head="removed: delete\n")
    users(launched, ann="owner", bob="owner")
    result = launched.update()
    assert counts(result, "users") == {"update": 1}
    assert counts(result, "roles") == {"delete": 1}
    assert live(launched) == [("ann", "owner"), ("bob", "owner")]
    launched.assert_settled()


# -- expansion --------------------------------------------------------------------------------


def test_an_expanded_set_grows_and_shrinks_with_what_it_matches(project: Project) -> None:
    project.sql(
        ROLES + "; CREATE TABLE perms (id serial PRIMARY KEY, code text UNIQUE NOT NULL);"
        "CREATE TABLE grants (role_id int NOT NULL REFERENCES roles, perm_id int NOT NULL"
        " REFERENCES perms, PRIMARY KEY (role_id, perm_id))"
    )
    roles(project, "owner", "viewer")

    def perms(*codes: str) -> None:
        listed = "".join(f"  - {{code: {code}}}\n" for code in codes)
        project.write("perms", f"table: perms\nkey: code\nremoved: delete\nrows:\n{listed}")

    project.write(
        "grants",
        """
        table: grants
        key: [role_id, perm_id]
        removed: delete
        columns:
          role_id: {ref: roles}
          perm_id: {ref: perms, expand: true}
        rows:
          - {role_id: owner, perm_id: ["*", "!dev.*"]}
          - {role_id: viewer, perm_id: ["*.view"]}
        """,
    )

    def granted() -> list[tuple[object, ...]]:
        return project.rows(
            "SELECT r.code, p.code FROM grants JOIN roles r ON r.id = role_id"
            " JOIN perms p ON p.id = perm_id ORDER BY 1, 2"
        )

    perms("stock.view", "stock.edit", "dev.all")
    project.init()
    assert granted() == [("owner", "stock.edit"), ("owner", "stock.view"), ("viewer", "stock.view")]
    project.assert_settled()
    project.sql("DELETE FROM grants WHERE role_id = 2")
    perms("stock.view", "dev.all", "bill.view")
    result = project.update()
    assert counts(result, "grants") == {"record": 1, "insert": 2, "delete": 1}
    assert counts(result, "perms") == {"insert": 1, "delete": 1}
    assert granted() == [("owner", "bill.view"), ("owner", "stock.view"), ("viewer", "bill.view")]
    project.assert_settled()


# -- pending by reference ----------------------------------------------------------------------


def test_a_new_set_that_refers_to_pending_rows_is_pending_as_a_whole(project: Project) -> None:
    project.sql(ROLES + ";" + USERS)
    roles(project, "owner")
    project.init()
    roles(project, "owner", "viewer")
    users(project, ann="owner", bob="viewer")
    result = project.init()
    assert outcome(result, "roles").decision is SetDecision.PENDING
    assert outcome(result, "users").decision is SetDecision.PENDING
    assert live(project) == []
    project.update()
    assert live(project) == [("ann", "owner"), ("bob", "viewer")]
    project.assert_settled()


def test_a_new_set_that_refers_to_rows_already_there_is_inserted_by_an_ordinary_deploy(
    project: Project,
) -> None:
    project.sql(ROLES + ";" + USERS)
    roles(project, "owner")
    project.init()
    users(project, ann="owner")
    assert counts(project.init(), "users") == {"insert": 1}
    assert live(project) == [("ann", "owner")]


def test_a_set_that_refers_to_an_unadopted_one_waits_for_it(project: Project) -> None:
    project.sql(ROLES + ";" + USERS)
    project.sql("INSERT INTO roles (code) VALUES ('viewer')")
    roles(project, "owner", "viewer")
    users(project, ann="owner")
    result = project.init()
    assert outcome(result, "roles").decision is SetDecision.UNADOPTED
    assert outcome(result, "users").decision is SetDecision.PENDING
    project.update()
    assert live(project) == [("ann", "owner")]
    project.assert_settled()


def test_a_row_that_the_table_rejects_is_named_with_file_and_line(launched: Project) -> None:
    launched.sql("ALTER TABLE users ADD CHECK (email <> 'dan')")
    users(launched, ann="owner", bob="viewer", cid="owner", dan="owner", eve="owner")
    with pytest.raises(SeedingFailed) as caught:
        launched.update()
    (problem,) = caught.value.problems
    assert (problem.address, problem.line) == ("users/dan", 8)
    assert [email for email, _ in live(launched)] == ["ann", "bob"]
    assert len(launched.entries("users")) == 2


def test_a_marked_row_that_is_back_and_waits_for_another_keeps_its_marks(
    launched: Project,
) -> None:
    launched.sql("ALTER TABLE users ADD gone text")
    head = "removed: {set: {gone: 'yes'}}\n"
    users(launched, head, ann="owner")
    launched.update()
    launched.sql("UPDATE users SET role_id = NULL; DELETE FROM roles WHERE code = 'viewer'")
    users(launched, head, ann="owner", bob="viewer")
    assert counts(launched.update(), "users") == {"skip": 1}
    marks = "SELECT gone FROM users WHERE email = 'bob'"
    assert launched.rows(marks) == [("yes",)]
    launched.assert_settled()
    users(launched, head, ann="owner", bob="owner")
    launched.update()
    assert launched.rows(marks) == [(None,)]
    launched.assert_settled()


def test_a_reference_to_a_row_that_is_found_again_in_the_same_update(launched: Project) -> None:
    launched.sql("UPDATE roles SET code = 'chief' WHERE code = 'viewer'")
    roles(launched, "chief", "viewer", head="moved: [{from: owner, to: chief}]\n")
    users(launched, ann="chief", bob="viewer")
    launched.update()
    assert launched.entry("roles", "viewer")["state"] == "d"  # the row has the key of another one

    moved = "moved: [{from: owner, to: lead}, {from: chief, to: lead}]\n"
    roles(launched, "lead", "viewer", head=moved)
    users(launched, ann="lead", bob="viewer", cid="viewer")
    launched.survey()
    assert launched.row_plan("users/cid").action is RowAction.INSERT
    assert counts(launched.update(), "users") == {"insert": 1}
    assert launched.entry("roles", "viewer")["state"] == "a"
    assert live(launched) == [("ann", "lead"), ("bob", "chief"), ("cid", "chief")]
    launched.assert_settled()


def test_a_row_of_a_table_that_the_same_run_brings_is_found_by_its_key(project: Project) -> None:
    project.sql(
        "CREATE TABLE areas (id serial PRIMARY KEY, code text UNIQUE);"
        "CREATE TABLE kinds (id serial PRIMARY KEY, code text UNIQUE,"
        " area_id int REFERENCES areas);"
        "CREATE TABLE things (code text PRIMARY KEY, kind_id int REFERENCES kinds)"
    )
    areas = "table: areas\nkey: code\nrows:\n"
    kinds = "table: kinds\nkey: code\ncolumns: {area_id: {ref: areas}}\nrows:\n"
    things = (
        "table: things\nkey: code\ncolumns: {kind_id: {ref: {table: kinds, key: code}}}\nrows:\n"
    )
    for step, names in enumerate(["a", "ab", "abc"]):
        project.write("areas", areas + "".join(f"  - {{code: {n}}}\n" for n in names))
        project.write(
            "kinds", kinds + "".join(f"  - {{code: k{n}, area_id: {n}}}\n" for n in names)
        )
        project.write(
            "things", things + "".join(f"  - {{code: t{n}, kind_id: k{n}}}\n" for n in names)
        )
        result = project.update() if step else project.init()
        assert counts(result, "things") == {"insert": 1}
        assert project.plans["things"].counts == {"insert": 1}
    found = project.rows(
        "SELECT t.code, k.code, a.code FROM things t JOIN kinds k ON k.id = kind_id"
        " JOIN areas a ON a.id = area_id ORDER BY 1"
    )
    assert found == [("ta", "ka", "a"), ("tb", "kb", "b"), ("tc", "kc", "c")]


@pytest.mark.parametrize("form", ["yaml", "csv"])
@pytest.mark.parametrize("mark", ["boolean", "timestamptz"])
def test_a_row_waits_whose_parent_the_catalog_has_as_deleted(
    project: Project, form: str, mark: str
) -> None:
    project.sql(
        f"CREATE TABLE kinds (id serial PRIMARY KEY, code text NOT NULL UNIQUE, gone {mark});"
        "CREATE TABLE items (code text PRIMARY KEY, kind int REFERENCES kinds)"
    )
    gone = "true" if mark == "boolean" else "2026-01-02"
    rows = f"rows: [{{code: a, gone: null}}, {{code: b, gone: {gone}}}]\n"
    if form == "csv":
        rows = "rows_from: kinds.csv\n"
        project.write("kinds.csv", f"code,gone\na,\nb,{gone}\n")
    project.write("kinds", f"table: kinds\nkey: code\ndeleted: gone\n{rows}")
    project.write(
        "items",
        "table: items\nkey: code\ncolumns: {kind: {ref: kinds}}\n"
        "rows: [{code: v, kind: a}, {code: w, kind: b}]\n",
    )
    assert counts(project.init(), "items") == {"insert": 1, "skip": 1}
    assert project.rows("SELECT code, kind FROM items") == [("v", 1)]
    assert project.update().left == {"skip": 1}
