"""A first load straight into the base leaves the same rows and the same ledger as a staged one."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import sql

from seeder.catalog.csv_rows import CHECKED_SIZE
from seeder.errors import ConfigurationInvalid, SeederError, SeedingFailed
from tests.support.merge import Project, counts

TABLES = {
    "a serial primary key": (
        "id serial PRIMARY KEY, code text NOT NULL UNIQUE, name varchar(5), price numeric(6,2),"
        " active boolean, since timestamp(0) with time zone",
        "code",
    ),
    "an identity": (
        "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code varchar(3) NOT NULL UNIQUE,"
        " name text, price double precision, active boolean, since date",
        "code",
    ),
    "the natural key": (
        "code varchar(9) PRIMARY KEY, name varchar(5), price numeric, active boolean,"
        " since timestamp",
        "code",
    ),
    "a composite key": (
        "code text, name varchar(7), price real, active boolean, since date, note text DEFAULT 'x',"
        " PRIMARY KEY (name, code)",
        "[code, name]",
    ),
    "no primary key": (
        "code text NOT NULL UNIQUE, name text, price numeric(9,3), active boolean, since text",
        "code",
    ),
    "a drawn uuid": (
        "id uuid PRIMARY KEY DEFAULT gen_random_uuid(), code text UNIQUE, name text,"
        " price numeric(5,1), active boolean, since timestamptz",
        "code",
    ),
}

CSV = """\
code,name,price,active,since
a,"x,y",1.25,true,2024-01-01
b,,,,
"c\\",'é 漢',-0.05,false,1999-12-31
"d,e","",10,t,2000-02-29
"""

YAML = """\
rows:
  - {code: a, name: "x,y", price: 1.25, active: true, since: 2024-01-01}
  - {code: b, name: null, price: null, active: null, since: null}
  - {code: "c\\\\", name: "'é 漢'", price: -0.05, active: false, since: 1999-12-31}
  - {code: "d,e", name: "", price: 10, active: true, since: 2000-02-29}
