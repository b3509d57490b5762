"""References: from the row keys that a catalog writes to the values that a table stores.

A reference is looked up through the ledger first, then by the referenced row's natural
key; one that leads to a row this very seeding is going to insert is *awaited*, and one that
leads nowhere *blocks* its row.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.ledger.tables.states import OWNING, WITHOUT_CLAIM
from seeder.database.schema.equality import (
    FALSE,
    TRUE,
    all_of,
    any_of,
    cast,
    either,
    equal,
    found_in,
    negated,
    where,
)
from seeder.database.schema.rule_numbers import number, numbers, numbers_where
from seeder.database.staging.context import MERGING
from seeder.database.staging.stage import AWAITED, BLOCKED, RESOLVED
from seeder.database.staging.work import SetTarget, SetWork, TableTarget
from seeder.merge.plan import RowAction, SetDecision, Why
from seeder.merge.rules import IDENTITY_RULES, ROW_RULES, Identity, number_of

INSERTING = numbers_where(
    ROW_RULES,
    lambda rule: (
        rule.verdict in (RowAction.INSERT, RowAction.RESTORE) and ("live", False) in rule.conditions
    ),
)
"""Numbers of the verdicts that insert a row; to restore one that is still there is to update it."""

_BLOCKED_LIVE = number_of(ROW_RULES, "blocked")
_LIVE = numbers_where(
    ROW_RULES,
    lambda rule: ROW_RULES.index(rule) > _BLOCKED_LIVE and ("desired", True) in rule.conditions,
)
"""Numbers of the verdicts on a live row that give way to its being blocked."""


_ELSEWHERE = numbers(IDENTITY_RULES, {Identity.GONE, Identity.AT_KEY, Identity.TAKEN})
"""Numbers of the identities whose rows are not at the primary key that the ledger knows."""

_FINDING = (SetDecision.MERGE, SetDecision.REFRESH)
"""Decisions by which rows that count as deleted are found again."""


def resolve(
    connection: Connection,
    work: SetWork,
    others: Mapping[str, SetWork],
    judged: frozenset[str],
) -> None:
    """Fill in the stored values of a set's references, in one statement; see `resolution`."""
    statement = resolution(work, others, judged)
    if statement is not None:
        connection.execute(statement)


def resolution(
    work: SetWork, others: Mapping[str, SetWork], judged: frozenset[str]
) -> sql.Composed | None:
    """The statement that fills in the stored values of a set's references, if it has any.

    Args:
        work: the set.
        others: all sets that references may lead to, by name; their stages are loaded.
        judged: names of sets whose verdicts (or inserts) are known already; of others,
            every row that is not there counts as awaited.
    """
    if not work.stage.references:
        return None
    joins: list[sql.Composable] = []
    assignments: list[sql.Composable] = []
    states: list[sql.Composable] = []
    for column in work.stage.references:
        number = work.stage.position(column.name)
        alias = sql.Identifier(f"x{number}")
        target = work.targets[column.name]
        candidates = (
            _in_table(work, column.name, target, [others[n] for n in others if n in judged])
            if isinstance(target, TableTarget)
            else _in_set(target, others[target.set], judged)
        )
        joins.append(
            sql.SQL(
                "LEFT JOIN (SELECT DISTINCT ON (addr) addr, value, awaited FROM (\n{}\n) q"
                " ORDER BY addr, rank) {} ON {}.addr = o.{}"
            ).format(candidates, alias, alias, sql.Identifier(f"r{number}"))
        )
        assignments.append(
            sql.SQL("{} = {}").format(
                sql.Identifier(f"d{number}"),
                cast(sql.SQL("{}.value").format(alias), work.live(column.name)),
            )
        )
        states.append(
            sql.SQL(
                "CASE WHEN o.{r} IS NULL OR {x}.value IS NOT NULL THEN {resolved}"
                " WHEN {x}.awaited THEN {awaited} ELSE {blocked} END"
            ).format(
                r=sql.Identifier(f"r{number}"),
                x=alias,
                resolved=sql.Literal(RESOLVED),
                awaited=sql.Literal(AWAITED),
                blocked=sql.Literal(BLOCKED),
            )
        )
    worst = sql.SQL(
        "CASE WHEN {blocked} = ANY (states) THEN {blocked} WHEN {awaited} = ANY (states)"
        " THEN {awaited} ELSE {resolved} END"
    ).format(
        blocked=sql.Literal(BLOCKED),
        awaited=sql.Literal(AWAITED),
        resolved=sql.Literal(RESOLVED),
    )
    return sql.SQL(
        "UPDATE {stage} s SET {assignments}, missing = (SELECT {worst} FROM"
        " (SELECT ARRAY[{states}] AS states) m)\n"
        "FROM {stage} o\n{joins}\nWHERE o.n = s.n"
    ).format(
        stage=work.stage.relation,
        assignments=sql.SQL(", ").join(assignments),
        worst=worst,
        states=sql.SQL(", ").join(states),
        joins=sql.SQL("\n").join(joins),
    )


