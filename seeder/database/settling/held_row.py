"""Resolve of a new row that is not there, since another row holds a unique value that it wants.

`live` makes that other row the seeded one: it keeps its values, and the ledger knows it from now
on. `desired` waits for the value to be free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from seeder.database.connection.answers import answer
from seeder.database.connection.connect import Connection
from seeder.database.judging import collisions
from seeder.database.settling.partial import become, column_rule, kept, row_rule
from seeder.database.staging.context import Seeding
from seeder.database.staging.work import SetWork
from seeder.database.writing import record
from seeder.merge.plan import RowAction, RowChange

Key = tuple[Any, ...]

RULE = "new_held"
"""The rule by which such a row is not there."""


def holders_of_new(connection: Connection, work: SetWork) -> list[Key]:
    """Primary keys of the rows that hold what the judged rows want, where these are new."""
    select = collisions.in_the_way_of_inserts([work])
    if select is None:
        return []
    key = sql.SQL(", ").join(sql.Identifier("t", name) for name in work.base.primary_key)
    return connection.execute(
        work.compose("SELECT {} FROM {live} t WHERE (t.tableoid, t.ctid) IN ({})", key, select)
    ).fetchall()


def holders_remembered(connection: Connection, work: SetWork) -> list[Key]:
    """Primary keys of the rows that hold what triggers give to the judged rows, as was found."""
    key = sql.SQL(", ").join(sql.Identifier("t", name) for name in work.base.primary_key)
    return connection.execute(
        work.compose(
            "SELECT {} FROM {verdict} w JOIN {live} t ON {} = w.holder WHERE NOT w.live",
            key,
            collisions.holder_name(work),
        )
    ).fetchall()


def waits_for(holder: str | None) -> str:
    """Why nothing is written although a person wants the catalog's value."""
    return f"waits until {holder or 'another row'} gives the value up; a later run writes it then"


def take(
    seeding: Seeding, work: SetWork, key: str, holders: Sequence[Key], *, live: bool
) -> RowChange:
    """Settle the conflict of the one judged row, which is held back by now."""
    connection = seeding.connection
    holder = answer(
        connection, work.compose("SELECT holder FROM {verdict} WHERE holder IS NOT NULL")
    )
    address = work.seed_set.address(key)
    why_not = None
    if holder is None:
        why_not = "is not in conflict: the value is about to be free"
    elif not live:
        why_not = waits_for(holder)
    elif len(holders) > 1:
        why_not = "wants the values of more than one row, which cannot all be the seeded one"
    else:
        why_not = _unfit(connection, work, holders[0])
    if why_not is not None:
        return kept(address, why_not, rule=RULE)
    _adopt(seeding, work, holders[0])
    connection.execute(
        seeding.ledger.sql("DELETE FROM {s}.waiting WHERE (base, scope, addr) = (%s, %s, %s)"),
        [work.base.id, work.scope, key],
    )
    return RowChange(
        address=address,
        action=RowAction.ADOPT,
        rule=RULE,
        reason=f"{holder} is the seeded row from now on, and keeps its values",
    )


def _unfit(connection: Connection, work: SetWork, holder: Key) -> str | None:
    """Why the row that holds the value cannot be the seeded one."""
    key = sql.SQL(", ").join(sql.Identifier("t", name) for name in work.base.primary_key)
    found = connection.execute(
        work.compose(
            "SELECT {in_scope}, (SELECT b.addr FROM {base} b WHERE b.state IN ({owning})"
            " AND {at} LIMIT 1) FROM {live} t WHERE ({key}) = ({holder})",
            in_scope=work.in_scope("t"),
            at=work.at_primary_key("t", "b"),
            key=key,
            holder=sql.SQL(", ").join(map(sql.Literal, holder)),
        )
    ).fetchone()
    if found is None:
        return "is not in conflict: the value is free"
    in_scope, owner = found
    if owner is not None:
        return f"the row that holds the value is {work.seed_set.address(owner)} itself"
    return None if in_scope else "the row that holds the value is out of the set's scope"


def _adopt(seeding: Seeding, work: SetWork, holder: Key) -> None:
    """Record the row that holds the value as this one; the catalog's values count as asked."""
    connection = seeding.connection
    connection.execute(work.compose("DELETE FROM {base} b USING {verdict} w WHERE b.ctid = w.b"))
    keys = [
        sql.SQL("{} = {}").format(sql.Identifier(f"k{n}"), sql.Literal(value))
        for n, value in enumerate(holder, start=1)
    ]
    connection.execute(
        work.compose(
            "UPDATE {verdict} SET verdict = {}, b = NULL, live = true, {}, {}",
            row_rule("adopted"),
            become(work, "{rule}", rule=column_rule("nothing_new")),
            sql.SQL(", ").join(keys),
        )
    )
    record.record_adopted(connection, work, run=seeding.run)
