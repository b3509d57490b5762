"""Every type merges: it is launched, left alone, updated, edited by people, NULL and back."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.kinds import KINDS, Kind
from tests.support.merge import Project, counts


def seed(project: Project, *values: str) -> None:
    rows = "".join(f"  - {{code: r{n}, val: {value}}}\n" for n, value in enumerate(values))
    project.write("t", f"table: t\nkey: code\nrows:\n{rows}")


def live(project: Project) -> list[str | None]:
    return [value for (value,) in project.rows("SELECT val::text FROM t ORDER BY code")]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_type_merges(project: Project, kind: Kind) -> None:
    one, two, three = kind.values
    if project.connection.info.server_version < kind.since:
        with pytest.raises(psycopg.Error):
            project.sql(f"CREATE TABLE t (val {kind.type})")
        return
    project.sql("SET TimeZone = 'Asia/Kathmandu'")
    if kind.setup:
        project.sql(kind.setup)
    project.sql(
        f"CREATE TABLE t (id serial PRIMARY KEY, code text UNIQUE NOT NULL, val {kind.type},"
        " updated_at timestamptz DEFAULT clock_timestamp());"
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;"
        "CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()"
    )
    # r0 changes, r1 is edited, r2 becomes NULL, r3 was NULL, r4 is set to NULL by a person.
    seed(project, one, one, one, "null", one)
    assert counts(project.init(), "t") == {"insert": 5}
    project.assert_settled()
    first = live(project)
    assert first[0] is not None
    assert first == [first[0]] * 3 + [None, first[0]]

    project.sql("UPDATE t SET val = NULL WHERE code = 'r4'")
    seed(project, one, one, one, "null", one)
    project.assert_settled()

    seed(project, two, two, "null", two, two)
    project.sql("UPDATE t SET val = NULL WHERE code = 'r1'")
    result = project.update()
    assert counts(result, "t") == {"update": 3, "keep": 2, "conflicts": 2}
    after = live(project)
    assert after[0] is not None
    assert after[0] != first[0]
    assert after == [after[0], None, None, after[0], None]
    project.assert_settled()

    if three == one:  # two values are all there is, and NULL is where nothing was known
        return
    seed(project, three, three, three, three, three)
    result = project.update()
    assert counts(result, "t") == {"update": 3, "keep": 2, "conflicts": 2}
    last = live(project)
    assert last == [last[0], None, last[0], last[0], None]
    project.assert_settled()
    assert project.value("SELECT last_value FROM t_id_seq") == 5


def test_json_null_is_not_sql_null(project: Project) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, val jsonb, doc json)")
    project.write(
        "t", "table: t\nkey: code\nrows:\n  - {code: a, val: !json 'null', doc: !json 'null'}\n"
    )
    project.init()
    assert project.rows("SELECT val::text, doc::text FROM t") == [("null", "null")]
    project.assert_settled()
    project.write("t", "table: t\nkey: code\nrows:\n  - {code: a, val: null, doc: null}\n")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT val, doc FROM t WHERE val IS NULL AND doc IS NULL") == [
        (None, None)
    ]
    project.assert_settled()


def test_an_empty_text_is_not_null(project: Project) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, val text)")
    seed(project, "''", "null")
    project.init()
    assert live(project) == ["", None]
    seed(project, "null", "''")
    assert counts(project.update(), "t") == {"update": 2}
    assert live(project) == [None, ""]


def test_a_value_that_the_column_rounds_is_settled(project: Project) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, val numeric(4,1))")
    seed(project, "1.25", "1.24")
    project.init()
    assert live(project) == ["1.3", "1.2"]
    project.assert_settled()
    seed(project, "1.3", "1.2")
    assert counts(project.update(), "t") == {}


def test_a_key_of_any_plain_type(project: Project) -> None:
    for name, key, one, two in [
        ("by_date", "date", "2020-01-01", "2020-01-02"),
        (
            "by_uuid",
            "uuid",
            "'11111111-9A6E-4B7E-8D47-6C2A7F6C3A11'",
            "'21111111-9a6e-4b7e-8d47-6c2a7f6c3a11'",
        ),
        ("by_bool", "boolean", "true", "false"),
        ("by_time", "timestamptz", "'2020-01-01 12:00+02'", "2020-01-01T12:00:00Z"),
        ("by_inet", "inet", "'10.0.0.1'", "'::1'"),
        ("by_char", "char(5)", "'ab'", "'cd'"),
        ("by_bytes", "bytea", "'\\x00'", "'\\xff'"),
        ("by_range", "int4range", "'[1,5]'", "'[7,8)'"),
        ("by_number", "numeric(6,2)", "1.5", "2"),
        ("by_float", "float8", "0.1", "2"),
        ("by_list", "text[]", "'{a,b}'", "'{c}'"),
        ("by_json", "jsonb", "'{\"a\": 1}'", "'[]'"),
    ]:
        project.sql(f"CREATE TABLE {name} (id serial, k {key} UNIQUE NOT NULL, v int)")
        for value in (1, 2):
            project.write(
                name,
                f"table: {name}\nkey: k\nremoved: delete\nrows:\n"
                f"  - {{k: {one}, v: {value}}}\n"
                + (f"  - {{k: {two}, v: 1}}\n" if value == 1 else ""),
            )
            result = project.update()
            expected = {"insert": 2} if value == 1 else {"update": 1, "delete": 1}
            assert counts(result, name) == expected, name
            project.assert_settled()


def test_generated_columns_are_left_alone(project: Project) -> None:
    project.sql(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text UNIQUE,"
        " val text, search tsvector GENERATED ALWAYS AS (to_tsvector('simple', val)) STORED)"
    )
    seed(project, "one", "two")
    project.init()
    project.assert_settled()
    seed(project, "three", "two")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.value("SELECT search::text FROM t WHERE code = 'r0'") == "'three':1"
    project.write("t", "table: t\nkey: code\nremoved: delete\nrows: [{code: r0, val: three}]\n")
    assert counts(project.update(), "t") == {"delete": 1}


@pytest.mark.parametrize(
    "definition",
    [
        "serial",
        "bigserial",
        "int GENERATED ALWAYS AS IDENTITY",
        "int GENERATED BY DEFAULT AS IDENTITY",
        "int GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 10)",
    ],
)
def test_a_sequence_never_stays_behind_explicit_ids(project: Project, definition: str) -> None:
    project.sql(f"CREATE TABLE t (id {definition} PRIMARY KEY, code text UNIQUE, val text)")
    project.write("t", "table: t\nkey: code\nrows: [{id: 500, code: a}, {id: 7, code: b}]\n")
    project.init()
    project.assert_settled()
    project.sql("INSERT INTO t (code) VALUES ('mine')")
    project.write(
        "t",
        "table: t\nkey: code\nrows:\n"
        "  - {id: 500, code: a}\n  - {id: 7, code: b}\n  - {id: 900, code: c}\n",
    )
    assert counts(project.update(), "t") == {"insert": 1}
    project.sql("INSERT INTO t (code) VALUES ('mine too')")
    assert project.value("SELECT id > 900 FROM t WHERE code = 'mine too'") is True
    project.assert_settled()


def test_a_sequence_of_a_default_alone_does_not_stay_behind_either(project: Project) -> None:
    project.sql("CREATE SEQUENCE ids; CREATE SEQUENCE down INCREMENT -1")
    project.sql(
        "CREATE TABLE t (id int DEFAULT nextval('ids') PRIMARY KEY, code text UNIQUE,"
        " pos int DEFAULT nextval('down'))"
    )
    project.write("t", "table: t\nkey: code\nrows: [{id: 500, code: a, pos: -50}]\n")
    project.init()
    project.sql("INSERT INTO t (code) VALUES ('mine')")
    assert project.rows("SELECT id, pos FROM t WHERE code = 'mine'") == [(501, -51)]
    project.write(
        "t",
        "table: t\nkey: code\nrows: [{id: 500, code: a, pos: -50}, {id: 9, code: b, pos: -1}]\n",
    )
    project.update()
    project.sql("INSERT INTO t (code) VALUES ('mine too')")
    assert project.rows("SELECT id, pos FROM t WHERE code = 'mine too'") == [(502, -52)]
    project.assert_settled()


def test_a_sequence_does_not_stay_behind_an_id_that_an_update_writes(project: Project) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, code text UNIQUE, pos serial)")
    project.write("t", "table: t\nkey: code\nrows: [{id: 1, code: a, pos: 1}]\n")
    project.init()
    project.write("t", "table: t\nkey: code\nrows: [{id: 70, code: a, pos: 80}]\n")
    assert counts(project.update(), "t") == {"update": 1}
    project.sql("INSERT INTO t (code) VALUES ('mine')")
    assert project.rows("SELECT id, pos FROM t WHERE code = 'mine'") == [(71, 81)]
    project.assert_settled()


def test_explicit_ids_may_be_the_key_itself(project: Project) -> None:
    project.sql("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, val text)")
    project.write("t", "table: t\nkey: id\nrows: [{id: 5, val: a}, {id: 6, val: b}]\n")
    project.init()
    project.assert_settled()
    project.sql("INSERT INTO t (val) VALUES ('mine')")
    project.write("t", "table: t\nkey: id\nrows: [{id: 5, val: c}, {id: 6, val: b}]\n")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT * FROM t ORDER BY id") == [(5, "c"), (6, "b"), (7, "mine")]


def test_a_composite_primary_key_with_parts_that_fill_themselves(project: Project) -> None:
    project.sql(
        "CREATE TABLE t (region text DEFAULT 'eu', n serial, code text UNIQUE NOT NULL, val text,"
        " PRIMARY KEY (region, n))"
    )
    seed(project, "one", "two")
    project.init()
    project.assert_settled()
    seed(project, "one", "three", "four")
    assert counts(project.update(), "t") == {"update": 1, "insert": 1}
    assert project.rows("SELECT region, n, val FROM t ORDER BY n") == [
        ("eu", 1, "one"),
        ("eu", 2, "three"),
        ("eu", 3, "four"),
    ]
    project.assert_settled()


def test_a_primary_key_that_a_trigger_fills_in(project: Project) -> None:
    project.sql(
        "CREATE TABLE t (id text PRIMARY KEY, code text UNIQUE NOT NULL, val text);"
        "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.id := 'id-' || NEW.code; RETURN NEW; END $$;"
        "CREATE TRIGGER fill BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fill()"
    )
    seed(project, "one", "two")
    project.init()
    assert project.entry("t", "r0")["p1"] == "id-r0"
    project.assert_settled()
    seed(project, "three", "two", "four")
    assert counts(project.update(), "t") == {"update": 1, "insert": 1}
    project.assert_settled()


def test_partitioned_tables(project: Project) -> None:
    project.sql(
        "CREATE TABLE t (code text NOT NULL, region text NOT NULL, val text,"
        " PRIMARY KEY (region, code)) PARTITION BY LIST (region);"
        "CREATE TABLE t_eu PARTITION OF t FOR VALUES IN ('eu');"
        "CREATE TABLE t_us PARTITION OF t FOR VALUES IN ('us')"
    )

    def write(*rows: str, head: str = "") -> None:
        listed = "".join(f"  - {row}\n" for row in rows)
        project.write("t", f"table: t\nkey: [region, code]\nremoved: delete\n{head}rows:\n{listed}")

    write("{region: eu, code: a, val: x}", "{region: us, code: a, val: x}")
    project.init()
    project.assert_settled()
    write("{region: eu, code: a, val: z}")
    assert counts(project.update(), "t") == {"update": 1, "delete": 1}
    write("{region: us, code: a, val: z}", head="moved: [{from: [eu, a], to: [us, a]}]\n")
    project.update()
    assert project.rows("SELECT region, code, val FROM t") == [("us", "a", "z")]
    project.assert_settled()


def test_a_trigger_of_one_partition_may_rewrite_values(project: Project) -> None:
    project.sql(
        "CREATE TABLE t (code text NOT NULL, region text NOT NULL, val text,"
        " PRIMARY KEY (region, code)) PARTITION BY LIST (region);"
        "CREATE TABLE t_eu PARTITION OF t FOR VALUES IN ('eu');"
        "CREATE TABLE t_us PARTITION OF t FOR VALUES IN ('us');"
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN NEW.val := upper(NEW.val); RETURN NEW; END $$;"
        "CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON t_us"
        " FOR EACH ROW EXECUTE FUNCTION shout()"
    )

    def write(value: str) -> None:
        project.write(
            "t",
            f"""
            table: t
            key: [region, code]
            rows:
              - {{region: eu, code: a, val: {value}}}
              - {{region: us, code: a, val: {value}}}
            """,
        )

    write("first")
    project.init()
    project.assert_settled()
    write("second")
    assert counts(project.update(), "t") == {"update": 2}
    assert project.rows("SELECT region, val FROM t ORDER BY 1") == [
        ("eu", "second"),
        ("us", "SECOND"),
    ]
    project.assert_settled()


def test_partial_unique_indexes_within_a_scope(project: Project) -> None:
    project.sql(
        "CREATE TABLE t (id serial PRIMARY KEY, org int, code text, val text);"
        "CREATE UNIQUE INDEX ON t (code) WHERE org IS NULL"
    )
    project.sql("INSERT INTO t (org, code, val) VALUES (1, 'r0', 'theirs'), (1, 'r0', 'twin')")
    project.write("t", "table: t\nkey: code\nscope: {org: null}\nrows: [{code: r0, val: a}]\n")
    assert counts(project.init(), "t") == {"insert": 1}
    project.assert_settled()


HOSTILE = [
    'Mixed "Case"; DROP TABLE x; --',
    "100% {sure} %s %(x)s :y",
    "ünï'côde 漢",
    "s",
    "b",
    "l",
    "w",
    "c",
    "t",
    "v1",
    "d1",
    "addr",
    "notes",
    "state",
    "missing",
    "n",
    "k1",
    "p1",
    "r1",
    "shape",
    "scope",
    "value",
    "live",
    "verdict",
    "identity",
    "placed",
    "xmin2",
    "select",
    "x" * 63,
]


def test_columns_of_any_name(project: Project) -> None:
    quoted = ['"' + name.replace('"', '""') + '"' for name in HOSTILE]
    columns = ", ".join(f"{name} text" for name in quoted)
    table = 'My "odd" %s Table'
    ident = '"' + table.replace('"', '""') + '"'
    project.sql(
        f'CREATE SCHEMA "Odd %"; CREATE TABLE "Odd %".{ident} '
        f'("the ""key"" %" text PRIMARY KEY, {columns})'
    )

    def write(value: str) -> None:
        cells = ", ".join(f"{_yaml(name)}: '{value}'" for name in HOSTILE)
        others = ", ".join(f"{_yaml(name)}: 'fixed'" for name in HOSTILE[:-1])
        key = _yaml('the "key" %')
        project.write(
            "odd",
            f"table: {_yaml('Odd %.' + table)}\nkey: {key}\nremoved: delete\n"
            f"rows:\n  - {{{key}: 'a%s', {cells}}}\n  - {{{key}: b, {others}}}\n",
        )

    write("one %s")
    assert counts(project.init(), "odd") == {"insert": 2}
    project.assert_settled()
    write("two {} %%")
    assert counts(project.update(), "odd") == {"update": 1}
    row = project.rows(f'SELECT * FROM "Odd %".{ident} ORDER BY 1')[0]
    assert row == ("a%s", *["two {} %%"] * len(HOSTILE))
    project.assert_settled()
    project.sql(f'UPDATE "Odd %".{ident} SET {quoted[0]} = $$mine$$')
    write("three")
    assert counts(project.update(), "odd") == {"update": 1, "conflicts": 1}
    project.assert_settled()


def _yaml(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def test_two_tables_of_one_name_in_two_schemas(project: Project) -> None:
    project.sql(
        "CREATE SCHEMA other; CREATE TABLE t (code text PRIMARY KEY, val text);"
        "CREATE TABLE other.t (code text PRIMARY KEY, val text)"
    )
    for name, table in (("here", "t"), ("there", "other.t")):
        project.write(name, f"table: {table}\nkey: code\nrows: [{{code: a, val: {name}}}]\n")
    project.init()
    assert project.rows("SELECT t.val, o.val FROM t, other.t o") == [("here", "there")]
    project.assert_settled()


def test_row_level_security_that_hides_nothing_from_the_owner(project: Project) -> None:
    project.sql(
        "CREATE TABLE t (code text PRIMARY KEY, val text);"
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON t USING (false)"
    )
    seed(project, "one", "two")
    project.init()
    project.assert_settled()
    seed(project, "three", "two")
    assert counts(project.update(), "t") == {"update": 1}


def test_no_type_of_the_users_is_blocked_by_the_ledger(project: Project) -> None:
    project.sql(
        "CREATE TYPE mood AS ENUM ('sad', 'ok');CREATE TABLE t (code text PRIMARY KEY, val mood)"
    )
    seed(project, "sad", "ok")
    project.init()
    project.sql("ALTER TABLE t ALTER val TYPE text; DROP TYPE mood")
    assert counts(project.update(), "t") == {}
    project.assert_settled()
    seed(project, "sad", "better")
    assert counts(project.update(), "t") == {"update": 1}


def test_a_new_enum_label_arrives(project: Project) -> None:
    project.sql(
        "CREATE TYPE mood AS ENUM ('sad', 'ok');CREATE TABLE t (code text PRIMARY KEY, val mood)"
    )
    seed(project, "sad", "ok")
    project.init()
    project.sql("ALTER TYPE mood ADD VALUE 'great'; ALTER TYPE mood RENAME VALUE 'sad' TO 'low'")
    seed(project, "low", "great")
    assert counts(project.update(), "t") == {"record": 1, "update": 1}
    assert live(project) == ["low", "great"]
    project.assert_settled()