def _in_table(
    work: SetWork, column: str, target: TableTarget, judged: list[SetWork]
) -> sql.Composable:
    """Rows of a table by their natural key, and those that a survey finds missing."""
    key = target.reference.key
    live = target.table.columns[key]
    wanted = work.stage.q(column, "a")
    awaited = [
        sql.SQL(
            "  SELECT a.{r}, NULL, true, 2 FROM {stage} a JOIN (SELECT {key} AS key FROM {other} q"
            "{inserted}) o ON {same}"
        ).format(
            r=sql.Identifier(f"r{work.stage.position(column)}"),
            stage=work.stage.relation,
            key=other.stage.d(key, "q"),
            other=other.stage.relation,
            inserted=where(_to_be_inserted(other)),
            same=equal(sql.Identifier("o", "key"), wanted, live),
        )
        for other in judged
        if other.table.qualified == target.table.qualified and other.stage.has(key)
    ]
    there = sql.SQL(
        "  SELECT {r} AS addr, t.{stored} AS value, false AS awaited, 0 AS rank"
        " FROM {stage} a JOIN {table} t ON {same}"
    ).format(
        r=work.stage.r(column, "a"),
        stored=sql.Identifier(target.stored),
        stage=work.stage.relation,
        table=target.table.rows,
        same=equal(sql.Identifier("t", key), wanted, live),
    )
    return sql.SQL("\n  UNION ALL\n").join([there, *awaited])


def _in_set(target: SetTarget, other: SetWork, judged: frozenset[str]) -> sql.Composable:
    stored = sql.Identifier(target.stored)
    asked = sql.SQL("b.addr IN (SELECT q.addr FROM {} q)").format(other.stage.relation)
    through_ledger = sql.SQL(
        "  SELECT b.addr, l.{stored} AS value, false AS awaited,"
        " {rank} AS rank\n"
        "  FROM {base} b JOIN {live} l ON {live_here}\n"
        "  WHERE b.scope = {scope} AND b.state IN ({owning}){judged}"
    ).format(
        owning=OWNING,
        judged=_where_it_was(other) if other.name in judged else sql.SQL(""),
        stored=stored,
        base=other.base.relation,
        live=other.table.rows,
        live_here=all_of(
            [
                other.at_primary_key("l", "b"),
                other.in_scope("l"),
                any_of([negated(other.soft_deleted("l")), all_of([other.marked("l", "b"), asked])]),
            ]
        ),
        rank=either(other.soft_deleted("l"), sql.SQL("2"), sql.SQL("0")),
        scope=sql.Literal(other.scope),
    )
    by_key = sql.SQL(
        "  SELECT q.addr, l.{stored}, false, 1\n  FROM {stage} q JOIN {live} l ON {match}{own}"
    ).format(
        stored=stored,
        stage=other.stage.relation,
        live=other.table.rows,
        match=all_of(
            [
                *(
                    equal(sql.Identifier("l", name), other.stage.d(name, "q"), other.live(name))
                    for name in other.seed_set.key
                ),
                other.in_scope("l"),
                negated(other.soft_deleted("l")),
            ]
        ),
        own=where(_own(other)),
    )
    inserted = _to_be_inserted(other) if other.name in judged else TRUE
    awaited = (
        []
        if inserted == FALSE
        else [
            sql.SQL("  SELECT q.addr, NULL, true, 3 FROM {} q{}").format(
                other.stage.relation, where(inserted)
            )
        ]
    )
    again = (
        [_found_again(target, other)] if other.decision in _FINDING and not other.base.fresh else []
    )
    return sql.SQL("\n  UNION ALL\n").join([through_ledger, by_key, *again, *awaited])


