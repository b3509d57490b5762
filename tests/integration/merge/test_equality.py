"""When two values are one key, and when they are one value: by the type, whatever the spelling."""

from __future__ import annotations

from decimal import Decimal

import pytest

from seeder.errors import ConfigurationInvalid
from tests.support.merge import Project, counts


def caseless(project: Project, kind: str) -> str:
    """A column type by which `Abc` and `abc` are one key; citext is in no schema on the path."""
    if kind == "citext":
        project.sql("CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions")
        return "extensions.citext"
    project.sql(
        "CREATE COLLATION caseless"
        " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
    )
    return "text COLLATE caseless" if kind == "collation" else "text"


WITH_ICU = WITH_LIBXML = pytest.mark.on("debian_server")
CASELESS = pytest.mark.parametrize(
    "kind",
    [
        "citext",
        pytest.param("collation", marks=WITH_ICU),
        pytest.param("index", marks=WITH_ICU),
    ],
)


@CASELESS
def test_a_key_that_is_respelled_is_the_same_row(project: Project, kind: str) -> None:
    column = caseless(project, kind)
    unique = "(code COLLATE caseless)" if kind == "index" else "(code)"
    project.sql(
        f"CREATE TABLE t (id serial PRIMARY KEY, code {column} NOT NULL, val text);"
        f"CREATE UNIQUE INDEX ON t {unique}"
    )
    project.write("t", "table: t\nkey: code\nremoved: delete\nrows: [{code: Abc, val: one}]\n")
    project.init()
    project.assert_settled()
    project.write("t", "table: t\nkey: code\nremoved: delete\nrows: [{code: abc, val: two}]\n")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT id, code::text, val FROM t") == [(1, "abc", "two")]
    project.assert_settled()
    project.sql("UPDATE t SET code = 'ABC'")
    project.write("t", "table: t\nkey: code\nremoved: delete\nrows: [{code: abc, val: three}]\n")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT id, code::text, val FROM t") == [(1, "ABC", "three")]
    project.write("t", "table: t\nkey: code\nremoved: delete\nrows: []\n")
    assert counts(project.update(), "t") in ({"keep": 1, "conflicts": 1}, {"keep": 1})


@CASELESS
def test_two_spellings_of_a_key_in_one_file_are_duplicates(project: Project, kind: str) -> None:
    column = caseless(project, kind)
    unique = "(code COLLATE caseless)" if kind == "index" else "(code)"
    project.sql(f"CREATE TABLE t (id serial PRIMARY KEY, code {column} NOT NULL, val text)")
    project.sql(f"CREATE UNIQUE INDEX ON t {unique}")
    project.surveyed = False
    project.write(
        "t", "table: t\nkey: code\nrows:\n  - {code: Abc}\n  - {code: other}\n  - {code: abc}\n"
    )
    with pytest.raises(ConfigurationInvalid) as refused:
        project.init()
    (problem,) = refused.value.problems
    assert problem.line == 6
    assert "t/abc is the same row of public.t as t/Abc at" in problem.message
    assert problem.message.endswith("core/t.yaml:4.")
    assert project.rows("SELECT * FROM t") == []


@pytest.mark.parametrize(
    ("type_", "one", "respelled", "two"),
    [
        ("jsonb", "{n: 10}", '{"n": 10.0}', "{n: 11}"),
        ("json", "{n: 10, m: 1}", '{"m": 1.0,  "n": 10.0}', "{n: 11}"),
        ("jsonb[]", '\'{"{\\"n\\": 10}"}\'', '{"{\\"n\\": 10.0}"}', "'{}'"),
        ("json[]", '\'{"{\\"n\\": 10}"}\'', '{"{\\"n\\":10.0}"}', "'{}'"),
        ("numeric[]", "[10, 2]", "{10.0,2.00}", "[11]"),
        ("rounded[]", "[10, 2]", "{10.0,2.00}", "[11]"),
        ("numrange", "'[10,20)'", "[10.0,20.00)", "'[11,20)'"),
        ("nummultirange", "'{[10,20)}'", "{[10.0,20.00)}", "'{[11,20)}'"),
        ("price", "'(10,EUR)'", "(10.0,EUR)", "'(11,EUR)'"),
        ("price[]", "'{\"(10,EUR)\"}'", '{"(10.0,EUR)"}', "'{}'"),
    ],
)
def test_a_number_respelled_inside_a_value_is_no_change_by_a_person(
    project: Project, type_: str, one: str, respelled: str, two: str
) -> None:
    project.sql("CREATE TYPE price AS (amount numeric, currency text)")
    project.sql("CREATE DOMAIN rounded AS numeric CHECK (VALUE > 0)")
    project.sql(f"CREATE TABLE t (code text PRIMARY KEY, val {type_})")
    project.write("t", f"table: t\nkey: code\nrows: [{{code: a, val: {one}}}]\n")
    project.init()
    project.assert_settled()
    project.sql("UPDATE t SET val = %s", respelled)
    project.assert_settled()
    project.write("t", f"table: t\nkey: code\nrows: [{{code: a, val: {two}}}]\n")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT val::text FROM t") != [(respelled,)]
    project.assert_settled()


