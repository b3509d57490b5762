"""An update of large files looks at few rows of sets with a scope or with soft deletion, too."""

from __future__ import annotations

import random
from typing import Any

import pytest

from seeder.database.ledger.runs.line_blocks import Lines
from tests.integration.merge.test_applied_lines import (
    Rows,
    agree,
    change,
    read,
    rows,
    updated,
)
from tests.support.merge import Project, counts

__all__ = ["read"]

TABLE = (
    "CREATE TABLE items (id serial PRIMARY KEY, tenant {kind} NOT NULL DEFAULT {one}, code text NOT"
    " NULL, name varchar(20), price numeric(8,2), active boolean, gone timestamptz,"
    " UNIQUE (tenant, code))"
)
TENANTS = {"text": ("one", "two"), "integer": (1, 2)}
SOFT = "deleted: gone\n"


def write(project: Project, given: Rows, *, tenants: Any, policies: str = "") -> None:
    """Write them as one set for each tenant."""
    lines = [",".join([key, *values]) for key, values in sorted(given.items())]
    text = "\n".join(["code,name,price,active", *lines, ""])
    for number, tenant in enumerate(tenants):
        name = f"items{number or ''}"
        project.write(f"{name}.csv", text)
        project.write(
            name,
            f"table: items\nkey: code\nscope: {{tenant: {tenant}}}\n{policies}"
            f"rows_from: {name}.csv\n",
        )


def begun(project: Project, number: int, *, kind: str = "text", policies: str = "") -> Rows:
    """The table with the first rows of all tenants."""
    one, _ = TENANTS[kind]
    project.sql(TABLE.format(kind=kind, one=f"'{one}'"))
    given = rows(number)
    write(project, given, tenants=TENANTS[kind], policies=policies)
    project.init()
    return given


@pytest.mark.parametrize("kind", list(TENANTS))
def test_rows_around_a_change_alone_are_staged(
    project: Project, read: list[Lines], kind: str
) -> None:
    given = begun(project, 2000, kind=kind, policies=SOFT)
    project.sql("UPDATE items SET gone = now() WHERE code = '100500' AND id < 2000")
    given["101000"][0] = "Another"
    write(project, given, tenants=TENANTS[kind], policies=SOFT)
    done, _ = updated(project, read)
    assert done == {"update": 1, "record": 1}
    assert [lines.part is not None and lines.part.sent < 200 for lines in read[-2:]] == [True] * 2
    assert project.rows("SELECT name FROM items WHERE code = '101000'") == [("Another",)] * 2
    assert project.value("SELECT count(*) FROM seeder.base_1 WHERE state = 'd'") == 1


def played(project: Project, seed: int) -> list[Any]:
    """A history of some releases; what there is after each of them."""
    chance = random.Random(seed)
    project.surveyed = chance.random() < 0.5
    kind = chance.choice(list(TENANTS))
    soft = chance.choice(["", SOFT])
    fresh = iter(range(10_000))
    given = begun(project, 320, kind=kind, policies=soft)
    before: Rows = {}
    seen: list[Any] = []
    for _ in range(6):
        for _ in range(chance.choice([0, 1, 4, 8])):
            change(chance, project, given, before=before or given, fresh=fresh)
        code = f"'{chance.choice(range(100_000, 100_320))}'"
        one, two = TENANTS[kind]
        happened = {
            "hides": f"UPDATE items SET gone = now() WHERE code = {code}",
            "shows": "UPDATE items SET gone = NULL WHERE random() < 2",
            "hands over": f"UPDATE items i SET tenant = '{two}' WHERE code = {code} AND NOT EXISTS"
            f" (SELECT FROM items o WHERE o.code = i.code AND o.tenant = '{two}')",
            "deletes one": f"DELETE FROM items WHERE code = {code} AND tenant = '{one}'",
            "nothing": "SELECT",
        }
        project.sql(happened[chance.choice(list(happened))])
        removed = chance.choice(["keep", "keep", "delete"])
        if soft and removed == "delete":
            removed = "{set: {gone: '2026-01-01 00:00+00'}}"
        policies = f"{soft}removed: {removed}\n"
        write(project, given, tenants=TENANTS[kind], policies=policies)
        if chance.random() < 0.4:
            before = {each: list(values) for each, values in given.items()}
        try:
            result = project.update()
            done: Any = [counts(result, name) for name in ("items", "items1")]
        except Exception as error:  # noqa: BLE001  # it is compared
            done = str(error)
        seen.append(done)
        seen += [
            project.rows(query)
            for query in (
                "SELECT tenant, code, name, price, active, gone IS NULL FROM items ORDER BY 1, 2",
                "SELECT to_jsonb(b) - 'p1' FROM seeder.base_1 b ORDER BY scope, addr",
                "SELECT run, scope, addr, action, reason FROM seeder.changes ORDER BY 1, 2, 3, 4",
            )
        ]
    return seen


@pytest.mark.parametrize("seed", range(10))
def test_a_history_ends_as_it_does_where_all_is_staged(
    project: Project, read: list[Lines], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    agree(project, read, monkeypatch, lambda: played(project, seed), tables="items")


def test_scopes_that_may_be_written_otherwise_are_staged_as_a_whole(
    project: Project, read: list[Lines]
) -> None:
    project.sql(TABLE.format(kind="integer", one="'1'"))
    given = rows(500)
    write(project, given, tenants=["1", "'02'"])
    project.init()
    given["100100"][0] = "Another"
    write(project, given, tenants=["1", "'02'"])
    done, staged = updated(project, read)
    assert (done, staged) == ({"update": 1}, -1)
    assert read == []
    assert project.rows("SELECT name FROM items WHERE code = '100100'") == [("Another",)] * 2