def _found_again(target: SetTarget, other: SetWork) -> sql.Composable:
    """Rows of entries without a claim that this seeding finds where the ledger has them.

    A person gave the row a key that another one claimed, and nobody does any more; the rules of
    identities call that one *renamed*.
    """
    entries = sql.SQL("FROM {} e").format(other.base.relation)
    owning = sql.SQL("e.scope = {} AND e.state IN ({})").format(sql.Literal(other.scope), OWNING)
    keys = [(sql.Identifier("l", name), other.live(name)) for name in other.seed_set.key]
    claims = [
        found_in(other.primary_keys("l", "e"), entries, owning),
        found_in(
            [
                (live, cast(sql.SQL("e.{}").format(other.base.columns[name].asked), column), column)
                for name, (live, column) in zip(other.seed_set.key, keys, strict=True)
            ],
            entries,
            owning,
        ),
        found_in(
            [
                (live, other.stage.d(name, "q"), column)
                for name, (live, column) in zip(other.seed_set.key, keys, strict=True)
            ],
            sql.SQL("FROM {} q").format(other.stage.relation),
        ),
    ]
    return sql.SQL(
        "  SELECT b.addr, l.{stored}, false, 2\n"
        "  FROM {base} b JOIN {live} l ON {live_here}\n"
        "  WHERE b.scope = {scope} AND b.state IN ({without_claim})"
        " AND b.addr IN (SELECT q.addr FROM {stage} q) AND NOT ({claims})"
    ).format(
        without_claim=WITHOUT_CLAIM,
        stored=sql.Identifier(target.stored),
        base=other.base.relation,
        live=other.table.rows,
        live_here=all_of(
            [
                other.at_primary_key("l", "b"),
                other.in_scope("l"),
                negated(other.soft_deleted("l")),
            ]
        ),
        scope=sql.Literal(other.scope),
        stage=other.stage.relation,
        claims=sql.SQL(" OR ").join(claims),
    )


def _where_it_was(other: SetWork) -> sql.Composable:
    """Restricts entries `b` of a judged set to those whose rows are where the ledger has them."""
    if other.decision not in MERGING:
        return sql.SQL("")
    return sql.SQL(
        " AND NOT EXISTS (SELECT FROM {} w WHERE w.b = b.ctid AND w.identity = ANY ({}))"
    ).format(other.verdict, _ELSEWHERE)


def _own(other: SetWork) -> sql.Composable:
    """Condition: live row `l` under the key of stage row `q` is not another seeded row's.

    A person may have given that row the key; the rules of identities call it *taken* then.
    """
    if other.base.fresh:
        return TRUE
    owning = sql.SQL("e.scope = {} AND e.state IN ({})").format(sql.Literal(other.scope), OWNING)
    return sql.SQL(
        "(q.addr IN (SELECT e.addr FROM {base} e WHERE {owning}) OR NOT {placed})"
    ).format(
        base=other.base.relation,
        owning=owning,
        placed=found_in(
            other.primary_keys("l", "e"),
            sql.SQL("FROM {} e").format(other.base.relation),
            owning,
        ),
    )


def _to_be_inserted(other: SetWork) -> sql.Composable:
    """Condition: stage row `q` of a set that is judged by now is one that the seeding inserts."""
    match other.decision:
        case SetDecision.INSERT:
            return negated(other.stage.blocked("q"))
        case _ if other.decision in MERGING:
            return sql.SQL("{} IN (SELECT w.s FROM {} w WHERE w.verdict = ANY ({}))").format(
                other.stage.row("q"), other.verdict, INSERTING
            )
        case _:  # left alone, and not judged
            return FALSE


def fill_awaited(connection: Connection, work: SetWork, others: Mapping[str, SetWork]) -> None:
    """Fill in references to rows whose primary keys are drawn but not inserted yet.

    Only within a group of sets that refer to each other (or a set to itself), between the
    verdicts and the inserts.
    """
    for column in work.stage.references:
        target = work.targets[column.name]
        if not isinstance(target, SetTarget) or target.set not in others:
            continue
        other = others[target.set]
        value = _new_value(other, target.stored)
        if value is None:
            continue
        verdicts = (
            sql.SQL("")
            if other.decision is SetDecision.INSERT
            else sql.SQL("JOIN {} w ON w.s = {}").format(other.verdict, other.stage.row("q"))
        )
        number = work.stage.position(column.name)
        connection.execute(
            sql.SQL(
                "UPDATE {stage} s SET {d} = {value} FROM {target} q {verdicts}"
                " WHERE q.addr = s.{r} AND s.{d} IS NULL"
            ).format(
                stage=work.stage.relation,
                d=sql.Identifier(f"d{number}"),
                r=sql.Identifier(f"r{number}"),
                value=cast(value, work.live(column.name)),
                target=other.stage.relation,
                verdicts=verdicts,
            )
        )