def test_a_change_of_case_in_citext_arrives_and_is_one_by_a_person(project: Project) -> None:
    column = caseless(project, "citext")
    project.sql(f"CREATE TABLE t (code text PRIMARY KEY, val {column}, vals {column}[])")
    write = "table: t\nkey: code\nrows: [{{code: a, val: {0}, vals: [{0}]}}]\n"
    project.write("t", write.format("Abc"))
    project.init()
    project.write("t", write.format("abc"))
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT val::text, vals::text FROM t") == [("abc", "{abc}")]
    project.sql("UPDATE t SET val = 'ABC', vals = '{ABC}'")
    project.write("t", write.format("other"))
    assert counts(project.update(), "t") == {"keep": 1, "conflicts": 1}
    assert project.rows("SELECT val::text, vals::text FROM t") == [("ABC", "{ABC}")]


@pytest.mark.parametrize(
    ("base", "one", "stored", "two"),
    [
        ("numeric(4,1)", "1.25", "1.3", "7"),
        ("char(4)", "'ab'", "ab  ", "'abcd'"),
        ("bit(3)", "'101'", "101", "'111'"),
        ("varbit(3)", "'101'", "101", "'11'"),
        ("varchar(3)", "'abc'", "abc", "'ab'"),
        ("interval day to minute", "'1 day 02:03:04'", "1 day 02:03:00", "'2 days'"),
        ("interval(1)", "'1.26 s'", "00:00:01.3", "'2 s'"),
        ("timestamp(0)", "'2020-01-01 12:00:00.6'", "2020-01-01 12:00:01", "'2021-01-01'"),
        ("numeric(4,1)[]", "'{1.25}'", "{1.3}", "'{7}'"),
    ],
)
@pytest.mark.parametrize("domain", [False, True])
def test_a_length_or_precision_holds_wherever_it_stands(
    project: Project, base: str, one: str, stored: str, two: str, domain: bool
) -> None:
    project.sql(f"CREATE DOMAIN inner_limit AS {base}; CREATE DOMAIN outer_limit AS inner_limit")
    column = "outer_limit" if domain else base
    project.sql(f"CREATE TABLE t (id serial PRIMARY KEY, code {column} UNIQUE, val {column})")
    project.write("t", f"table: t\nkey: code\nrows: [{{code: {one}, val: {one}}}]\n")
    project.init()
    project.assert_settled()
    assert project.value("SELECT val FROM t") == project.value(f"SELECT '{stored}'::{base}")
    project.write("t", f"table: t\nkey: code\nrows: [{{code: {one}, val: {two}}}]\n")
    assert counts(project.update(), "t") == {"update": 1}
    project.assert_settled()


