"""What the ledger knows to be secret."""

from __future__ import annotations

from seeder.database.connection.connect import Connection
from seeder.database.ledger.tables.ledger import Ledger
from seeder.merge.model import TableName


def read_secrets(connection: Connection, ledger: Ledger) -> dict[TableName, frozenset[str]]:
    """By table the columns that a seed set has ever declared secret; empty without a ledger."""
    meta = ledger.meta(connection)
    if meta is None or not meta.readable:
        return {}
    rows = connection.execute(
        ledger.sql(
            "SELECT table_schema, table_name, pg_catalog.array_agg(DISTINCT name) FROM {s}.bases,"
            " pg_catalog.unnest(secrets) AS name GROUP BY table_schema, table_name"
        )
    ).fetchall()
    return {TableName(schema=row[0], name=row[1]): frozenset(row[2]) for row in rows}
