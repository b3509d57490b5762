"""Rows whose keys people changed before anything was on record: found by their other columns.

Taken for deleted, such a row would stay away for good, and all that refers to it with it; taken
for missing, it would come a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.schema.equality import (
    all_of,
    canonical,
    found_in,
    negated,
    same,
    same_text,
)
from seeder.database.schema.rule_numbers import number, numbers
from seeder.database.settling.partial import become, column_rule, row_rule
from seeder.database.staging.work import SetWork
from seeder.errors import Problem
from seeder.merge.model import Update, key_values, row_key
from seeder.merge.plan import RowAction
from seeder.merge.rules import IDENTITY_RULES, ROW_RULES

_SEARCHED = 1000
"""Missing rows beyond which nothing is looked for: that many people do not rename."""

Renamed = Mapping[str, str]
"""By address the key that the row has in the table, as a row key; '' says that it is gone."""


def settle(connection: Connection, work: SetWork, renamed: Renamed) -> list[Problem]:
    """Give missing rows the live ones that they are by `renamed`; returns what is still open.

    Verdicts are on hand and not recorded yet.
    """
    missing: dict[str, str] = dict(
        connection.execute(
            work.compose(
                "SELECT s.addr, w.s::text FROM {verdict} w JOIN {stage} s ON {row} = w.s"
                " WHERE w.b IS NULL AND NOT w.live AND w.verdict = ANY ({}) LIMIT {}",
                numbers(ROW_RULES, {RowAction.INSERT}),
                sql.Literal(_SEARCHED + 1),
            )
        ).fetchall()
    )
    problems = []
    open_rows = set(missing)
    for addr in missing:
        address = work.seed_set.address(addr)
        if address not in renamed:
            continue
        open_rows.discard(addr)
        if renamed[address] and not _take(connection, work, addr, renamed[address]):
            problems.append(
                Problem(
                    message=f"No row of {work.table} that is free has the key {renamed[address]}.",
                    remedy=f"Write --renamed {address}=KEY as the table has it.",
                    address=address,
                )
            )
    if not open_rows or len(missing) > _SEARCHED or _refers(work):
        return problems
    for addr, key in _look_alikes(connection, work, sorted(open_rows)).items():
        address = work.seed_set.address(addr)
        problems.append(
            Problem(
                message=f"{address} is not in {work.table}, and the row {key} has all its other"
                " values.",
                remedy=f"If somebody renamed it, add --renamed {address}={key}; if it was deleted,"
                f" --renamed {address}=",
                address=address,
            )
        )
    return problems


def _refers(work: SetWork) -> bool:
    """Whether the key is made of other rows: a link is not renamed."""
    return any(work.seed_set.column(name).reference is not None for name in work.seed_set.key)


def _free(work: SetWork) -> sql.Composable:
    """Condition: live row `l` is no other row of the catalog or of the ledger."""
    entries, in_scope = work.compose("FROM {base} o"), work.compose("o.scope = {scope}")
    return all_of(
        [
            work.in_scope("l"),
            negated(work.soft_deleted("l")),
            negated(found_in(work.desired_keys("l", "q"), work.compose("FROM {stage} q"))),
            negated(found_in(work.known_keys("l", "o"), entries, in_scope)),
            negated(found_in(work.primary_keys("l", "o"), entries, in_scope)),
        ]
    )


def _compared(work: SetWork) -> list[str]:
    """Columns by which a row may be known beside its key."""
    scope = {name for name, _ in work.seed_set.scope}
    return [
        column.name
        for column in work.seed_set.columns
        if column.name not in work.seed_set.key
        and column.name not in scope
        and column.name not in work.table.primary_key
        and not column.secret
        and column.update is not Update.NEVER
        and work.stage.given(column.name) is None
    ]


def _look_alikes(connection: Connection, work: SetWork, addrs: list[str]) -> dict[str, str]:
    """By row key the key of the one live row that has all other values, and no other could be."""
    names = _compared(work)
    if not names:
        return {}

    def alike(alias: str, value: Any) -> sql.Composable:
        return all_of(
            same(
                canonical(value(name, alias), work.live(name)),
                canonical(work.stage.d(name), work.live(name)),
                work.live(name),
            )
            for name in names
        )

    rows = connection.execute(
        work.compose(
            "SELECT s.addr, ARRAY[{keys}]::text[] FROM {stage} s JOIN {live} l ON {alike}\n"
            "WHERE s.addr = ANY (%s) AND ({says_something}) AND {free}\n"
            "AND NOT EXISTS (SELECT FROM {stage} o WHERE o.addr <> s.addr AND {twin})",
            keys=sql.SQL(", ").join(
                sql.SQL("({})::text").format(canonical(sql.Identifier("l", name), work.live(name)))
                for name in work.seed_set.key
            ),
            alike=alike("l", lambda name, alias: sql.Identifier(alias, name)),
            twin=alike("o", work.stage.d),
            says_something=sql.SQL(" OR ").join(
                sql.SQL("{} IS NOT NULL").format(work.stage.d(name)) for name in names
            ),
            free=_free(work),
        ),
        [addrs],
    ).fetchall()
    pairs = [(addr, row_key(tuple(key))) for addr, key in rows]
    wanted, offered = Counter(addr for addr, _ in pairs), Counter(key for _, key in pairs)
    return {addr: key for addr, key in pairs if wanted[addr] == offered[key] == 1}


def _take(connection: Connection, work: SetWork, addr: str, key: str) -> bool:
    """Let the verdict on a missing row be that it is the live row with this key."""
    texts = key_values(key)
    if len(texts) != len(work.seed_set.key):
        return False
    same_key = all_of(
        same_text(sql.Identifier("l", name), sql.Literal(text), work.live(name))
        for name, text in zip(work.seed_set.key, texts, strict=True)
    )
    sets = [
        sql.SQL("verdict = {}").format(row_rule("adopted")),
        sql.SQL("identity = {}").format(number(IDENTITY_RULES, "at_key")),
        sql.SQL("live = true, row_at = l.ctid, row_by = l.xmin"),
        *(
            sql.SQL("{} = {}").format(sql.Identifier(f"k{n}"), sql.Identifier("l", name))
            for n, name in enumerate(work.base.primary_key, start=1)
        ),
        become(work, "{rule}", rule=column_rule("nothing_new")),
    ]
    cursor = connection.execute(
        work.compose(
            "UPDATE {verdict} w SET {sets} FROM {stage} s, {live} l\n"
            "WHERE {row} = w.s AND s.addr = %s AND {same_key} AND {free}",
            sets=sql.SQL(", ").join(sets),
            same_key=same_key,
            free=_free(work),
        ),
        [addr],
    )
    return cursor.rowcount == 1