UNIT = """
CREATE SCHEMA extensions;
CREATE TYPE extensions.mass AS (n numeric, unit text);
CREATE FUNCTION extensions.grams(m extensions.mass) RETURNS numeric LANGUAGE sql IMMUTABLE AS
 $$ SELECT (m).n * CASE (m).unit WHEN 'kg' THEN 1000 ELSE 1 END $$;
CREATE FUNCTION extensions.cmp(extensions.mass, extensions.mass) RETURNS int
 LANGUAGE sql IMMUTABLE AS $$ SELECT sign(extensions.grams($1) - extensions.grams($2))::int $$;
CREATE FUNCTION extensions.eq(extensions.mass, extensions.mass) RETURNS boolean
 LANGUAGE sql IMMUTABLE AS $$ SELECT extensions.grams($1) = extensions.grams($2) $$;
CREATE FUNCTION extensions.lt(extensions.mass, extensions.mass) RETURNS boolean
 LANGUAGE sql IMMUTABLE AS $$ SELECT extensions.grams($1) < extensions.grams($2) $$;
CREATE FUNCTION extensions.le(extensions.mass, extensions.mass) RETURNS boolean
 LANGUAGE sql IMMUTABLE AS $$ SELECT extensions.grams($1) <= extensions.grams($2) $$;
CREATE FUNCTION extensions.gt(extensions.mass, extensions.mass) RETURNS boolean
 LANGUAGE sql IMMUTABLE AS $$ SELECT extensions.grams($1) > extensions.grams($2) $$;
CREATE FUNCTION extensions.ge(extensions.mass, extensions.mass) RETURNS boolean
 LANGUAGE sql IMMUTABLE AS $$ SELECT extensions.grams($1) >= extensions.grams($2) $$;
CREATE OPERATOR extensions.= (LEFTARG = extensions.mass, RIGHTARG = extensions.mass,
 FUNCTION = extensions.eq);
CREATE OPERATOR extensions.< (LEFTARG = extensions.mass, RIGHTARG = extensions.mass,
 FUNCTION = extensions.lt);
CREATE OPERATOR extensions.<= (LEFTARG = extensions.mass, RIGHTARG = extensions.mass,
 FUNCTION = extensions.le);
CREATE OPERATOR extensions.> (LEFTARG = extensions.mass, RIGHTARG = extensions.mass,
 FUNCTION = extensions.gt);
CREATE OPERATOR extensions.>= (LEFTARG = extensions.mass, RIGHTARG = extensions.mass,
 FUNCTION = extensions.ge);
CREATE OPERATOR CLASS extensions.mass_ops DEFAULT FOR TYPE extensions.mass USING btree AS
 OPERATOR 1 extensions.<, OPERATOR 2 extensions.<=, OPERATOR 3 extensions.=,
 OPERATOR 4 extensions.>=, OPERATOR 5 extensions.>,
 FUNCTION 1 extensions.cmp(extensions.mass, extensions.mass);
"""
"""A type whose `=` neither hashes nor merges, in a schema off the search_path, as an extension
leaves it: 1 kg is 1000 g."""


def test_a_key_type_whose_equality_neither_hashes_nor_merges(project: Project) -> None:
    project.sql(UNIT)
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, code extensions.mass UNIQUE, val int)")
    write = "table: t\nkey: code\nremoved: delete\nrows:\n"
    project.write("t", write + "  - {code: '(1,kg)', val: 1}\n  - {code: '(2,kg)', val: 2}\n")
    project.init()
    project.assert_settled()
    project.write("t", write + "  - {code: '(1000,g)', val: 3}\n  - {code: '(3,kg)', val: 4}\n")
    assert counts(project.update(), "t") == {"update": 1, "insert": 1, "delete": 1}
    assert project.rows("SELECT id, code::text, val FROM t ORDER BY id") == [
        (1, "(1000,g)", 3),
        (3, "(3,kg)", 4),
    ]
    project.assert_settled()


@pytest.mark.parametrize(
    ("type_", "stored", "written"),
    [
        ("uuid", "11111111-9a6e-4b7e-8d47-6c2a7f6c3a11", "11111111-9A6E-4B7E-8D47-6C2A7F6C3A11"),
        ("numeric", "1.0", "1"),
        ("date", "2026-01-05", "2026-1-5"),
        ("extensions.citext", "Euro", "EURO"),
        ("char(5)", "eur", "eur"),
        ("timestamptz", "2026-01-05 10:00+00", "2026-01-05T12:00:00+02:00"),
    ],
)
def test_a_reference_to_a_table_matches_by_the_type_of_its_key(
    project: Project, type_: str, stored: str, written: str
) -> None:
    project.sql("CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions")
    project.sql(f"CREATE TABLE owners (id serial PRIMARY KEY, code {type_} UNIQUE)")
    project.sql(f"INSERT INTO owners (code) VALUES ('{stored}')")
    project.sql("CREATE TABLE t (code text PRIMARY KEY, owner int REFERENCES owners)")
    write = (
        "table: t\nkey: code\ncolumns: {owner: {ref: {table: owners, key: code}}}\n"
        "rows: [{code: a, owner: '%s'}]\n"
    )
    project.write("t", write % written)
    project.init()
    assert project.rows("SELECT code, owner FROM t") == [("a", 1)]
    project.assert_settled()
    project.write("t", write % stored)
    assert counts(project.update(), "t") == {}
    project.assert_settled()


