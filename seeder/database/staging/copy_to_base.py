"""The short way of a first load: a fresh base stands in for the stage.

A base that was made a moment ago and that one set alone uses can do so, since what is asked for
and what is recorded are the same. A CSV file is copied straight into it; rows that refer to others
are staged, and written there with what they lead to. That saves the rewriting of every row; it is
open to plain types, whose values the ledger keeps as the table does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Sized

import psycopg
from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.answers import answer
from seeder.database.connection.batch import send
from seeder.database.connection.connect import Connection
from seeder.database.ledger.bases.base_open import creation
from seeder.database.ledger.bases.bases import OWN
from seeder.database.schema.equality import all_of, type_sql, where
from seeder.database.schema.tables import Column
from seeder.database.staging import loading, references, stage
from seeder.database.staging.stage import StandIn
from seeder.database.staging.work import SetTarget, SetWork
from seeder.merge.plan import SetDecision
from seeder.runtime.progress import Progress

SMALLEST = 1 << 16
"""Bytes of a file from which on a base of its own pays; smaller sets are inserted together."""
_SHORTENED = "character varying"
"""Kept as text, which is the same value."""


def going_direct(works: Iterable[SetWork]) -> list[SetWork]:
    """The works whose file can be copied into their base, with that for a stage."""
    return [_directed(work) for work in _fitting(works) if _gives_all(work)]


def going_resolved(works: Iterable[SetWork]) -> frozenset[str]:
    """Names of the sets that are staged, and that `resolve` can write into their bases."""
    return frozenset(
        work.name
        for work in _fitting(works)
        if not _gives_all(work)
        and all(
            isinstance(target, SetTarget) and target.set != work.name
            for target in work.targets.values()
        )
    )


def load(connection: Connection, work: SetWork, *, run: int, progress: Progress) -> None:
    """Copy the file into the base; raises as `loading.load` does."""
    filled = _filled(work)
    _make(connection, work, filled)
    loading.load(connection, work.stage, progress=progress)
    _complete(connection, work, filled, run=run)


def resolve(
    connection: Connection,
    work: SetWork,
    others: Mapping[str, SetWork],
    judged: frozenset[str],
    *,
    run: int,
) -> SetWork:
    """Write the staged rows into the base, with what their references lead to.

    Returns the work with its base for a stage, or as it was where a reference leads nowhere.
    """
    with connection.transaction() as everything:
        _open(connection, work)
        written = connection.execute(_resolved(work, others, judged)).rowcount
        staged = answer(connection, work.compose("SELECT pg_catalog.count(*) FROM {stage}"))
        if written == staged:
            _complete(connection, work, {}, run=run)
            return _directed(work)
        raise psycopg.Rollback(everything)
    return work


def _fitting(works: Iterable[SetWork]) -> list[SetWork]:
    works = tuple(works)
    users = Counter(id(work.base) for work in works)
    return [work for work in works if users[id(work.base)] == 1 and _fits(work)]


def _fits(work: SetWork) -> bool:
    if work.decision is not SetDecision.INSERT or not work.base.fresh or work.table.rewrites:
        return False
    source = stage.copied_as_file(work.stage)
    return (
        source is not None
        and source.stamp[0] >= SMALLEST
        and len(work.seed_set.shapes) <= 1
        and set(work.names) == set(work.base.columns)
        and all(is_plain(work.live(name)) for name in {*work.names, *work.base.primary_key})
        and all(
            position in work.stage.allocated or work.stage.has(name)
            for position, name in enumerate(work.base.primary_key)
        )
    )


def _gives_all(work: SetWork) -> bool:
    """Whether the file says all that a base holds, but for keys."""
    source = stage.copied_as_file(work.stage)
    return (
        source is not None and not work.stage.references and set(source.header) == set(work.names)
    )


def is_plain(column: Column) -> bool:
    """Whether the ledger keeps the column's values as the table does."""
    if column.base not in (column.storage, _SHORTENED):
        return False
    # Not a domain, whose own length a stage does not apply.
    return type_sql(column).as_string() == column.type


def _directed(work: SetWork) -> SetWork:
    columns = work.base.columns.items()
    stand_in = StandIn(
        relation=work.base.relation,
        columns={name: f"c{column.n}" for name, column in columns},
        symbols={name: f"r{column.n}" for name, column in columns if column.reference},
    )
    return replace(work, stage=replace(work.stage, stand_in=stand_in))


_Filled = Mapping[str, tuple[str, sql.Composable]]
"""By column of the base that the file does not say: what fills it in, and how."""

_FILLED = {
    "DEFAULT": sql.SQL("DEFAULT {}"),
    "EXPRESSION": sql.SQL("GENERATED ALWAYS AS ({}) STORED"),
}


def _filled(work: SetWork) -> _Filled:
    copied = stage.copied_key(work.stage)
    filled: dict[str, tuple[str, sql.Composable]] = {}
    for position, name in enumerate(work.base.primary_key):
        if position in work.stage.allocated:
            value = stage.next_value(work.live(name)) or sql.SQL("NULL")
            filled[f"p{position + 1}"] = "DEFAULT", value
        else:
            asked = work.base.columns[name].asked
            value = stage.recast(work.stage) if name == copied else asked
            filled[f"p{position + 1}"] = "EXPRESSION", value
    if copied is None:
        filled["addr"] = "EXPRESSION", stage.address(work.stage)
    else:
        filled[work.stage.holder(copied)] = "EXPRESSION", stage.recast(work.stage)
    return filled


