"""Histories made up to have an update of a large file skip a row that it has to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seeder.catalog.rows import drafts
from seeder.database.ledger.runs.line_blocks import Lines
from seeder.database.staging import applied_lines
from tests.integration.merge.test_applied_lines import LARGE, Rows, read
from tests.support.merge import Project

__all__ = ["read"]

SOFT = "table: items\nkey: code\ndeleted: gone\n"
TENANT = "table: items\nkey: code\nscope: {{tenant: {}}}\n"
REFERRING = "table: items\nkey: code\ncolumns: {kind_id: {ref: kinds}}\n"


@pytest.fixture(autouse=True)
def in_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CSV file with references stays in its file, however small."""
    monkeypatch.setattr(drafts, "LARGE", 0)


def put(project: Project, name: str, given: Rows, *, head: str, columns: str) -> None:
    """Write a set in its file."""
    lines = [",".join([key, *given[key]]) for key in sorted(given, key=str.encode)]
    project.write(f"{name}.csv", "\n".join([f"code,{columns}", *lines, ""]))
    project.write(name, f"{head}rows_from: {name}.csv\n")


def put_kinds(project: Project, kinds: dict[str, str], moved: str = "") -> None:
    """Write the set that items refer to."""
    rows = "".join(f"  - {{code: {code}, label: {label}}}\n" for code, label in kinds.items())
    project.write("kinds", f"table: kinds\nkey: code\n{moved}rows:\n{rows}")


def updated(project: Project, *queries: str) -> list[Any]:
    """Update; what was done, and what there is after it."""
    try:
        done: Any = [(each.name, dict(each.counts)) for each in project.update().sets]
    except Exception as error:  # noqa: BLE001  # it is compared
        done = str(error)
    bases = [number for (number,) in project.rows("SELECT id FROM seeder.bases ORDER BY id")]
    return [
        done,
        *map(project.rows, queries),
        *(
            project.rows(f"SELECT to_jsonb(b) - 'p1' FROM seeder.base_{number} b ORDER BY 1")
            for number in bases
        ),
        project.rows(
            "SELECT run, scope, addr, action, reason FROM seeder.changes ORDER BY 1, 2, 3"
        ),
    ]


def keys_of_all_kinds(project: Project) -> list[Any]:
    """People delete rows whose keys are no plain words, and make them anew."""
    project.sql("CREATE TABLE items (id serial PRIMARY KEY, code text UNIQUE NOT NULL, name text)")
    odd = ["per%cent", "sla/sh", "mid dle", "\u00fcmlaut", "e\u0301", "semi;colon", "a=b", "~"]
    given = {key: ["A name"] for key in (*odd, *map(str, range(1000, 1200)))}
    put(project, "items", given, head="table: items\nkey: code\n", columns="name")
    project.init()
    project.sql("DELETE FROM items WHERE code !~ '^1'")
    query = "SELECT code, name FROM items ORDER BY id"
    seen = updated(project, query)
    project.sql("INSERT INTO items (code) SELECT addr FROM seeder.base_1 WHERE state = 'd'")
    return seen + updated(project, query)


def marks_in_the_file(project: Project) -> list[Any]:
    """The file gives the column of soft deletion, a boolean, which people set and take back."""
    project.sql(
        "CREATE TABLE items (id serial PRIMARY KEY, code text UNIQUE NOT NULL, name text,"
        " gone boolean)"
    )
    given = {str(n): [f"Item {n}", "false"] for n in range(1000, 1200)}
    put(project, "items", given, head=SOFT, columns="name,gone")
    project.init()
    given["1010"][1] = "true"
    put(project, "items", given, head=SOFT, columns="name,gone")
    query = "SELECT code, name, gone FROM items ORDER BY code"
    seen = updated(project, query) + updated(project, query)
    for what in (
        "gone = NOT gone WHERE code IN ('1010', '1011', '1012')",
        "gone = false",
        "gone = true",
    ):
        project.sql(f"UPDATE items SET {what}")
        seen += updated(project, query) + updated(project, query)
    return seen


def values_that_tenants_exchange(project: Project) -> list[Any]:
    """A unique value passes from one tenant's row to another's, after a run that failed."""
    project.sql(
        "CREATE TABLE items (id serial PRIMARY KEY, tenant int NOT NULL, code text NOT NULL,"
        " name text UNIQUE CHECK (name <> 'refused'), UNIQUE (tenant, code))"
    )
    one, two = ({str(n): [f"{t}-{n}"] for n in range(1000, 1200)} for t in "ab")

    def release() -> list[Any]:
        put(project, "items", one, head=TENANT.format(1), columns="name")
        put(project, "others", two, head=TENANT.format(2), columns="name")
        return updated(project, "SELECT tenant, code, name FROM items ORDER BY 1, 2")

    put(project, "items", one, head=TENANT.format(1), columns="name")
    put(project, "others", two, head=TENANT.format(2), columns="name")
    project.init()
    one["1010"], two["1020"] = two["1020"], one["1010"]
    one["1030"] = ["refused"]
    seen = release()
    project.sql("UPDATE items SET tenant = 3 WHERE code = '1040' AND tenant = 1")
    one["1030"] = two["1050"]
    two["1050"] = ["free"]
    seen += release()
    two["1070"] = one.pop("1070")
    return seen + release() + release()


def a_kind_that_moves_while_nobody_refers(project: Project) -> list[Any]:
    """Referrers leave the catalog, a kind moves, another has its key, and referrers return."""
    project.sql(
        "CREATE TABLE kinds (id serial PRIMARY KEY, code text NOT NULL UNIQUE, label text);"
        "CREATE TABLE items (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text,"
        " kind_id int REFERENCES kinds)"
    )
    given = {str(n): [f"Item {n}", "ab"[n % 2]] for n in range(1000, 1200)}
    put_kinds(project, {"a": "A", "b": "B"})
    put(project, "items", given, head=REFERRING, columns="name,kind_id")
    project.init()
    project.remove("items")
    (project.directory / "seeds" / "core" / "items.csv").unlink()
    put_kinds(project, {"z": "A", "b": "B"}, "moved:\n  - {from: a, to: z}\n")
    query = (
        "SELECT i.code, name, k.code FROM items i LEFT JOIN kinds k ON k.id = kind_id ORDER BY 1"
    )
    seen = updated(project, query)
    put_kinds(project, {"z": "A", "b": "B", "a": "Another"})
    put(project, "items", given, head=REFERRING, columns="name,kind_id")
    return seen + updated(project, query) + updated(project, query)


@pytest.mark.parametrize(
    "history",
    [
        keys_of_all_kinds,
        marks_in_the_file,
        values_that_tenants_exchange,
        a_kind_that_moves_while_nobody_refers,
    ],
)
def test_a_history_ends_as_it_does_where_all_is_staged(
    project: Project,
    read: list[Lines],
    monkeypatch: pytest.MonkeyPatch,
    history: Callable[[Project], list[Any]],
) -> None:
    project.surveyed = False
    partly = history(project)
    assert any(lines.part and lines.part.skipped for lines in read)
    project.sql("DROP TABLE IF EXISTS items, kinds; DROP SCHEMA seeder CASCADE")
    monkeypatch.setattr(applied_lines, "SMALLEST", LARGE)
    assert history(project) == partly
