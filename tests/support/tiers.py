"""A table of tiers, and a seed set of it."""

from __future__ import annotations

from tests.support.merge import Project

TABLE = "CREATE TABLE tiers (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text, lim int)"


def seed(project: Project, *rows: str, head: str = "") -> None:
    """Rows as in a seed file."""
    listed = "".join(f"  - {row}\n" for row in rows)
    project.write("tiers", f"table: tiers\nkey: code\n{head}rows:\n{listed}")


def live(project: Project, columns: str = "code, name, lim") -> list[tuple[object, ...]]:
    """The table, in the order of its keys."""
    return project.rows(f"SELECT {columns} FROM tiers ORDER BY code")
