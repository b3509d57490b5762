"""`seeder export`: export, adopt, and a plan has nothing to do."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from seeder import job
from seeder.cli import main
from seeder.configuration.whereabouts import STARTER
from seeder.errors import ConfigurationInvalid
from seeder.look.check import check
from seeder.merge.settled import ExportedSet
from seeder.settle.adopt import adopt
from seeder.settle.export import export
from tests.support.events import Events
from tests.support.merge import Project, outcome


def write_out(project: Project, *tables: str, **keys: tuple[str, ...]) -> dict[str, ExportedSet]:
    found = export(
        project.settings(),
        log=Events(),
        tables=tables,
        keys=keys,
        out=project.directory / "seeds" / "core",
    )
    return {each.name: each for each in found}


def assert_round_trip(project: Project, rows: int) -> None:
    """It passes `check`; adopted, every row is as it says, and an update writes nothing."""
    check(project.settings(), log=Events(), embedded=False)
    settled = adopt(project.settings(), log=Events())
    assert dict(settled.counts) == {"adopt": rows}
    project.survey()
    assert {name: dict(plan.counts) for name, plan in project.plans.items() if plan.counts} == {}
    project.assert_settled()


def test_a_set_with_references_comes_back_to_an_empty_plan(project: Project) -> None:
    project.sql(
        "CREATE TABLE roles (id serial PRIMARY KEY, name text NOT NULL UNIQUE,"
        " is_active boolean NOT NULL DEFAULT true, created_at timestamptz DEFAULT now());"
        "CREATE TABLE permissions (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " name text NOT NULL UNIQUE, parent_id bigint REFERENCES permissions);"
        "CREATE TABLE grants (role_id integer REFERENCES roles, permission_id bigint"
        " REFERENCES permissions, PRIMARY KEY (role_id, permission_id));"
        "INSERT INTO roles (name) VALUES ('owner'), ('a,b\\c'), ('NO');"
        "INSERT INTO permissions (name, parent_id) VALUES ('all', NULL), ('some', 1);"
        "INSERT INTO grants VALUES (1, 1), (2, 2), (3, 1)"
    )
    sets = write_out(project, "grants", "roles", "permissions")
    assert sets["roles"].text == (
        "# id: left out; the database numbers it.\n"
        "# created_at: left out; its default is now().\n"
        "table: roles\nkey: name\ndefaults: {is_active: true}\nrows:\n"
        '  - {name: owner}\n  - {name: "a,b\\\\c"}\n  - {name: "NO"}\n'
    )
    assert '{role_id: "a,b\\\\c", permission_id: some}' in sets["grants"].text
    assert "  parent_id: {ref: permissions}\n" in sets["permissions"].text
    assert_round_trip(project, 8)


def test_a_new_database_gets_the_same_rows(project: Project) -> None:
    project.sql(
        "CREATE TABLE roles (id serial PRIMARY KEY, name text NOT NULL UNIQUE, label text);"
        "INSERT INTO roles (name, label) VALUES ('a', NULL), ('b', ''), ('c', 'null')"
    )
    before = project.rows("SELECT name, label FROM roles ORDER BY name")
    write_out(project, "roles")
    project.sql("TRUNCATE roles")
    project.init()
    assert project.rows("SELECT name, label FROM roles ORDER BY name") == before


VALUES = {
    "smallint": ["-32768", "0"],
    "bigint": ["9223372036854775807"],
    "numeric": ["1.10", "0.00000001", "123456789012345678901234567890.5", "NaN"],
    "numeric(10,2)": ["1.50", "-0.01"],
    "real": ["0.1", "1e20", "Infinity", "-0"],
    "double precision": ["0.1", "1e-300", "NaN", "3", "-0"],
    "double precision[]": ["{-0,0,NaN,NULL}"],
    "boolean": ["true", "false"],
    "text": ["plain", "", " x ", "NO", "010", "1:30", "~", "ä\u2028\x7f\x85", "a\nb\t'\"\\", "{a}"],
    "varchar(10)": ["short"],
    "char(5)": ["ab"],
    "date": ["2026-02-28", "0044-03-15 BC", "infinity"],
    "time": ["23:59:59.999999"],
    "timetz": ["12:00:00+05:30"],
    "timestamp": ["2026-11-22 01:02:03.000004", "-infinity"],
    "timestamptz": ["2026-11-22 01:02:03.5+02"],
    "interval": ["1 year 2 mons -3 days 04:05:06.7", "00:00:00"],
    "uuid": ["6f1f1c0a-9f5e-4c1d-8a36-0f0d6b6b5b11"],
    "bytea": ["\\x00ff10", "\\x"],
    "json": ['{"b": 1, "a": [1.0, null]}', '"text"'],
    "jsonb": [
        '{"a": [1.50, true, null, {"b": "x: y", "<<": 1}]}',
        "null",
        '"NO"',
        "1.00",
        '{"k": "\\u2028\\u007f \\" \\\\ \\n ä"}',
        "[]",
        "{}",
    ],
    "text[]": ['{a,NULL,"NULL","x y","","q\\"\\\\"}', "{}", "[0:1]={a,b}"],
    "integer[]": ["{{1,2},{3,4}}", "{1}"],
    "boolean[]": ["{t,f,NULL}"],
    "numeric[]": ["{1.0,2.50}"],
    "inet": ["10.0.0.1/8", "::1"],
    "int4range": ["[1,5)", "empty", "(,)"],
    "point": ["(1.5,2)"],
    "tsvector": ["'fat':2 'rat':3"],
    "bit varying": ["0101"],
    "mood": ["so la"],
    "positive": ["7"],
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_of_every_type_come_back_exactly(project: Project, kind: str) -> None:
    project.sql("CREATE TYPE mood AS ENUM ('ok', 'so la')")
    project.sql("CREATE DOMAIN positive AS integer CHECK (value > 0)")
    project.sql(f"CREATE TABLE things (n integer PRIMARY KEY, v {kind})")
    for n, value in enumerate([None, *VALUES[kind]]):
        project.sql(f"INSERT INTO things VALUES (%s, %s::{kind})", n, value)
    before = project.rows("SELECT n, v::text FROM things ORDER BY n")
    write_out(project, "things")
    assert_round_trip(project, len(before))
    project.sql("TRUNCATE things")
    project.sql("DROP SCHEMA seeder CASCADE")
    project.init()
    compared = "v::jsonb::text" if kind == "json" else "v::text"
    after = project.rows(f"SELECT n, {compared} FROM things ORDER BY n")
    if kind != "json":
        assert after == before


def test_tables_of_the_starter_come_back_to_an_empty_plan(project: Project) -> None:
    settings = dataclasses.replace(project.settings(), project=STARTER)
    job.run(settings, log=Events())
    project.sql("DROP SCHEMA seeder CASCADE")
    sets = write_out(project, "tier_permissions", "permissions", "subscription_tiers")
    assert_round_trip(project, sum(each.rows for each in sets.values()))


def test_references_to_keys_of_several_columns_are_lists(project: Project) -> None:
    project.sql(
        "CREATE TABLE areas (id serial PRIMARY KEY, country text NOT NULL, n integer NOT NULL,"
        " UNIQUE (country, n));"
        "CREATE TABLE towns (area_id integer NOT NULL REFERENCES areas, name text NOT NULL,"
        " id serial PRIMARY KEY, UNIQUE (area_id, name));"
        "CREATE TABLE streets (name text PRIMARY KEY, town_id integer REFERENCES towns);"
        "INSERT INTO areas (country, n) VALUES ('c,h', 1), ('de', 2);"
        "INSERT INTO towns VALUES (1, 'Bern,'), (2, 'Bonn');"
        "INSERT INTO streets VALUES ('a', 1), ('b', 2), ('c', NULL)"
    )
    sets = write_out(project, "areas", "towns", "streets")
    assert '{area_id: ["c,h", "1"], name: "Bern,"}' in sets["towns"].text
    assert '{name: b, town_id: ["de,2", Bonn]}' in sets["streets"].text
    assert_round_trip(project, 7)


def test_names_that_need_quotes_and_other_schemas_work(project: Project) -> None:
    project.sql(
        'CREATE SCHEMA "App"; CREATE TABLE "App"."Odd Names" ("The Key" text PRIMARY KEY,'
        ' "on" text, "a-b" integer);'
        "INSERT INTO \"App\".\"Odd Names\" VALUES ('x', 'off', 1), ('z', NULL, 2)"
    )
    sets = write_out(project, "App.Odd Names")
    assert list(sets) == ["Odd_Names"]
    assert_round_trip(project, 2)


def test_references_to_tables_that_stay_behind_go_by_their_natural_key(project: Project) -> None:
    project.sql(
        "CREATE TABLE currencies (id serial PRIMARY KEY, code text NOT NULL UNIQUE);"
        "CREATE TABLE units (code text PRIMARY KEY);"
        "CREATE TABLE prices (name text PRIMARY KEY, currency_id integer REFERENCES currencies,"
        " unit text REFERENCES units);"
        "INSERT INTO currencies (code) VALUES ('CHF'), ('EUR');"
        "INSERT INTO units VALUES ('kg');"
        "INSERT INTO prices VALUES ('a', 2, 'kg'), ('b', NULL, NULL)"
    )
    sets = write_out(project, "prices")
    assert "currency_id: {ref: {table: currencies, key: code}}" in sets["prices"].text
    assert "{name: a, currency_id: EUR, unit: kg}" in sets["prices"].text
    assert_round_trip(project, 2)


def test_numbers_of_a_table_without_a_natural_key_are_remarked_upon(project: Project) -> None:
    project.sql(
        "CREATE EXTENSION lo; CREATE TABLE blobs (id serial PRIMARY KEY, content text);"
        "CREATE TABLE items (name text PRIMARY KEY, blob_id integer REFERENCES blobs,"
        " large lo);"
        "INSERT INTO blobs DEFAULT VALUES; INSERT INTO items VALUES ('a', 1, 5)"
    )
    remarks = write_out(project, "items")["items"].remarks
    assert [remark.partition(":")[0] for remark in remarks] == ["blob_id", "large"]
    assert_round_trip(project, 1)


def test_generated_columns_are_left_out(project: Project) -> None:
    project.sql(
        "CREATE TABLE items (name text PRIMARY KEY, n integer,"
        " twice integer GENERATED ALWAYS AS (n * 2) STORED);"
        "INSERT INTO items (name, n) VALUES ('a', 1)"
    )
    found = write_out(project, "items")["items"]
    assert found.text.splitlines()[0] == "# twice: left out; the database computes it."
    assert found.remarks == ()
    assert_round_trip(project, 1)


def test_an_empty_table_makes_an_empty_set(project: Project) -> None:
    project.sql("CREATE TABLE items (name text PRIMARY KEY)")
    assert write_out(project, "items")["items"].text == "table: items\nkey: name\nrows: []\n"


def test_a_table_without_a_natural_key_needs_one_named(project: Project) -> None:
    project.sql(
        "CREATE TABLE items (id serial PRIMARY KEY, a text, b text);"
        "INSERT INTO items (a, b) VALUES ('x', 'v'), ('x', 'w')"
    )
    with pytest.raises(ConfigurationInvalid) as caught:
        write_out(project, "items")
    assert "--key" in str(caught.value.problems[0])
    with pytest.raises(ConfigurationInvalid) as caught:
        write_out(project, "items", items=("a",))
    assert caught.value.problems[0].message == "Several rows of items have the same a."
    found = write_out(project, "items", items=("a", "b"))["items"]
    assert "key: [a, b]" in found.text
    assert found.remarks == (
        "no unique index keeps the key unique, which a seed set needs:"
        " CREATE UNIQUE INDEX ON public.items (a, b)",
    )
    project.sql("CREATE UNIQUE INDEX ON public.items (a, b)")
    assert_round_trip(project, 2)


def test_a_serial_key_is_kept_when_asked_for(project: Project) -> None:
    project.sql(
        "CREATE TABLE items (id serial PRIMARY KEY, a text);"
        "INSERT INTO items (id, a) VALUES (7, 'x')"
    )
    write_out(project, "items", items=("id",))
    assert_round_trip(project, 1)


def test_unknown_tables_and_columns_are_told_together(project: Project) -> None:
    project.sql("CREATE TABLE items (name text PRIMARY KEY)")
    with pytest.raises(ConfigurationInvalid) as caught:
        write_out(project, "itmes", "items", items=("nam",))
    assert [problem.message for problem in caught.value.problems] == [
        "The table itmes does not exist.",
        "The table items has no column nam.",
    ]
    assert caught.value.problems[0].remedy == "Did you mean items?"


def test_a_file_that_exists_is_not_overwritten(project: Project) -> None:
    project.sql("CREATE TABLE items (name text PRIMARY KEY)")
    write_out(project, "items")
    with pytest.raises(ConfigurationInvalid, match="Already there"):
        write_out(project, "items")


def test_the_command_prints_or_writes(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.sql("CREATE TABLE items (name text UNIQUE); INSERT INTO items VALUES ('a')")
    environ = {"SEEDER_DATABASE_URL": project.database.url}
    assert main(["export", "items", "--key", "name"], environ) == 0
    assert capsys.readouterr().out == "table: items\nkey: name\nrows:\n  - {name: a}\n"
    out = tmp_path / "new"
    assert main(["export", "items", "--key", "items=name", "--out", str(out)], environ) == 0
    assert (out / "items.yaml").read_text().startswith("table: items\n")
    assert main(["export", "items", "other", "--key", "name"], environ) == 2


def test_rows_that_all_customers_share_are_told_by_their_scope(project: Project) -> None:
    project.sql(
        "CREATE TABLE organizations (id serial PRIMARY KEY, name text UNIQUE);"
        "CREATE TABLE roles (id serial PRIMARY KEY, organization_id integer REFERENCES"
        " organizations, name text NOT NULL, UNIQUE (organization_id, name));"
        "CREATE TABLE grants (role_id integer REFERENCES roles, what text,"
        " PRIMARY KEY (role_id, what));"
        "INSERT INTO organizations (name) VALUES ('acme');"
        "INSERT INTO roles (organization_id, name) VALUES (NULL, 'a'), (NULL, 'b'), (1, 'a');"
        "INSERT INTO grants VALUES (1, 'x'), (3, 'x'), (3, 'y')"
    )
    sets = write_out(project, "roles", "grants")
    assert sets["roles"].text == (
        "# id: left out; the database numbers it.\n"
        "# left out, since they have a value in organization_id: 1 row.\n"
        "table: roles\nkey: name\nscope: {organization_id: null}\nrows:\n"
        "  - {name: a}\n  - {name: b}\n"
    )
    assert sets["grants"].remarks == ("left out, since they refer to such rows: 2 rows.",)
    assert sets["grants"].rows == 1
    assert_round_trip(project, 3)


def test_a_partial_index_tells_the_scope_and_the_mark_of_deletion(project: Project) -> None:
    project.sql(
        "CREATE TABLE tags (id serial PRIMARY KEY, owner integer, name text NOT NULL,"
        " deleted_at timestamptz);"
        "CREATE UNIQUE INDEX ON tags (name) WHERE owner IS NULL AND deleted_at IS NULL;"
        "INSERT INTO tags (owner, name, deleted_at) VALUES (NULL, 'a', NULL), (1, 'a', NULL),"
        " (NULL, 'b', now())"
    )
    found = write_out(project, "tags")["tags"]
    assert "key: name\nscope: {owner: null}\ndeleted: deleted_at\nrows:\n  - {name: a}\n" in (
        found.text
    )
    assert found.remarks == ("left out, since they have a value in owner or deleted_at: 2 rows.",)
    assert_round_trip(project, 1)


def test_null_in_a_key_that_an_index_keeps_unique_is_a_value_like_any_other(
    project: Project,
) -> None:
    if project.connection.info.server_version < 150000:
        pytest.skip("NULLS NOT DISTINCT came with Postgres 15")
    project.sql(
        "CREATE TABLE fees (id serial PRIMARY KEY, region text, kind text NOT NULL,"
        " UNIQUE NULLS NOT DISTINCT (region, kind));"
        "CREATE TABLE bills (name text PRIMARY KEY, fee_id integer REFERENCES fees);"
        "INSERT INTO fees (region, kind) VALUES (NULL, 'a'), ('None', 'a'), ('null', 'a');"
        "INSERT INTO bills VALUES ('x', 1), ('y', NULL), ('z', 3)"
    )
    sets = write_out(project, "fees", "bills")
    assert "key: [region, kind]\nnulls: equal\n" in sets["fees"].text
    assert "{region: null, kind: a}" in sets["fees"].text
    assert "{name: x, fee_id: [null, a]}" in sets["bills"].text
    assert '{name: z, fee_id: ["null", a]}' in sets["bills"].text
    assert_round_trip(project, 6)


def test_a_key_that_is_null_throughout_is_refused(project: Project) -> None:
    project.sql("CREATE TABLE items (name text, n integer); INSERT INTO items VALUES (NULL, 1)")
    with pytest.raises(ConfigurationInvalid) as caught:
        write_out(project, "items", items=("name",))
    assert caught.value.problems[0].message == "name of items is NULL in some rows."


def test_what_looks_like_a_credential_is_declared_secret_and_not_written(project: Project) -> None:
    project.sql(
        'CREATE TABLE users (email text PRIMARY KEY, password_hash text, "apiKey" text,'
        " stripe_secret_key bytea, reset_token jsonb, token_type text, password_changed_at date,"
        " max_tokens integer, session_token text UNIQUE, otp_secret text NOT NULL DEFAULT '');"
        "INSERT INTO users VALUES ('a', 'hunter2', 'hunter2', 'hunter2', '\"hunter2\"', 'jwt',"
        " '2026-01-01', 5, 'hunter2', 'hunter2')"
    )
    found = write_out(project, "users")["users"]
    assert "hunter2" not in found.text
    assert found.text.endswith(
        "columns:\n  password_changed_at: {update: never}\n  password_hash: {secret: true}\n"
        "  apiKey: {secret: true}\n  stripe_secret_key: {secret: true}\n"
        "  reset_token: {secret: true}\n  session_token: {secret: true}\n"
        "  otp_secret: {secret: true}\nrows:\n"
        '  - {email: a, token_type: jwt, password_changed_at: "2026-01-01", max_tokens: 5}\n'
    )
    assert_round_trip(project, 1)
    assert "hunter2" not in str(project.entries("users"))


def test_a_credential_that_every_row_needs_is_asked_for(project: Project) -> None:
    project.sql(
        "CREATE TABLE users (email text PRIMARY KEY, password text NOT NULL);"
        "INSERT INTO users VALUES ('a', 'hunter2')"
    )
    assert write_out(project, "users")["users"].remarks == (
        "password: left out; it looks like a credential. It is NOT NULL: give it in every row,"
        " as !env PASSWORD.",
    )
    check(project.settings(), log=Events(), embedded=False)


def test_timestamps_that_the_application_fills_are_written_on_insert_only(
    project: Project,
) -> None:
    project.sql(
        "CREATE TABLE items (name text PRIMARY KEY, created_at timestamptz NOT NULL,"
        ' "updatedAt" timestamp, valid_from timestamp, last_seen timestamptz);'
        "INSERT INTO items VALUES ('a', '2026-01-01Z', '2026-01-02', '2026-01-03', NULL),"
        " ('b', '2026-02-01Z', '2026-01-02', '2026-01-04', NULL)"
    )
    text = write_out(project, "items")["items"].text
    assert "columns:\n  created_at: {update: never}\n  updatedAt: {update: never}\n" in text
    assert "  last_seen: {update: never}\n" in text
    assert "  valid_from:" not in text
    assert_round_trip(project, 2)
    project.sql('UPDATE items SET "updatedAt" = now()')
    assert dict(outcome(project.update(), "items").counts) == {}


def test_a_secret_that_no_row_gives_has_to_be_a_column_of_the_table(project: Project) -> None:
    project.sql("CREATE TABLE users (email text PRIMARY KEY, password text)")
    project.write(
        "users",
        "table: users\nkey: email\ncolumns:\n  pasword: {secret: true}\nrows: [{email: a}]\n",
    )
    with pytest.raises(ConfigurationInvalid) as caught:
        project.run()
    (problem,) = caught.value.problems
    assert (problem.line, problem.remedy) == (4, "Did you mean password?")
