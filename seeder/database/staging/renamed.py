"""Sets that the ledger knows under another table or key: found again, or left pending.

What a catalog declares with `was:` is followed wherever the ledger has not done so yet, in every
mode. A set that merely looks like one that the ledger remembers is not taken for a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.answers import answer
from seeder.database.ledger.tables.states import REMOVED
from seeder.database.schema.equality import all_of, cast, equal
from seeder.database.schema.tables import Table
from seeder.database.staging.context import Known, Seeding
from seeder.database.staging.work import has_scope, scope_text
from seeder.merge.model import SeedSet, SetReference, TableName
from seeder.merge.plan import SetDecision

Place = tuple[TableName, tuple[str, ...], str]
"""Qualified table, key and scope."""


def find(seeding: Seeding, sets: Iterable[SeedSet]) -> None:
    """Find the sets that the ledger knows under a former table or key.

    From now on they count as known where the catalog has them; one that cannot be followed is
    left pending.
    """
    standing = places(seeding)
    # Asked for only where a former table is named.
    on_path = _search_path(seeding) if any(each.was for each in sets) else ()
    for each in sets:
        table = seeding.tables.get(each.table)
        if table is None or each.name in seeding.decisions:
            continue
        now = (table.qualified, each.key)
        scopes = _scopes(each, table)
        if any((k.table, k.key) == now and k.scope in scopes for k in seeding.known):
            continue
        tables, keys = _tables(each, table, on_path), _keys(each)
        named = [
            k
            for k in seeding.known
            if k.table in tables
            and k.key in keys
            and (k.table, k.key) != now
            and (k.scope in scopes or k.name == each.name)
            and (k.table, k.key, k.scope) not in standing.values()
        ]
        if named:
            known = max(named, key=lambda k: (k.scope in scopes, k.name == each.name, k.id))
            why_not = _hindrance(seeding, each, table, known, standing)
            if why_not is None:
                _follow(seeding, known, table.qualified, each.key)
            else:
                _leave(seeding, each, why_not)
    for each in sets:
        if _is_stale(seeding, each):
            seeding.stale.add(each.name)
    _with_referring(seeding)


def places(seeding: Seeding) -> dict[str, Place]:
    """Where the catalog has its sets now, by name; those of other environments too."""
    return {
        each.name: (there.qualified, each.key, scope_text(each, there))
        for each in (*seeding.catalog.sets, *seeding.catalog.inactive)
        if (there := seeding.tables.get(each.table)) is not None and has_scope(each, there)
    }


def leave_unrecognised(seeding: Seeding, sets: Iterable[SeedSet]) -> None:
    """Leave sets pending that the ledger does not know where they stand, and seems to remember."""
    standing = set(places(seeding).values())
    lost = [k for k in seeding.known if (k.table, k.key, k.scope) not in standing]
    if not lost:
        return
    for each in sets:
        table = seeding.tables.get(each.table)
        if table is None or each.name in seeding.decisions:
            continue
        line = _looks_like(seeding, each, table, lost)
        if line is not None:
            _leave(
                seeding,
                each,
                f"it looks like {line[0]}: write `was: {{{line[1]}}}` at the set; if it is"
                " another set, give it another name",
            )


def former_key(each: SeedSet, known: Known) -> tuple[str, ...]:
    """The key that the ledger knows a set by, under today's names of its columns."""
    today = todays_names(each, known)
    return tuple(today.get(name, name) for name in known.key)


def todays_names(each: SeedSet, known: Known) -> dict[str, str]:
    """The new names of columns that the ledger has under old ones."""
    return {
        old: column.name
        for column in each.columns
        if column.name not in known.columns
        for old in column.was
        if old in known.columns
    }


def former_scopes(each: SeedSet, table: Table) -> set[str]:
    """The scopes that a set declares to have had."""
    return {scope_text(each, table, w.scope) for w in each.was if w.scope is not None}


def _scopes(each: SeedSet, table: Table) -> set[str]:
    return {scope_text(each, table)} | former_scopes(each, table)


