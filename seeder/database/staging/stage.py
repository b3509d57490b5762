"""Stages: the desired rows of one set, in a temporary table of the live column types.

Columns: `addr` (the row key), `shape` (only where rows give different columns), `d1`..
(the desired values, in the order of `SeedSet.columns`), `r1`.. (for reference columns the
row key asked for; `d` holds the stored value once it is resolved), `q1`.. (the same in the
type of the column by which rows that no set owns are found), `missing` (only with
references: 0 all resolved, 1 a referenced row is not there, 2 it is yet to be inserted),
`n` (only with references: the row's number) and `p1`.. for parts of the primary key that
the database itself fills in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct, field
from psycopg import sql

from seeder.database.connection.marked_sql import Theirs
from seeder.database.ledger.runs.line_blocks import Lines
from seeder.database.schema.equality import FALSE, cast, staged_type, type_sql
from seeder.database.schema.tables import Column, Table
from seeder.merge.model import Cell, CsvFile, SeedColumn, SeedSet

RESOLVED, BLOCKED, AWAITED = 0, 1, 2
"""Values of the stage's `missing` column."""

_TEXTS = {"text", "character varying"}
"""Key types that keep what a file says, but for blanks at the end of a `varchar(n)`."""
_RECAST = {"smallint", "integer", "bigint", "uuid"}
"""Key types that may write a value otherwise than a file does (`01`, a UUID in capitals), and
that a column can be generated in from text: the cast is immutable."""


class StandIn(Struct, frozen=True, kw_only=True):
    """A table that serves as a stage; `addr` and `p1`.. are the same there."""

    relation: sql.Composable
    columns: Mapping[str, str]
    """The names of its columns with the desired values, by those of the live table's."""
    symbols: Mapping[str, str]
    """The names of its columns with the row keys that reference columns ask for."""


