"""A first load of rows that refer to others ends as a staged one does."""

from __future__ import annotations

import json

import pytest

from seeder.catalog.rows import drafts
from seeder.database.staging import copy_to_base
from tests.integration.merge.test_direct import FORMS, entries, shape, was_direct
from tests.support.merge import Project, counts


@pytest.fixture(autouse=True)
def all_stay_in_their_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of every size are copied, though their rows refer to others."""
    monkeypatch.setattr(drafts, "LARGE", 0)


REFERRING = {
    "drawn ids": (
        "kinds (id serial PRIMARY KEY, code text NOT NULL UNIQUE)",
        "id serial PRIMARY KEY, code text NOT NULL UNIQUE, name varchar(3), kind int REFERENCES"
        " kinds, other int NOT NULL REFERENCES kinds",
        "code",
    ),
    "keys that are stored": (
        "kinds (code varchar(9) PRIMARY KEY)",
        "code integer PRIMARY KEY, name text, kind varchar(9) REFERENCES kinds, other varchar(9)"
        " NOT NULL REFERENCES kinds",
        "code",
    ),
    "references in the key": (
        "kinds (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code uuid NOT NULL UNIQUE)",
        "code text, name text, kind bigint REFERENCES kinds, other bigint REFERENCES kinds,"
        " PRIMARY KEY (other, code)",
        "[other, code]",
    ),
}
KINDS = ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
REFERRED = [(1, "x", 0, 1), (2, "é", None, 0), (3, None, 1, 1), (10, "y", 1, 0)]


def _with_references(project: Project, form: str, table: str) -> None:
    kinds, columns, key = REFERRING[table]
    names = KINDS if table == "references in the key" else ("a", "b")
    project.sql(f"CREATE TABLE {kinds}; CREATE TABLE items ({columns})")
    project.write(
        "kinds", f"table: kinds\nkey: code\nrows: {json.dumps([{'code': n} for n in names])}\n"
    )
    rows = [
        {
            "code": str(code),
            "name": name,
            "kind": None if kind is None else names[kind],
            "other": names[other],
        }
        for code, name, kind, other in REFERRED
    ]
    content = f"rows: {json.dumps(rows)}\n"
    if form == "csv":
        content = "rows_from: items.csv\n"
        written = [",".join(each or "" for each in row.values()) for row in rows]
        project.write("items.csv", "\n".join(["code,name,kind,other", *written, ""]))
    head = f"table: items\nkey: {key}\ncolumns: {{kind: {{ref: kinds}}, other: {{ref: kinds}}}}\n"
    project.write("items", head + content)


def _forget(project: Project) -> None:
    project.sql("DROP TABLE IF EXISTS items; DROP TABLE IF EXISTS kinds")
    project.sql("DROP SCHEMA IF EXISTS seeder CASCADE")
    (project.directory / "seeds/core/items.csv").unlink(missing_ok=True)


@pytest.mark.parametrize("table", REFERRING)
def test_rows_that_refer_to_others_end_as_in_a_staged_load(
    project: Project, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    found = {}
    for form in reversed(FORMS):
        _forget(project)
        _with_references(project, form, table)
        assert counts(project.run(), "items") == {"insert": 4}
        rows = project.rows("SELECT code, name, kind, other FROM items ORDER BY code")
        found[form] = (rows, entries(project, "base_2"), shape(project, "base_2"))
        assert was_direct(project, "base_2") is (form == "csv")
    assert found["csv"] == found["yaml"]
    changed = project.directory / "seeds/core/items.csv"
    changed.write_text(changed.read_text().replace(",x,", ",z,"))
    assert counts(project.update(), "items") == {"update": 1}


@pytest.mark.parametrize("table", REFERRING)
def test_a_first_load_leaves_out_what_refers_to_a_row_that_people_deleted(
    project: Project, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    found = {}
    for form in FORMS:
        _forget(project)
        _with_references(project, form, table)
        held = [project.directory / f"seeds/core/items.{end}" for end in ("yaml", "csv")]
        texts = {path: path.read_text() for path in held if path.exists()}
        for path in texts:
            path.unlink()
        project.run()
        project.sql("DELETE FROM kinds WHERE code::text < 'b'")
        for path, text in texts.items():
            path.write_text(text)
        result = project.update()
        rows = project.rows("SELECT code, name, kind, other FROM items ORDER BY code")
        assert not was_direct(project, "base_2")
        found[form] = (counts(result, "items"), rows, entries(project, "base_2"))
    assert found["csv"][0]["insert"] == 1
    assert found["csv"] == found["yaml"]


@pytest.mark.parametrize("null", ["", " NOT NULL"])
@pytest.mark.parametrize("form", FORMS)
def test_a_row_waits_whose_parent_lacks_the_value_that_it_stores(
    project: Project, monkeypatch: pytest.MonkeyPatch, null: str, form: str
) -> None:
    project.surveyed = False
    project.sql(
        "CREATE TABLE kinds (id serial PRIMARY KEY, code text NOT NULL UNIQUE, num int UNIQUE);"
        f"CREATE TABLE items (code text PRIMARY KEY, kind int{null} REFERENCES kinds (num))"
    )
    project.write("kinds.csv", "code,num\na,5\nb,\n")
    project.write("kinds", "table: kinds\nkey: code\nrows_from: kinds.csv\n")
    rows = "rows: [{code: v, kind: a}, {code: w, kind: b}]\n"
    if form == "csv":
        rows = "rows_from: items.csv\n"
        project.write("items.csv", "code,kind\nv,a\nw,b\n")
    project.write("items", "table: items\nkey: code\ncolumns: {kind: {ref: kinds}}\n" + rows)
    assert counts(project.init(), "items") == {"insert": 1, "skip": 1}
    assert project.rows("SELECT code, kind FROM items") == [("v", 5)]


def test_no_table_is_dropped_where_a_trigger_forbids_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.surveyed = False
    _with_references(project, "csv", "drawn ids")
    project.sql(
        "CREATE FUNCTION no_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects()"
        "   WHERE object_type = 'table' AND NOT is_temporary)"
        " THEN RAISE EXCEPTION 'no tables are dropped here'; END IF; END $$;"
        "CREATE EVENT TRIGGER no_drop ON sql_drop EXECUTE FUNCTION no_drop()"
    )
    assert counts(project.run(), "items") == {"insert": 4}
    assert was_direct(project, "base_2")


@pytest.mark.parametrize("sorts", [True, False])
def test_numbers_that_a_table_draws_follow_the_file(
    project: Project, monkeypatch: pytest.MonkeyPatch, sorts: bool
) -> None:
    if not sorts:
        monkeypatch.setattr(copy_to_base, "_LARGE", 0)
    project.sql(
        "CREATE TABLE kinds (id serial PRIMARY KEY, code text NOT NULL UNIQUE);"
        "CREATE TABLE items (code text PRIMARY KEY, kind int REFERENCES kinds, place serial)"
    )
    codes = [f"c{n * 7919 % 1000:03d}" for n in range(1000)]
    kinds = json.dumps([{"code": code} for code in codes])
    project.write("kinds", f"table: kinds\nkey: code\nrows: {kinds}\n")
    lines = [f"{code},{kind}" for code, kind in zip(codes, codes[::-1], strict=True)]
    project.write("items.csv", "\n".join(["code,kind", *lines, ""]))
    project.write(
        "items", "table: items\nkey: code\ncolumns: {kind: {ref: kinds}}\nrows_from: items.csv\n"
    )
    # Then rows come in the order of what they refer to, unless they are sorted.
    for join in ("hashjoin", "nestloop"):
        project.sql(f'ALTER DATABASE "{project.database.name}" SET enable_{join} = off')
    project.run()
    assert was_direct(project, "base_2")
    assert project.rows("SELECT code FROM items ORDER BY place") == [(code,) for code in codes]
