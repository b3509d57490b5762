"""Entries whose live rows are gone, or have another key by now."""

from __future__ import annotations

from psycopg import sql

from seeder.database.schema.equality import FALSE, all_of, any_of, cast, equal, negated
from seeder.database.staging.work import SetWork


def vanished(work: SetWork, *, or_else: sql.Composable | None = None) -> sql.Composable:
    """SELECT of `ctid`, `addr` and `missing` of active entries `b` whose live rows have vanished.

    And of entries of which `or_else` holds; `missing` is false of these. There is no temporary
    table in it, so that Postgres may share it among workers.

    It has to expect few. Of `IS NULL OR NOT ...` it expects that it holds of every row: a LIMIT
    would then be reached at once, row by row through the index, and workers would have too much
    to hand over. A CASE compared with a number is expected of one row in two hundred, and the
    query within WITH is planned to its end.
    """
    missing = sql.SQL(
        "(b.state = 'a' AND coalesce({first} IS NULL OR NOT ({same_key}), false))"
    ).format(
        first=sql.Identifier("l", work.base.primary_key[0]),
        same_key=all_of(
            equal(
                sql.Identifier("l", name),
                cast(sql.SQL("b.{}").format(work.base.columns[name].asked), work.live(name)),
                work.live(name),
            )
            for name in work.seed_set.key
        ),
    )
    return sql.SQL(
        "WITH vanished AS MATERIALIZED (\n"
        "SELECT b.ctid, b.addr, {missing} AS missing\n"
        "FROM {base} b LEFT JOIN {live} l ON {live_here}\n"
        "WHERE b.scope = {scope} AND {some}\n"
        "AND CASE WHEN {either} THEN 1 ELSE 0 END OPERATOR(pg_catalog.=) 1\n"
        ") SELECT * FROM vanished"
    ).format(
        missing=missing,
        base=work.base.relation,
        live=work.table.rows,
        live_here=all_of(
            [
                work.at_primary_key("l", "b"),
                work.in_scope("l"),
                negated(work.soft_deleted("l")),
            ]
        ),
        scope=sql.Literal(work.scope),
        some=sql.SQL("b.state = 'a'" if or_else is None else "true"),
        either=any_of([missing, or_else or FALSE]),
    )
