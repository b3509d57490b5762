"""Writes to the ledger that go with writes to the tables, in the same transaction."""

from __future__ import annotations

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.judging.expressions import desired, if_given
from seeder.database.judging.verdict_rows import (
    UPDATING,
    at_live,
    column_in,
    inserted_rows,
    is_inserted,
    writing,
)
from seeder.database.ledger.bases.bases import BaseColumn
from seeder.database.ledger.bases.notes import NONE, as_array, joined
from seeder.database.ledger.tables.states import ACTIVE, DELETED
from seeder.database.schema.equality import TRUE, all_of, canonical, either, equal, surely, where
from seeder.database.schema.rule_numbers import numbers, numbers_named, numbers_where
from seeder.database.staging.references import INSERTING
from seeder.database.staging.work import SetWork
from seeder.database.writing.entry_notes import (
    first_notes,
    later_notes,
    left_out,
    offered,
    others,
    own_columns,
    stored_now,
    unknown_when_left_out,
)
from seeder.database.writing.write import applied, new_key
from seeder.errors import SeedingFailed
from seeder.merge.plan import ColumnCase, RowAction, SetDecision
from seeder.merge.rules import (
    COLUMN_APPLIED,
    COLUMN_RULES,
    ROW_RULES,
)

_CONFLICTING = numbers(COLUMN_RULES, {ColumnCase.CONFLICT})
_MERGED = numbers_where(COLUMN_RULES, lambda rule: ("merges", True) in rule.conditions)
"""Verdicts on a column whose document was merged inside."""
_TAKEN = numbers_where(
    COLUMN_RULES,
    lambda rule: rule.verdict in COLUMN_APPLIED or rule.name == "parts_changed_here",
)
"""Verdicts on a column after which the ledger takes over what is desired, or parts of it."""


def record_inserts(connection: Connection, work: SetWork, *, run: int) -> int:
    """Add entries for the rows just inserted (and replace those of restored rows).

    Returns how many were found again; fewer than were inserted where a trigger rewrites keys.
    """
    if work.decision is not SetDecision.INSERT:
        connection.execute(
            work.compose(
                "DELETE FROM {base} b USING {verdict} w WHERE b.ctid = w.b AND w.verdict ="
                " ANY ({})",
                INSERTING,
            )
        )
    return connection.execute(new_entries(work, run=run)).rowcount


def record_dropped(connection: Connection, work: SetWork, *, run: int) -> list[str]:
    """Add entries for rows that a trigger did not let in: they count as deleted here.

    Returns their row keys.
    """
    statement = sql.SQL("{} RETURNING addr").format(new_entries(work, run=run, dropped=True))
    return sorted(addr for (addr,) in connection.execute(statement).fetchall())


def new_entries(work: SetWork, *, run: int, dropped: bool = False) -> sql.Composed:
    """The statement that adds entries for the rows just inserted, or for those not let in."""
    values: dict[str, sql.Composable] = {
        "scope": sql.Literal(work.scope),
        "addr": sql.SQL("s.addr"),
        "seed_set": sql.Literal(work.set_id),
        "inserted_by": sql.Literal(None if dropped else run),
        "run": sql.Literal(run),
        "state": DELETED if dropped else ACTIVE,
    }
    keys = {name: new_key(work, position) for position, name in enumerate(work.base.primary_key)}
    read_back = (work.table.rewrites or None in keys.values()) and not dropped
    for position, (name, value) in enumerate(keys.items()):
        known: sql.Composable = sql.SQL("NULL")
        if read_back:
            known = sql.Identifier("l", name)
        elif value is not None:
            known = value
        values[f"p{position + 1}"] = canonical(known, work.live(name))
    for column in own_columns(work):
        values[f"c{column.n}"] = _first_asked(work, column.name)
        if column.reference:
            values[f"r{column.n}"] = _symbol(work, column)
    values |= _of_others(work)
    values["notes"] = first_notes(work, read_back=read_back)
    unknown = work.compose(
        "NOT EXISTS (SELECT FROM {base} b WHERE b.scope = {scope} AND b.addr = s.addr)"
    )
    source = inserted_rows(work)
    if read_back:
        there = all_of(
            equal(sql.Identifier("l", name), value, work.live(name))
            for name, value in keys.items()
            if value is not None
        )
        if None in keys.values():
            there = work.at_key("l")
        source = work.compose("{} JOIN {live} l ON {}", source, there)
    return work.compose(
        "INSERT INTO {base} ({})\nSELECT {}\nFROM {}{}",
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(values.values()),
        source,
        where(all_of([is_inserted(work), unknown if dropped else TRUE])),
    )


def require_all(work: SetWork, *, inserted: int, recorded: int) -> None:
    """Raise SeedingFailed where inserted rows were not found again."""
    if recorded < inserted:
        raise SeedingFailed(
            f"Rows of set {work.name} cannot be found again: a trigger of {work.table} gave them"
            " other keys.",
            hint="Nothing was seeded. Write the keys as the trigger leaves them.",
            set=work.name,
            code="trigger-changed-key",
        )


def _first_asked(work: SetWork, name: str) -> sql.Composable:
    return if_given(work, name, desired(work, name), left_out(work, name))


def _of_others(work: SetWork) -> dict[str, sql.Composable]:
    """The base of those columns: what the table makes of them."""
    return {f"c{column.n}": left_out(work, column.name) for column in others(work)}