def test_a_reference_that_its_key_cannot_hold_is_named(project: Project) -> None:
    project.sql("CREATE TABLE owners (id serial PRIMARY KEY, code uuid UNIQUE)")
    project.sql("CREATE TABLE t (code text PRIMARY KEY, owner int REFERENCES owners)")
    project.write(
        "t",
        "table: t\nkey: code\ncolumns: {owner: {ref: {table: owners, key: code}}}\n"
        "rows:\n  - {code: a, owner: nobody}\n",
    )
    with pytest.raises(ConfigurationInvalid) as refused:
        project.init()
    (problem,) = refused.value.problems
    assert (problem.line, problem.address) == (5, "t/a")
    assert "column owner: the value does not cast to uuid" in problem.message


@pytest.mark.parametrize(
    ("type_", "good", "bad", "extension"),
    [
        ("ltree", "a.b", "a b..", "ltree"),
        ("lquery", "a.*", "a.*{", "ltree"),
        ("cube", "(1,2)", "(1", "cube"),
        ("hstore", "a=>1", "=>", "hstore"),
        ("isbn", "9780393040029", "123", "isn"),
        ("tsquery", "a & b", "a &", None),
        ("jsonpath", "$.a", "$.", None),
        pytest.param("xml", "<a/>", "<a", None, marks=WITH_LIBXML),
        ("regclass", "pg_class", "nothing", None),
        ("regtype", "integer", "nothing at all(", None),
        ("pg_lsn", "0/1", "x", None),
        ("oid", "1", "-x", None),
        ("money", "1", "1,50", None),
        ("point", "(1,2)", "(1", None),
        ("bit(2)", "10", "102", None),
    ],
)
def test_a_bad_value_of_any_type_names_its_place(
    project: Project, type_: str, good: str, bad: str, extension: str | None
) -> None:
    if extension:
        project.sql(f"CREATE EXTENSION {extension}")
    project.sql(f"CREATE TABLE t (code text PRIMARY KEY, val {type_})")
    text = "table: t\nkey: code\nrows:\n  - {code: a, val: '%s'}\n  - {code: b, val: '%s'}\n"
    project.write("t", text % (good, bad))
    with pytest.raises(ConfigurationInvalid) as refused:
        project.init()
    (problem,) = refused.value.problems
    assert (problem.file, problem.line, problem.address) == ("seeds/core/t.yaml", 5, "t/b")
    assert "column val: " in problem.message
    project.write("t", text % (good, good))
    project.init()
    project.assert_settled()


def test_rows_of_tables_that_inherit_are_not_the_tables(project: Project) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, code text UNIQUE, val text)")
    project.sql("CREATE TABLE child () INHERITS (t)")
    project.sql("INSERT INTO child (code, val) VALUES ('a', 'mine'), ('gone', 'mine')")
    project.write("t", "table: t\nkey: code\nremoved: delete\nrows: [{code: a, val: x}]\n")
    assert counts(project.init(), "t") == {"insert": 1}
    project.assert_settled()
    project.sql("INSERT INTO child (id, code, val) VALUES (3, 'a', 'twin')")
    project.write("t", "table: t\nkey: code\nremoved: delete\nrows: [{code: a, val: z}]\n")
    assert counts(project.update(), "t") == {"update": 1}
    project.write("t", "table: t\nkey: code\nremoved: delete\nrows: []\n")
    assert counts(project.update(), "t") == {"delete": 1}
    assert project.rows("SELECT code, val FROM t ORDER BY id") == [
        ("a", "mine"),
        ("gone", "mine"),
        ("a", "twin"),
    ]


def test_an_oid_is_a_number_and_a_key(project: Project) -> None:
    project.sql("CREATE TABLE t (code oid PRIMARY KEY, val oid)")
    project.write("t", "table: t\nkey: code\nrows: [{code: 4000000000, val: 7}]\n")
    project.init()
    project.assert_settled()
    project.write("t", "table: t\nkey: code\nrows: [{code: 4000000000, val: 8}]\n")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT code, val FROM t") == [(4000000000, 8)]