def _keys(each: SeedSet) -> set[tuple[str, ...]]:
    """All keys that a set may be known by, as they were spelt."""
    was = {column.name: (column.name, *column.was) for column in each.columns}
    keys = {each.key, *(former.key for former in each.was)}
    return {
        spelling for key in keys for spelling in product(*(was.get(name, (name,)) for name in key))
    }


def _tables(each: SeedSet, table: Table, on_path: Sequence[str]) -> set[TableName]:
    found = {table.qualified}
    for former in each.was:
        if former.table is not None:
            schemas = (
                {table.schema, *on_path} if former.table.schema is None else {former.table.schema}
            )
            found |= {TableName(schema=schema, name=former.table.name) for schema in schemas}
    return found


def _search_path(seeding: Seeding) -> Sequence[str]:
    row = seeding.connection.execute("SELECT pg_catalog.current_schemas(false)").fetchone()
    return row[0] if row else ()


def _hindrance(
    seeding: Seeding, each: SeedSet, table: Table, known: Known, standing: dict[str, Place]
) -> str | None:
    """Why entries cannot follow; None where they can."""
    for name, place in standing.items():
        if name != each.name and place[:2] == (known.table, known.key):
            return (
                f"the set {name} still has the table {known.table} and the key"
                f" {', '.join(known.key)} that this one had: rename both at once"
            )
    here = {k.base for k in seeding.known if (k.table, k.key) == (table.qualified, each.key)}
    if here - {known.base}:
        return (
            f"the ledger has other rows of {table} under the key {', '.join(each.key)} already:"
            " what it knows of this set cannot be joined to them"
        )
    before = former_key(each, known)
    names = {column.name for column in each.columns}
    told = set(before) <= names or set(each.key) <= set(known.columns)
    if before != each.key and not told and _has_vanished_rows(seeding, known, table):
        return (
            f"rows of it are deleted here, which are known by {', '.join(before)} alone: give"
            f" that in the rows as well, until {each.name} is applied"
        )
    return None


def _follow(seeding: Seeding, known: Known, table: TableName, key: tuple[str, ...]) -> None:
    seeding.renamed[known.base] = known
    seeding.known = tuple(
        replace(k, table=table, key=key) if k.base == known.base else k for k in seeding.known
    )


def _leave(seeding: Seeding, each: SeedSet, reason: str) -> None:
    seeding.decisions[each.name] = (SetDecision.PENDING, reason)
    seeding.warnings.append(f"The set {each.name} is left as it is: {reason}.")


def _is_stale(seeding: Seeding, each: SeedSet) -> bool:
    """Whether the ledger has yet to follow a renaming of the set's table, key or columns."""
    table = seeding.tables.get(each.table)
    if table is None or each.name in seeding.decisions:
        return False
    names = {column.name for column in each.columns}
    return any(
        known.base in seeding.renamed
        or any(
            column.name not in known.columns
            and any(old in known.columns and old not in names for old in column.was)
            for column in each.columns
        )
        for known in seeding.known
        if (known.table, known.key) == (table.qualified, each.key)
    )


def _with_referring(seeding: Seeding) -> None:
    """Who refers to rows that have other keys now follows them."""
    rekeyed = {
        each.name
        for each in seeding.catalog.sets
        if each.name in seeding.stale and is_rekeyed(seeding, each)
    }
    seeding.stale |= {
        each.name
        for each in seeding.catalog.sets
        for column in each.columns
        if isinstance(column.reference, SetReference)
        and column.reference.set in rekeyed
        and each.table in seeding.tables
        and each.name not in seeding.decisions
    }


def before(seeding: Seeding, each: SeedSet) -> Known | None:
    """The set as the ledger lists it, where its table or key has been another one."""
    now = (seeding.tables[each.table].qualified, each.key)
    return next(
        (
            seeding.renamed[known.base]
            for known in seeding.known
            if (known.table, known.key) == now and known.base in seeding.renamed
        ),
        None,
    )


