"""Rows of a large CSV file that refer to others stay in their file, and end as all others do."""

from __future__ import annotations

import random
from typing import Any

import pytest

from seeder.catalog.rows import drafts
from seeder.errors import ConfigurationInvalid
from tests.support.merge import Project, counts

TABLES = """
CREATE TABLE kinds (id serial PRIMARY KEY, code text NOT NULL UNIQUE);
CREATE TABLE items (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text,
    kind_id int REFERENCES kinds, parent_id int REFERENCES items);
CREATE TABLE kinds_of_items (kind_id int REFERENCES kinds, item_id int REFERENCES items,
    rank int, PRIMARY KEY (kind_id, item_id));
"""
SETS = {
    "kinds": "table: kinds\nkey: code\nremoved: delete\nrows_from: kinds.csv\n",
    "items": "table: items\nkey: code\ncolumns: {kind_id: {ref: kinds}, parent_id: {ref: items}}\n"
    "removed: delete\nrows_from: items.csv\n",
    "kinds_of_items": "table: kinds_of_items\nkey: [kind_id, item_id]\nremoved: delete\n"
    "columns: {kind_id: {ref: kinds}, item_id: {ref: items}}\nrows_from: kinds_of_items.csv\n",
}
ROWS = "SELECT * FROM {} ORDER BY 1, 2"
CHANGES = "SELECT addr, action, reason FROM seeder.changes ORDER BY 1, 2, 3"
LARGE = 1 << 60


def write(project: Project, chance: random.Random, *, odd: str) -> None:
    """Some rows of all three; `odd` stands in keys and asks for quotes or escapes."""
    kinds = [f"kind{odd}{n}" for n in range(4) if n == 0 or chance.random() < 0.8]
    items = [f"item-{n}" for n in range(12) if chance.random() < 0.8]
    lines = ["code,name,kind_id,parent_id"]
    for n, item in enumerate(items):
        parent = chance.choice(items[:n]) if n and chance.random() < 0.6 else ""
        kind = field(chance.choice(kinds)) if chance.random() < 0.8 else ""
        lines.append(f"{item},Item {chance.randrange(3)},{kind},{parent}")
    pairs = [f"{field(k)},{i}" for k in kinds for i in items if chance.random() < 0.4]
    project.write("kinds.csv", "\n".join(["code", *map(field, kinds), ""]))
    project.write("items.csv", "\n".join([*lines, ""]))
    ranked = [f"{pair},{chance.randrange(3)}" for pair in pairs]
    project.write("kinds_of_items.csv", "\n".join(["kind_id,item_id,rank", *ranked, ""]))


def field(text: str) -> str:
    return f'"{text}"' if "," in text else text


def played(project: Project, seed: int, *, odd: str) -> list[Any]:
    """Some releases and what people did between them; all that was seen."""
    chance, seen = random.Random(seed), []
    project.sql(TABLES)
    for name, text in SETS.items():
        project.write(name, text)
    write(project, chance, odd=odd)
    project.init()
    for _ in range(3):
        for statement in (
            f"UPDATE items SET name = 'Mine' WHERE id % 5 = {chance.randrange(5)}",
            f"UPDATE items SET kind_id = NULL WHERE id % 7 = {chance.randrange(7)}",
            f"DELETE FROM kinds_of_items WHERE item_id % 5 = {chance.randrange(5)}",
        ):
            if chance.random() < 0.5:
                project.sql(statement)
        write(project, chance, odd=odd)
        result = project.update()
        seen.append([sorted(counts(result, name).items()) for name in SETS])
        seen += [project.rows(ROWS.format(name)) for name in SETS]
        seen.append(
            project.rows("SELECT addr, action, reason FROM seeder.changes ORDER BY 1, 2, 3")
        )
    return seen


@pytest.mark.parametrize("odd", ["-", ",", "\\"], ids=["plain", "comma", "backslash"])
@pytest.mark.parametrize("seed", range(6))
def test_a_history_ends_as_it_does_where_rows_are_held_in_memory(
    project: Project, monkeypatch: pytest.MonkeyPatch, seed: int, odd: str
) -> None:
    monkeypatch.setattr(drafts, "LARGE", 0)
    streamed = played(project, seed, odd=odd)
    project.sql("DROP TABLE kinds_of_items, items, kinds; DROP SCHEMA seeder CASCADE")
    monkeypatch.setattr(drafts, "LARGE", LARGE)
    assert played(project, seed, odd=odd) == streamed


@pytest.mark.parametrize("large", [0, LARGE])
def test_a_reference_that_leads_nowhere_is_told_with_its_line(
    project: Project, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(drafts, "LARGE", large)
    project.sql(TABLES)
    project.write("kinds", SETS["kinds"])
    project.write("items", SETS["items"])
    project.write("kinds.csv", "code\na\nb\n")
    project.write("items.csv", "code,name,kind_id,parent_id\nx,X,a,\ny,Y,c,\nz,Z,b,q\n")
    with pytest.raises(ConfigurationInvalid) as caught:
        project.init()
    assert [(each.file, each.line, each.message) for each in caught.value.problems] == [
        ("seeds/core/items.csv", 3, "`kind_id` refers to `kinds/c`, which is not in the catalog."),
        (
            "seeds/core/items.csv",
            4,
            "`parent_id` refers to `items/q`, which is not in the catalog.",
        ),
    ]
