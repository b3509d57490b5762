"""What one seeding works on: every set with its stage, base, scope and references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.bases.bases import Base
from seeder.database.ledger.tables.states import SET, STATES
from seeder.database.schema.equality import (
    FALSE,
    Pair,
    all_equal,
    all_of,
    cast,
    copy_text,
    equal,
    found_in,
    same_text,
)
from seeder.database.schema.tables import Column, Table
from seeder.database.staging.generated import made
from seeder.database.staging.stage import Stage
from seeder.merge.choices import Take
from seeder.merge.model import Cell, Generator, Nulls, Removed, SeedSet, TableReference
from seeder.merge.plan import SetDecision, Why


class SetTarget(Struct, frozen=True, kw_only=True):
    """Where a reference column points, when that is another seed set."""

    set: str
    stored: str
    """The column of the referenced table whose value the reference stores."""


class TableTarget(Struct, frozen=True, kw_only=True):
    """Where a reference column points, when no set owns the table."""

    table: Table
    reference: TableReference
    stored: str


Target: TypeAlias = SetTarget | TableTarget


class Settling(Struct, frozen=True, kw_only=True):
    """A person settles conflicts inside the documents of one row, and nothing else happens."""

    take: Take
    parts: Mapping[str, tuple[str, ...]]
    """Paths by column, as `documents.Settle` has them."""


class SetWork(Struct, frozen=True, kw_only=True):
    """One set of one seeding; all relations are temporary or the ledger's."""

    seed_set: SeedSet
    table: Table
    stage: Stage
    base: Base
    targets: dict[str, Target] = field(default_factory=dict)
    """By reference column."""
    set_id: int = 0
    """The set's number in the ledger; 0 in a plan of a set never seeded."""
    own_ids: tuple[int, ...] = ()
    """Numbers of ledger sets whose entries this set answers for: its own, and those of
    sets that have left the catalog where it alone has their place."""
    siblings: tuple[Stage, ...] = ()
    """Stages of other sets that share the base and scope."""
    told: Mapping[Why, frozenset[str]] = {}
    """Row keys of which it was reported that they wait, by what they wait for."""
    decision: SetDecision = SetDecision.MERGE
    marks: frozenset[str] = frozenset()
    """Columns in which rows that are back bear marks of their removal, whatever the catalog says
    of removals now."""
    settling: Settling | None = None

    @property
    def name(self) -> str:
        """The set's name."""
        return self.seed_set.name

    @property
    def scope(self) -> str:
        """The scope as the ledger writes it."""
        return scope_text(self.seed_set, self.table)

    @property
    def diff(self) -> sql.Identifier:
        """Rows that differ from what was last applied: stage rows and base ctids."""
        return sql.Identifier("pg_temp", self.diff_name)

    @property
    def diff_name(self) -> str:
        """Its bare name."""
        return f"seeder_diff_{self.stage.number}"

    @property
    def verdict(self) -> sql.Identifier:
        """The verdicts on them."""
        return sql.Identifier("pg_temp", self.verdict_name)

    @property
    def verdict_name(self) -> str:
        """Its bare name."""
        return f"seeder_verdict_{self.stage.number}"

    @property
    def merged(self) -> sql.Identifier:
        """The outcomes of merges inside documents."""
        return sql.Identifier("pg_temp", self.merged_name)

    @property
    def merged_name(self) -> str:
        """Its bare name."""
        return f"seeder_merged_{self.stage.number}"

    @property
    def names(self) -> tuple[str, ...]:
        """All column names of the set."""
        return tuple(column.name for column in self.seed_set.columns)

    @property
    def any_moves(self) -> bool:
        """Whether rows of this set, or of one beside it, change their keys."""
        return any(each.seed_set.moved for each in (self.stage, *self.siblings))

    def compose(self, text: str, *others: sql.Composable, **parts: sql.Composable) -> sql.Composed:
        """Compose a statement about the set, which has names for what is its own.

        `{stage}` and `{row}`, which tells its rows apart, `{base}`, `{scope}`, `{live}`, `{diff}`,
        `{verdict}` and `{merged}`; and for the states of entries: `{active}`, `{owning}`, ... All
        else is given, and may take the place of one of these.
        """
        own = {name: part(self) for name, part in _OWN.items() if f"{{{name}}}" in text}
        return sql.SQL(text).format(*others, **{**STATES, **own, **parts})

    def was_told(self, why: Why, alias: str = "s") -> sql.Composable:
        """Condition on a stage row: that it waits was reported."""
        keys = self.told.get(why)
        if not keys:
            return FALSE
        return sql.SQL("({}.addr = ANY ({}))").format(
            sql.Identifier(alias), sql.Literal(sorted(keys))
        )

    def live(self, column: str) -> Column:
        """A column of the live table."""
        return self.table.columns[column]

    def joins(self, column: str) -> bool:
        """Whether Postgres can hash or merge by the column's key values."""
        kind = self.live(column).kind
        by_form = self.seed_set.column(column).reference is not None or kind.equals is None
        return by_form or kind.joins

    def identifies(self, column: str) -> bool:
        """Whether the column is the primary key's, beside the natural key that finds the row."""
        return column in self.table.primary_key and column not in self.seed_set.key

    def in_scope(self, alias: str) -> sql.Composable:
        """Condition: a live row is in the set's scope."""
        return scope_condition(self.seed_set, self.table, alias)

    def soft_deleted(self, alias: str) -> sql.Composable:
        """Condition: a live row is marked as deleted."""
        column = self.seed_set.deleted
        return FALSE if column is None else self.marks_deleted(sql.Identifier(alias, column))

    def marks_deleted(self, value: sql.Composable) -> sql.Composable:
        """Condition: a value of the column of soft deletion marks its row as deleted."""
        column = self.seed_set.deleted
        is_flag = column is not None and self.live(column).base == "boolean"
        return sql.SQL("{} IS TRUE" if is_flag else "{} IS NOT NULL").format(value)

    def marked(self, live: str, base: str) -> sql.Composable:
        """Condition: a live row is marked as deleted by the set's own `removed: {set: ...}`."""
        name = self.seed_set.deleted
        if name is None or self.seed_set.removed is not Removed.SET:
            return FALSE
        return sql.SQL(
            "({base}.state = {set} AND {base}.notes -> 'removed'::text ? {name}::text"
            " AND {as_marked})"
        ).format(
            base=sql.Identifier(base),
            set=SET,
            name=Named(name),
            as_marked=same_text(
                sql.Identifier(live, name),
                sql.SQL("{}.notes #>> ARRAY['removed', {}, '1']").format(
                    sql.Identifier(base), Named(name)
                ),
                self.live(name),
            ),
        )

    def at_primary_key(self, live: str, base: str) -> sql.Composable:
        """Condition: a live row is at the primary key that an entry knows."""
        return all_equal(self.primary_keys(live, base))

    def primary_keys(self, live: str, base: str) -> list[Pair]:
        """The primary key of a live row, and the one that an entry knows."""
        return [
            (sql.Identifier(live, name), cast(known, self.live(name)), self.live(name))
            for n, name in enumerate(self.base.primary_key)
            for known in [sql.SQL("{}.{}").format(sql.Identifier(base), self.base.p(n))]
        ]

    def known_key(self, name: str, base: str = "b") -> sql.Composable:
        """A column of the key that an entry knows, in the live column's type."""
        known = sql.SQL("{}.{}").format(sql.Identifier(base), self.base.columns[name].asked)
        return cast(known, self.live(name))

    def known_keys(self, live: str, base: str) -> list[Pair]:
        """The key of a live row, and the one that an entry knows."""
        return [
            (sql.Identifier(live, name), self.known_key(name, base), self.live(name))
            for name in self.seed_set.key
        ]

    def desired_keys(self, live: str, stage: str = "s") -> list[Pair]:
        """The key of a live row, and the one that a stage row desires."""
        return [
            (sql.Identifier(live, name), self.stage.d(name, stage), self.live(name))
            for name in self.seed_set.key
        ]

    def at_key(self, live: str, stage: str = "s") -> sql.Composable:
        """Condition: a live row of the scope has the key that a stage row desires."""
        return all_of([all_equal(self.desired_keys(live, stage)), self.in_scope(live)])

    def owning(self, base: str) -> sql.Composable:
        """Condition: an entry is of the set's scope, and its row is seeder's."""
        return self.compose(
            "{entry}.scope = {scope} AND {entry}.state IN ({owning})", entry=sql.Identifier(base)
        )

    def owned(self, pairs: Sequence[Pair]) -> sql.Composable:
        """Condition, never NULL: an entry `e`, whose row is seeder's, has the second of each."""
        return found_in(pairs, self.compose("FROM {base} e"), self.owning("e"))


