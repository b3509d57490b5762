"""Functions and operators of a stranger, found on the search_path, are not called.

An overload whose parameters fit exactly wins over one of `pg_catalog` that takes anything, even
where `pg_catalog` comes first: `public.unnest(text[])` over `pg_catalog.unnest(anyarray)`.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import seeder
from seeder.look.status import status
from seeder.merge.choices import Take
from seeder.settle.adopt import adopt
from seeder.settle.export import export
from seeder.settle.resolve import resolve
from seeder.settle.restore import restore
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project

TYPES = [
    *("text", "name", "varchar", "integer", "bigint", "smallint", "boolean", "oid", '"char"'),
    *("jsonb", "json", "tid", "xid", "regclass", "timestamptz", "numeric"),
    *("text[]", "name[]", "smallint[]", "integer[]", "bigint[]", "oid[]", "jsonb[]", "tid[]"),
    *('"char"[]', "record"),
]
PAIRS = ["text", "name", "varchar", "integer", "bigint", "oid", "jsonb", "text[]", "boolean"]
"""Types of two parameters of functions."""

OPERATORS = {
    "boolean": ["=", "<>", "<", ">", "<=", ">=", "?", "?|", "@>", "<@", "&&", "~", "!~"],
    "text": ["||", "->>", "#>>"],
    "jsonb": ["->", "#>", "#-"],
    "integer": ["-", "+", "*", "/", "%", "&", "|"],
}
"""By what they return. An operator of `pg_catalog` for the very same two types comes first."""

_NAMES = re.compile(r"(?<![\w.:$])([a-z][a-z0-9_]*)\s*\(")


def called_names() -> set[str]:
    """Whatever stands before a parenthesis in a string of the product, qualified or not."""
    found: set[str] = set()
    for file in (Path(seeder.__file__).parent).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(_NAMES.findall(node.value.replace("pg_catalog.", " ")))
    return found


PLANT = r"""
DO $do$
DECLARE
  f record; one text; other text;
  types text[] := string_to_array(current_setting('test.types'), ' ');
  pairs text[] := string_to_array(current_setting('test.pairs'), ' ');
  body text := 'LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION %L; END $f$';
BEGIN
  FOR f IN
    SELECT p.proname AS name, coalesce(min(p.prorettype::regtype::text) FILTER (WHERE
        p.prorettype NOT IN (SELECT oid FROM pg_type WHERE typtype = 'p')), 'text') AS returns
    FROM pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a', 'w')
      AND p.proname::text = ANY (string_to_array(current_setting('test.names'), ' '))
    GROUP BY 1
  LOOP
    FOREACH one IN ARRAY types LOOP
      EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s ' || body, f.name, one, f.returns,
                     format('lookalike %s(%s)', f.name, one));
      IF one = ANY (pairs) THEN
        FOREACH other IN ARRAY pairs LOOP
          EXECUTE format('CREATE FUNCTION public.%I(%s, %s) RETURNS %s ' || body, f.name, one,
                         other, f.returns, format('lookalike %s(%s, %s)', f.name, one, other));
        END LOOP;
      END IF;
    END LOOP;
  END LOOP;
END $do$
"""


PLANT_OPERATORS = r"""
DO $do$
DECLARE
  one text; other text; returns text; symbol text;
  types text[] := string_to_array(current_setting('test.types'), ' ');
BEGIN
  FOREACH one IN ARRAY types LOOP
    FOREACH other IN ARRAY types LOOP
      CONTINUE WHEN 'record' IN (one, other);
      FOR returns, symbol IN
        SELECT r.key, o.value FROM jsonb_each(current_setting('test.operators')::jsonb) r,
          jsonb_array_elements_text(r.value) o
        WHERE NOT EXISTS (SELECT FROM pg_operator p WHERE p.oprname = o.value
          AND p.oprleft = one::regtype AND p.oprright = other::regtype)
      LOOP
        EXECUTE format('CREATE FUNCTION public.%I(%s, %s) RETURNS %s LANGUAGE plpgsql'
          || ' AS $f$ BEGIN RAISE EXCEPTION ''%%'', %L; END $f$', 'of ' || symbol, one, other,
          returns, format('lookalike %s %s %s', one, symbol, other));
        EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION ='
          || ' public.%I)', symbol, one, other, 'of ' || symbol);
      END LOOP;
    END LOOP;
  END LOOP;
END $do$
"""


def plant(project: Project) -> None:
    """Lookalikes of every function and operator in use, for each type that ours meet."""
    project.sql("CREATE EXTENSION citext")
    project.sql("SET search_path TO pg_catalog")
    given = {"names": called_names(), "types": TYPES, "pairs": PAIRS}
    for name, values in given.items():
        project.sql(f"SELECT set_config('test.{name}', %s, false)", " ".join(values))
    project.sql("SELECT set_config('test.operators', %s, false)", json.dumps(OPERATORS))
    project.sql(PLANT)
    project.sql(PLANT_OPERATORS)
    project.sql("RESET search_path")


@pytest.fixture
def neighbours(project: Project) -> Project:
    """Tables of many types, and a `public` full of lookalikes that the path leads to."""
    project.surveyed = False
    plant(project)
    project.sql(
        "CREATE TABLE roles (id serial PRIMARY KEY, code text UNIQUE, label varchar(40),"
        " tags text[], settings jsonb, gone timestamptz, at timestamptz, price numeric);"
        "CREATE TABLE grants (role_id integer REFERENCES roles, what citext,"
        " PRIMARY KEY (role_id, what))"
    )
    return project


def write(project: Project, *, change: str, rows: int) -> None:
    lines = "".join(
        f"  - {{code: r{n}, label: {change}, tags: [a, {change}], settings: {{a: {{b: {n}}}}},"
        f" price: {n}.5}}\n"
        for n in range(rows)
    )
    project.write(
        "roles",
        "table: roles\nkey: code\nremoved: delete\ncolumns: {settings: {merge: map}}\n"
        f"defaults: {{at: !now}}\nrows:\n{lines}",
    )
    links = "".join(f"  - {{role_id: r{n}, what: see}}\n" for n in range(rows))
    project.write(
        "grants",
        "table: grants\nkey: [role_id, what]\nremoved: delete\n"
        f"columns: {{role_id: {{ref: roles}}}}\nrows:\n{links}",
    )


def test_a_life_of_a_database_calls_none_of_them(neighbours: Project, tmp_path: Path) -> None:
    project = neighbours
    settings, log = project.settings(), Events()
    write(project, change="one", rows=6)
    project.init()
    project.sql("UPDATE roles SET label = 'mine', settings = '{\"a\": {\"c\": 1}}' WHERE id = 1")
    project.sql("DELETE FROM grants WHERE role_id = 2")
    write(project, change="two", rows=4)
    updated = project.update()
    assert updated.run_id is not None
    status(settings, log=log)
    resolve(settings, log=log, addresses=["roles/r0"], take=Take.DESIRED)
    restore(settings, log=log, addresses=["grants/r1,see"])
    undo(settings, log=log, run=updated.run_id, dry_run=False)
    export(settings, log=log, tables=["roles", "grants"], keys={}, out=tmp_path / "out")
    project.sql("DROP SCHEMA seeder CASCADE")
    adopt(settings, log=log)
    project.update()
    assert project.value("SELECT count(*) FROM roles") == 6
