"""Which of a run's writes still stand, so that an undo may take them back."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.bases.bases import Base
from seeder.database.ledger.bases.entries import at_key, is_stored
from seeder.database.ledger.bases.entry_values import omitted, unknown
from seeder.database.schema.equality import (
    TRUE,
    all_of,
    compared_by,
    equal_or_null,
    refers,
    same_text,
)
from seeder.database.schema.tables import ForeignKey
from seeder.database.settling.undo_list import Undoing, before
from seeder.merge.plan import CHANGED

REFERENCED = "other rows refer to it"
LOST = (
    "is gone or has another name: where it was renamed, declare `was` at the new one, run seeder,"
    " and undo it then"
)


# -- rows that the run inserted ------------------------------------------------------------


def judge_inserted(work: Undoing) -> None:
    """Judge the rows that the run inserted; references are looked at later."""
    changed: list[sql.Composable] = [
        sql.SQL("NOT ({} OR {})").format(omitted(column), is_stored(work.base, column))
        for name, column in work.base.columns.items()
        if name in work.base.table.columns
    ]
    changed += [
        sql.SQL("({} AND NOT {})").format(unknown(column), omitted(column))
        for column in work.base.columns.values()
    ]
    work.execute(
        "UPDATE {w} w SET verdict = CASE WHEN b.run <> {run} OR {changed}"
        " THEN 'keep' ELSE 'do' END,"
        " reason = CASE WHEN b.run <> {run} THEN 'a later run changed it as well'"
        " WHEN {changed} THEN {since} ELSE 'the run inserted it' END"
        " FROM {base} b, {live} t WHERE w.kind = 'inserted' AND {entry} AND {at}",
        since=sql.Literal(CHANGED),
        changed=sql.SQL("({})").format(sql.SQL(" OR ").join(changed)),
    )
    # Deleted here already: nothing to do, and the next run remembers it as a person's doing.
    work.execute("DELETE FROM {w} WHERE kind = 'inserted' AND verdict = 'open'")


def keep_referenced(works: Sequence[Undoing]) -> None:
    """Keep the inserted rows that others refer to, those that are deleted as well apart."""
    for work in works:
        work.execute(
            "UPDATE {w} SET verdict = 'do', reason = 'the run inserted it', referred = false"
            " WHERE kind = 'inserted' AND referred",
        )
    while sum(_keep_referenced(work, works) for work in works):
        pass


def _keep_referenced(work: Undoing, works: Sequence[Undoing]) -> int:
    conditions = [_is_referenced(key, works) for key in work.base.table.referencing]
    if not conditions:
        return 0
    return work.execute(
        "UPDATE {w} w SET verdict = 'keep', reason = {reason}, referred = true FROM {live} t"
        " WHERE {to_delete} AND {at} AND ({referenced})",
        reason=sql.Literal(REFERENCED),
        referenced=sql.SQL(" OR ").join(conditions),
    ).rowcount


def _is_referenced(key: ForeignKey, works: Sequence[Undoing]) -> sql.Composable:
    conditions: list[sql.Composable] = [refers(key, "c", "t")]
    conditions += [
        sql.SQL(
            "NOT EXISTS (SELECT FROM {} x WHERE x.kind = 'inserted' AND x.verdict = 'do' AND {})"
        ).format(other.relation, at_key(other.base, "c", "x"))
        for other in works
        if other.base.table.qualified == key.table
    ]
    return sql.SQL("EXISTS (SELECT FROM {} c WHERE {})").format(
        sql.Identifier(*key.table.parts), sql.SQL(" AND ").join(conditions)
    )


# -- rows that the run deleted -------------------------------------------------------------


def judge_deleted(work: Undoing) -> None:
    """Judge the rows that the run deleted; those that they refer to are back already."""
    base = work.base

    def keep(condition: sql.Composable, reason: str) -> int:
        return work.execute(
            "UPDATE {w} w SET verdict = 'keep', reason = {reason}"
            " WHERE {to_restore} AND ({condition})",
            condition=condition,
            reason=sql.Literal(reason),
        ).rowcount

    work.execute(
        "UPDATE {w} w SET verdict = 'do', reason = 'the run deleted it' WHERE w.kind = 'deleted'"
    )
    same_key = all_of(
        equal_or_null(sql.Identifier("t", name), before(base, name), base.table.columns[name])
        for name in base.key
    )
    keep(
        work.compose("EXISTS (SELECT FROM {live} t WHERE ({at}) OR ({same}))", same=same_key),
        "another row has its key",
    )
    for name, column in base.table.columns.items():
        if column.not_null and not column.fills_itself:
            keep(
                sql.SQL("w.before ->> {}::text IS NULL").format(Named(name)),
                f"no value of the column {name} was kept, which must not be NULL",
            )
    held = _held(work, "before", "deleted")
    # A column that no image has and the ledger does not know may be one of them, renamed.
    if not set(base.table.columns) <= {*held, *base.columns}:
        for name in [name for name in held if name not in base.table.columns]:
            keep(
                sql.SQL("w.before ? {}::text").format(Named(name)),
                f"the column {name} {LOST}",
            )
    while sum(
        keep(_lacks(work, key), "refers to a row that is not there")
        for key in base.table.foreign_keys
    ):
        pass


def _lacks(work: Undoing, key: ForeignKey) -> sql.Composable:
    """Condition on `w`: the row that its image refers to is neither there nor coming."""
    base = work.base
    here = all_of(
        compared_by(sql.Identifier("p", other), operator, before(base, one))
        for one, other, operator in zip(key.columns, key.target_columns, key.operators, strict=True)
    )
    coming: sql.Composable = TRUE
    if key.target == base.table.qualified:
        coming = sql.SQL("NOT EXISTS (SELECT FROM {} x WHERE x.verdict = 'do' AND {})").format(
            work.relation,
            sql.SQL(" AND ").join(
                sql.SQL("x.before ->> {}::text = w.before ->> {}::text").format(
                    sql.Literal(other), sql.Literal(one)
                )
                for one, other in zip(key.columns, key.target_columns, strict=True)
            ),
        )
    given = [
        sql.SQL("w.before ->> {}::text IS NOT NULL").format(Named(name)) for name in key.columns
    ]
    absent = sql.SQL("NOT EXISTS (SELECT FROM {} p WHERE {})").format(
        sql.Identifier(*key.target.parts), here
    )
    return all_of([*given, absent, coming])


# -- rows that the run updated -------------------------------------------------------------


def judge_updated(work: Undoing) -> None:
    """Judge the columns that the run wrote."""
    base = work.base
    written = _held(work, "after", "updated")
    revertible, moot = [], []
    for name in written:
        column = base.table.columns.get(name)
        if column is None or column.generated:
            continue
        parts = {
            "name": Named(name),
            "written": _holds(base, name, "after"),
            "before": _holds(base, name, "before"),
        }
        revertible.append(
            sql.SQL(
                "CASE WHEN w.after ? {name}::text AND {written}"
                " AND w.before ->> {name}::text IS DISTINCT FROM w.after ->> {name}::text{parents}"
                " THEN ARRAY[{name}] ELSE '{{}}' END"
            ).format(parents=sql.SQL("").join(_parents_are_there(base, name)), **parts)
        )
        moot.append(
            sql.SQL("CASE WHEN w.after ? {name}::text AND {before} THEN 1 ELSE 0 END").format(
                **parts
            )
        )
    # A mark of removal may have had nothing to write.
    work.execute(
        "DELETE FROM {w} w USING {live} t WHERE w.kind = 'updated' AND w.after = '{{}}' AND {at}"
    )
    work.execute(
        "UPDATE {w} w SET verdict = 'keep', reason = 'gone or deleted here since'"
        " WHERE w.kind = 'updated'"
    )
    lost = [name for name in written if name not in base.table.columns]
    gone = sql.SQL("w.after ?| {}::text[]").format(sql.Literal(lost))
    told = f"the column {', '.join(lost)} {LOST}"
    if not revertible:
        work.execute(
            "UPDATE {w} w SET reason = {told} FROM {live} t"
            " WHERE w.kind = 'updated' AND {gone} AND {at}",
            gone=gone,
            told=sql.Literal(told),
        )
        return
    work.execute(
        "UPDATE {w} w SET names = q.names, verdict = CASE WHEN"
        " pg_catalog.cardinality(q.names) > 0"
        " THEN 'do' WHEN q.moot = q.written THEN 'moot' ELSE 'keep' END,"
        " reason = CASE WHEN pg_catalog.cardinality(q.names) = 0 AND {gone} THEN {told}"
        " WHEN pg_catalog.cardinality(q.names) = 0 THEN {since}"
        " WHEN {gone} THEN 'the run wrote it; ' || {told}"
        " WHEN pg_catalog.cardinality(q.names) + q.moot < q.written OR w.partly"
        " THEN 'the run wrote it; what was changed here since stays'"
        " ELSE 'the run wrote it' END"
        " FROM (SELECT w.n, {names} AS names, {moot} AS moot,"
        " (SELECT pg_catalog.count(*) FROM pg_catalog.jsonb_object_keys(w.after)) AS written"
        " FROM {w} w JOIN {live} t ON {at} WHERE w.kind = 'updated') q WHERE q.n = w.n",
        names=sql.SQL(" OPERATOR(pg_catalog.||) ").join(
            sql.SQL("({})::text[]").format(each) for each in revertible
        ),
        moot=sql.SQL(" + ").join(moot),
        since=sql.Literal(CHANGED),
        gone=gone,
        told=sql.Literal(told),
    )
    work.execute("DELETE FROM {w} WHERE verdict = 'moot'")


def _holds(base: Base, name: str, side: str) -> sql.Composable:
    """Condition: live row `t` holds what the image of `w` says of a column."""
    text = sql.SQL("w.{} ->> {}::text").format(sql.Identifier(side), Named(name))
    return same_text(sql.Identifier("t", name), text, base.table.columns[name])


def _held(work: Undoing, side: str, kind: str) -> list[str]:
    """The columns that images of the run have."""
    rows = work.execute(
        "SELECT DISTINCT pg_catalog.jsonb_object_keys({side}) FROM {w} WHERE kind = {kind}"
        " ORDER BY 1",
        side=sql.Identifier(side),
        kind=Named(kind),
    )
    return [name for (name,) in rows]


def _parents_are_there(base: Base, name: str) -> list[sql.Composed]:
    """More conditions: what the column referred to before still exists."""
    return [
        sql.SQL(
            " AND (w.before ->> {name}::text IS NULL"
            " OR EXISTS (SELECT FROM {target} p WHERE {there}))"
        ).format(
            name=Named(name),
            target=sql.Identifier(*key.target.parts),
            there=compared_by(
                sql.Identifier("p", key.target_columns[0]), key.operators[0], before(base, name)
            ),
        )
        for key in base.table.foreign_keys
        if key.columns == (name,)
    ]