_OWN: Mapping[str, Callable[[SetWork], sql.Composable]] = {
    "stage": lambda work: work.stage.relation,
    "row": lambda work: work.stage.row(),
    "base": lambda work: work.base.relation,
    "scope": lambda work: sql.Literal(work.scope),
    "live": lambda work: work.table.rows,
    "diff": lambda work: work.diff,
    "verdict": lambda work: work.verdict,
    "merged": lambda work: work.merged,
}
"""What `SetWork.compose` has names for."""


def constant(value: Cell | Generator, column: Column) -> sql.Composed:
    """A constant from the catalog, or what is made once, as SQL in the column's type."""
    if isinstance(value, Generator):
        return sql.SQL("({})").format(sql.SQL(made(value, column)))
    return cast(sql.Literal(copy_text(value, column)), column)


def with_equal_nulls(table: Table, seed_set: SeedSet) -> Table:
    """The table, its columns marked in which NULL is part of the set's key."""
    if seed_set.nulls is Nulls.DISTINCT:
        return table
    marked = {
        name: replace(table.columns[name], nulls_equal=True)
        for name in seed_set.key
        if seed_set.column(name).reference is None and not table.columns[name].not_null
    }
    return replace(table, columns={**table.columns, **marked})


def has_scope(seed_set: SeedSet, table: Table) -> bool:
    """Whether the table has the columns of the set's scope; a migration may have to add them."""
    return all(name in table.columns for name, _ in seed_set.scope)


def scope_condition(seed_set: SeedSet, table: Table, alias: str) -> sql.Composable:
    """Condition: a live row is in the set's scope."""
    conditions: list[sql.Composable] = []
    for name, value in seed_set.scope:
        column = sql.Identifier(alias, name)
        if value is None:
            conditions.append(sql.SQL("{} IS NULL").format(column))
        else:
            kind = table.columns[name]
            conditions.append(equal(column, constant(value, kind), kind))
    return all_of(conditions)


def scope_text(
    seed_set: SeedSet, table: Table, scope: Sequence[tuple[str, Cell]] | None = None
) -> str:
    """The scope, or another one, as one line, the same for equal scopes: `org_id=NULL`."""
    # The constants are scalars, and so are alike in columns that are not there any more.
    plain = next(column for column in table.columns.values() if not column.is_json)
    parts = []
    for name, value in seed_set.scope if scope is None else scope:
        text = copy_text(value, table.columns.get(name, plain))
        parts.append(f"{name}=NULL" if text is None else f"{name}={text!r}")
    return ", ".join(parts)
