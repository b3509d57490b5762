"""Rows of a CSV file with a scope are copied as the file is, and end as those written out."""

from __future__ import annotations

from typing import Any

import pytest

from seeder.errors import ConfigurationInvalid
from tests.support.merge import Project, counts

OTHERS = "11111111-2222-3333-4444-555555555555"
ENTRIES = "SELECT to_jsonb(b) - 'p1' FROM seeder.base_1 b ORDER BY scope, addr"
SCOPES = {
    "text": ("text", "acme", "other"),
    "varchar(4)": ("varchar(4)", "acme", "othe"),
    "char(6)": ("char(6)", "acme", "other"),
    "integer": ("integer", 7, 8),
    "numeric": ("numeric(6,2)", 7, 8),
    "boolean": ("boolean", "true", "false"),
    "uuid": ("uuid", "00000000-2222-3333-4444-555555555555", OTHERS),
    "date": ("date", "'2026-01-31'", "2026-02-01"),
}


IN_FILE = "rows_from: items.csv\n"


def played(project: Project, rows_of: str, kind: str, ours: Any, theirs: Any) -> list[Any]:
    """Rows in a file, or written out, and what people change in them and beside them."""
    project.sql(
        f"CREATE TABLE items (id serial PRIMARY KEY, tenant {kind}, code text NOT NULL, name text,"
        " UNIQUE (tenant, code))"
    )
    project.sql(f"INSERT INTO items (tenant, code, name) VALUES ('{theirs}', 'b', 'Theirs')")
    head = f"table: items\nkey: code\nscope: {{tenant: {ours}}}\nremoved: delete\nwhen: missing\n"
    seen: list[Any] = []
    for rows in ({"a": "A", "b": "B", "c": "C"}, {"a": "AA", "b": "BB", "d": "D"}):
        lines = [f"{code},{name}" for code, name in rows.items()]
        if rows_of == IN_FILE:
            project.write("items.csv", "\n".join(["code,name", *lines, ""]))
        listed = "".join(f"  - {{code: {code}, name: {name}}}\n" for code, name in rows.items())
        project.write("items", head + rows_of.format(listed=listed))
        result = project.update() if seen else project.init()
        seen.append(sorted(counts(result, "items").items()))
        seen.append(project.rows("SELECT tenant, code, name FROM items ORDER BY 1, 2"))
        seen.append(project.rows(ENTRIES))
        project.sql("UPDATE items SET name = 'Mine' WHERE code = 'b' AND name = 'B'")
    return seen


@pytest.mark.parametrize("name", list(SCOPES))
def test_rows_in_a_file_end_as_those_written_out(project: Project, name: str) -> None:
    kind, ours, theirs = SCOPES[name]
    written_out = played(project, "rows:\n{listed}", kind, ours, theirs)
    project.sql("DROP TABLE items; DROP SCHEMA seeder CASCADE")
    assert played(project, IN_FILE, kind, ours, theirs) == written_out


def test_a_scope_that_does_not_fit_is_named(project: Project) -> None:
    project.sql("CREATE TABLE items (tenant varchar(3), code text, PRIMARY KEY (tenant, code))")
    project.write("items.csv", "code\na\n")
    head = "table: items\nkey: code\nscope: {tenant: acme}\n"
    project.write("items", head + IN_FILE)
    with pytest.raises(ConfigurationInvalid) as caught:
        project.init()
    assert [each.message for each in caught.value.problems] == [
        "items/a, column tenant: the value does not cast to character varying(3)."
    ]


@pytest.mark.parametrize(
    ("kind", "policy", "message"),
    [
        ("uuid", "scope: {tenant: acme}", "what `scope` gives the column tenant is no uuid."),
        (
            "smallint",
            "scope: {tenant: 70000}",
            "what `scope` gives the column tenant is no smallint.",
        ),
        (
            "boolean",
            "removed: {set: {tenant: maybe}}",
            "what `removed` gives the column tenant is no boolean.",
        ),
    ],
)
def test_a_constant_that_does_not_fit_is_told_with_its_set(
    project: Project, kind: str, policy: str, message: str
) -> None:
    project.sql(f"CREATE TABLE items (id serial PRIMARY KEY, tenant {kind}, code text UNIQUE)")
    project.write("items", f"table: items\nkey: code\n{policy}\nrows: [{{code: a}}]\n")
    with pytest.raises(ConfigurationInvalid) as caught:
        project.init()
    assert [(each.file, each.message) for each in caught.value.problems] == [
        ("seeds/core/items.yaml", f"Set items: {message}")
    ]
