"""Odd corners where a merge could go wrong."""

from __future__ import annotations

import pytest

from seeder.errors import ConfigurationInvalid, SeedingFailed
from seeder.merge.plan import RowAction
from tests.support.merge import Project, counts, outcome

ROLES = "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text)"


def test_a_scope_or_a_mark_cannot_hold_the_key_of_another_row(project: Project) -> None:
    project.sql(
        ROLES + "; CREATE TABLE users (id serial PRIMARY KEY, role_id int REFERENCES roles,"
        " email text, UNIQUE (role_id, email))"
    )
    project.write("roles", "table: roles\nkey: code\nrows: [{code: other}, {code: owner}]\n")
    project.surveyed = False
    for line in ("scope: {role_id: owner}", "removed: {set: {role_id: owner}}"):
        key = "[role_id, email]" if "scope" in line else "email"
        row = "{email: a}" if "scope" in line else "{email: a, role_id: owner}"
        project.write(
            "users",
            f"table: users\nkey: {key}\n{line}\n"
            f"columns: {{role_id: {{ref: roles}}}}\nrows: [{row}]\n",
        )
        with pytest.raises(ConfigurationInvalid) as caught:
            project.init()
        assert any("the key of another row" in p.message for p in caught.value.problems)


def test_removal_may_clear_a_reference(project: Project) -> None:
    project.sql(
        ROLES + "; CREATE TABLE users (email text PRIMARY KEY, role_id int REFERENCES roles)"
    )
    project.write("roles", "table: roles\nkey: code\nrows: [{code: owner}]\n")

    def users(*emails: str) -> None:
        listed = "".join(f"  - {{email: {email}, role_id: owner}}\n" for email in emails)
        project.write(
            "users",
            "table: users\nkey: email\nremoved: {set: {role_id: null}}\n"
            f"columns: {{role_id: {{ref: roles}}}}\nrows:\n{listed}",
        )

    users("a", "b")
    project.init()
    users("a")
    assert counts(project.update(), "users") == {"remove": 1}
    assert project.rows("SELECT * FROM users ORDER BY 1") == [("a", 1), ("b", None)]
    project.assert_settled()
    users("a", "b")
    assert counts(project.update(), "users") == {"restore": 1}
    assert project.rows("SELECT * FROM users ORDER BY 1") == [("a", 1), ("b", 1)]
    project.assert_settled()


def test_a_mark_that_a_trigger_rewrites_is_still_ours(project: Project) -> None:
    project.sql(
        ROLES + ";CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;"
        "CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON roles"
        " FOR EACH ROW EXECUTE FUNCTION shout()"
    )
    head = "table: roles\nkey: code\nremoved: {set: {name: gone}}\nrows:\n"
    project.write("roles", head + "  - {code: a, name: one}\n  - {code: b, name: two}\n")
    project.init()
    project.write("roles", head + "  - {code: a, name: one}\n")
    project.update()
    assert project.value("SELECT name FROM roles WHERE code = 'b'") == "GONE"
    project.assert_settled()
    project.write("roles", head + "  - {code: a, name: one}\n  - {code: b, name: two}\n")
    assert counts(project.update(), "roles") == {"restore": 1}
    assert project.value("SELECT name FROM roles WHERE code = 'b'") == "TWO"
    project.assert_settled()


def csv_set(project: Project, *lines: str) -> None:
    project.write("lands.csv", "\n".join(["code,name,n", *lines, ""]))
    project.write("lands", "table: lands\nkey: code\nremoved: delete\nrows_from: lands.csv\n")


def test_csv_rows_merge_like_any_other(project: Project) -> None:
    project.sql("CREATE TABLE lands (id serial PRIMARY KEY, code text UNIQUE, name text, n int)")
    csv_set(project, 'de,"Germany, ""D""",1', "fr,,2", 'it,"",', '"a,b\\",x,4')
    assert counts(project.init(), "lands") == {"insert": 4}
    assert project.rows("SELECT code, name, n FROM lands ORDER BY id") == [
        ("de", 'Germany, "D"', 1),
        ("fr", None, 2),
        ("it", "", None),
        ("a,b\\", "x", 4),
    ]
    project.assert_settled()
    project.sql("UPDATE lands SET name = 'Mine' WHERE code = 'de'")
    csv_set(project, "de,Deutschland,1", 'fr,"",2', '"a,b\\",x,5', "es,Spain,9")
    assert counts(project.update(), "lands") == {
        "update": 2,
        "keep": 1,
        "conflicts": 1,
        "insert": 1,
        "delete": 1,
    }
    assert project.rows("SELECT code, name, n FROM lands ORDER BY id") == [
        ("de", "Mine", 1),
        ("fr", "", 2),
        ("a,b\\", "x", 5),
        ("es", "Spain", 9),
    ]
    project.assert_settled()


