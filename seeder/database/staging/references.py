"""References: from the row keys that a catalog writes to the values that a table stores.

A reference is looked up through the ledger first, then by the referenced row's natural
key; one that leads to a row this very seeding is going to insert is *awaited*, and one that
leads nowhere *blocks* its row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct
from psycopg import sql

from seeder.database.connection.answers import answer
from seeder.database.connection.connect import Connection
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
from seeder.database.staging.context import FINDING, MERGING
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

_MISSING = {
    "resolved": sql.Literal(RESOLVED),
    "awaited": sql.Literal(AWAITED),
    "blocked": sql.Literal(BLOCKED),
}
"""As templates have what the `missing` of a stage says."""


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
    found = lookups(work, others, judged, row="o")
    states = [
        sql.SQL("CASE WHEN {} THEN {resolved} WHEN {} THEN {awaited} ELSE {blocked} END").format(
            each.leads, each.awaited, **_MISSING
        )
        for each in found.values()
    ]
    return work.compose(
        "UPDATE {stage} s SET {assignments}, missing = (SELECT"
        " CASE WHEN {blocked} = ANY (states) THEN {blocked}"
        " WHEN {awaited} = ANY (states) THEN {awaited} ELSE {resolved} END"
        " FROM (SELECT ARRAY[{states}] AS states) m)\n"
        "FROM {stage} o\n{joins}\nWHERE o.n = s.n",
        assignments=sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(work.stage.holder(name)), each.value)
            for name, each in found.items()
        ),
        states=sql.SQL(", ").join(states),
        joins=sql.SQL("\n").join(each.join for each in found.values()),
        **_MISSING,
    )


class Lookup(Struct, frozen=True, kw_only=True):
    """What a reference of a stage row leads to, in a statement that has the join."""

    join: sql.Composable
    value: sql.Composable
    """What is stored; NULL where the row is not there."""
    leads: sql.Composable
    """Condition, never NULL: the row is there, or none is asked for."""
    awaited: sql.Composable
    """Condition: the row is yet to be inserted; NULL where nothing is known of it."""


def lookups(
    work: SetWork, others: Mapping[str, SetWork], judged: frozenset[str], *, row: str
) -> dict[str, Lookup]:
    """By reference column: what it leads to, for stage rows under an alias; see `resolution`."""
    found: dict[str, Lookup] = {}
    for column in work.stage.references:
        name, target = column.name, work.targets[column.name]
        if isinstance(target, TableTarget):
            rows = _first(_in_table(work, name, target, [others[n] for n in others if n in judged]))
        elif others[target.set].stage.stand_in is not None:
            rows = _as_recorded(target, others[target.set])
        else:
            rows = _first(_in_set(target, others[target.set], judged))
        parts = {
            "asked": work.stage.r(name, row),
            "found": sql.Identifier(f"x{work.stage.position(name)}"),
        }
        found[name] = Lookup(
            join=sql.SQL("LEFT JOIN ({rows}) {found} ON {found}.addr = {asked}").format(
                rows=rows, **parts
            ),
            value=cast(sql.SQL("{found}.value").format(**parts), work.live(name)),
            leads=sql.SQL("({asked} IS NULL OR {found}.value IS NOT NULL)").format(**parts),
            awaited=sql.SQL("{found}.awaited").format(**parts),
        )
    return found


def _first(candidates: sql.Composable) -> sql.Composed:
    """Of the candidates for each row key, the one with the lowest rank."""
    return sql.SQL(
        "SELECT DISTINCT ON (addr) addr, value, awaited FROM (\n{}\n) q ORDER BY addr, rank"
    ).format(candidates)


def _as_recorded(target: SetTarget, other: SetWork) -> sql.Composed:
    """Rows of a set whose base stands in for its stage: nothing else was there before them."""
    return other.compose(
        "SELECT q.addr, {alive} AS value, l.tableoid IS NULL AS awaited"
        " FROM {base} q LEFT JOIN {live} l ON {here}",
        alive=either(other.soft_deleted("l"), sql.SQL("NULL"), sql.Identifier("l", target.stored)),
        here=all_of([other.at_primary_key("l", "q"), other.in_scope("l")]),
    )


def _in_table(
    work: SetWork, column: str, target: TableTarget, judged: list[SetWork]
) -> sql.Composable:
    """Rows of a table by their natural key, and those that a survey finds missing."""
    key = target.reference.key
    live, asked = target.table.columns[key], work.stage.r(column, "a")
    wanted = work.stage.q(column, "a")
    awaited = [
        work.compose(
            "  SELECT {asked}, NULL, true, 2 FROM {stage} a JOIN (SELECT {key} AS key FROM {other}"
            " q{inserted}) o ON {same}",
            asked=asked,
            key=other.stage.d(key, "q"),
            other=other.stage.relation,
            inserted=where(_to_be_inserted(other)),
            same=equal(sql.Identifier("o", "key"), wanted, live),
        )
        for other in judged
        if other.table.qualified == target.table.qualified and other.stage.has(key)
    ]
    there = work.compose(
        "  SELECT {asked} AS addr, t.{stored} AS value, false AS awaited, 0 AS rank"
        " FROM {stage} a JOIN {table} t ON {same}",
        asked=asked,
        stored=sql.Identifier(target.stored),
        table=target.table.rows,
        same=equal(sql.Identifier("t", key), wanted, live),
    )
    return sql.SQL("\n  UNION ALL\n").join([there, *awaited])


def _in_set(target: SetTarget, other: SetWork, judged: frozenset[str]) -> sql.Composable:
    alive, stored = negated(other.soft_deleted("l")), sql.Identifier("l", target.stored)
    asked = other.compose("b.addr IN (SELECT q.addr FROM {stage} q)")
    here = all_of([other.at_primary_key("l", "b"), other.in_scope("l")])
    found = [
        other.compose(
            "  SELECT b.addr, {stored} AS value, false AS awaited, {rank} AS rank\n"
            "  FROM {base} b JOIN {live} l ON {here}\n"
            "  WHERE {owning}",
            stored=stored,
            rank=either(other.soft_deleted("l"), sql.SQL("2"), sql.SQL("0")),
            here=all_of([here, any_of([alive, all_of([other.marked("l", "b"), asked])])]),
            owning=all_of(
                [other.owning("b"), _where_it_was(other) if other.name in judged else TRUE]
            ),
        ),
        other.compose(
            "  SELECT q.addr, {stored}, false, 1\n  FROM {stage} q JOIN {live} l ON {here}{own}",
            stored=stored,
            here=all_of([other.at_key("l", "q"), alive]),
            own=where(_own(other)),
        ),
    ]
    if other.decision in FINDING and not other.base.fresh:
        found.append(_found_again(other, stored, all_of([here, alive])))
    inserted = _to_be_inserted(other) if other.name in judged else TRUE
    if inserted != FALSE:
        found.append(
            other.compose("  SELECT q.addr, NULL, true, 3 FROM {stage} q{}", where(inserted))
        )
    return sql.SQL("\n  UNION ALL\n").join(found)


def _found_again(other: SetWork, stored: sql.Composable, here: sql.Composable) -> sql.Composed:
    """Rows of entries without a claim that this seeding finds where the ledger has them.

    A person gave the row a key that another one claimed, and nobody does any more; the rules of
    identities call that one *renamed*.
    """
    claims = [
        other.owned(other.primary_keys("l", "e")),
        other.owned(other.known_keys("l", "e")),
        found_in(other.desired_keys("l", "q"), other.compose("FROM {stage} q")),
    ]
    return other.compose(
        "  SELECT b.addr, {stored}, false, 2\n"
        "  FROM {base} b JOIN {live} l ON {here}\n"
        "  WHERE b.scope = {scope} AND b.state IN ({without_claim})"
        " AND b.addr IN (SELECT q.addr FROM {stage} q) AND {unclaimed}",
        stored=stored,
        here=here,
        unclaimed=all_of(map(negated, claims)),
    )


def _where_it_was(other: SetWork) -> sql.Composable:
    """Condition: the row of entry `b` of a judged set is where the ledger has it."""
    if other.decision not in MERGING:
        return TRUE
    return other.compose(
        "NOT EXISTS (SELECT FROM {verdict} w WHERE w.b = b.ctid AND w.identity = ANY ({}))",
        _ELSEWHERE,
    )


def _own(other: SetWork) -> sql.Composable:
    """Condition: live row `l` under the key of stage row `q` is not another seeded row's.

    A person may have given that row the key; the rules of identities call it *taken* then.
    """
    if other.base.fresh:
        return TRUE
    known = other.compose("q.addr IN (SELECT e.addr FROM {base} e WHERE {})", other.owning("e"))
    return any_of([known, negated(other.owned(other.primary_keys("l", "e")))])


def _to_be_inserted(other: SetWork) -> sql.Composable:
    """Condition: stage row `q` of a set that is judged by now is one that the seeding inserts."""
    match other.decision:
        case SetDecision.INSERT:
            inserted = negated(other.stage.blocked("q"))
        case _ if other.decision in MERGING:
            inserted = other.compose(
                "{} IN (SELECT w.s FROM {verdict} w WHERE w.verdict = ANY ({}))",
                other.stage.row("q"),
                INSERTING,
            )
        case _:  # left alone, and not judged
            return FALSE
    return all_of([inserted, _alive(other)])


def _alive(other: SetWork) -> sql.Composable:
    """Condition: stage row `q` is not one that the catalog itself has as deleted."""
    column = other.seed_set.deleted
    if column is None or not other.stage.has(column):
        return TRUE
    return negated(other.marks_deleted(other.stage.d(column, "q")))


def _leading_to(work: SetWork, others: Mapping[str, SetWork]) -> Iterator[tuple[str, str, SetWork]]:
    """References of a set to these: the column, the column that it stores, and the other set."""
    for column in work.stage.references:
        target = work.targets[column.name]
        if isinstance(target, SetTarget) and target.set in others:
            yield column.name, target.stored, others[target.set]


def fill_awaited(connection: Connection, work: SetWork, others: Mapping[str, SetWork]) -> None:
    """Fill in references to rows whose primary keys are drawn but not inserted yet.

    Only within a group of sets that refer to each other (or a set to itself), between the
    verdicts and the inserts.
    """
    for name, stored, other in _leading_to(work, others):
        value, source = _new_value(other, stored), other.compose("{stage} q")
        if other.decision is not SetDecision.INSERT:
            source = other.compose("{} JOIN {verdict} w ON w.s = {}", source, other.stage.row("q"))
        if value is not None:
            _fill(connection, work, name, value, source)


def fill_inserted(connection: Connection, work: SetWork, others: Mapping[str, SetWork]) -> None:
    """Fill in references to rows of a group that are inserted by now, found by their keys."""
    for name, stored, other in _leading_to(work, others):
        source = other.compose("{stage} q JOIN {live} l ON {}", other.at_key("l", "q"))
        _fill(connection, work, name, sql.Identifier("l", stored), source)


def _fill(
    connection: Connection, work: SetWork, name: str, value: sql.Composable, source: sql.Composable
) -> None:
    """Fill in a reference where it is lacking; `source` has the stage rows `q` that it leads to."""
    connection.execute(
        work.compose(
            "UPDATE {stage} s SET {d} = {value} FROM {source}"
            " WHERE q.addr = {asked} AND {stored} IS NULL",
            d=sql.Identifier(f"d{work.stage.position(name)}"),
            value=cast(value, work.live(name)),
            source=source,
            asked=work.stage.r(name),
            stored=work.stage.d(name),
        )
    )


def any_missing(connection: Connection, work: SetWork) -> bool:
    """Whether a row refers to one that is not there, or is yet to be inserted."""
    return bool(
        answer(
            connection, work.compose("SELECT EXISTS (SELECT FROM {stage} s WHERE s.missing <> 0)")
        )
    )


def known_beforehand(other: SetWork, stored: str) -> bool:
    """Whether the value by which others refer to a row is known before it is inserted."""
    return _new_value(other, stored) is not None


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
    while sum(
        _block(connection, work, name, other)
        for work in group.values()
        for name, _, other in _leading_to(work, group)
    ):
        pass


def _block(connection: Connection, work: SetWork, column: str, other: SetWork) -> int:
    asked, inserted = work.stage.r(column), _to_be_inserted(other)
    reached: sql.Composable = FALSE
    if inserted != FALSE:
        found = all_of([sql.SQL("q.addr = {}").format(asked), inserted])
        reached = other.compose("EXISTS (SELECT FROM {stage} q WHERE {})", found)
    lacking = sql.SQL("{} IS NOT NULL AND {} IS NULL").format(asked, work.stage.d(column))
    count = connection.execute(
        work.compose(
            "UPDATE {stage} s SET missing = {blocked}"
            " WHERE s.missing = {awaited} AND {unreachable}",
            unreachable=all_of([lacking, negated(reached)]),
            **_MISSING,
        )
    ).rowcount
    if count and work.decision is not SetDecision.INSERT:
        told = work.was_told(Why.REFERENCE)
        connection.execute(
            work.compose(
                "UPDATE {verdict} w SET verdict = CASE WHEN w.verdict = ANY ({inserting})"
                " THEN {new} ELSE {known} END"
                " FROM {stage} s WHERE s.n = w.s AND s.missing = {blocked}"
                " AND (w.verdict = ANY ({inserting}) OR w.verdict = ANY ({giving_way}))",
                inserting=INSERTING,
                giving_way=_LIVE,
                new=either(
                    told, number(ROW_RULES, "new_blocked_before"), number(ROW_RULES, "new_blocked")
                ),
                known=either(
                    told, number(ROW_RULES, "blocked_before"), number(ROW_RULES, "blocked")
                ),
                **_MISSING,
            )
        )
    return count