class Stage(Struct, frozen=True, kw_only=True):
    """The temporary table that holds what one set desires."""

    number: int
    seed_set: SeedSet
    table: Table
    primary_key: tuple[str, ...]
    stand_in: StandIn | None = None
    """A table that holds it instead (`direct`)."""
    lookups: Mapping[str, Column] = {}
    """By the references to rows that no set owns: the columns by which those are found."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """By column that some rows leave out: its constant default, as text."""
    lines: Lines | None = None
    """Of a large file: what is sent of it, and what is noted for the next update."""

    @property
    def name(self) -> str:
        """The temporary table's bare name."""
        return f"seeder_stage_{self.number}"

    @property
    def relation(self) -> sql.Composable:
        """The table, qualified."""
        if self.stand_in is not None:
            return self.stand_in.relation
        return sql.Identifier("pg_temp", self.name)

    def row(self, alias: str = "s") -> sql.Composable:
        """What tells the rows apart, in file order.

        Resolving references rewrites rows, and their ctids with them; without references
        a ctid stays, and costs nothing.
        """
        return sql.Identifier(alias, "n" if self.references else "ctid")

    @property
    def row_type(self) -> sql.SQL:
        """The type of `row`."""
        return sql.SQL("bigint" if self.references else "tid")

    def position(self, column: str) -> int:
        """One-based position of a column in the set."""
        names = [each.name for each in self.seed_set.columns]
        return names.index(column) + 1

    def has(self, column: str) -> bool:
        """Whether any row of the set gives the column."""
        return any(each.name == column for each in self.seed_set.columns)

    def holder(self, column: str) -> str:
        """The name of the stage's own column with the desired values of a column."""
        if self.stand_in is not None:
            return self.stand_in.columns[column]
        return f"d{self.position(column)}"

    def sent_as(self, column: str) -> str:
        """The name of the stage's own column that a CSV file's field is copied into."""
        if self.seed_set.column(column).reference is not None:
            return f"r{self.position(column)}"
        return self.holder(column)

    def d(self, column: str, alias: str = "s") -> sql.Composable:
        """The desired value of a column."""
        return _held(sql.Identifier(alias, self.holder(column)), self.table.columns[column])

    def r(self, column: str, alias: str = "s") -> sql.Composable:
        """The row key that a reference column asks for."""
        if self.stand_in is not None:
            return sql.Identifier(alias, self.stand_in.symbols[column])
        return sql.Identifier(alias, f"r{self.position(column)}")

    def q(self, column: str, alias: str = "s") -> sql.Composable:
        """The row key that a reference to a table asks for, as a value of that table's key."""
        return _held(sql.Identifier(alias, f"q{self.position(column)}"), self.lookups[column])

    def given(self, column: str, alias: str = "s") -> sql.Composable | None:
        """Whether a row gives the column; None where every row does."""
        shapes = self.seed_set.shapes
        having = [n for n, shape in enumerate(shapes) if column in shape]
        if len(having) == len(shapes):
            return None
        if not having:
            return sql.SQL("false")
        return sql.SQL("{} = ANY ({})").format(sql.Identifier(alias, "shape"), sql.Literal(having))

    def varies(self, column: str) -> bool:
        """Whether there is no one value that a row asks for by leaving the column out."""
        live = self.table.columns[column]
        refers = self.seed_set.column(column).reference is not None
        return not live.falls_back or (refers and live.default is not None)

    @property
    def sent(self) -> tuple[SeedColumn, ...]:
        """The columns that any row gives; the first ones of the set."""
        shapes, columns = self.seed_set.shapes, self.seed_set.columns
        given = frozenset[str]().union(*shapes)
        return tuple(each for each in columns if each.name in given) if shapes else columns

    @property
    def references(self) -> tuple[SeedColumn, ...]:
        """The reference columns that have to be looked up; none in a stand-in, where they were."""
        if self.stand_in is not None:
            return ()
        return tuple(each for each in self.seed_set.columns if each.reference is not None)

    def missing(self, alias: str = "s") -> sql.Composable:
        """The stage's `missing` value, zero for sets without references."""
        return sql.Identifier(alias, "missing") if self.references else sql.SQL("0")

    def blocked(self, alias: str = "s") -> sql.Composable:
        """Condition: a row refers to one that is not there."""
        if not self.references:
            return FALSE
        return sql.SQL("{} = {}").format(sql.Identifier(alias, "missing"), sql.Literal(BLOCKED))

    @property
    def allocated(self) -> tuple[int, ...]:
        """Zero-based positions of the primary key that the database fills in itself."""
        return tuple(
            position
            for position, name in enumerate(self.primary_key)
            if (not self.has(name) or self.given(name) is not None)
            and next_value(self.table.columns[name]) is not None
        )

    def key_value(self, position: int, alias: str = "s") -> sql.Composable | None:
        """The new row's primary key column; None where only the insert itself can tell."""
        name = self.primary_key[position]
        own = sql.Identifier(alias, f"p{position + 1}")
        if position not in self.allocated:
            return self.d(name, alias) if self.has(name) and not self.given(name) else None
        given = self.given(name, alias) if self.has(name) else None
        if given is None:
            return own
        return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(given, self.d(name, alias), own)


def _held(value: sql.Composable, column: Column) -> sql.Composable:
    return value if staged_type(column) == type_sql(column) else cast(value, column)


def next_value(column: Column) -> sql.Composable | None:
    """The expression that fills the column in when an insert leaves it out."""
    if column.identity and column.sequence is not None:
        return sql.SQL("pg_catalog.nextval({}::oid::regclass)::{}").format(
            sql.Literal(column.sequence), type_sql(column)
        )
    if column.default is not None and not column.generated:
        return sql.SQL("({})").format(Theirs(column.default))
    return None