SOFT = (
    "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL, name text,"
    " deleted_at timestamptz); CREATE UNIQUE INDEX ON roles (code) WHERE deleted_at IS NULL"
)
SOFT_HEAD = "table: roles\nkey: code\ndeleted: deleted_at\nrows:\n"


def test_a_row_made_anew_beside_its_soft_deleted_self_is_the_live_one(project: Project) -> None:
    project.sql(SOFT)
    project.write("roles", SOFT_HEAD + "  - {code: a, name: one}\n  - {code: b, name: one}\n")
    project.init()
    project.sql("UPDATE roles SET deleted_at = now() WHERE code = 'b'")
    project.sql("INSERT INTO roles (code, name) VALUES ('b', 'one')")
    project.write("roles", SOFT_HEAD + "  - {code: a, name: one}\n  - {code: b, name: two}\n")
    assert counts(project.update(), "roles") == {"update": 1}
    assert project.rows("SELECT id, name FROM roles ORDER BY id") == [
        (1, "one"),
        (2, "one"),
        (3, "two"),
    ]
    project.assert_settled()


def test_many_soft_deleted_rows_of_one_key_are_no_twins(project: Project) -> None:
    project.sql(SOFT)
    project.sql(
        "INSERT INTO roles (code, deleted_at) VALUES ('a', now()), ('a', now()), ('b', now()),"
        " ('b', now())"
    )
    project.sql("INSERT INTO roles (code, name) VALUES ('b', 'one')")
    project.write("roles", SOFT_HEAD + "  - {code: a, name: one}\n  - {code: b, name: one}\n")
    assert counts(project.update(), "roles") == {"record": 1, "adopt": 1}
    assert project.value("SELECT count(*) FROM roles") == 5
    project.assert_settled()
    project.sql("UPDATE roles SET deleted_at = now() WHERE deleted_at IS NULL")
    project.update()
    project.assert_settled()


def test_a_column_that_a_migration_dropped_is_forgotten(project: Project) -> None:
    project.sql(ROLES)
    head = "table: roles\nkey: code\nremoved: delete\nrows:\n"
    project.write("roles", head + "  - {code: a, name: one}\n  - {code: b, name: one}\n")
    project.init()
    project.sql("ALTER TABLE roles DROP name")
    project.write("roles", head + "  - {code: a}\n")
    assert counts(project.update(), "roles") == {"delete": 1}
    project.assert_settled()


def test_a_key_whose_type_changes_keeps_its_rows(project: Project) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, code int UNIQUE NOT NULL, name text)")
    project.write("t", "table: t\nkey: code\nrows: [{code: 1, name: a}, {code: 2, name: b}]\n")
    project.init()
    project.sql("ALTER TABLE t ALTER code TYPE text")
    project.write("t", "table: t\nkey: code\nrows: [{code: '1', name: c}, {code: '2', name: b}]\n")
    assert counts(project.update(), "t") == {"update": 1}
    project.assert_settled()


def test_a_primary_key_whose_type_changes_keeps_its_rows(project: Project) -> None:
    project.sql("CREATE TABLE t (code int PRIMARY KEY, name text)")
    project.write("t", "table: t\nkey: code\nrows: [{code: 1, name: a}, {code: 2, name: b}]\n")
    project.init()
    project.sql("ALTER TABLE t ALTER code TYPE text")
    project.write(
        "t",
        "table: t\nkey: code\nrows:\n  - {code: '1', name: c}\n  - {code: '2', name: b}\n"
        "  - {code: three, name: d}\n",
    )
    assert counts(project.update(), "t") == {"update": 1, "insert": 1}
    project.assert_settled()


def test_a_primary_key_that_grew_to_bigint_takes_large_values(project: Project) -> None:
    project.sql(ROLES)
    project.write("roles", "table: roles\nkey: code\nrows: [{code: a}]\n")
    project.init()
    project.sql(
        "ALTER TABLE roles ALTER id TYPE bigint; ALTER SEQUENCE roles_id_seq AS bigint;"
        "SELECT setval('roles_id_seq', 5000000000)"
    )
    project.write("roles", "table: roles\nkey: code\nrows: [{code: a}, {code: b}]\n")
    assert counts(project.update(), "roles") == {"insert": 1}
    assert project.entry("roles", "b")["p1"] == 5000000001
    project.assert_settled()


