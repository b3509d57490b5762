"""Conditions on verdict rows `w`, and what their live rows `t` hold once they are carried out."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from seeder.database.schema.equality import TRUE, all_of, any_of, either, equal, negated, surely
from seeder.database.schema.rule_numbers import numbers
from seeder.database.schema.tables import Table
from seeder.database.staging.references import INSERTING
from seeder.database.staging.work import SetWork
from seeder.merge.plan import ColumnCase, RowAction, SetDecision
from seeder.merge.rules import COLUMN_RULES, COLUMN_WRITES, ROW_RULES

EVERY = TRUE
"""The condition that every row meets."""


UPDATING = frozenset({RowAction.UPDATE, RowAction.RESTORE, RowAction.MOVE, RowAction.ADOPT})
"""Actions that may write a live row which the catalog asks for."""


_WRITING = numbers(COLUMN_RULES, COLUMN_WRITES)
_MERGING = numbers(COLUMN_RULES, {ColumnCase.MERGE})


def any_column(work: SetWork, wanted: sql.Composable, row: str = "w") -> sql.Composable:
    """Condition on verdict row `w`: a column has one of these numbers of rules."""
    return any_of(
        surely(sql.SQL("{} = ANY ({})").format(sql.Identifier(row, f"v{n}"), wanted))
        for n in range(1, len(work.names) + 1)
    )


def writing(work: SetWork) -> sql.Composable:
    """Condition on verdict row `w`: a live row is to be updated."""
    return sql.SQL("w.live AND w.verdict = ANY ({}) AND {}").format(
        numbers(ROW_RULES, UPDATING), any_column(work, _WRITING)
    )


def removing() -> sql.Composable:
    """Condition on verdict row `w`: a live row that left the catalog is to be written."""
    return sql.SQL("w.live AND w.verdict = ANY ({})").format(
        numbers(ROW_RULES, {RowAction.DELETE, RowAction.REMOVE})
    )


def at_live(work: SetWork, alias: str = "t", row: str = "w") -> sql.Composable:
    """Condition: live row `t` is the one that verdict row `w` is about."""
    return same_row(work.table, work.base.primary_key, alias, row)


def same_row(table: Table, primary_key: Sequence[str], live: str, row: str) -> sql.Composable:
    """Condition: a live row has the primary key that another row has as `k1`.. ."""
    return all_of(
        equal(sql.Identifier(live, name), sql.Identifier(row, f"k{n}"), table.columns[name])
        for n, name in enumerate(primary_key, start=1)
    )


def inserted_rows(work: SetWork) -> sql.Composable:
    """FROM clause of the stage rows `s` that are inserted, with verdict `w` where judged."""
    if work.decision is SetDecision.INSERT:
        return work.compose("{stage} s")
    return work.compose("{verdict} w JOIN {stage} s ON {row} = w.s")


def is_inserted(work: SetWork) -> sql.Composable:
    """Condition on `inserted_rows`."""
    if work.decision is SetDecision.INSERT:
        return negated(work.stage.blocked())
    return sql.SQL("w.verdict = ANY ({})").format(INSERTING)


def after_update(work: SetWork, name: str) -> sql.Composable:
    """What live row `t` of verdict row `w` and stage row `s` has in a column afterwards."""
    if not work.stage.has(name):
        return sql.Identifier("t", name)
    # ELSE keeps the row's own value: no other column is touched by an update of one.
    return either(is_written(work, name), new_value(work, name), sql.Identifier("t", name))


def new_value(work: SetWork, name: str) -> sql.Composable:
    """What a column is to hold: the desired value, or what a document was merged to."""
    if work.seed_set.column(name).merge is None:
        return work.stage.d(name)
    merged = sql.Identifier("w", f"m{work.stage.position(name)}")
    return either(column_in(work, name, _MERGING), merged, work.stage.d(name))


def is_written(work: SetWork, name: str) -> sql.Composable:
    """Condition on verdict row `w`: the column is written; NULL where it has no verdict."""
    return column_in(work, name, _WRITING)


def column_in(work: SetWork, name: str, wanted: sql.Composable) -> sql.Composable:
    """Condition on verdict row `w`: the column has one of these numbers of rules; may be NULL."""
    number = sql.Identifier("w", f"v{work.stage.position(name)}")
    return sql.SQL("{} = ANY ({})").format(number, wanted)
