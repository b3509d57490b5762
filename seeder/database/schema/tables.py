"""What the catalog's tables look like in this database, read in one query."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, convert
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.schema.types import PLAIN, Type, read_types
from seeder.merge.model import TableName


class Column(Struct, frozen=True, kw_only=True):
    """A column of a live table."""

    name: str
    type: str
    """As `format_type` writes it, length and precision included: usable in SQL."""
    kind: Type
    collation: str | None
    """Where it tells less than the bytes do: that of the column's unique indexes, or its own."""
    not_null: bool
    default: str | None
    """The default expression as SQL, a domain's where the column has none of its own; for
    identity columns and generated ones None."""
    identity: str
    """'a' (always), 'd' (by default) or ''."""
    generated: bool
    sequence: int | None
    """Oid of the sequence that the column owns, or that its default alone draws from."""
    nulls_equal: bool = False
    """A set identifies rows by it, and two NULLs are one key there."""
    expression: str | None = None
    """Of a generated column: what it is made by."""
    made_of: tuple[str, ...] = ()
    """... and of which columns."""

    @property
    def base(self) -> str:
        """The type after domains are resolved, without length and precision."""
        return self.kind.base

    @property
    def storage(self) -> str:
        """The type in which the ledger keeps values of this column."""
        if self.base == "money":
            return "numeric"
        return self.base if self.base in PLAIN else "text"

    @property
    def is_json(self) -> bool:
        """Whether the column holds JSON documents."""
        return self.base in ("json", "jsonb")

    @property
    def is_large_object(self) -> bool:
        """Whether its numbers are those of large objects (extension lo); `oid` is a number."""
        return self.base == "oid" and self.type.rpartition(".")[2] == "lo"

    @property
    def is_bare(self) -> bool:
        """Whether its values are shown without quotes: numbers and truth values."""
        return self.kind.category in ("N", "B")

    @property
    def fills_itself(self) -> bool:
        """Whether an insert may leave the column out although it is NOT NULL."""
        return bool(self.default or self.identity or self.generated)

    @property
    def constant_default(self) -> bool:
        """Whether the default is a plain constant, the same for every row.

        Judged from the expression's text: string literals aside, anything that calls or
        reads the clock, the session or a sequence is not constant.
        """
        if self.identity or self.generated:
            return False
        return self.default is None or _is_constant(self.default)

    @property
    def falls_back(self) -> bool:
        """Whether a row that does not give the column asks for its default, or for NULL."""
        return self.constant_default and not (self.not_null and self.default is None)


_NOT_CONSTANT = re.compile(r"\(|\bcurrent_|\blocaltime|\buser\b|\bsession_user\b")


def _is_constant(expression: str) -> bool:
    literals_blanked = re.sub(r"'(?:[^']|'')*'", "''", expression.lower())
    types_blanked = re.sub(r"::[a-z_\" ]+(\([0-9, ]+\))?", "", literals_blanked)
    return not _NOT_CONSTANT.search(types_blanked)


class Unique(Struct, frozen=True, kw_only=True):
    """A unique index over plain columns."""

    columns: tuple[str, ...]
    predicate: str | None
    """The WHERE clause of a partial index."""
    nulls_collide: bool = False
    """NULLS NOT DISTINCT."""


class Guard(Struct, frozen=True, kw_only=True):
    """An index that keeps two rows apart: unique, or of an exclusion constraint."""

    columns: tuple[str, ...]
    """All that it depends on; of generated columns, those that they are made of."""
    generated: tuple[tuple[str, str], ...]
    """The generated columns that it depends on, with their expressions."""
    expressions: tuple[str, ...]
    operators: tuple[str, ...]
    """By which two rows collide, qualified, one for each expression."""
    collations: tuple[str | None, ...]
    """In which they do, where that tells less than the bytes do."""
    predicate: str | None
    """The WHERE clause of a partial index."""
    nulls_collide: bool
    deferrable: bool
    by_equality: bool
    """Unique over plain columns, none of them generated: rows collide whose values are all equal,
    and no others."""


class ForeignKey(Struct, frozen=True, kw_only=True):
    """A foreign key, seen from the table that refers."""

    name: str
    table: TableName
    columns: tuple[str, ...]
    target: TableName
    target_columns: tuple[str, ...]
    operators: tuple[str, ...]
    """By which a value of each target column equals that of the column that refers; of a
    temporal key, overlaps it."""
    deferrable: bool


