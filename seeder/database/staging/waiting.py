"""Rows of the catalog that wait for other rows: what the ledger remembers of them.

A row that refers to one that is not there, or that wants a unique value which another row keeps,
is reported once. It is looked at again by every run that looks at its set, and settles by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from psycopg import sql

from seeder.database.schema.equality import where
from seeder.database.schema.rule_numbers import numbers_named
from seeder.database.staging.context import MERGING, Seeding
from seeder.database.staging.work import SetTarget, SetWork
from seeder.merge.plan import RowAction, SetDecision, Why
from seeder.merge.rules import ROW_RULES

Place = tuple[int, str]
"""A base and a scope in it: where row keys are unique."""


class Waiting(Struct, frozen=True, kw_only=True):
    """A row that waits."""

    base: int
    scope: str
    addr: str
    set_name: str
    why: Why
    holder: str | None = None
    """The row that holds the value, or the address of what is not there."""
    made: bool = False
    """The value is one that a trigger gives the row: only a write shows it."""


def told(seeding: Seeding) -> Mapping[Place, Mapping[Why, frozenset[str]]]:
    """Row keys that were reported as waiting."""
    found: dict[Place, dict[Why, set[str]]] = {}
    for each in read(seeding):
        found.setdefault((each.base, each.scope), {}).setdefault(each.why, set()).add(each.addr)
    return {
        place: {why: frozenset(keys) for why, keys in by_why.items()}
        for place, by_why in found.items()
    }


def read(seeding: Seeding) -> list[Waiting]:
    """All that the ledger remembers."""
    rows = seeding.connection.execute(
        seeding.ledger.sql(
            "SELECT w.base, w.scope, w.addr, w.set_name, w.why, w.holder, w.made FROM {s}.waiting w"
            " JOIN {s}.bases b ON b.id = w.base WHERE b.project = {p}"
        )
    ).fetchall()
    return [
        Waiting(
            base=row[0],
            scope=row[1],
            addr=row[2],
            set_name=row[3],
            why=Why(row[4]),
            holder=row[5],
            made=row[6],
        )
        for row in rows
    ]


def remember(seeding: Seeding) -> None:
    """Record which rows wait from now on."""
    some = [work for work in seeding.works.values() if work.name in seeding.waiting or work.told]
    before = {_key(w): w for w in read(seeding)} if any(k.waits for k in seeding.known) else {}
    now = {_key(each): each for work in some for each in _waiting(seeding, work)}
    catalog = {each.name for each in (*seeding.catalog.sets, *seeding.catalog.inactive)}
    looked_at = {work.name for work in seeding.works.values() if work.decision in MERGING}
    over = [
        each
        for key, each in before.items()
        if key not in now and (each.set_name in looked_at or each.set_name not in catalog)
    ]
    for each in over:
        seeding.connection.execute(
            seeding.ledger.sql("DELETE FROM {s}.waiting WHERE (base, scope, addr) = (%s, %s, %s)"),
            _key(each),
        )
    new = [each for key, each in now.items() if before.get(key) != each]
    if new:
        with seeding.connection.cursor() as cursor:
            cursor.executemany(
                seeding.ledger.sql(
                    "INSERT INTO {s}.waiting (base, scope, addr, set_name, why, holder, made, run)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (base, scope, addr)"
                    " DO UPDATE SET set_name = excluded.set_name, why = excluded.why,"
                    " holder = excluded.holder, made = excluded.made, run = excluded.run"
                ),
                [(*_key(w), w.set_name, w.why.value, w.holder, w.made, seeding.run) for w in new],
            )


def missing(work: SetWork) -> sql.Composable:
    """What stage row `s` refers to and is not there, as addresses; NULL where nothing is."""
    if not work.stage.references:
        return sql.SQL("NULL::text")
    lacking = []
    for column in work.stage.references:
        target = work.targets[column.name]
        whose = target.set if isinstance(target, SetTarget) else str(target.table.qualified)
        key = work.stage.r(column.name)
        lacking.append(
            sql.SQL("CASE WHEN {d} IS NULL AND {key} IS NOT NULL THEN {whose} || {key} END").format(
                d=sql.Identifier("s", work.stage.holder(column.name)),
                key=key,
                whose=sql.Literal(f"{whose}/"),
            )
        )
    return sql.SQL("CASE WHEN {} THEN nullif(pg_catalog.concat_ws(', ', {}), '') END").format(
        work.stage.blocked(), sql.SQL(", ").join(lacking)
    )


def _key(each: Waiting) -> tuple[int, str, str]:
    return each.base, each.scope, each.addr


def _names(fact: str) -> list[str]:
    return [
        rule.name
        for rule in ROW_RULES
        if (fact, True) in rule.conditions
        and rule.verdict in (RowAction.KEEP, RowAction.SKIP)
        and rule.name != "value_held"
    ]


_BY_RULE = {
    **dict.fromkeys(_names("blocked"), Why.REFERENCE),
    **dict.fromkeys(_names("held"), Why.VALUE),
}
"""What a row with that verdict waits for, by the rule's name."""


def _waiting(seeding: Seeding, work: SetWork) -> list[Waiting]:
    if work.decision is SetDecision.INSERT:
        query = work.compose(
            "SELECT s.addr, NULL, {} FROM {stage} s{}", missing(work), where(work.stage.blocked())
        )
    else:
        query = work.compose(
            "SELECT s.addr, w.verdict, coalesce(w.holder, {}) FROM {verdict} w JOIN {stage} s"
            " ON {row} = w.s"
            " WHERE w.verdict = ANY ({})",
            missing(work),
            numbers_named(ROW_RULES, tuple(_BY_RULE)),
        )
    return [
        Waiting(
            base=work.base.id,
            scope=work.scope,
            addr=addr,
            set_name=work.name,
            why=Why.REFERENCE if verdict is None else _BY_RULE[ROW_RULES[verdict].name],
            holder=holder,
            made=addr in seeding.orders.obstructed.get(work.name, {}),
        )
        for addr, verdict, holder in seeding.connection.execute(query).fetchall()
    ]
