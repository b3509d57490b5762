"""Conflicts that stand, each with the values between which a person is to choose.

What was last applied and what the catalog asks for are in the ledger, under the row's entry; what
is live is read from the table, at the primary key that the entry knows. Nothing is staged or
judged, so a role that may only read can ask, and on a standby too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.judging import documents
from seeder.database.ledger.bases.bases import Base, BaseColumn
from seeder.database.ledger.bases.entries import at_entry, is_stored, read_bases
from seeder.database.ledger.bases.entry_values import last_asked, stored, unknown
from seeder.database.ledger.bases.reference_keys import keys_of_rows
from seeder.database.ledger.runs.conflicts import OPEN, VALUE, WAITING, base_relations, left_open
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.ledger.tables.states import ACTIVE
from seeder.database.schema.equality import all_of, bounded, canonical, cast, equal
from seeder.database.schema.referring import read as read_referring
from seeder.database.schema.referring import referring
from seeder.database.schema.tables import Column, ForeignKey
from seeder.merge.choices import Take, command
from seeder.merge.documents import Sides, read, within
from seeder.merge.found import OpenConflict
from seeder.merge.model import Catalog, SeedColumn
from seeder.merge.plan import CHANGED, REFERENCE, ColumnCase, ColumnChange, Referring

NAMED = 20
"""Conflicts that a status names."""

Entry: TypeAlias = tuple[str, str]
"""Scope and row key."""

Values: TypeAlias = Mapping[
    tuple[int, Entry], tuple[tuple[ColumnChange, ...], tuple[Referring, ...]]
]


class _Row(Struct, frozen=True):
    """An entry in conflict, or a row that waits for a unique value, as the ledger has it."""

    base: int
    scope: str
    addr: str
    set: str
    columns: tuple[str, ...]
    parts: Mapping[str, Mapping[str, tuple[str, str]]]
    since: Mapping[str, int]
    left: bool
    holder: str | None
    run: int

    def since_run(self, column: str | None = None) -> int:
        """The run that reported it: the whole row, or one column."""
        if column is not None:
            return self.since.get(column, self.run)
        if self.left:
            return self.run
        return min((self.since_run(each) for each in self.columns), default=self.run)


def open_conflicts(
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    *,
    limit: int | None = NAMED,
    values: bool = False,
    wanted: Callable[[OpenConflict], OpenConflict | None] | None = None,
) -> tuple[tuple[OpenConflict, ...], int]:
    """Rows whose live value was kept against the catalog, by address, and how many there are.

    Args:
        connection: whose role may read the ledger, and with `values` the tables.
        ledger: the ledger.
        catalog: what says how documents are merged, and which columns are secret.
        limit: how many to name; None: all.
        values: what each place held when it was last applied, holds now, and should hold.
        wanted: picks some of them, or some places of each; None: all of all.
    """
    picked: list[tuple[_Row, OpenConflict]] = []
    for row in _rows(connection, ledger, limit=limit if wanted is None else None):
        found = _conflict(row) if wanted is None else wanted(_conflict(row))
        if found is not None:
            picked.append((row, found))
    total = left_open(connection, ledger).conflicts if wanted is None else len(picked)
    picked = picked[:limit]
    if values and picked:
        known = _values(connection, ledger, catalog, [row for row, _ in picked])
        for n, (row, each) in enumerate(picked):
            told, referring = known.get((row.base, (row.scope, row.addr)), ((), ()))
            picked[n] = (
                row,
                replace(
                    each,
                    values=tuple(one for one in told if row.left or one.name in each.columns),
                    referring=referring,
                    commands=tuple(command(each.address, take) for take in Take),
                ),
            )
    return tuple(each for _, each in picked), total


def _conflict(row: _Row) -> OpenConflict:
    return OpenConflict(
        address=f"{row.set}/{row.addr}",
        columns=() if row.left else tuple(_places(row)),
        left_catalog=row.left,
        holder=row.holder,
        run=row.since_run(),
    )


def _rows(connection: Connection, ledger: Ledger, *, limit: int | None) -> Sequence[_Row]:
    bases = base_relations(connection, ledger)
    if not bases:
        return ()
    each = (
        "SELECT {id}::int AS base, b.scope, b.addr, s.name,"
        " ARRAY(SELECT pg_catalog.jsonb_object_keys(b.notes -> 'offered'::text)) AS columns,"
        " coalesce(b.notes -> 'parts'::text, '{{}}'::jsonb) AS parts,"
        " coalesce(b.notes -> 'since'::text, '{{}}'::jsonb) AS since,"
        " b.notes ? 'removal_blocked'::text AS left_catalog, NULL::text AS holder,"
        " coalesce((b.notes ->> 'removal_blocked'::text)::bigint, b.run) AS run"
        " FROM {base} b JOIN {s}.sets s ON s.id = b.seed_set WHERE {open}"
    )
    found = [
        ledger.sql(each, id=sql.Literal(number), base=relation, open=OPEN)
        for number, relation in bases
    ]
    found.append(
        ledger.sql(
            "SELECT w.base, w.scope, w.addr, w.set_name, '{{}}'::text[], '{{}}'::jsonb,"
            f" '{{{{}}}}'::jsonb, false, w.holder, w.run {WAITING}",
            why=VALUE,
        )
    )
    rows = connection.execute(
        sql.SQL("SELECT * FROM ({}) q ORDER BY name, addr LIMIT {}").format(
            sql.SQL(" UNION ALL ").join(found), sql.Literal(limit)
        )
    ).fetchall()
    return [_Row(*row) for row in rows]


def _places(row: _Row) -> list[str]:
    """Columns in conflict, and parts of documents, as addresses name them behind `#`."""
    return sorted(
        within(column, part) for column in row.columns for part in row.parts.get(column) or [""]
    )


# -- values --------------------------------------------------------------------------------


def _values(
    connection: Connection, ledger: Ledger, catalog: Catalog, rows: Sequence[_Row]
) -> Values:
    found: dict[tuple[int, Entry], tuple[tuple[ColumnChange, ...], tuple[Referring, ...]]] = {}
    bases = read_bases(connection, ledger).open
    declared = {
        (each.name, column.name): column for each in catalog.sets for column in each.columns
    }
    for base in bases:
        here = {(row.scope, row.addr): row for row in rows if row.base == base.id}
        names = _names(base, [row for row in here.values() if row.holder is None])
        if not names:
            continue
        left = any(row.left for row in here.values())
        keys_here = _readable(connection, base) if left else []
        facts = _facts(connection, base, names, here, keys_here)
        keys = {
            name: keys_of_rows(connection, bases, base, name, (at[name][2] for _, at, _ in facts))
            for name in names
            if base.columns[name].reference
        }
        for entry, at, counted in facts:
            row = here[entry]
            changes = tuple(
                change
                for name in names
                if (row.left and at[name][_CHANGED] == "true") or name in row.columns
                for change in _changes(row, base, name, at[name], keys, declared)
            )
            found[base.id, entry] = changes, read_referring(counted)
    return found


def _readable(connection: Connection, base: Base) -> list[ForeignKey]:
    """The foreign keys of other tables that this role may look into."""
    rows = connection.execute(
        "SELECT name, pg_catalog.has_table_privilege(name::regclass, 'SELECT')"
        " FROM pg_catalog.unnest(%s::text[]) name",
        [[sql.Identifier(*key.table.parts).as_string() for key in base.table.referencing]],
    ).fetchall()
    may = [allowed for _, allowed in rows]
    return [key for key, allowed in zip(base.table.referencing, may, strict=True) if allowed]


def _names(base: Base, rows: Iterable[_Row]) -> list[str]:
    """Columns of which some row shows its values; all of them where one has left the catalog."""
    wanted: set[str] = set()
    for row in rows:
        wanted.update(base.columns if row.left else row.columns)
    return [name for name in base.columns if name in wanted and name in base.table.columns]


_CHANGED, _JSON = 6, 7
"""Where a column's facts say that a person changed it, and where its documents begin."""

