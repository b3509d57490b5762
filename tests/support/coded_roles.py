"""A table of roles by code, and a seed set of them: rows that come, go and move."""

from __future__ import annotations

from tests.support.merge import Project

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


def launch(project: Project) -> Project:
    """Roles a, b and c, seeded."""
    project.sql(ROLES)
    seed(project, "a", "b", "c")
    project.init()
    return project
