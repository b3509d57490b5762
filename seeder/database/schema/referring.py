"""Which rows refer to a row: counted by table, for whoever has to decide about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.schema.equality import all_of, refers
from seeder.database.schema.tables import ForeignKey
from seeder.merge.model import TableName
from seeder.merge.plan import COUNTED, Referring

Restricted = Callable[[ForeignKey], Sequence[sql.Composable]]


def referring(keys: Iterable[ForeignKey], restricted: Restricted) -> sql.Composable:
    """How many rows refer to live row `t`, by table: JSON, or NULL where none does.

    Of each table at most one more than `COUNTED` rows are looked for. `restricted` gives further
    conditions on a row `c` of a key's table.
    """
    by_table: dict[TableName, list[sql.Composable]] = {}
    for key in keys:
        condition = all_of([refers(key, "c", "t"), *restricted(key)])
        by_table.setdefault(key.table, []).append(sql.SQL("({})").format(condition))
    if not by_table:
        return sql.SQL("NULL::jsonb")
    counted = [
        sql.SQL(
            "({}::text, (SELECT pg_catalog.count(*) FROM (SELECT FROM {} c WHERE {} LIMIT {}) x))"
        ).format(
            Named(str(table)),
            sql.Identifier(*table.parts),
            sql.SQL(" OR ").join(conditions),
            sql.Literal(COUNTED + 1),
        )
        for table, conditions in sorted(by_table.items())
    ]
    return sql.SQL(
        "(SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(q.name, q.n) ORDER BY q.name)"
        " FROM (VALUES {}) q(name, n) WHERE q.n > 0)"
    ).format(sql.SQL(", ").join(counted))


def read(found: Iterable[tuple[str, int]] | None) -> tuple[Referring, ...]:
    """What `referring` found."""
    return tuple(Referring(table=table, rows=rows) for table, rows in found or ())
