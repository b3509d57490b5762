"""Which live row holds the unique value for which Postgres rejected another.

What a trigger or a function in a default makes of a row is known only once the row is written:
Postgres then names the index and the values, and the row that holds them is looked up by these.
"""

from __future__ import annotations

import psycopg
from msgspec import Struct
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Theirs
from seeder.database.judging.collisions import holder_name
from seeder.database.schema.equality import TRUE, all_equal, all_of
from seeder.database.staging.work import SetWork


class Obstruction(Struct, frozen=True, kw_only=True):
    """A live row that holds what a row of the catalog was about to be given."""

    name: str
    """As people are told: its table, and its primary key."""
    seeded: int | None
    """The run that inserted it, where one did."""


def obstruction(
    connection: Connection, work: SetWork, key: str, error: psycopg.Error
) -> Obstruction | None:
    """The row that holds what the row `key` was given, looked up once the write is undone.

    None: it is no violation of a unique index or an exclusion constraint, the server does not
    show the values to this role, the row was written by the same statement, or it is the very
    row, which somebody else has just inserted.
    """
    told = error.diag
    values = (told.message_detail or "").rpartition(")=(")[2].rpartition(")")[0]
    if told.sqlstate not in _VIOLATIONS or not values or not work.base.primary_key:
        return None
    index = connection.execute(_INDEX, [told.schema_name, told.constraint_name]).fetchone()
    if index is None:
        return None
    relation, predicate, expressions = index
    # Written as the server writes them into its message: by the types' output functions.
    shown = sql.SQL(", ").join(
        sql.SQL(
            "CASE WHEN ({0}) IS NULL THEN 'null' ELSE pg_catalog.format('%%s', {0}) END"
        ).format(_theirs(each))
        for each in expressions
    )
    given = sql.SQL("pg_catalog.concat_ws(', ', {}) = %s").format(shown)
    within = TRUE if predicate is None else sql.SQL("({})").format(_theirs(predicate))
    row = connection.execute(
        work.compose(
            "SELECT {name},"
            " (SELECT b.inserted_by FROM {base} b WHERE {known} AND b.state = {active} LIMIT 1),"
            " EXISTS (SELECT FROM {stage} s WHERE s.addr = %s AND {very_row})"
            " FROM ONLY {relation} t WHERE {given} LIMIT 1",
            name=holder_name(work),
            known=work.at_primary_key("t", "b"),
            very_row=all_equal(work.desired_keys("t")),
            relation=_theirs(relation),
            given=all_of([within, given]),
        ),
        [key, values],
    ).fetchone()
    if row is None or row[2]:
        return None
    return Obstruction(name=row[0], seeded=row[1])


def _theirs(text: str) -> Theirs:
    return Theirs(text.replace("%", "%%"))


_VIOLATIONS = ("23505", "23P01")
_INDEX = """
SELECT i.indrelid::regclass::text, pg_catalog.pg_get_expr(i.indpred, i.indrelid),
       ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, n, false)
             FROM pg_catalog.generate_series(1, i.indnkeyatts) n)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
WHERE (s.nspname, c.relname) = (%s, %s)
"""
