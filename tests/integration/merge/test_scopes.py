"""Sets of a part of a table: rows out of scope are not theirs."""

from __future__ import annotations

from tests.support.coded_roles import seed, state
from tests.support.merge import Project, counts

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