def creation(stage: Stage, *, allocate: bool) -> sql.Composed:
    """Statement that creates the empty stage; with `allocate`, loading draws primary keys."""
    seed_set, table = stage.seed_set, stage.table
    definitions: list[sql.Composable] = [_address_definition(stage)]
    source = copied_as_file(stage)
    generated = copied_key(stage) if source is not None else None
    constants = dict(source.constants) if source is not None else {}
    if len(seed_set.shapes) > 1:
        definitions.append(sql.SQL("shape smallint"))
    for column in seed_set.columns:
        kind: sql.Composable = staged_type(table.columns[column.name])
        number = stage.position(column.name)
        if column.name == generated:
            kind = sql.SQL("{} GENERATED ALWAYS AS ({}) STORED").format(kind, recast(stage))
        if column.name in stage.left_out and column not in stage.sent:
            kind = sql.SQL("{} DEFAULT {}").format(kind, default_text(table.columns[column.name]))
        if constants.get(column.name) is not None:
            kind = sql.SQL("{} DEFAULT {}").format(kind, sql.Literal(str(constants[column.name])))
        definitions.append(sql.SQL("{} {}").format(sql.Identifier(f"d{number}"), kind))
        if column.reference is not None:
            definitions.append(sql.SQL("{} text").format(sql.Identifier(f"r{number}")))
        if column.name in stage.lookups:
            kind = staged_type(stage.lookups[column.name])
            definitions.append(sql.SQL("{} {}").format(sql.Identifier(f"q{number}"), kind))
    if stage.references:
        definitions.append(sql.SQL("missing smallint DEFAULT 0"))
        definitions.append(sql.SQL("n bigint GENERATED ALWAYS AS IDENTITY"))
    for position in stage.allocated:
        live = table.columns[stage.primary_key[position]]
        value = next_value(live)
        default = sql.SQL(" DEFAULT {}").format(value) if allocate and value else sql.SQL("")
        definitions.append(
            sql.SQL("{} {}{}").format(sql.Identifier(f"p{position + 1}"), type_sql(live), default)
        )
    return sql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DROP").format(
        sql.Identifier(stage.name), sql.SQL(", ").join(definitions)
    )


def copied_as_file(stage: Stage) -> CsvFile | None:
    """The CSV file, where Postgres can read it and derive the addresses by itself.

    An address is what the file says, since that is what the catalog knows the row by.
    """
    file = stage.seed_set.rows.csv
    if file is None or stage.lookups:
        return None
    fixed = {name for name, _ in stage.seed_set.scope}
    for name, value in file.constants:
        # Others may not stand in a statement, which servers log.
        plain = name in fixed and stage.seed_set.column(name).reference is None
        if not plain or not _is_default(value, stage.table.columns[name]):
            return None
    if copied_key(stage) is not None:
        return file
    keys = [
        stage.table.columns[name]
        for name in stage.seed_set.key
        if stage.seed_set.column(name).reference is None
    ]
    if any(each.base not in _TEXTS for each in keys):
        return None
    limited = any("(" in type_sql(each).as_string() for each in keys)
    return None if limited and file.blank_ends else file


_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _is_default(value: Cell, column: Column) -> bool:
    """Whether a default of the stage can give it: it fits in any case.

    Of other values only COPY may find that they do not, so that they are named.
    """
    match value:
        case None:
            return True
        case bool():
            return column.base == "boolean"
        case int():
            return column.base in _BITS and abs(value) >> _BITS[column.base] == 0
        case str() if value.isascii() and "\0" not in value:
            return column.base in _TEXTS or bool(column.base == "uuid" and _UUID.fullmatch(value))
        case _:
            return False


def copied_key(stage: Stage) -> str | None:
    """The key column whose field is copied as the address, and the column generated from it.

    None where it is the other way round.
    """
    name, *more = stage.seed_set.key
    if stage.seed_set.column(name).reference is not None:
        return None
    return name if not more and stage.table.columns[name].base in _RECAST else None


def recast(stage: Stage) -> sql.Composable:
    """The value of `copied_key`, from the address."""
    return sql.SQL("addr::{}").format(type_sql(stage.table.columns[stage.seed_set.key[0]]))


def _address_definition(stage: Stage) -> sql.Composable:
    if copied_as_file(stage) is None:
        # NOT NULL is one more object to be locked, and a row that was read here has a key.
        return sql.SQL("addr text")
    if copied_key(stage) is not None:
        return sql.SQL("addr text NOT NULL")
    return sql.SQL("addr text NOT NULL GENERATED ALWAYS AS ({}) STORED").format(address(stage))


def address(stage: Stage) -> sql.Composable:
    """The row key, written in SQL from the key's columns, which are of `_TEXTS`."""
    file = stage.seed_set.rows.csv
    part = sql.SQL(
        "{}::text"
        if file is not None and file.verbatim
        else "pg_catalog.replace(pg_catalog.replace({}::text, '\\', '\\\\'), ',', '\\,')"
    )
    own = [sql.Identifier(stage.sent_as(name)) for name in stage.seed_set.key]
    return sql.SQL(" || ',' || ").join(map(part.format, own))


def default_text(column: Column) -> sql.Composable:
    """What an insert puts into a column that a row leaves out."""
    value = next_value(column)
    return sql.SQL("NULL") if value is None else cast(value, column)