"""

CONTENT = {"csv": "rows_from: items.csv\n", "yaml": YAML}


def _csv_for(key: str) -> str:
    # A part of a key is never NULL.
    return CSV.replace("b,,,,", "b,z,,,") if key.startswith("[") else CSV


def _seeded(project: Project, form: str, columns: str, key: str) -> None:
    project.sql(f"CREATE TABLE items ({columns})")
    content = CONTENT[form]
    if key.startswith("["):
        content = content.replace("name: null", "name: z")
    if form == "csv":
        project.write("items.csv", _csv_for(key))
    else:
        (project.directory / "seeds/core/items.csv").unlink(missing_ok=True)
    project.write("items", f"table: items\nkey: {key}\n{content}")
    assert counts(project.run(), "items") == {"insert": 4}


def _entries(project: Project) -> list[tuple[Any, ...]]:
    names = [
        name
        for (name,) in project.rows(
            "SELECT column_name::text FROM information_schema.columns"
            " WHERE table_schema = 'seeder' AND table_name = 'base_1'"
            " AND (column_name <> 'p1' OR NOT EXISTS (SELECT FROM pg_attribute"
            "   WHERE attrelid = 'items'::regclass AND attname = 'id')) ORDER BY 1"
        )
    ]
    query = sql.SQL("SELECT {} FROM seeder.base_1 ORDER BY addr").format(
        sql.SQL(", ").join(map(sql.Identifier, names))
    )
    return [tuple(names), *project.connection.execute(query).fetchall()]


def _shape(project: Project) -> list[tuple[Any, ...]]:
    return project.rows(
        "SELECT column_name::text, data_type, character_maximum_length, is_nullable,"
        " column_default, is_generated FROM information_schema.columns"
        " WHERE table_schema = 'seeder' AND table_name = 'base_1' ORDER BY 1"
    )


@pytest.mark.parametrize("table", TABLES)
def test_rows_and_ledger_are_those_of_a_staged_load(project: Project, table: str) -> None:
    columns, key = TABLES[table]
    found = {}
    for form in CONTENT:
        project.sql("DROP TABLE IF EXISTS items")
        project.sql("DROP SCHEMA IF EXISTS seeder CASCADE")
        _seeded(project, form, columns, key)
        rows = project.rows("SELECT code, name, price, active, since FROM items ORDER BY code")
        found[form] = (rows, _entries(project), _shape(project))
        if form == "csv":
            assert _was_direct(project)
    assert found["csv"] == found["yaml"]


def _was_direct(project: Project) -> bool:
    """Whether columns of the base were made anew, which nothing else does on a first load."""
    return bool(
        project.value(
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'seeder.base_1'::regclass"
            " AND attisdropped"
        )
    )


@pytest.mark.parametrize("table", TABLES)
def test_the_next_update_finds_nothing_to_do_and_then_what_changed(
    project: Project, table: str
) -> None:
    columns, key = TABLES[table]
    _seeded(project, "csv", columns, key)
    assert counts(project.update(), "items") == {}
    project.sql("UPDATE items SET active = true WHERE code = 'b'")
    changed = _csv_for(key).replace("1.25,true", "2.5,false").replace("10,t", "10,f")
    project.write("items.csv", changed + "f,new,1,t,2024-05-05\n")
    assert counts(project.update(), "items") == {"update": 2, "insert": 1}
    assert project.rows('SELECT code, active FROM items ORDER BY code COLLATE "C"') == [
        ("a", False),
        ("b", True),
        ("c\\", False),
        ("d,e", False),
        ("f", True),
    ]


def test_blanks_that_a_length_cuts_off_are_no_edit(project: Project) -> None:
    project.sql("CREATE TABLE items (code text PRIMARY KEY, name varchar(3), price numeric(4,1))")
    project.write("items.csv", "code,name,price\na,abc   ,1.26\n")
    project.write("items", "table: items\nkey: code\nrows_from: items.csv\n")
    project.run()
    assert project.rows("SELECT name, price::text FROM items") == [("abc", "1.3")]
    assert counts(project.update(), "items") == {}
    project.write("items.csv", "code,name,price\na,xyz,1.26\n")
    assert counts(project.update(), "items") == {"update": 1}


def test_an_empty_file_seeds_an_empty_set(project: Project) -> None:
    project.sql("CREATE TABLE items (id serial PRIMARY KEY, code text UNIQUE)")
    project.write("items.csv", "code\n")
    project.write("items", "table: items\nkey: code\nrows_from: items.csv\n")
    assert counts(project.run(), "items") == {}
    project.write("items.csv", "code\na\n")
    assert counts(project.update(), "items") == {"insert": 1}


def test_values_that_do_not_fit_are_all_named_and_nothing_stays(project: Project) -> None:
    project.sql("CREATE TABLE items (code text PRIMARY KEY, name varchar(3), price numeric(4,1))")
    project.write("items.csv", "code,name,price\na,abcd,1\nb,abc,one\nc,abc,1\n")
    project.write("items", "table: items\nkey: code\nrows_from: items.csv\n")
    with pytest.raises(ConfigurationInvalid) as caught:
        project.run()
    assert [(each.address, each.line) for each in caught.value.problems] == [
        ("items/a", 2),
        ("items/b", 3),
    ]
    assert project.value("SELECT count(*) FROM items") == 0


def test_a_row_that_a_constraint_rejects_is_named(project: Project) -> None:
    project.sql("CREATE TABLE items (code text PRIMARY KEY, price numeric CHECK (price > 0))")
    project.write("items.csv", "code,price\na,1\nb,-1\nc,1\n")
    project.write("items", "table: items\nkey: code\nrows_from: items.csv\n")
    with pytest.raises(SeedingFailed, match="items/b"):
        project.run()
    assert project.value("SELECT count(*) FROM items") == 0


@pytest.mark.parametrize(
    ("last", "line"), [(",one without a key", 23), ("r1,twice", 3)], ids=["none", "twice"]
)
def test_a_key_that_only_the_server_can_find_wrong_is_named(
    project: Project, last: str, line: int
) -> None:
    """A file too large to be read whole beforehand."""
    project.sql("CREATE TABLE items (id serial PRIMARY KEY, code text UNIQUE, note text)")
    filler = "x" * 1_000_000
    rows = "".join(f"r{n},{filler}\n" for n in range(CHECKED_SIZE // 1_000_000 + 1))
    project.write("items.csv", f"code,note\n{rows}{last}\n")
    project.write("items", "table: items\nkey: code\nrows_from: items.csv\n")
    with pytest.raises(SeederError) as caught:
        project.run()
    assert [(each.file, each.line) for each in caught.value.problems] == [
        ("seeds/core/items.csv", line)
    ]
    assert project.value("SELECT count(*) FROM items") == 0


def test_other_sets_refer_to_what_was_loaded(project: Project) -> None:
    project.sql(
        "CREATE TABLE items (id serial PRIMARY KEY, code text UNIQUE);"
        "CREATE TABLE parts (item_id int REFERENCES items, name text, UNIQUE (item_id, name))"
    )
    project.write("items.csv", "code\na\nb\n")
    project.write("items", "table: items\nkey: code\nrows_from: items.csv\n")
    project.write(
        "parts",
        "table: parts\nkey: [item_id, name]\ncolumns:\n  item_id: {ref: items}\n"
        "rows:\n  - {item_id: b, name: x}\n",
    )
    project.run()
    assert project.rows("SELECT code, name FROM parts JOIN items ON item_id = id") == [("b", "x")]
