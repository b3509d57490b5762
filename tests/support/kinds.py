"""Column types with values that a catalog may give them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A column type with three distinct values, as YAML, and what a person sets, as SQL."""

    type: str
    values: tuple[str, str, str]
    setup: str = ""
    since: int = 0
    """The version of the server that knows it first, as `server_version_num`."""

    def __str__(self) -> str:
        return self.type


def kind(type_: str, *values: str, setup: str = "", since: int = 0) -> Kind:
    one, two, three = values
    return Kind(type_, (one, two, three), setup, since)


KINDS = [
    kind("smallint", "1", "-32768", "32767"),
    kind("integer", "1", "-2147483648", "0"),
    kind("bigint", "1", "9223372036854775807", "-9223372036854775808"),
    kind("numeric", "1.10", "12345678901234567890.123456789", "0"),
    kind("numeric(10,2)", "1.1", "2.005", "-0.1"),
    kind("numeric(5,-2)", "100", "12345", "0", since=150000),
    kind("numeric", "!!str NaN", "1", "!!str Infinity"),
    kind("real", "1.5", "0.1", "-1.0e+10"),
    kind("double precision", "0.1", "1.0e-300", "!!str NaN"),
    kind("money", "'1.50'", "'2.50'", "'0'"),
    kind("text", "'a'", "''", '"%s {} \' \\" \\\\ \\n \\t ü 漢 😀"'),
    kind("varchar(5)", "'a'", "''", "'abcde'"),
    kind("char(4)", "'a'", "'ab'", "'abcd'"),
    kind('"char"', "'a'", "'b'", "'c'"),
    kind("citext", "'a'", "'A'", "'b'", setup="CREATE EXTENSION citext"),
    kind("name", "'a'", "'b'", "'c'"),
    kind("boolean", "true", "false", "true"),
    kind("date", "2020-01-01", "'0044-03-15 BC'", "'infinity'"),
    kind("time", "'12:30'", "'00:00:00.000001'", "'24:00'"),
    kind("timetz", "'12:30+02'", "'12:30+01'", "'00:00+00'"),
    kind("timestamp", "2020-01-01T12:00:00", "'2020-01-01 12:00:00.5'", "'infinity'"),
    kind("timestamp(0)", "'2020-01-01 12:00:00.6'", "'2021-01-01'", "'-infinity'"),
    kind("timestamptz", "2020-01-01T12:00:00Z", "'2020-01-01 12:00+02'", "'1999-12-31 UTC'"),
    kind("interval", "'1 day'", "'24:00:00'", "'1 mon -2 days'"),
    kind(
        "uuid",
        "'11111111-9a6e-4b7e-8d47-6c2a7f6c3a11'",
        "'A1111111-9A6E-4B7E-8D47-6C2A7F6C3A11'",
        "'{b1111111-9a6e-4b7e-8d47-6c2a7f6c3a11}'",
    ),
    kind("bytea", "'\\xdeadbeef'", "'\\x00'", "''"),
    kind("json", "{a: 1, b: [1, null]}", "[]", "'text'"),
    kind("jsonb", "{a: 1, b: [1.50, null]}", "'text'", "12"),
    kind("jsonb", "true", "{'%': {}}", "'null'"),
    kind("text[]", "[a, b]", "['', null, 'x,\"y\\z {}', 'NULL']", "[]"),
    kind("integer[]", "[1, 2]", "[null]", "[]"),
    kind("integer[]", "[[1, 2], [3, 4]]", "[1]", "[2]"),
    kind("numeric(10,2)[]", "[1.5]", "[1.5, 2]", "[]"),
    kind("jsonb[]", '\'{"{\\"a\\": 1}"}\'', "'{}'", "'{\"[]\"}'"),
    kind("mood", "sad", "ok", "'so so'", setup="CREATE TYPE mood AS ENUM ('sad', 'ok', 'so so')"),
    kind("mood[]", "[sad]", "[ok, sad]", "[]", setup="CREATE TYPE mood AS ENUM ('sad', 'ok')"),
    kind(
        "price",
        "1.5",
        "2.25",
        "0",
        setup="CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE >= 0)",
    ),
    kind(
        "code",
        "'ab'",
        "'cd'",
        "'ef'",
        setup="CREATE DOMAIN code AS varchar(2) CHECK (VALUE ~ '^[a-z]+$')",
    ),
    kind(
        "inner_code",
        "'ab'",
        "'cd'",
        "'ef'",
        setup="CREATE DOMAIN outer_code AS text; CREATE DOMAIN inner_code AS outer_code",
    ),
    kind("tags", "[a]", "[b, c]", "[]", setup="CREATE DOMAIN tags AS text[]"),
    kind("doc", "{a: 1}", "[]", "{b: 2}", setup="CREATE DOMAIN doc AS jsonb"),
    kind("inet", "'10.0.0.1'", "'10.0.0.1/24'", "'::1'"),
    kind("cidr", "'10.0.0.0/8'", "'192.168.0.0/16'", "'::/0'"),
    kind("macaddr", "'08:00:2b:01:02:03'", "'08002b010204'", "'08-00-2b-01-02-05'"),
    kind("int4range", "'[1,5)'", "'[2,5]'", "empty"),
    kind("tstzrange", "'[2020-01-01,)'", "'(,2021-01-01]'", "'empty'"),
    kind("int4multirange", "'{[1,3),[5,7)}'", "'{}'", "'{[1,2)}'"),
    kind("point", "'(1,2)'", "'(1.5,2)'", "'(0,0)'"),
    kind("polygon", "'((0,0),(1,1),(1,0))'", "'((0,0),(2,2),(2,0))'", "'((0,0))'"),
    kind("bit(3)", "'101'", "'000'", "'111'"),
    kind("varbit", "'101'", "''", "'1'"),
    kind("tsvector", "'a b'", "'b:1A'", "''"),
    kind("tsquery", "'a & b'", "'c'", "'!d'"),
    kind("hstore", "'a=>1'", "'b=>NULL'", "''", setup="CREATE EXTENSION hstore"),
    kind("ltree", "'a.b'", "'a'", "'c'", setup="CREATE EXTENSION ltree"),
    kind("regclass", "pg_class", "pg_type", "pg_proc"),
    kind("pg_lsn", "'0/1'", "'0/2'", "'1/0'"),
    kind(
        "pair",
        "'(1,a)'",
        "'(2,\"x, y\")'",
        "'(,)'",
        setup="CREATE TYPE pair AS (n int, t text)",
    ),
]
