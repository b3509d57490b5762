"""A first load straight into the base leaves the same rows and the same ledger as a staged one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from psycopg import sql

from seeder.catalog.rows.csv_rows import CHECKED_SIZE
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


FORMS = ("csv", "yaml")


def _csv_for(key: str, *, verbatim: bool = False) -> str:
    # A part of a key is never NULL.
    text = CSV.replace("b,,,,", "b,z,,,") if key.startswith("[") else CSV
    return _verbatim(text) if verbatim else text


def _verbatim(text: str) -> str:
    """The same without anything that an address would escape."""
    text = text.replace('""', "z").replace("x,y", "xy").replace("d,e", "de")
    text = text.replace("'é", "é").replace("漢'", "漢")
    return text.replace('"', "").replace("\\", "")


def _seeded(project: Project, form: str, columns: str, key: str, *, verbatim: bool = False) -> None:
    project.sql(f"CREATE TABLE items ({columns})")
    content = "rows_from: items.csv\n"
    if form == "csv":
        project.write("items.csv", _csv_for(key, verbatim=verbatim))
    else:
        (project.directory / "seeds/core/items.csv").unlink(missing_ok=True)
        content = YAML.replace("name: null", "name: z") if key.startswith("[") else YAML
        content = _verbatim(content) if verbatim else content
    project.write("items", f"table: items\nkey: {key}\n{content}")
    assert counts(project.run(), "items") == {"insert": 4}


def entries(project: Project, base: str = "base_1") -> list[tuple[Any, ...]]:
    names = [
        name
        for (name,) in project.rows(
            "SELECT column_name::text FROM information_schema.columns"
            f" WHERE table_schema = 'seeder' AND table_name = '{base}'"
            " AND (column_name <> 'p1' OR NOT EXISTS (SELECT FROM pg_attribute"
            "   WHERE attrelid = 'items'::regclass AND attname = 'id')) ORDER BY 1"
        )
    ]
    query = sql.SQL("SELECT {} FROM seeder.{} ORDER BY addr").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(base)
    )
    return [tuple(names), *project.connection.execute(query).fetchall()]


def shape(project: Project, base: str = "base_1") -> list[tuple[Any, ...]]:
    return project.rows(
        "SELECT column_name::text, data_type, character_maximum_length, is_nullable,"
        " column_default, is_generated FROM information_schema.columns"
        f" WHERE table_schema = 'seeder' AND table_name = '{base}' ORDER BY 1"
    )


@pytest.mark.parametrize("verbatim", [False, True])
@pytest.mark.parametrize("table", TABLES)
def test_rows_and_ledger_are_those_of_a_staged_load(
    project: Project, table: str, verbatim: bool
) -> None:
    columns, key = TABLES[table]
    assert ('"' not in _csv_for(key, verbatim=verbatim)) is verbatim
    found = {}
    for form in FORMS:
        project.sql("DROP TABLE IF EXISTS items")
        project.sql("DROP SCHEMA IF EXISTS seeder CASCADE")
        _seeded(project, form, columns, key, verbatim=verbatim)
        rows = project.rows("SELECT code, name, price, active, since FROM items ORDER BY code")
        found[form] = (rows, entries(project), shape(project))
        if form == "csv":
            assert was_direct(project)
    assert found["csv"] == found["yaml"]


def was_direct(project: Project, base: str = "base_1") -> bool:
    """Whether what all rows share takes no room, which nothing else makes so on a first load."""
    return bool(
        project.value(
            f"SELECT count(*) FROM pg_attribute WHERE attrelid = 'seeder.{base}'::regclass"
            " AND atthasmissing"
        )
    )


def test_what_all_rows_share_takes_no_room_in_them(project: Project) -> None:
    _seeded(project, "csv", *TABLES["the natural key"])
    shared = project.rows(
        "SELECT attname::text FROM pg_attribute"
        " WHERE attrelid = 'seeder.base_1'::regclass AND atthasmissing ORDER BY 1"
    )
    assert shared == [("inserted_by",), ("run",), ("scope",), ("seed_set",), ("state",)]
    found = project.rows("SELECT scope, seed_set, state::text, inserted_by, run FROM seeder.base_1")
    assert found == [("", 1, "a", 1, 1)] * 4


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


@pytest.mark.parametrize("last", [",one without a key", "r1,twice"], ids=["none", "twice"])
def test_a_key_that_only_the_server_can_find_wrong_is_named(project: Project, last: str) -> None:
    """A file too large to be read whole beforehand."""
    project.sql("CREATE TABLE items (id serial PRIMARY KEY, code text UNIQUE, note text)")
    filler = "x" * 1_000_000
    rows = "".join(f"r{n},{filler}\n" for n in range(CHECKED_SIZE // 1_000_000 + 1))
    project.write("items.csv", f"code,note\n{rows}{last}\n")
    project.write("items", "table: items\nkey: code\nrows_from: items.csv\n")
    with pytest.raises(SeederError) as caught:
        project.run()
    assert [(each.file, each.line) for each in caught.value.problems] == [
        ("seeds/core/items.csv", 23)
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


WRITTEN = {
    "integer": ("k integer PRIMARY KEY", "k", ("01", "2", " 3")),
    "bigint beside a serial": ("id serial PRIMARY KEY, k bigint UNIQUE", "k", ("+1", "2", "-03")),
    "uuid": (
        "k uuid PRIMARY KEY",
        "k",
        (
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "a0eebc999c0b4ef8bb6d6bb9bd380a12",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13}",
        ),
    ),
    "varchar": ("k varchar(3) PRIMARY KEY", "k", ("abc ", "d ", "e")),
    "text": ("k text PRIMARY KEY", "k", ("abc ", " d", "e")),
    "two columns": (
        "k integer, o text DEFAULT 'x', PRIMARY KEY (k, o)",
        "[k, o]",
        ("01", "2", "3"),
    ),
}


@pytest.mark.parametrize("head", ["k,o\n", "k,o\r\n"], ids=["as a file", "row by row"])
@pytest.mark.parametrize("kind", WRITTEN)
def test_a_row_is_known_by_its_key_as_the_catalog_writes_it(
    project: Project, kind: str, head: str
) -> None:
    columns, key, (first, second, third) = WRITTEN[kind]
    more = "" if "o text" in columns else ", o text"
    project.sql(f"CREATE TABLE items ({columns}{more})")
    target = "k" if kind != "bigint beside a serial" else "id"
    parts = "item integer" if kind in ("integer", "bigint beside a serial") else "item text"
    parts = "item uuid REFERENCES items" if kind == "uuid" else parts
    if key == "k":
        project.sql(f"CREATE TABLE parts (name text PRIMARY KEY, {parts})")
        column = "{item: {ref: items}}"
        project.write(
            "parts",
            f"table: parts\nkey: name\ncolumns: {column}\nrows: [{{name: p, item: '{first}'}}]\n",
        )

    def write(*keys: str, extra: str = "") -> None:
        file = project.write("items.csv", "")
        file.write_bytes((head + "".join(f"{each},x\n" for each in keys)).encode())
        project.write("items", f"table: items\nkey: {key}\nrows_from: items.csv\n{extra}")

    write(first, second, third)
    result = project.run()
    assert counts(result, "items") == {"insert": 3}
    address = first if key == "k" else f"{first},x"
    assert project.entry("items", address)["state"] == "a"
    if key == "k":
        assert counts(result, "parts") == {"insert": 1}
        found = project.value("SELECT item::text FROM parts")
        assert found == project.value(f"SELECT {target}::text FROM items ORDER BY ctid LIMIT 1")
    write(first, second, third)
    project.update()
    project.assert_settled()


def test_a_row_whose_key_is_written_otherwise_moves(project: Project) -> None:
    project.sql("CREATE TABLE items (k integer PRIMARY KEY, name text)")
    project.write("items", "table: items\nkey: k\nrows_from: items.csv\n")
    project.write("items.csv", "k,name\n01,a\n02,b\n")
    project.run()
    project.write("items.csv", "k,name\n01,a\n05,b\n")
    project.write(
        "items",
        "table: items\nkey: k\nrows_from: items.csv\nmoved: [{from: '02', to: '05'}]\n",
    )
    project.update()
    assert project.rows("SELECT k, name FROM items ORDER BY k") == [(1, "a"), (5, "b")]
    project.assert_settled()


def large(project: Project, *last: str) -> None:
    """A file too large to be read whole beforehand, with these lines at its end."""
    filler = "x" * 1_000_000
    rows = "".join(f"r{n},{filler}\n" for n in range(CHECKED_SIZE // 1_000_000 + 1))
    project.write("items.csv", f"code,note\n{rows}" + "".join(f"{each}\n" for each in last))


def test_a_stray_quote_in_a_large_file_swallows_no_row(project: Project) -> None:
    project.sql("CREATE TABLE items (code text PRIMARY KEY, note text)")
    project.write("items", "table: items\nkey: code\nrows_from: items.csv\n")
    large(project, 'z1,5" pipe', "z2,see", 'z3,6" pipe')
    with pytest.raises(ConfigurationInvalid) as caught:
        project.run()
    assert [(each.line, each.column) for each in caught.value.problems] == [(23, 4)]
    assert project.value("SELECT count(*) FROM items") == 0


def test_a_key_that_stands_twice_in_a_large_file_stops_an_update(project: Project) -> None:
    project.sql("CREATE TABLE items (code text PRIMARY KEY, note text)")
    project.write("items", "table: items\nkey: code\nrows_from: items.csv\n")
    large(project, "q,1")
    project.run()
    large(project, "q,1", "q,2")
    with pytest.raises(ConfigurationInvalid) as caught:
        project.update()
    assert [(each.line, each.message) for each in caught.value.problems] == [
        (24, "items/q is the same row of public.items as items/q at seeds/core/items.csv:23.")
    ]
    assert project.value("SELECT note FROM items WHERE code = 'q'") == "1"


@pytest.mark.parametrize("there", [False, True], ids=["seeded", "adopted"])
def test_keys_that_are_one_to_the_table_stop_an_update(project: Project, there: bool) -> None:
    project.sql("CREATE TABLE items (k integer PRIMARY KEY, name text)")
    if there:
        project.sql("INSERT INTO items VALUES (1, 'mine')")
    else:
        project.write("items", "table: items\nkey: k\nrows:\n- {k: 1, name: a}\n")
        project.run()
    project.write("items", "table: items\nkey: k\nrows:\n- {k: '01', name: b}\n- {k: 1, name: a}\n")
    before = project.snapshot()
    with pytest.raises(ConfigurationInvalid) as caught:
        project.update()
    assert [(each.line, each.message) for each in caught.value.problems] == [
        (5, "items/1 is the same row of public.items as items/01 at seeds/core/items.yaml:4.")
    ]
    assert project.snapshot() == before


@pytest.mark.parametrize("head", ["k,name\n", "k,name\r\n"], ids=["as a file", "row by row"])
def test_a_file_that_changes_after_it_was_checked_is_refused(project: Project, head: str) -> None:
    project.sql("CREATE TABLE items (k text PRIMARY KEY, name text)")
    project.write("items", "table: items\nkey: k\nrows_from: items.csv\n")
    file = project.write("items.csv", "")
    file.write_bytes((head + "a,b\n").encode())
    # Migrations run between the check of the catalog and the seeding.
    swap = f"printf 'name,k\\nb,a\\n' > {file}"
    project.configure(migrations=f"command = {json.dumps(['sh', '-c', swap])}")
    project.surveyed = False
    with pytest.raises(ConfigurationInvalid) as caught:
        project.run()
    assert "has changed while it was read" in caught.value.problems[0].message
    assert "do not fit" not in caught.value.message
    assert project.value("SELECT count(*) FROM items") == 0
    project.configure()
    project.run()
    assert project.rows("SELECT k, name FROM items") == [("a", "b")]


def test_rows_in_the_same_place_of_two_partitions_are_two(project: Project) -> None:
    project.sql(
        "CREATE TABLE items (k text PRIMARY KEY, name text) PARTITION BY LIST (k);"
        "CREATE TABLE items_a PARTITION OF items FOR VALUES IN ('a');"
        "CREATE TABLE items_b PARTITION OF items FOR VALUES IN ('b');"
        "INSERT INTO items VALUES ('a', 'x'), ('b', 'z')"
    )
    project.write("items", "table: items\nkey: k\nrows: [{k: a, name: x}, {k: b, name: z}]\n")
    assert counts(project.update(), "items") == {"adopt": 2}


def test_twins_stop_no_set_that_only_inserts_what_is_missing(project: Project) -> None:
    project.sql("CREATE TABLE items (k integer PRIMARY KEY, name text)")
    head = "table: items\nkey: k\nwhen: missing\n"
    project.write("items", head + "rows: [{k: 1, name: a}]\n")
    project.run()
    project.write("items", head + "rows: [{k: 1, name: a}, {k: '01', name: b}, {k: 2, name: c}]\n")
    assert counts(project.init(), "items") == {"insert": 1}
    assert project.rows("SELECT k, name FROM items ORDER BY k") == [(1, "a"), (2, "c")]


def test_a_table_as_wide_as_can_be_is_loaded(project: Project) -> None:
    names = [f"b{n}" for n in range(1590)]
    project.sql(
        "CREATE TABLE items (code text PRIMARY KEY,"
        + ",".join(f"{name} boolean" for name in names)
        + ")"
    )
    given = names[-409:]  # the most that a set may give
    project.write("items.csv", ",".join(["code", *given]) + "\na" + ",t" * len(given) + "\n")
    project.write("items", "table: items\nkey: code\nrows_from: items.csv\n")
    project.surveyed = False
    assert counts(project.run(), "items") == {"insert": 1}
    assert project.rows("SELECT code, b0, b1589 FROM items") == [("a", None, True)]
