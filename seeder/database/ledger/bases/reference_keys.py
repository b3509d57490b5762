"""The keys of rows that live references stand for: `org_owner` for a 7."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.ledger.bases.bases import Base
from seeder.database.ledger.bases.entries import at_entry
from seeder.database.ledger.tables.states import OWNING
from seeder.database.schema.equality import canonical
from seeder.merge.plan import REFERENCE


def keys_of_rows(
    connection: Connection,
    bases: Sequence[Base],
    base: Base,
    column: str,
    values: Iterable[str | None],
) -> Mapping[str, str]:
    """By value of a column that refers, the key of the row that it stands for, behind `REFERENCE`.

    By the column's foreign key: values without one, and those of rows that no set has, are left
    out.
    """
    wanted = sorted({value for value in values if value is not None})
    found: dict[str, str] = {}
    for foreign in base.table.foreign_keys if wanted else ():
        if foreign.columns != (column,):
            continue
        (target,) = foreign.target_columns
        for other in bases:
            if other.table.qualified == foreign.target:
                rows = connection.execute(_query(other, target, wanted)).fetchall()
                found |= {value: REFERENCE + key for value, key in rows}
    return found


def _query(base: Base, column: str, wanted: Sequence[str]) -> sql.Composed:
    return sql.SQL(
        "SELECT q.value, b.addr FROM (SELECT ({value})::text AS value, t.* FROM {live} t) q"
        " JOIN {base} b ON {at}"
        " WHERE b.state IN ({owning}) AND q.value = ANY ({wanted}::text[])"
    ).format(
        owning=OWNING,
        wanted=sql.Literal(list(wanted)),
        value=canonical(sql.Identifier("t", column), base.table.columns[column]),
        live=base.table.rows,
        base=base.relation,
        at=at_entry(base, "q"),
    )
