"""First contact and modes: what a run may do with a set at all."""

from __future__ import annotations

from tests.support.merge import Project, counts, outcome

ROLES = "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text)"


def seed_roles(project: Project, *names: str) -> None:
    rows = "".join(f"  - {{code: {name}, name: {name.title()}}}\n" for name in names)
    project.write("roles", f"table: roles\nkey: code\nrows:\n{rows}")


def test_an_empty_table_gets_all_rows_in_file_order(project: Project) -> None:
    project.sql(ROLES)
    seed_roles(project, "owner", "viewer")
    result = project.run()
    assert counts(result, "roles") == {"insert": 2}
    assert project.rows("SELECT id, code FROM roles ORDER BY id") == [(1, "owner"), (2, "viewer")]
    project.assert_settled()