def test_money_is_written_as_a_number(project: Project) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, val money, due money NOT NULL DEFAULT 0)")
    write = "table: t\nkey: code\nremoved: delete\nrows: [{code: a, val: %s}, {code: b, due: 2}]\n"
    project.write("t", write % "0.99")
    project.init()
    project.assert_settled()
    assert project.rows("SELECT val::numeric, due::numeric FROM t ORDER BY code") == [
        (Decimal("0.99"), 0),
        (None, 2),
    ]
    project.write("t", write % "1.5")
    assert counts(project.update(), "t") == {"update": 1}
    project.assert_settled()


@pytest.mark.parametrize(
    ("type_", "value", "word"),
    [
        ("date", "today", "today"),
        ("timestamptz", "NOW", "NOW"),
        ("timestamp(0)", "yesterday 10:00", "yesterday"),
        ("time", "now", "now"),
        ("tstzrange", "[today,)", "today"),
        ("date[]", "{tomorrow}", "tomorrow"),
        ("due", "today", "today"),
    ],
)
@pytest.mark.parametrize("as_csv", [False, True], ids=["yaml", "csv"])
def test_a_moment_that_moves_is_refused_with_its_place(
    project: Project, type_: str, value: str, word: str, as_csv: bool
) -> None:
    project.sql("CREATE DOMAIN due AS date")
    project.sql(f"CREATE TABLE t (code text PRIMARY KEY, val {type_}, note text)")
    if as_csv:
        project.write("t", "table: t\nkey: code\nrows_from: t.csv\n")
        project.write("t.csv", f'code,val,note\na,,now\nb,"{value}",x\n')
    else:
        rows = f"  - {{code: a, val: null, note: now}}\n  - {{code: b, val: '{value}', note: x}}\n"
        project.write("t", f"table: t\nkey: code\nrows:\n{rows}")
    with pytest.raises(ConfigurationInvalid) as refused:
        project.init()
    (problem,) = refused.value.problems
    assert (problem.line, problem.address) == (3 if as_csv else 5, "t/b")
    assert f"column val: `{word}` is another moment in every run: write `!now`" in problem.message
    assert project.value("SELECT count(*) FROM t") == 0


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("rows: [{code: a, days: [2026-01-01, today]}]\n", "`today` is another moment"),
        (
            "scope: {since: yesterday}\nrows: [{code: a}]\n",
            "`scope` gives since, and `yesterday` is another moment",
        ),
        (
            "removed: {set: {gone: now}}\nrows: [{code: a}]\n",
            "`removed` gives gone, and `now` is another moment",
        ),
    ],
)
def test_a_moment_that_moves_is_refused_in_lists_and_constants_too(
    project: Project, more: str, problem: str
) -> None:
    project.sql(
        "CREATE TABLE t (code text PRIMARY KEY, days date[], since date, gone timestamptz,"
        " UNIQUE (code, since))"
    )
    project.write("t", f"table: t\nkey: code\n{more}")
    with pytest.raises(ConfigurationInvalid) as refused:
        project.init()
    (found,) = refused.value.problems
    assert problem in found.message
    assert "write `!now`" in found.message


def test_words_that_move_elsewhere_are_words(project: Project) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, val timestamptz)")
    project.write("t", "table: t\nkey: code\nrows_from: t.csv\n")
    project.write("t.csv", "code,val\nnow,2020-01-01\nsnow,\n")
    project.init()
    assert project.rows("SELECT code FROM t") == [("now",), ("snow",)]


def test_a_primary_key_that_the_application_gave_is_never_written_over(project: Project) -> None:
    one, two, three = (f"{n}1111111-9a6e-4b7e-8d47-6c2a7f6c3a11" for n in "123")
    project.sql("CREATE TABLE t (id uuid PRIMARY KEY, code text UNIQUE, val text)")
    project.sql(f"INSERT INTO t VALUES ('{two}', 'a', 'x')")
    write = "table: t\nkey: code\nremoved: delete\nconflict: overwrite\nrows:\n"
    project.write("t", write + f"  - {{id: {one}, code: a, val: x}}\n")
    assert counts(project.update(), "t") == {"adopt": 1}
    project.assert_settled()
    project.write("t", write + f"  - {{id: {three}, code: a, val: z}}\n")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT id::text, val FROM t") == [(two, "z")]
    project.write("t", write + f"  - {{id: {three}, code: b, val: z}}\n")
    assert counts(project.update(), "t") == {"insert": 1, "delete": 1}
    project.assert_settled()
    project.write("t", write + f"  - {{id: {one}, code: b, val: z}}\n")
    project.survey()
    (change,) = project.row_plan("t/b").columns
    assert (change.name, change.live, change.desired) == ("id", three, one)
    assert counts(project.update(), "t") == {"update": 1}