class Table(Struct, frozen=True, kw_only=True):
    """A live table, its columns in order."""

    schema: str
    name: str
    oid: int
    kind: str
    """`pg_class.relkind`: 'r' table, 'p' partitioned; others are refused."""
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]
    uniques: tuple[Unique, ...]
    guards: tuple[Guard, ...]
    foreign_keys: tuple[ForeignKey, ...]
    """That this table declares."""
    referencing: tuple[ForeignKey, ...]
    """That other tables (or this one) declare on it."""
    rewrites: bool
    """Triggers of the user, on the table or on a partition, may change what is written."""
    keeps: bool
    """... or may keep a row that is deleted."""

    @property
    def identifier(self) -> sql.Identifier:
        """The qualified name, quoted."""
        return sql.Identifier(self.schema, self.name)

    @property
    def rows(self) -> sql.Composable:
        """What SELECT, UPDATE and DELETE name: rows of tables that inherit from it are not its."""
        return self.identifier if self.kind == "p" else sql.SQL("ONLY {}").format(self.identifier)

    @property
    def qualified(self) -> TableName:
        """The qualified name."""
        return TableName(schema=self.schema, name=self.name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


_QUERY = """
WITH wanted AS (
    SELECT w.given, pg_catalog.to_regclass(w.given)::oid AS oid FROM
        pg_catalog.unnest(%(names)s::text[]) AS w(given)
), referring AS MATERIALIZED (  -- no index leads from a table to the keys that point at it
    SELECT f.oid, f.confrelid FROM pg_constraint f WHERE f.contype = 'f'
)
SELECT w.given, n.nspname, c.relname, c.oid, c.relkind::text,
       (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'name', a.attname,
            'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
            'type_oid', a.atttypid::bigint,
            'collation', (
                SELECT pg_catalog.format('%%I.%%I', o.nspname, l.collname)
                FROM pg_collation l JOIN pg_namespace o ON o.oid = l.collnamespace
                WHERE NOT l.collisdeterministic AND l.oid = ANY (coalesce(
                    (SELECT pg_catalog.array_agg(i.indcollation[k.ord - 1])
                     FROM pg_index i, pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(num,
                         ord)
                     WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid
                       AND k.num = a.attnum AND k.ord <= i.indnkeyatts),
                    ARRAY[a.attcollation])) LIMIT 1),
            'not_null', a.attnotnull,
            'default', CASE WHEN a.attgenerated = '' THEN coalesce(
                pg_catalog.pg_get_expr(d.adbin, d.adrelid),
                (SELECT pg_catalog.pg_get_expr(t.typdefaultbin, 0) FROM pg_type t WHERE t.oid =
                    a.atttypid)
            ) END,
            'identity', a.attidentity,
            'generated', a.attgenerated <> '',
            'expression',
                CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
            'made_of', coalesce(
                (SELECT pg_catalog.jsonb_agg(DISTINCT m.attname) FROM pg_depend s
                 JOIN pg_attribute m ON m.attrelid = c.oid AND m.attnum = s.refobjsubid
                 WHERE a.attgenerated <> '' AND m.attnum <> a.attnum
                   AND s.refclassid = 'pg_class'::regclass::oid AND s.refobjid = c.oid
                   AND (s.classid = 'pg_attrdef'::regclass::oid AND s.objid = d.oid
                        OR s.classid = 'pg_class'::regclass::oid AND s.objid = c.oid
                           AND s.objsubid = a.attnum)), '[]'),
            'sequence', coalesce(
                (SELECT s.objid::bigint FROM pg_depend s
                 WHERE s.classid = 'pg_class'::regclass::oid AND s.refobjid = c.oid
                   AND s.refclassid = 'pg_class'::regclass::oid
                   AND s.refobjsubid = a.attnum AND s.deptype IN ('a', 'i')
                   AND EXISTS (SELECT FROM pg_class q
                               WHERE q.oid = s.objid AND q.relkind = 'S') LIMIT 1),
                (SELECT s.refobjid::bigint FROM pg_depend s
                 JOIN pg_class q ON q.oid = s.refobjid AND q.relkind = 'S'
                 WHERE s.classid = 'pg_attrdef'::regclass::oid AND s.objid = d.oid
                   AND s.refclassid = 'pg_class'::regclass::oid
                   AND a.atttypid IN (20::oid, 21::oid, 23::oid)
                   AND pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%%::regclass)'
                       LIMIT 1))
        ) ORDER BY a.attnum)
        FROM pg_attribute a
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'primary', i.indisprimary,
            'predicate', pg_catalog.pg_get_expr(i.indpred, i.indrelid),
            'plain', i.indisunique AND 0 <> ALL (i.indkey::int2[]),
            'by_equality', i.indisunique AND NOT i.indisexclusion AND 0 <> ALL (i.indkey::int2[]),
            'columns', (SELECT pg_catalog.jsonb_agg(a.attname ORDER BY k.ord)
                        FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(num, ord)
                        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.num
                        WHERE k.ord <= i.indnkeyatts),
            'depends', (SELECT pg_catalog.jsonb_agg(DISTINCT a.attname) FROM pg_depend p
                        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.refobjsubid
                        WHERE p.classid = 'pg_class'::regclass::oid AND p.objid = i.indexrelid
                          AND p.refclassid = 'pg_class'::regclass::oid AND p.refobjid = c.oid),
            'expressions', (SELECT pg_catalog.jsonb_agg(pg_catalog.pg_get_indexdef(i.indexrelid,
                k, true) ORDER BY k)
                            FROM pg_catalog.generate_series(1, i.indnkeyatts) k),
            'operators', coalesce(
                (SELECT pg_catalog.jsonb_agg(pg_catalog.format('OPERATOR(%%I.%%s)', h.nspname,
                    o.oprname) ORDER BY x.ord)
                 FROM pg_constraint e, pg_catalog.unnest(e.conexclop) WITH ORDINALITY x(oid, ord)
                 JOIN pg_operator o ON o.oid = x.oid JOIN pg_namespace h ON h.oid = o.oprnamespace
                 WHERE e.conrelid = i.indrelid AND e.conindid = i.indexrelid
                   AND e.conexclop IS NOT NULL),
                (SELECT pg_catalog.jsonb_agg(pg_catalog.format('OPERATOR(%%I.%%s)', h.nspname,
                    o.oprname) ORDER BY x.ord)
                 FROM pg_catalog.unnest(i.indclass::oid[]) WITH ORDINALITY x(oid, ord)
                 JOIN pg_opclass y ON y.oid = x.oid
                 JOIN pg_amop p ON p.amopfamily = y.opcfamily AND p.amopstrategy = 3
                     AND p.amoplefttype = y.opcintype AND p.amoprighttype = y.opcintype
                 JOIN pg_operator o ON o.oid = p.amopopr
                 JOIN pg_namespace h ON h.oid = o.oprnamespace)),
            'collations', (SELECT pg_catalog.jsonb_agg(CASE WHEN NOT l.collisdeterministic
                                  THEN pg_catalog.format('%%I.%%I', h.nspname, l.collname) END
                                      ORDER BY x.ord)
                           FROM pg_catalog.unnest(i.indcollation::oid[]) WITH ORDINALITY x(oid, ord)
                           LEFT JOIN pg_collation l ON l.oid = x.oid
                           LEFT JOIN pg_namespace h ON h.oid = l.collnamespace),
            'nulls_collide', coalesce(
                pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct'::text = 'true', false),
            'deferrable', NOT i.indimmediate) ORDER BY i.indexrelid)
        FROM pg_index i
        WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion) AND i.indisvalid),
       (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'name', f.conname, 'deferrable', f.condeferrable,
            'table', pg_catalog.jsonb_build_object('schema', sn.nspname, 'name', sc.relname),
            'target', pg_catalog.jsonb_build_object('schema', tn.nspname, 'name', tc.relname),
            'columns', (SELECT pg_catalog.jsonb_agg(a.attname ORDER BY k.ord)
                        FROM pg_catalog.unnest(f.conkey) WITH ORDINALITY k(num, ord)
                        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.num),
            'target_columns', (SELECT pg_catalog.jsonb_agg(a.attname ORDER BY k.ord)
                        FROM pg_catalog.unnest(f.confkey) WITH ORDINALITY k(num, ord)
                        JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.num),
            'operators', (SELECT pg_catalog.jsonb_agg(
                            CASE WHEN pg_catalog.to_jsonb(f) ->> 'conperiod'::text = 'true'
                                      AND k.ord = pg_catalog.cardinality(f.conkey)
                                 THEN 'OPERATOR(pg_catalog.&&)'
                                 ELSE pg_catalog.format('OPERATOR(%%I.%%s)', h.nspname, o.oprname)
                            END ORDER BY k.ord)
                        FROM pg_catalog.unnest(f.conpfeqop) WITH ORDINALITY k(oid, ord)
                        JOIN pg_operator o ON o.oid = k.oid
                        JOIN pg_namespace h ON h.oid = o.oprnamespace)
        ) ORDER BY f.conname, f.oid)
        FROM pg_constraint f
        JOIN pg_class sc ON sc.oid = f.conrelid JOIN pg_namespace sn ON sn.oid = sc.relnamespace
        JOIN pg_class tc ON tc.oid = f.confrelid JOIN pg_namespace tn ON tn.oid = tc.relnamespace
        WHERE f.contype = 'f' AND f.conparentid = 0::oid
          AND f.oid = ANY (ARRAY(SELECT k.oid FROM pg_constraint k WHERE k.conrelid = c.oid
                                 UNION SELECT k.oid FROM referring k WHERE k.confrelid = c.oid))),
       coalesce((SELECT pg_catalog.bit_or(t.tgtype::int) FROM pg_trigger t WHERE NOT t.tgisinternal
               AND t.tgrelid = ANY (ARRAY(SELECT c.oid UNION
                   SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(c.oid) p))
               AND t.tgenabled <> 'D'), 0)
       | CASE WHEN EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type <> '1')
         THEN 28 ELSE 0 END
FROM wanted w JOIN pg_class c ON c.oid = w.oid JOIN pg_namespace n ON n.oid = c.relnamespace
"""
# tgtype: triggers on INSERT (4), DELETE (8), UPDATE (16); a rule may be on any of them.


def read_tables(connection: Connection, names: Iterable[TableName]) -> dict[TableName, Table]:
    """The tables that exist, by the names that were asked for."""
    wanted = {_quoted(name): name for name in names}
    if not wanted:
        return {}
    rows = connection.execute(_QUERY, {"names": list(wanted)}).fetchall()
    types = read_types(connection, {each["type_oid"] for row in rows for each in row[5] or ()})
    return {wanted[row[0]]: _table(row, types) for row in rows}


def _quoted(name: TableName) -> str:
    parts = [name.name] if name.schema is None else [name.schema, name.name]
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def _table(row: tuple[Any, ...], types: Mapping[int, Type]) -> Table:
    _, schema, name, oid, kind, columns, indexes, foreign, triggers = row
    keys = convert(foreign or (), list[ForeignKey])
    here = TableName(schema=schema, name=name)
    indexes = indexes or ()
    named = {
        each["name"]: convert({**each, "kind": types[each["type_oid"]]}, Column)
        for each in columns or ()
    }
    return Table(
        schema=schema,
        name=name,
        oid=oid,
        kind=kind,
        columns=named,
        primary_key=next((tuple(i["columns"]) for i in indexes if i["primary"]), ()),
        uniques=tuple(convert(each, Unique) for each in indexes if each["plain"]),
        guards=tuple(_guard(each, named) for each in indexes),
        foreign_keys=tuple(key for key in keys if key.table == here),
        referencing=tuple(key for key in keys if key.target == here),
        rewrites=bool(triggers & 20),
        keeps=bool(triggers & 8),
    )


def _guard(each: Mapping[str, Any], named: Mapping[str, Column]) -> Guard:
    columns = {*(each["columns"] or ()), *(each["depends"] or ())}
    generated = {name: named[name] for name in sorted(columns) if named[name].generated}
    made_of = {name for column in generated.values() for name in column.made_of}
    found = {
        **each,
        "columns": sorted(columns - {*generated} | made_of),
        "generated": [(name, column.expression or "NULL") for name, column in generated.items()],
        "collations": each["collations"][: len(each["expressions"])],
        "by_equality": each["by_equality"] and not generated,
    }
    return convert(found, Guard)
