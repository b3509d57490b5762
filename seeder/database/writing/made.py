"""Values that the application makes of what a row gives, for the rows that are inserted."""

from __future__ import annotations

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.judging.verdict_rows import inserted_rows, is_inserted
from seeder.database.schema.equality import all_of, cast, copy_text
from seeder.database.schema.tables import Column
from seeder.database.staging.work import SetWork
from seeder.merge.model import Cell


def make(connection: Connection, work: SetWork) -> None:
    """Call the application for every value that is inserted and not made yet.

    In the transaction, since only the verdict tells which rows are inserted: what is there
    already costs no call. Raises SeedingFailed.
    """
    made = [column for column in work.seed_set.columns if column.make is not None]
    if not made:
        return
    connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE IF NOT EXISTS {} (s {}, n integer, value text) ON COMMIT DROP"
        ).format(_table(work), work.stage.row_type)
    )
    for column in made:
        number = work.stage.position(column.name)
        rows = connection.execute(
            work.compose(
                "SELECT {row}, {value}::text FROM {source} WHERE {wanted}"
                " AND NOT EXISTS (SELECT FROM {made} m WHERE m.s = {row} AND m.n = {number})",
                value=work.stage.d(column.name),
                source=inserted_rows(work),
                wanted=all_of(
                    [
                        is_inserted(work),
                        sql.SQL("{} IS NOT NULL").format(work.stage.d(column.name)),
                    ]
                ),
                made=_table(work),
                number=sql.Literal(number),
            )
        ).fetchall()
        assert column.make is not None  # noqa: S101  # chosen above
        values = [
            (row, number, _text(column.make(value), work.live(column.name))) for row, value in rows
        ]
        with connection.cursor() as cursor:
            cursor.executemany(
                sql.SQL("INSERT INTO {} VALUES (%s, %s, %s)").format(_table(work)), values
            )


def _text(made: Cell, column: Column) -> str | None:
    # bcrypt and its like give the text of a hash as bytes.
    if isinstance(made, bytes) and column.base != "bytea":
        made = made.decode("ascii", "backslashreplace")
    return copy_text(made, column)


def value(work: SetWork, name: str) -> sql.Composable:
    """What is inserted into a column: what was made of stage row `s`, or what that gives."""
    if work.seed_set.column(name).make is None:
        return work.stage.d(name)
    found = work.compose(
        "(SELECT m.value FROM {} m WHERE m.s = {row} AND m.n = {})",
        _table(work),
        sql.Literal(work.stage.position(name)),
    )
    return cast(found, work.live(name))


def _table(work: SetWork) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"seeder_made_{work.stage.number}")