Facts: TypeAlias = list[str | None]
"""Of a column: asked, stored, live, offered, whether asked is known, its row key, `_CHANGED`, and
asked, stored, live and offered as JSON."""


def _facts(
    connection: Connection,
    base: Base,
    names: Sequence[str],
    rows: Mapping[Entry, _Row],
    referring_keys: Sequence[ForeignKey],
) -> list[tuple[Entry, dict[str, Facts], Any]]:
    found = connection.execute(
        sql.SQL(
            "SELECT b.scope, b.addr,"
            " CASE WHEN b.notes ? 'removal_blocked'::text THEN {referring} END,"
            " {facts} FROM {base} b LEFT JOIN {live} t ON {at}"
            " WHERE b.state = {active} AND (b.scope, b.addr) IN (SELECT * FROM"
            " ROWS FROM (pg_catalog.unnest({scopes}::text[]), pg_catalog.unnest({addrs}::text[])))"
        ).format(
            active=ACTIVE,
            referring=referring(referring_keys, lambda key: _others(base, key)),
            facts=sql.SQL(", ").join(_facts_of(base, base.columns[name]) for name in names),
            base=base.relation,
            live=base.table.rows,
            at=at_entry(base, "t"),
            scopes=sql.Literal([scope for scope, _ in rows]),
            addrs=sql.Literal([addr for _, addr in rows]),
        )
    ).fetchall()
    return [((row[0], row[1]), dict(zip(names, row[3:], strict=True)), row[2]) for row in found]


