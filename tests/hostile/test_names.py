"""Names and values that try to be more than names and values."""

from __future__ import annotations

import json

import pytest
from psycopg import sql

from tests.support.shop import Done, Shop

NAMES = {
    "quotes": 'a"b',
    "a closed quote and a statement": 'x"; DROP TABLE canary; --',
    "apostrophes": "it''s '; DROP TABLE canary; --",
    "semicolons": "; DROP TABLE canary;",
    "newlines": "two\nlines\r\n-- and a comment",
    "placeholders": "%s %(x)s :x $1 ? {s} {} %%",
    "dollar quotes": "$$ $x$",
    "backslashes": "\\ \\' \\x41",
    "comments": "/* -- */",
    "a key word": "select",
    "upper case": "Roles",
    "63 bytes": "n" * 63,
    "63 bytes of two-byte letters": "ä" * 31 + "x",
    "blanks": "two  words",
    "letters of other scripts": "роли 表 🙂",
}
CANARY = [("alive",)]


def project(shop: Shop, name: str, *, release: str, label: str, rows: list[str]) -> None:
    """A set whose table, key, columns and values all are this name, and one that refers to it."""
    others = name[:20]
    declaration = {
        "table": f"public.{name}",
        "key": name,
        "removed": "delete",
        "columns": {"label": {"update": "merge"}},
        "defaults": {f"{others}2": name},
        "rows": [{name: row, "label": label} for row in rows],
    }
    grants = {
        "table": "grants",
        "key": [f"{others}_id"],
        "removed": "delete",
        "columns": {f"{others}_id": {"ref": "hostile", "expand": True}},
        "rows": [{f"{others}_id": ["*"]}],
    }
    shop.write("seeds/core/hostile.json", json.dumps(declaration))
    shop.write("seeds/core/grants.json", json.dumps(grants))
    shop.configure(release=release, migrations="none = true")


def tables(shop: Shop, name: str) -> None:
    others = name[:20]
    with shop.database.connect() as connection:
        connection.execute("CREATE TABLE canary (word text)")
        connection.execute("INSERT INTO canary VALUES ('alive')")
        connection.execute(
            sql.SQL(
                "CREATE TABLE {table} (id serial PRIMARY KEY, {key} text UNIQUE, label text,"
                " {other} text)"
            ).format(
                table=sql.Identifier("public", name),
                key=sql.Identifier(name),
                other=sql.Identifier(f"{others}2"),
            )
        )
        connection.execute(
            sql.SQL("CREATE TABLE grants ({column} int PRIMARY KEY REFERENCES {table})").format(
                column=sql.Identifier(f"{others}_id"), table=sql.Identifier("public", name)
            )
        )


def live(shop: Shop, name: str) -> list[tuple[object, ...]]:
    others = name[:20]
    with shop.database.connect() as connection:
        query = sql.SQL("SELECT {key}, label, {other} FROM {table} ORDER BY id").format(
            table=sql.Identifier("public", name),
            key=sql.Identifier(name),
            other=sql.Identifier(f"{others}2"),
        )
        return connection.execute(query).fetchall()


def went_well(done: Done) -> Done:
    assert done.exit_code == 0, done.stderr
    return done


@pytest.mark.parametrize("kind", NAMES)
def test_a_name_is_a_name_all_the_way(empty_shop: Shop, kind: str) -> None:
    shop, name = empty_shop, NAMES[kind]
    tables(shop, name)
    key = f"k {name}"
    project(shop, name, release="1", label=name, rows=[key, "other", "third"])
    went_well(shop.command("check"))
    assert went_well(shop.run()).finished["counts"] == {"insert": 6}
    assert live(shop, name) == [(each, name, name) for each in (key, "other", "third")]

    project(shop, name, release="2", label=f"{name}; new", rows=[key, "other", "fourth"])
    for arguments in (["plan"], ["plan", "--json"], ["status"]):
        went_well(shop.command(*arguments))
    went_well(shop.run())
    assert sorted(live(shop, name)) == sorted(
        (each, f"{name}; new", name) for each in (key, "other", "fourth")
    )
    went_well(shop.command("history"))
    went_well(shop.command("show", "2"))
    went_well(shop.command("undo", "2", "--yes"))
    assert {label for _, label, _ in live(shop, name)} <= {name, f"{name}; new"}
    went_well(shop.command("export", f"public.{name}"))
    assert shop.rows("SELECT word FROM canary") == CANARY
    assert shop.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(3,)]