def _symbol(work: SetWork, column: BaseColumn) -> sql.Composable:
    """The row key asked for; NULL where this set writes the column's value itself."""
    if work.seed_set.column(column.name).reference is None:
        return sql.SQL("NULL")
    return work.stage.r(column.name)


_STATE = sql.SQL('CASE WHEN w.live THEN {} ELSE {} END::"char"').format(ACTIVE, DELETED)
"""Of a row that was met, or that a person deleted."""


def record_adopted(connection: Connection, work: SetWork, *, run: int) -> None:
    """Add entries for rows that were here before, or were soft-deleted before."""
    values: dict[str, sql.Composable] = {
        "scope": sql.Literal(work.scope),
        "addr": sql.SQL("s.addr"),
        "seed_set": sql.Literal(work.set_id),
        "state": _STATE,
        "run": sql.Literal(run),
    }
    for position, name in enumerate(work.base.primary_key):
        key = sql.Identifier("w", f"k{position + 1}")
        values[f"p{position + 1}"] = canonical(key, work.live(name))
    unknown = unknown_when_left_out(work)
    for column in own_columns(work):
        name = column.name
        conflict = surely(column_in(work, name, _CONFLICTING))
        values[f"c{column.n}"] = either(conflict, sql.SQL("NULL"), _first_asked(work, name))
        if column.reference:
            values[f"r{column.n}"] = either(conflict, sql.SQL("NULL"), _symbol(work, column))
        unknown.append(either(conflict, as_array(name), NONE))
    values |= _of_others(work)
    values["notes"] = joined(
        {"unknown": unknown, "stored": stored_now(work, keep=False), "offered": offered(work)}
    )
    connection.execute(
        work.compose(
            "INSERT INTO {base} ({names})\nSELECT {values}\nFROM {verdict} w\n"
            "JOIN {stage} s ON {row} = w.s\nLEFT JOIN {live} l ON {at_live}\n"
            "WHERE w.b IS NULL AND w.verdict = ANY ({adopting})",
            names=sql.SQL(", ").join(map(sql.Identifier, values)),
            values=sql.SQL(", ").join(values.values()),
            at_live=at_live(work, "l"),
            adopting=numbers(ROW_RULES, {RowAction.ADOPT, RowAction.RECORD}),
        )
    )


def record_merged(connection: Connection, work: SetWork, *, run: int) -> None:
    """Bring the entries of merged rows up to date, and remember deletions by people."""
    recorded = numbers(ROW_RULES, UPDATING | {RowAction.RECORD})
    kept_conflicts = sql.SQL("w.verdict = ANY ({})").format(
        numbers_named(ROW_RULES, ("changed_both", "value_held"))
    )
    sets: list[sql.Composable] = [
        sql.SQL("state = {}").format(_STATE),
        sql.SQL("addr = s.addr"),
        sql.SQL("seed_set = {}").format(sql.Literal(work.set_id)),
        sql.SQL("run = {}").format(sql.Literal(run)),
    ]
    for position, name in enumerate(work.base.primary_key):
        p = work.base.p(position)
        now = sql.Identifier("l", name) if work.table.rewrites else _key_now(work, position)
        sets.append(
            sql.SQL("{p} = CASE WHEN w.live THEN {now} ELSE b.{p} END").format(
                p=p, now=canonical(now, work.live(name))
            )
        )
    for column in own_columns(work):
        taken: list[tuple[sql.Composable, ...]] = [
            (column.asked, _TAKEN, _asked_now(work, column.name))
        ]
        if column.reference:
            taken.append((column.symbol, applied(), _symbol(work, column)))
        sets += [
            sql.SQL("{0} = CASE WHEN {1} THEN {2} ELSE b.{0} END").format(
                own, column_in(work, column.name, cases), value
            )
            for own, cases, value in taken
        ]
    sets.append(sql.SQL("notes = {}").format(later_notes(work)))
    connection.execute(
        work.compose(
            "UPDATE {base} b SET {sets}\nFROM {verdict} w\nJOIN {stage} s ON {row} = w.s{live}\n"
            "WHERE b.ctid = w.b AND (w.verdict = ANY ({recorded}) OR {kept_conflicts})",
            sets=sql.SQL(",\n  ").join(sets),
            live=work.compose("\nLEFT JOIN {live} l ON {}", at_live_now(work))
            if work.table.rewrites
            else sql.SQL(""),
            recorded=recorded,
            kept_conflicts=kept_conflicts,
        )
    )


def _asked_now(work: SetWork, name: str) -> sql.Composable:
    """What counts as asked for: the desired value; of a merged document, but for kept parts."""
    if work.seed_set.column(name).merge is None:
        return desired(work, name)
    merged = canonical(sql.Identifier("w", f"a{work.stage.position(name)}"), work.live(name))
    return either(column_in(work, name, _MERGED), merged, desired(work, name))


def at_live_now(work: SetWork) -> sql.Composable:
    """Live row `l` of verdict row `w`, also where this very update moved its key."""
    return all_of(
        equal(sql.Identifier("l", name), _key_now(work, position), work.live(name))
        for position, name in enumerate(work.base.primary_key)
    )


def _key_now(work: SetWork, position: int) -> sql.Composable:
    """A primary key column of the live row of `w`, once this update is written."""
    name = work.base.primary_key[position]
    before = sql.Identifier("w", f"k{position + 1}")
    if not work.stage.has(name):
        return before
    follows = all_of([writing(work), column_in(work, name, applied())])
    return either(follows, work.stage.d(name), before)