def _others(base: Base, key: ForeignKey) -> list[sql.Composable]:
    """Conditions on row `c` of a table that refers: it is not row `t` itself."""
    if key.table != base.table.qualified:
        return []
    own = [
        equal(sql.Identifier("c", name), sql.Identifier("t", name), base.table.columns[name])
        for name in base.primary_key
    ]
    return [sql.SQL("NOT ({})").format(all_of(own))]


def _facts_of(base: Base, column: BaseColumn) -> sql.Composable:
    now = base.table.columns[column.name]
    name = Named(column.name)
    live = sql.Identifier("t", column.name)
    offered = sql.SQL("(b.notes -> 'offered'::text ->> {}::text)").format(name)
    sides = [last_asked(column), stored(column), live, offered]
    pieces = [
        *(bounded(side, now) for side in sides[:2]),
        bounded(canonical(live, now), now),
        bounded(offered, now),
        sql.SQL("(NOT {})::text").format(unknown(column)),
        sql.SQL("b.{}").format(column.symbol) if column.reference else sql.SQL("NULL"),
        sql.SQL("(NOT {})::text").format(is_stored(base, column)),
    ]
    if now.is_json or now.kind.is_array or now.kind.is_hstore:
        # Each side as JSON, for entries whose conflict is in parts of a document.
        pieces += [
            sql.SQL("CASE WHEN b.notes ? 'parts'::text THEN {} END").format(
                documents.as_json(cast(side, now), now)
            )
            for side in sides
        ]
    return sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(pieces))


def _changes(
    row: _Row,
    base: Base,
    name: str,
    facts: Facts,
    keys: Mapping[str, Mapping[str, str]],
    declared: Mapping[tuple[str, str], SeedColumn],
) -> Iterator[ColumnChange]:
    asked, as_stored, live, offered, known, symbol, *_ = facts
    column = declared.get((row.set, name))
    case = ColumnCase.CHANGED if row.left else ColumnCase.CONFLICT
    reason = CHANGED if row.left else f"in conflict since run {row.since_run(name)}"
    if column is not None and column.secret:
        yield ColumnChange(name=within(name, ""), case=case, reason=reason, secret=True)
        return
    parts = row.parts.get(name)
    if parts:
        yield from _parts(base.table.columns[name], name, column, parts, facts, reason)
        return
    if base.columns[name].reference:
        asked = as_stored = asked if symbol is None else REFERENCE + symbol
        live = None if live is None else keys[name].get(live, live)
        offered = None if offered is None else REFERENCE + offered
    yield ColumnChange(
        name=within(name, ""),
        case=case,
        reason=reason,
        asked=asked,
        stored=as_stored,
        live=live,
        desired=offered,
        asked_known=known == "true",
        bare=base.table.columns[name].is_bare,
    )


def _parts(
    live: Column,
    name: str,
    column: SeedColumn | None,
    parts: Mapping[str, tuple[str, str]],
    facts: Facts,
    reason: str,
) -> Iterator[ColumnChange]:
    """The parts that were kept out, with what each holds now, as a merge of today finds it."""
    now: dict[str, str | None] = {}
    if column is not None and column.merge is not None:
        asked, was_stored, is_live, offered = map(read, facts[_JSON : _JSON + 4])
        sides = Sides(
            asked=asked,
            stored=was_stored,
            live=is_live,
            desired=offered,
            offered=offered,
            was_offered=True,
        )
        merged = documents.merged(live, column.merge, sides)
        now = {each.name: each.live for each in merged.changes}
    for part, (before, wanted) in sorted(parts.items()):
        yield ColumnChange(
            name=within(name, part),
            case=ColumnCase.CONFLICT,
            reason=reason,
            asked=before,
            stored=before,
            # What a merge does not tell of is as it was asked for.
            live=now.get(part, before),
            desired=wanted,
            bare=True,
        )