def test_a_key_with_a_collation_of_its_own(project: Project) -> None:
    project.sql(
        'CREATE TABLE roles (id serial PRIMARY KEY, code text COLLATE "C" UNIQUE,'
        ' name text COLLATE "POSIX");'
        "CREATE TABLE users (email text PRIMARY KEY, role_id int REFERENCES roles)"
    )
    project.write("roles", "table: roles\nkey: code\nrows: [{code: a, name: b}, {code: B}]\n")
    project.write(
        "users",
        "table: users\nkey: email\ncolumns:\n  role_id: {ref: {table: roles, key: code}}\n"
        "rows: [{email: x, role_id: B}]\n",
    )
    project.init()
    project.assert_settled()
    project.write("roles", "table: roles\nkey: code\nrows: [{code: a, name: c}, {code: B}]\n")
    assert counts(project.update(), "roles") == {"update": 1}
    assert project.rows("SELECT * FROM users") == [("x", 2)]


def test_an_unresolved_reference_never_overwrites_what_was_there_before(
    project: Project,
) -> None:
    project.sql(
        ROLES + "; CREATE TABLE users (email text PRIMARY KEY, role_id int REFERENCES roles);"
        "INSERT INTO roles (code) VALUES ('theirs'); INSERT INTO users VALUES ('a', 1)"
    )
    project.write(
        "users",
        "table: users\nkey: email\nconflict: overwrite\n"
        "columns:\n  role_id: {ref: {table: roles, key: code}}\n"
        "rows: [{email: a, role_id: nowhere}]\n",
    )
    project.update()
    assert project.rows("SELECT * FROM users") == [("a", 1)]


def test_a_row_is_not_hung_below_one_that_is_skipped(project: Project) -> None:
    project.sql(
        "CREATE TABLE nodes (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
        " parent_id int REFERENCES nodes)"
    )

    def nodes(*pairs: tuple[str, str]) -> None:
        listed = "".join(f"  - {{code: {c}, parent_id: {p}}}\n" for c, p in pairs)
        project.write(
            "nodes",
            f"table: nodes\nkey: code\ncolumns: {{parent_id: {{ref: nodes}}}}\nrows:\n{listed}",
        )

    nodes(("root", "null"), ("twig", "root"), ("leaf", "root"))
    project.init()
    project.sql("DELETE FROM nodes WHERE code = 'twig'")
    nodes(("root", "null"), ("twig", "root"), ("leaf", "new"), ("new", "twig"))
    result = project.update()
    skipped = [r.address for r in outcome(result, "nodes").kept if r.action is RowAction.SKIP]
    assert sorted(skipped) == ["nodes/leaf", "nodes/new"]
    assert project.rows("SELECT code, parent_id FROM nodes ORDER BY id") == [
        ("root", None),
        ("leaf", 1),
    ]


def test_two_entries_never_claim_one_live_row(project: Project) -> None:
    project.sql(ROLES)
    project.write("roles", "table: roles\nkey: code\nrows: [{code: a}, {code: b}, {code: c}]\n")
    project.init()
    project.sql("DELETE FROM roles WHERE code = 'a'; UPDATE roles SET code = 'a' WHERE code = 'b'")
    project.write(
        "roles",
        "table: roles\nkey: code\nrows:\n"
        "  - {code: a, name: one}\n  - {code: b, name: two}\n  - {code: c}\n",
    )
    project.update()
    claims = project.rows("SELECT p1 FROM seeder.base_1 WHERE state IN ('a', 'k', 's')")
    assert len(claims) == len(set(claims))
    project.update()
    project.assert_settled()


def test_sets_in_two_scopes_do_not_follow_each_others_moves(project: Project) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, org int, code text, UNIQUE (org, code))")

    def write(name: str, org: int, code: str, head: str = "") -> None:
        project.write(
            name,
            f"table: t\nkey: [org, code]\nscope: {{org: {org}}}\n{head}rows: [{{code: {code}}}]\n",
        )

    write("one", 1, "a")
    write("two", 2, "a")
    project.init()
    write("one", 1, "b", head="moved: [{from: a, to: b}]\n")
    result = project.update()
    assert counts(result, "one") == {"move": 1}
    assert counts(result, "two") == {}
    assert project.rows("SELECT * FROM t ORDER BY id") == [(1, 1, "b"), (2, 2, "a")]
    project.assert_settled()