def is_rekeyed(seeding: Seeding, each: SeedSet) -> bool:
    """Whether the ledger has the rows of the set under another key."""
    known = before(seeding, each)
    return known is not None and former_key(each, known) != each.key


# -- what nobody has declared --------------------------------------------------------------


def _looks_like(
    seeding: Seeding, each: SeedSet, table: Table, lost: Sequence[Known]
) -> tuple[str, str] | None:
    """What a set looks like of what the ledger knows and no set has; the line that says so."""
    names = {s.name for s in (*seeding.catalog.sets, *seeding.catalog.inactive)}
    for known in reversed(lost):
        same_key = known.key in _keys(each)
        if known.table == table.qualified:
            mine = known.name == each.name or (
                known.name not in names and known.scope == scope_text(each, table)
            )
            if not same_key and mine:
                key = ", ".join(known.key)
                return f"the set {known.name} with the key {key} before", f"key: [{key}]"
        elif known.name == each.name or (known.name not in names and same_key):
            if not _is_gone(seeding, known):
                continue
            if known.name != each.name and not _has_rows_of(seeding, known, table):
                continue
            name = known.table.name if known.table.schema == table.schema else str(known.table)
            line = f"table: {name}" + ("" if same_key else f", key: [{', '.join(known.key)}]")
            return f"the table {known.table}, which is gone, under another name", line
    return None


def _is_gone(seeding: Seeding, known: Known) -> bool:
    gone = answer(
        seeding.connection,
        "SELECT pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', %s::text, %s::text)) IS NULL",
        [known.table.schema, known.table.name],
    )
    return bool(gone)


def _has_rows_of(seeding: Seeding, known: Known, table: Table) -> bool:
    """Whether a table has rows where the ledger knows them, with the keys that it knows."""
    row = seeding.connection.execute(
        seeding.ledger.sql("SELECT columns FROM {s}.bases WHERE id = %s"), [known.base]
    ).fetchone()
    numbers = {column["name"]: column["n"] for column in row[0]} if row else {}
    if not set(known.key) <= set(table.columns):
        return False
    same = [_same(table, name, f"c{numbers[name]}") for name in known.key]
    return any_entry(seeding, known, table, sql.SQL("EXISTS ({})"), same)


def _has_vanished_rows(seeding: Seeding, known: Known, table: Table) -> bool:
    """Whether rows that the ledger knows are not where it knows them."""
    return any_entry(seeding, known, table, sql.SQL("NOT EXISTS ({})"), [])


_NOT_REMOVED = sql.SQL("b.state <> {}").format(REMOVED)


def any_entry(
    seeding: Seeding,
    known: Known,
    table: Table,
    condition: sql.SQL,
    same: Sequence[sql.Composable],
    among: sql.Composable = _NOT_REMOVED,
) -> bool:
    """Whether the condition holds of the live row `t` at the primary key of any entry `b`."""
    row = seeding.connection.execute(
        seeding.ledger.sql("SELECT primary_key FROM {s}.bases WHERE id = %s"), [known.base]
    ).fetchone()
    primary_key = row[0] if row else []
    if not primary_key or not set(primary_key) <= set(table.columns):
        return False
    at = [_same(table, name, f"p{n}") for n, name in enumerate(primary_key, start=1)]
    live = sql.SQL("SELECT FROM {} t WHERE {}").format(table.rows, all_of([*at, *same]))
    return bool(
        answer(
            seeding.connection,
            seeding.ledger.sql(
                "SELECT EXISTS (SELECT FROM {s}.{base} b WHERE {among} AND {condition})",
                among=among,
                base=sql.Identifier(f"base_{known.base}"),
                condition=condition.format(live),
            ),
        )
    )


def _same(table: Table, name: str, own: str) -> sql.Composable:
    value = cast(sql.SQL("b.{}").format(sql.Identifier(own)), table.columns[name])
    return equal(sql.Identifier("t", name), value, table.columns[name])