def _make(connection: Connection, work: SetWork, filled: _Filled) -> None:
    """Make the base in the table's own types, of what differs from row to row alone.

    What all rows share takes no room in them where it comes later, with a default; and rows
    without a NULL need no list of theirs.
    """
    kinds: dict[str, sql.Composable] = {}
    for position, name in enumerate(work.base.primary_key, start=1):
        kinds[f"p{position}"] = sql.SQL(work.live(name).storage)
    for name, column in work.base.columns.items():
        kinds[f"c{column.n}"] = type_sql(work.live(name))
        if column.reference:
            kinds[f"r{column.n}"] = sql.SQL("text")
    kinds["addr"] = sql.SQL(OWN["addr"])
    fillings = {name: _FILLED[how].format(value) for name, (how, value) in filled.items()}
    columns = sql.SQL(", ").join(
        sql.SQL("{} {} {}").format(sql.Identifier(name), kind, fillings.get(name, sql.SQL("")))
        for name, kind in kinds.items()
    )
    send(connection, creation(work.base.relation, columns))


def _open(connection: Connection, work: SetWork) -> None:
    """The same of a base that is there, since others may have looked at it, and empty."""
    clauses = [
        sql.SQL("DROP COLUMN {}").format(sql.Identifier(name)) for name in OWN if name != "addr"
    ]
    clauses += [
        sql.SQL("ALTER {} TYPE {}").format(work.base.columns[name].asked, type_sql(column))
        for name, column in _shortened(work)
    ]
    _alter(connection, work, clauses)


def _resolved(work: SetWork, others: Mapping[str, SetWork], judged: frozenset[str]) -> sql.Composed:
    """The statement that writes the rows whose references all lead to rows, in their order."""
    found = references.lookups(work, others, judged, row="s")
    values: dict[str, sql.Composable] = {"addr": sql.SQL("s.addr")}
    for position, name in enumerate(work.base.primary_key):
        key = work.stage.key_value(position)
        values[f"p{position + 1}"] = found[name].value if name in found else key or sql.SQL("NULL")
    for name, column in work.base.columns.items():
        if name in found:
            values[f"r{column.n}"] = work.stage.r(name)
        values[f"c{column.n}"] = found[name].value if name in found else work.stage.d(name)
    return work.compose(
        "INSERT INTO {base} ({names})\nSELECT {values}\nFROM {stage} s\n{joins}{led}{order}",
        names=sql.SQL(", ").join(map(sql.Identifier, values)),
        values=sql.SQL(", ").join(values.values()),
        joins=sql.SQL("\n").join(each.join for each in found.values()),
        led=where(all_of(each.leads for each in found.values())),
        order=sql.SQL("")
        if not found or _keeps_order(work, others)
        else work.compose("\nORDER BY {row}"),
    )


_LARGE, _FEW = 1 << 23, 10_000
"""Bytes of a file whose rows take long to sort, and rows among which others are looked up."""


def _keeps_order(work: SetWork, others: Mapping[str, SetWork]) -> bool:
    """Whether rows come in the order of the file by themselves, or in one that is as good.

    Beside a large file Postgres makes a hash of the few rows that it refers to. Where a column
    draws its values from a sequence as the rows are inserted, their order is more than their place.
    """
    source = stage.copied_as_file(work.stage)
    given = {*work.names, *work.base.primary_key}
    return (
        source is not None
        and source.stamp[0] >= _LARGE
        and all(
            isinstance(rows := others[target.set].seed_set.rows, Sized) and len(rows) <= _FEW
            for target in work.targets.values()
            if isinstance(target, SetTarget)
        )
        and all(
            name in given or column.constant_default or stage.next_value(column) is None
            for name, column in work.table.columns.items()
        )
    )


def _complete(connection: Connection, work: SetWork, filled: _Filled, *, run: int) -> None:
    """Make the base as every other; no row is rewritten for that."""
    constants = {
        "scope": sql.Literal(work.scope),
        "seed_set": sql.Literal(work.set_id),
        "inserted_by": sql.Literal(run),
        "run": sql.Literal(run),
    }
    clauses = [
        sql.SQL("ADD COLUMN {} {} DEFAULT {}").format(
            sql.Identifier(name), sql.SQL(OWN[name]), value
        )
        for name, value in constants.items()
    ]
    clauses += [
        sql.SQL("ADD COLUMN {} {}").format(sql.Identifier(name), sql.SQL(OWN[name]))
        for name in OWN
        if name not in (*constants, "addr")
    ]
    _alter(connection, work, clauses)
    clauses = [sql.SQL("ALTER {} DROP DEFAULT").format(sql.Identifier(name)) for name in constants]
    clauses += [
        sql.SQL("ALTER {} DROP {}").format(sql.Identifier(name), sql.SQL(how))
        for name, (how, _) in filled.items()
    ]
    _alter(connection, work, clauses)
    clauses = [
        sql.SQL("ALTER {} TYPE {}").format(work.base.columns[name].asked, sql.SQL(column.storage))
        for name, column in _shortened(work)
    ]
    if clauses:
        _alter(connection, work, clauses)


def _shortened(work: SetWork) -> list[tuple[str, Column]]:
    """Columns whose type says more than the ledger's: a length, a precision."""
    columns = [(name, work.live(name)) for name in work.names]
    return [(name, column) for name, column in columns if column.type != column.storage]


def _alter(connection: Connection, work: SetWork, clauses: Sequence[sql.Composable]) -> None:
    connection.execute(work.compose("ALTER TABLE {base} {}", sql.SQL(", ").join(clauses)))