def test_a_reference_into_a_soft_deleted_row_is_no_reference(project: Project) -> None:
    project.sql(
        SOFT + "; CREATE TABLE users (email text PRIMARY KEY, role_id int REFERENCES roles)"
    )
    project.write("roles", SOFT_HEAD + "  - {code: a, name: one}\n  - {code: b, name: one}\n")
    project.init()
    project.sql("UPDATE roles SET deleted_at = now() WHERE code = 'b'")
    project.write(
        "users",
        "table: users\nkey: email\ncolumns: {role_id: {ref: roles}}\n"
        "rows: [{email: x, role_id: a}, {email: z, role_id: b}]\n",
    )
    assert counts(project.update(), "users") == {"insert": 1, "skip": 1}


def test_a_column_that_becomes_a_reference_keeps_its_value(project: Project) -> None:
    project.sql(
        ROLES + "; CREATE TABLE users (email text PRIMARY KEY, role_id int REFERENCES roles)"
    )
    project.write("roles", "table: roles\nkey: code\nrows: [{id: 7, code: a}, {id: 8, code: b}]\n")
    project.write("users", "table: users\nkey: email\nrows: [{email: x, role_id: 7}]\n")
    project.init()
    before = project.rows("SELECT xmin, * FROM users")
    project.write(
        "users",
        "table: users\nkey: email\ncolumns: {role_id: {ref: roles}}\n"
        "rows: [{email: x, role_id: a}]\n",
    )
    assert counts(project.update(), "users") == {}
    assert project.rows("SELECT xmin, * FROM users") == before
    project.write(
        "users",
        "table: users\nkey: email\ncolumns: {role_id: {ref: roles}}\n"
        "rows: [{email: x, role_id: b}]\n",
    )
    assert counts(project.update(), "users") == {"update": 1}


def test_a_renamed_key_column_keeps_what_is_known_of_every_row(project: Project) -> None:
    project.sql(ROLES)
    project.write("roles", "table: roles\nkey: code\nrows: [{code: a}, {code: b}, {code: c}]\n")
    project.init()
    project.sql("DELETE FROM roles WHERE code = 'b'; UPDATE roles SET name = 'mine' WHERE id = 1")
    project.update()
    project.sql("ALTER TABLE roles RENAME code TO slug")
    project.write(
        "roles",
        "table: roles\nkey: slug\ncolumns: {slug: {was: code}}\n"
        "rows: [{slug: a}, {slug: b}, {slug: c}, {slug: d}]\n",
    )
    assert counts(project.update(), "roles") == {"keep": 1, "insert": 1}
    assert [slug for (slug,) in project.rows("SELECT slug FROM roles ORDER BY id")] == [
        "a",
        "c",
        "d",
    ]
    project.assert_settled()


def test_a_renamed_natural_primary_key_keeps_what_is_known_of_every_row(
    project: Project,
) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, name text)")
    project.write("t", "table: t\nkey: code\nrows: [{code: a}, {code: b}, {code: c}]\n")
    project.init()
    project.sql("DELETE FROM t WHERE code = 'b'; ALTER TABLE t RENAME code TO slug")
    project.write(
        "t",
        "table: t\nkey: slug\ncolumns: {slug: {was: code}}\n"
        "rows: [{slug: a, name: one}, {slug: b, name: one}, {slug: c, name: one}]\n",
    )
    assert counts(project.update(), "t") == {"update": 2, "record": 1}
    assert project.rows("SELECT * FROM t ORDER BY 1") == [("a", "one"), ("c", "one")]
    project.assert_settled()


def test_a_trigger_that_rewrites_the_only_key_is_refused_at_once(project: Project) -> None:
    project.sql(
        "CREATE TABLE t (code text PRIMARY KEY);"
        "CREATE FUNCTION fold() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.code := lower(NEW.code); RETURN NEW; END $$;"
        "CREATE TRIGGER fold BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fold()"
    )
    project.surveyed = False
    project.write("t", "table: t\nkey: code\nrows: [{code: AA}, {code: b}]\n")
    with pytest.raises(SeedingFailed):
        project.init()
    assert project.rows("SELECT * FROM t") == []
    project.write("t", "table: t\nkey: code\nrows: [{code: aa}, {code: b}]\n")
    assert counts(project.init(), "t") == {"insert": 2}


