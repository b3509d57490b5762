"""The short way of a first load: a CSV file is copied straight into its fresh base.

A base that was made a moment ago and that one set alone uses can stand in for the stage, since
what is asked for and what is recorded are the same. That saves the staging of every row; it is
open to plain types, whose values the ledger keeps as the table does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.ledger.bases.bases import OWN
from seeder.database.schema.equality import type_sql
from seeder.database.schema.tables import Column
from seeder.database.staging import loading, stage
from seeder.database.staging.stage import StandIn
from seeder.database.staging.work import SetWork
from seeder.merge.plan import SetDecision
from seeder.runtime.progress import Progress

_MOST_COLUMNS = 1600
"""That Postgres lets a table have, those included that were dropped."""
_SHORTENED = "character varying"
"""Kept as text, which is the same value."""


def going_direct(works: Iterable[SetWork]) -> list[SetWork]:
    """The works that can go the short way, with their base for a stage."""
    works = tuple(works)
    users = Counter(id(work.base) for work in works)
    return [_directed(work) for work in works if users[id(work.base)] == 1 and _fits(work)]


def load(connection: Connection, work: SetWork, *, run: int, progress: Progress) -> None:
    """Copy the file into the base; raises as `loading.load` does."""
    constants = _constants(work, run)
    _open(connection, work, constants)
    loading.load(connection, work.stage, progress=progress)
    _close(connection, work, constants)


def _fits(work: SetWork) -> bool:
    if work.decision is not SetDecision.INSERT or not work.base.fresh or work.table.rewrites:
        return False
    source = stage.copied_as_file(work.stage)
    own = work.base.columns
    # These are dropped and made anew, but for one or two.
    replaced = len(OWN) + len(work.base.primary_key)
    return (
        source is not None
        and len(own) + 2 * replaced <= _MOST_COLUMNS
        and not work.stage.references
        and len(work.seed_set.shapes) <= 1
        and set(work.names) == set(source.header) == set(own)
        and all(is_plain(work.live(name)) for name in {*work.names, *work.base.primary_key})
        and not any(own[name].reference for name in work.names)
        and all(
            position in work.stage.allocated or work.stage.has(name)
            for position, name in enumerate(work.base.primary_key)
        )
    )


def is_plain(column: Column) -> bool:
    """Whether the ledger keeps the column's values as the table does."""
    if column.base not in (column.storage, _SHORTENED):
        return False
    # Not a domain, whose own length a stage does not apply.
    return type_sql(column).as_string() == column.type


def _directed(work: SetWork) -> SetWork:
    held = {name: f"c{column.n}" for name, column in work.base.columns.items()}
    stand_in = StandIn(relation=work.base.relation, columns=held)
    return replace(work, stage=replace(work.stage, stand_in=stand_in))


def _constants(work: SetWork, run: int) -> dict[str, sql.Composable]:
    return {
        "scope": sql.Literal(work.scope),
        "seed_set": sql.Literal(work.set_id),
        "inserted_by": sql.Literal(run),
        "run": sql.Literal(run),
    }


def _open(connection: Connection, work: SetWork, constants: Mapping[str, sql.Composable]) -> None:
    """Let the base fill in by itself what the file does not say, and take the table's types.

    What is the same in every row is left out: a column that is added later, with a default,
    takes no room in the rows that are there.
    """
    _alter(
        connection,
        work,
        [
            sql.SQL("ALTER {} TYPE {}").format(work.base.columns[name].asked, type_sql(column))
            for name, column in _shortened(work)
        ],
    )
    clauses: list[sql.Composable] = [
        sql.SQL("DROP COLUMN {}").format(sql.Identifier(name)) for name in (*constants, "state")
    ]
    copied = stage.copied_key(work.stage)
    if copied is None:
        clauses += _generated(sql.Identifier("addr"), OWN["addr"], stage.address(work.stage))
    else:
        own, kind = work.base.columns[copied].asked, work.live(copied).storage
        clauses += _generated(own, kind, stage.recast(work.stage))
    for position, name in enumerate(work.base.primary_key):
        own, live = work.base.p(position), work.live(name)
        if position in work.stage.allocated:
            value = stage.next_value(live) or sql.SQL("NULL")
            clauses.append(sql.SQL("ALTER {} SET DEFAULT {}").format(own, value))
        else:
            asked = work.base.columns[name].asked
            value = stage.recast(work.stage) if name == copied else asked
            clauses += _generated(own, live.storage, value)
    _alter(connection, work, clauses)


def _generated(own: sql.Composable, kind: str, value: sql.Composable) -> list[sql.Composable]:
    return [
        sql.SQL("DROP COLUMN {}").format(own),
        sql.SQL("ADD COLUMN {} {} GENERATED ALWAYS AS ({}) STORED").format(
            own, sql.SQL(kind), value
        ),
    ]


def _close(connection: Connection, work: SetWork, constants: Mapping[str, sql.Composable]) -> None:
    """Make the base as every other again; no row is rewritten for that."""
    clauses: list[sql.Composable] = [
        sql.SQL("ADD COLUMN {} {} DEFAULT {}").format(
            sql.Identifier(name), sql.SQL(OWN[name]), value
        )
        for name, value in constants.items()
    ]
    clauses.append(sql.SQL("ADD COLUMN state {}").format(sql.SQL(OWN["state"])))
    _alter(connection, work, clauses)
    clauses = [sql.SQL("ALTER {} DROP DEFAULT").format(sql.Identifier(name)) for name in constants]
    copied = stage.copied_key(work.stage)
    derived = sql.Identifier("addr") if copied is None else work.base.columns[copied].asked
    clauses.append(sql.SQL("ALTER {} DROP EXPRESSION").format(derived))
    for position in range(len(work.base.primary_key)):
        what = "DEFAULT" if position in work.stage.allocated else "EXPRESSION"
        clauses.append(sql.SQL("ALTER {} DROP {}").format(work.base.p(position), sql.SQL(what)))
    _alter(connection, work, clauses)
    _alter(
        connection,
        work,
        [
            sql.SQL("ALTER {} TYPE {}").format(
                work.base.columns[name].asked, sql.SQL(column.storage)
            )
            for name, column in _shortened(work)
        ],
    )


def _shortened(work: SetWork) -> list[tuple[str, Column]]:
    """Columns whose type says more than the ledger's: a length, a precision."""
    columns = [(name, work.live(name)) for name in work.names]
    return [(name, column) for name, column in columns if column.type != column.storage]


def _alter(connection: Connection, work: SetWork, clauses: Sequence[sql.Composable]) -> None:
    if clauses:
        connection.execute(work.compose("ALTER TABLE {base} {}", sql.SQL(", ").join(clauses)))