def any_missing(connection: Connection, work: SetWork) -> bool:
    """Whether a row refers to one that is not there, or is yet to be inserted."""
    row = connection.execute(
        work.compose("SELECT EXISTS (SELECT FROM {stage} s WHERE s.missing <> 0)")
    ).fetchone()
    return bool(row and row[0])


def known_beforehand(other: SetWork, stored: str) -> bool:
    """Whether the value by which others refer to a row is known before it is inserted."""
    return _new_value(other, stored) is not None


def fill_inserted(connection: Connection, work: SetWork, others: Mapping[str, SetWork]) -> None:
    """Fill in references to rows of a group that are inserted by now, found by their keys."""
    for column in work.stage.references:
        target = work.targets[column.name]
        if not isinstance(target, SetTarget) or target.set not in others:
            continue
        other = others[target.set]
        connection.execute(
            sql.SQL(
                "UPDATE {stage} s SET {d} = {value} FROM {target} q JOIN {live} l ON {match}"
                " WHERE q.addr = {r} AND {staged} IS NULL"
            ).format(
                stage=work.stage.relation,
                d=sql.Identifier(f"d{work.stage.position(column.name)}"),
                staged=work.stage.d(column.name),
                r=work.stage.r(column.name),
                value=cast(
                    sql.SQL("l.{}").format(sql.Identifier(target.stored)), work.live(column.name)
                ),
                target=other.stage.relation,
                live=other.table.rows,
                match=all_of(
                    [
                        *(
                            equal(sql.Identifier("l", each), other.stage.d(each, "q"), kind)
                            for each in other.seed_set.key
                            for kind in (other.live(each),)
                        ),
                        other.in_scope("l"),
                    ]
                ),
            )
        )


def _new_value(other: SetWork, stored: str) -> sql.Composable | None:
    """The referenced value of a row that is about to be inserted, where it is known."""
    if stored in other.base.primary_key:
        position = other.base.primary_key.index(stored)
        drawn = other.decision is not SetDecision.INSERT and position in other.stage.allocated
        if drawn:
            return sql.Identifier("w", f"p{position + 1}")
        return other.stage.key_value(position, "q")
    return other.stage.d(stored, "q") if other.stage.has(stored) else None


def block_unreachable(connection: Connection, group: Mapping[str, SetWork]) -> None:
    """Skip rows of a group whose awaited rows are not going to be inserted after all."""
    while True:
        blocked = 0
        for work in group.values():
            for column in work.stage.references:
                target = work.targets[column.name]
                if isinstance(target, SetTarget) and target.set in group:
                    blocked += _block(connection, work, column.name, group[target.set])
        if not blocked:
            return


def _block(connection: Connection, work: SetWork, column: str, other: SetWork) -> int:
    unreachable = sql.SQL(
        "s.missing = {awaited} AND s.{r} IS NOT NULL AND s.{d} IS NULL AND NOT EXISTS"
        " (SELECT FROM {target} q WHERE q.addr = s.{r} AND {inserted})"
    ).format(
        awaited=sql.Literal(AWAITED),
        r=sql.Identifier(f"r{work.stage.position(column)}"),
        d=sql.Identifier(f"d{work.stage.position(column)}"),
        target=other.stage.relation,
        inserted=_to_be_inserted(other),
    )
    count = connection.execute(
        sql.SQL("UPDATE {} s SET missing = {} WHERE {}").format(
            work.stage.relation, sql.Literal(BLOCKED), unreachable
        )
    ).rowcount
    if count and work.decision is not SetDecision.INSERT:
        told = work.was_told(Why.REFERENCE)
        connection.execute(
            sql.SQL(
                "UPDATE {} w SET verdict = CASE WHEN w.verdict = ANY ({})"
                " THEN {} ELSE {} END"
                " FROM {} s WHERE s.n = w.s AND s.missing = {}"
                " AND (w.verdict = ANY ({}) OR w.verdict = ANY ({}))"
            ).format(
                work.verdict,
                INSERTING,
                either(
                    told, number(ROW_RULES, "new_blocked_before"), number(ROW_RULES, "new_blocked")
                ),
                either(told, number(ROW_RULES, "blocked_before"), number(ROW_RULES, "blocked")),
                work.stage.relation,
                sql.Literal(BLOCKED),
                INSERTING,
                _LIVE,
            )
        )
    return count