@pytest.mark.parametrize(
    ("index", "accepted"),
    [
        ("(region, code) WHERE region IS NOT NULL", True),
        ("(region, code) WHERE region IS NOT NULL AND code IS NOT NULL", True),
        ("(region, code) WHERE val IS NOT NULL", False),
        ("(region, lower(code))", False),
    ],
)
def test_an_index_that_holds_for_every_key_is_one_of_the_key(
    project: Project, index: str, accepted: bool
) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, region text, code text NOT NULL, val text)")
    project.sql(f"CREATE UNIQUE INDEX ON t {index}")
    project.write("t", "table: t\nkey: [region, code]\nrows: [{region: eu, code: a, val: x}]\n")
    if accepted:
        project.init()
        project.assert_settled()
        return
    with pytest.raises(ConfigurationInvalid) as refused:
        project.init()
    (problem,) = refused.value.problems
    assert problem.remedy == (
        "Add one in a migration: CREATE UNIQUE INDEX ON public.t (region, code)."
    )
    assert ("the one on region, lower(code) tells less" in problem.message) == ("lower" in index)


def test_the_index_that_is_advised_says_nothing_of_rows_out_of_scope(project: Project) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, org int, kind text, code text, gone date)")
    project.write(
        "t",
        "table: t\nkey: code\nscope: {org: null, kind: system}\ndeleted: gone\nrows: [{code: a}]\n",
    )
    with pytest.raises(ConfigurationInvalid) as refused:
        project.init()
    (problem,) = refused.value.problems
    advised = "CREATE UNIQUE INDEX ON public.t (kind, code) WHERE org IS NULL AND gone IS NULL"
    assert problem.remedy == f"Add one in a migration: {advised}."
    project.sql(advised)
    project.init()
    project.sql("INSERT INTO t (org, kind, code) VALUES (1, 'system', 'a')")
    project.assert_settled()


def test_a_row_leaves_before_one_whose_key_overlaps_comes(project: Project) -> None:
    project.sql("CREATE EXTENSION btree_gist")
    if project.value("SHOW server_version_num") < "180000":
        project.sql(
            "CREATE TABLE t (room text, at daterange, val text, PRIMARY KEY (room, at),"
            " EXCLUDE USING gist (room WITH =, at WITH &&))"
        )
    else:
        project.sql(
            "CREATE TABLE t (room text, at daterange, val text,"
            " PRIMARY KEY (room, at WITHOUT OVERLAPS))"
        )
    write = "table: t\nkey: [room, at]\nremoved: delete\nrows: [{room: a, at: '%s', val: x}]\n"
    project.write("t", write % "[2026-01-01,2026-06-01)")
    project.init()
    project.assert_settled()
    project.write("t", write % "[2026-01-01,2026-09-01)")
    assert counts(project.update(), "t") == {"insert": 1, "delete": 1}
    assert project.rows("SELECT room, at::text FROM t") == [("a", "[2026-01-01,2026-09-01)")]
    project.assert_settled()
    project.write("t", write % "[2026-01-01,2026-09-02)")
    project.update()


def test_a_row_leaves_before_one_whose_key_collides_by_an_expression(project: Project) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, code text UNIQUE, val text)")
    project.sql("CREATE UNIQUE INDEX ON t (lower(code))")
    project.write("t", "table: t\nkey: code\nremoved: delete\nrows: [{code: Abc}]\n")
    project.init()
    project.write("t", "table: t\nkey: code\nremoved: delete\nrows: [{code: abc}]\n")
    assert counts(project.update(), "t") == {"insert": 1, "delete": 1}
    assert project.rows("SELECT code FROM t") == [("abc",)]


def test_money_inside_another_value_is_refused(project: Project) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, vals money[])")
    project.write("t", "table: t\nkey: code\nrows: [{code: a, vals: [1]}]\n")
    with pytest.raises(ConfigurationInvalid) as refused:
        project.init()
    (problem,) = refused.value.problems
    assert "money inside another value" in problem.message
    assert problem.remedy == "Make it numeric."