@pytest.mark.parametrize("length", [64, 200])
@pytest.mark.parametrize("part", ["table", "column"])
def test_a_name_longer_than_postgres_knows_is_refused_and_not_cut(
    empty_shop: Shop, part: str, length: int
) -> None:
    shop, cut, name = empty_shop, "n" * 63, "n" * length
    with shop.database.connect() as connection:
        connection.execute(f"CREATE TABLE {cut} (code text UNIQUE, {cut} text)")
    table, column = (name, cut) if part == "table" else (cut, name)
    row = {"code": "a", column: "b"}
    shop.write("seeds/core/long.json", json.dumps({"table": table, "key": "code", "rows": [row]}))
    shop.configure(migrations="none = true")
    done = shop.run()
    assert done.exit_code == 10, done.stderr
    assert name in str(done.failed["problems"])
    assert shop.value(f"SELECT count(*) FROM {cut}") == 0


@pytest.mark.parametrize("option", ["schema", "set-role"])
@pytest.mark.parametrize("kind", ["quotes", "a closed quote and a statement", "newlines"])
def test_a_setting_that_is_a_name_is_a_name(shop: Shop, option: str, kind: str) -> None:
    shop.database.execute("CREATE TABLE canary AS SELECT 'alive' AS word")
    variable = "SEEDER_" + option.upper().replace("-", "_")
    done = shop.run(**{variable: NAMES[kind]})
    assert done.exit_code == (10 if option == "schema" else 11), done.stderr
    assert shop.rows("SELECT word FROM canary") == CANARY
    assert shop.rows("SELECT to_regclass('roles')") == [(None,)]


# A catalog can only write what it names.


def test_a_run_writes_the_tables_and_columns_that_the_catalog_names_and_no_others(
    shop: Shop,
) -> None:
    shop.scripts.add(
        "0003",
        "CREATE TABLE orders (id serial PRIMARY KEY, text text)",
        "INSERT INTO orders (text) VALUES ('a'), ('b')",
        "ALTER TABLE roles ADD note text DEFAULT 'untouched', ADD counter int DEFAULT 0",
    )
    shop.configure(release="1")
    went_well(shop.run())
    shop.database.execute("UPDATE roles SET note = 'mine', counter = 7")
    shop.database.execute(
        "INSERT INTO roles (code, level, note, counter) VALUES ('own', 1, 'mine', 7)"
    )
    before = shop.snapshot(ledger=False)
    shop.configure(release="2")
    text = (shop.directory / "seeds/core/roles.yaml").read_text()
    shop.seed("roles", text.replace("level: 3", "level: 30"))
    went_well(shop.run())
    after = shop.snapshot(ledger=False)
    assert {name for name in after if after[name] != before[name]} == {"public.roles"}
    assert shop.rows("SELECT code, level, note, counter FROM roles ORDER BY code") == [
        ("editor", 2, "mine", 7),
        ("own", 1, "mine", 7),
        ("owner", 30, "mine", 7),
        ("viewer", 1, "mine", 7),
    ]


@pytest.mark.parametrize(
    "table", ["seeder.meta", "seeder.requests", "pg_catalog.pg_authid", "information_schema.tables"]
)
def test_a_catalog_cannot_name_the_ledger_or_the_servers_own_tables(shop: Shop, table: str) -> None:
    went_well(shop.run())
    before = shop.snapshot()
    key = {"seeder.meta": "one", "seeder.requests": "id", "pg_catalog.pg_authid": "rolname"}
    column = key.get(table, "table_name")
    shop.seed("evil", f"table: {table}\nkey: {column}\nrows: [{{{column}: '1'}}]\n")
    done = shop.run("--mode", "update")
    assert done.exit_code == 10, done.stderr
    assert shop.snapshot() == before
