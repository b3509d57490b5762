"""A table of roles with documents in it, and a seed set that merges inside them."""

from __future__ import annotations

import json
from typing import Any

import yaml

from seeder.merge.plan import ColumnCase
from tests.support.merge import Project

TABLE = (
    "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, grants text[],"
    " settings jsonb)"
)
HEAD = """table: roles
key: code
columns:
  grants: {merge: set}
  settings: {merge: map, paths: {limits.tags: {merge: set}, items: {merge: list, by: sku}}}
rows:
"""

FIRST = {
    "code": "a",
    "grants": ["orders.view", "orders.refund"],
    "settings": {"limits": {"seats": 5, "tags": ["x"]}},
}


def seed(project: Project, *rows: str, head: str = HEAD) -> None:
    """Rows as in a seed file; what one leaves out is as in the first release."""
    listed = [FIRST | yaml.safe_load(row) for row in rows]
    project.write("roles", head + "".join(f"  - {json.dumps(row)}\n" for row in listed))


def grants(project: Project, code: str = "a") -> list[str]:
    """What the row has in its array."""
    return list(project.value("SELECT grants FROM roles WHERE code = %s", code))


def settings(project: Project, code: str = "a") -> Any:
    """The row's document."""
    return project.value("SELECT settings FROM roles WHERE code = %s", code)


def parts(project: Project) -> dict[str, ColumnCase]:
    """What the plan says of the row, part by part."""
    return {each.name: each.case for each in project.row_plan("roles/a").columns}