def test_two_sets_of_one_table_each_answer_for_their_own_rows(project: Project) -> None:
    project.sql(ROLES)

    def write(name: str, removed: str, *codes: str) -> None:
        listed = ", ".join(f"{{code: {code}}}" for code in codes)
        project.write(name, f"table: roles\nkey: code\nremoved: {removed}\nrows: [{listed}]\n")

    write("one", "keep", "a", "b")
    write("two", "delete", "c", "d")
    project.init()
    write("one", "keep", "a")
    write("two", "delete", "c")
    result = project.update()
    assert counts(result, "one") == {"release": 1}
    assert counts(result, "two") == {"delete": 1}
    write("two", "delete")
    assert counts(project.update(), "two") == {"delete": 1}
    assert [code for (code,) in project.rows("SELECT code FROM roles ORDER BY 1")] == ["a", "b"]
    project.assert_settled()


def test_a_row_that_goes_to_another_set_takes_its_policy(project: Project) -> None:
    project.sql(ROLES)

    def write(name: str, removed: str, *codes: str) -> None:
        listed = ", ".join(f"{{code: {code}}}" for code in codes)
        project.write(name, f"table: roles\nkey: code\nremoved: {removed}\nrows: [{listed}]\n")

    write("one", "delete", "a", "b")
    write("two", "keep", "c")
    project.init()
    write("one", "delete", "a")
    write("two", "keep", "c", "b")
    project.update()
    project.assert_settled()
    write("two", "keep", "c")
    assert counts(project.update(), "two") == {"release": 1}
    assert project.value("SELECT count(*) FROM roles") == 3


def test_a_left_out_reference_falls_to_its_default(project: Project) -> None:
    project.sql(
        "CREATE TABLE roles (id serial PRIMARY KEY, code text UNIQUE NOT NULL);"
        "CREATE TABLE users (email text PRIMARY KEY, role_id int DEFAULT NULL REFERENCES roles)"
    )
    project.write("roles", "table: roles\nkey: code\nrows: [{code: a}]\n")
    head = "table: users\nkey: email\ncolumns: {role_id: {ref: roles}}\nrows:\n"
    project.write("users", head + "  - {email: x}\n  - {email: z, role_id: a}\n")
    project.init()
    assert project.rows("SELECT * FROM users ORDER BY 1") == [("x", None), ("z", 1)]
    project.assert_settled()
    project.write("users", head + "  - {email: x, role_id: a}\n  - {email: z}\n")
    assert counts(project.update(), "users") == {"update": 2}
    assert project.rows("SELECT * FROM users ORDER BY 1") == [("x", 1), ("z", None)]
    project.assert_settled()


def test_a_default_of_a_domain_counts_as_the_columns_own(project: Project) -> None:
    project.sql(
        "CREATE DOMAIN level AS int DEFAULT 3;CREATE TABLE t (code text PRIMARY KEY, n level)"
    )
    project.write("t", "table: t\nkey: code\nrows:\n  - {code: a}\n  - {code: b, 'n': 5}\n")
    project.init()
    assert project.rows("SELECT * FROM t ORDER BY 1") == [("a", 3), ("b", 5)]
    project.assert_settled()
    project.write("t", "table: t\nkey: code\nrows:\n  - {code: a, 'n': 4}\n  - {code: b, 'n': 5}\n")
    assert counts(project.update(), "t") == {"update": 1}


def test_a_swap_of_unique_values_with_a_deferrable_constraint(project: Project) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, pos int UNIQUE DEFERRABLE)")
    head = "table: t\nkey: code\nrows:\n"
    project.write("t", head + "  - {code: a, pos: 1}\n  - {code: b, pos: 2}\n")
    project.init()
    project.write("t", head + "  - {code: a, pos: 2}\n  - {code: b, pos: 1}\n")
    assert counts(project.update(), "t") == {"update": 2}


def test_two_self_references_and_a_parent_chain_of_hundreds(project: Project) -> None:
    project.sql(
        "CREATE TABLE nodes (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
        " parent_id int REFERENCES nodes, twin_id int REFERENCES nodes)"
    )
    parents = [*(f"c{n + 1}" for n in range(300)), "null"]
    rows = "".join(
        f"  - {{code: c{n}, parent_id: {parent}, twin_id: c{300 - n}}}\n"
        for n, parent in enumerate(parents)
    )
    head = (
        "table: nodes\nkey: code\nremoved: delete\n"
        "columns: {parent_id: {ref: nodes}, twin_id: {ref: nodes}}\n"
    )
    project.write("nodes", head + "rows:\n" + rows)
    assert counts(project.init(), "nodes") == {"insert": 301}
    project.assert_settled()
    project.write("nodes", head + "rows: []\n")
    assert counts(project.update(), "nodes") == {"delete": 301}
