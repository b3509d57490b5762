"""Conditions on verdict rows `w`, and what their live rows `t` hold once they are carried out."""

from __future__ import annotations

from psycopg import sql

from seeder.database.schema.equality import TRUE, all_of, equal, negated
from seeder.database.schema.rule_numbers import numbers
from seeder.database.staging.references import INSERTING
from seeder.database.staging.work import SetWork
from seeder.merge.plan import ColumnCase, RowAction, SetDecision
from seeder.merge.rules import COLUMN_RULES, COLUMN_WRITES, ROW_RULES

EVERY = TRUE
"""The condition that every row meets."""


UPDATING = frozenset({RowAction.UPDATE, RowAction.RESTORE, RowAction.MOVE, RowAction.ADOPT})
"""Actions that may write a live row which the catalog asks for."""


def any_column(work: SetWork, wanted: sql.Composable) -> sql.Composable:
    """Condition on verdict row `w`: a column has one of these numbers of rules."""
    return sql.SQL("({})").format(
        sql.SQL(" OR ").join(
            sql.SQL("coalesce(w.{} = ANY ({}), false)").format(sql.Identifier(f"v{n}"), wanted)
            for n in range(1, len(work.names) + 1)
        )
    )


def writing(work: SetWork) -> sql.Composable:
    """Condition on verdict row `w`: a live row is to be updated."""
    return sql.SQL("w.live AND w.verdict = ANY ({}) AND {}").format(
        numbers(ROW_RULES, UPDATING), any_column(work, numbers(COLUMN_RULES, COLUMN_WRITES))
    )


def removing() -> sql.Composable:
    """Condition on verdict row `w`: a live row that left the catalog is to be written."""
    return sql.SQL("w.live AND w.verdict = ANY ({})").format(
        numbers(ROW_RULES, {RowAction.DELETE, RowAction.REMOVE})
    )


def at_live(work: SetWork, alias: str = "t") -> sql.Composable:
    """Condition: live row `t` is the one that verdict row `w` is about."""
    return all_of(
        equal(sql.Identifier(alias, name), sql.Identifier("w", f"k{n}"), work.live(name))
        for n, name in enumerate(work.base.primary_key, start=1)
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
    return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(
        is_written(work, name), new_value(work, name), sql.Identifier("t", name)
    )


def new_value(work: SetWork, name: str) -> sql.Composable:
    """What a column is to hold: the desired value, or what a document was merged to."""
    if work.seed_set.column(name).merge is None:
        return work.stage.d(name)
    n = work.stage.position(name)
    return sql.SQL("CASE WHEN w.{} = ANY ({}) THEN w.{} ELSE {} END").format(
        sql.Identifier(f"v{n}"),
        numbers(COLUMN_RULES, {ColumnCase.MERGE}),
        sql.Identifier(f"m{n}"),
        work.stage.d(name),
    )


def is_written(work: SetWork, name: str) -> sql.Composable:
    """Condition on verdict row `w`: the column is written."""
    return sql.SQL("w.{} = ANY ({})").format(
        sql.Identifier(f"v{work.stage.position(name)}"), numbers(COLUMN_RULES, COLUMN_WRITES)
    )
