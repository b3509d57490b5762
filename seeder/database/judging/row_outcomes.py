"""Verdicts read back as values for plans and reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.judging import departures, documents
from seeder.database.judging.verdict_rows import any_column, at_live
from seeder.database.ledger.bases.entry_values import last_asked, stored, unknown
from seeder.database.schema.equality import (
    FALSE,
    TRUE,
    all_of,
    any_of,
    bounded,
    canonical,
    either,
    where,
)
from seeder.database.schema.referring import read
from seeder.database.schema.rule_numbers import numbers_where
from seeder.database.staging.stage import BLOCKED
from seeder.database.staging.waiting import missing
from seeder.database.staging.work import SetWork
from seeder.merge.plan import (
    CHANGED,
    REFERENCE,
    ColumnCase,
    ColumnChange,
    Referring,
    RowAction,
    RowChange,
    SetDecision,
)
from seeder.merge.rules import COLUMN_RULES, IDENTITY_RULES, ROW_RULES, Report, Rule

_SILENT = numbers_where(ROW_RULES, lambda rule: rule.report is Report.SILENT)
"""Verdicts that nobody needs to hear of."""

_NAMED = numbers_where(
    ROW_RULES,
    lambda rule: rule.report is Report.CONFLICT or rule.verdict is RowAction.SKIP,
)
"""Verdicts that a person should look at, and those on rows that wait: a run names its rows."""

_IN_CONFLICT = numbers_where(
    COLUMN_RULES,
    lambda rule: rule.verdict is ColumnCase.CONFLICT or rule.name == "merged_in_part",
)
"""Verdicts on a column by which it, or a part of its document, is in conflict."""

_UNTOLD = sql.SQL("NULL::jsonb")

_TELLS_WHERE = frozenset({"ambiguous", "taken"})
"""Row rules whose reason is that of the identity: where the live row is, or who has its key."""


def counts(connection: Connection, work: SetWork, *, gone_only: bool = False) -> dict[str, int]:
    """Rows by action, and `conflicts`; nothing that is zero.

    With `gone_only` those alone that have left the catalog.
    """
    if work.decision is SetDecision.INSERT:
        row = connection.execute(
            work.compose(
                "SELECT pg_catalog.count(*) FILTER (WHERE {m} <> {b}), pg_catalog.count(*) FILTER"
                " (WHERE {m} = {b})"
                " FROM {stage} s",
                m=work.stage.missing(),
                b=sql.Literal(BLOCKED),
            )
        ).fetchone()
        inserted, skipped = row or (0, 0)
        found = {RowAction.INSERT.value: inserted, RowAction.SKIP.value: skipped}
        return {name: number for name, number in found.items() if number}
    rows = connection.execute(
        work.compose(
            "SELECT verdict, pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE {}) FROM"
            " {verdict} w"
            "{} GROUP BY verdict",
            any_column(work, _IN_CONFLICT),
            where(sql.SQL("s IS NULL") if gone_only else TRUE),
        )
    ).fetchall()
    found = {}
    for number, count, conflicting in rows:
        rule = ROW_RULES[number]
        if rule.report is Report.SILENT:
            continue
        action = rule.verdict.value
        found[action] = found.get(action, 0) + count
        conflicts = count if rule.report is Report.CONFLICT else conflicting
        found["conflicts"] = found.get("conflicts", 0) + conflicts
    return {name: number for name, number in found.items() if number}


def all_inserted(number: int) -> dict[str, int]:
    """The counts of a set whose rows were inserted one and all."""
    return {RowAction.INSERT.value: number} if number else {}


def row_changes(
    connection: Connection,
    work: SetWork,
    *,
    conflicts_only: bool = False,
    gone_only: bool = False,
    limit: int | None = None,
    told: sql.Composable = _UNTOLD,
) -> tuple[RowChange, ...]:
    """The rows of a set that a run writes, records, keeps or skips, in file order.

    With `gone_only` those alone that have left the catalog, of which `departures.told` tells
    more. Call it before the writes: live values are those of now, and verdicts know entries by
    where they stood before.
    """
    query = _query(work, conflicts_only=conflicts_only, gone_only=gone_only, limit=limit, told=told)
    return tuple(_row_change(work, row) for row in connection.execute(query).fetchall())


def each_row_change(
    connection: Connection, work: SetWork, *, told: sql.Composable = _UNTOLD
) -> Iterator[RowChange]:
    """As `row_changes`, without holding all of them at once."""
    with connection.cursor(name="seeder_rows") as cursor:
        cursor.itersize = _FETCHED
        cursor.execute(_query(work, told=told))
        for row in cursor:
            yield _row_change(work, row)


_FETCHED = 2_000


def _query(
    work: SetWork,
    *,
    conflicts_only: bool = False,
    gone_only: bool = False,
    limit: int | None = None,
    told: sql.Composable = _UNTOLD,
) -> sql.Composed:
    if work.decision is SetDecision.INSERT:
        return _inserted(work, conflicts_only=conflicts_only, limit=limit)
    texts: list[sql.Composable] = []
    for name in work.names:
        base = work.base.columns.get(name)
        null, column = sql.SQL("NULL"), work.live(name)
        facts: list[sql.Composable] = [
            sql.SQL("{}::text").format(sql.Identifier("w", f"v{work.stage.position(name)}"))
        ]
        if work.seed_set.column(name).secret:
            facts += [null, null, null, _is_given(work, name), null, null]
        else:
            facts += [
                bounded(last_asked(base), column) if base else null,
                bounded(stored(base), column) if base else null,
                _text(work, name, sql.Identifier("t", name)),
                _desired(work, name, unless=sql.SQL("w.live")),
                sql.SQL("CASE WHEN b.ctid IS NOT NULL AND NOT {} THEN 'known' END").format(
                    unknown(base)
                )
                if base
                else null,
                documents.parts_of(work, name),
            ]
        # One entry for each column: a target list may have 1,664, and a table 1,600 columns.
        texts.append(sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(facts)))
    shown: sql.Composable = sql.SQL("w.verdict <> ALL ({})").format(_SILENT)
    if conflicts_only:
        named = sql.SQL("w.verdict = ANY ({})").format(_NAMED)
        shown = any_of([named, any_column(work, _IN_CONFLICT)])
    if gone_only:
        shown = all_of([sql.SQL("w.s IS NULL"), shown])
    return work.compose(
        "SELECT coalesce(s.addr, b.addr), w.verdict, w.identity, w.s IS NULL, w.holder, {missing},"
        " {told}, {texts}\n"
        "FROM {verdict} w\nLEFT JOIN {stage} s ON {row} = w.s\n"
        "LEFT JOIN {base} b ON b.ctid = w.b\nLEFT JOIN {live} t ON w.live AND {at}\n"
        "WHERE {where}\nORDER BY w.s NULLS LAST, b.addr LIMIT {limit}",
        missing=missing(work),
        told=told,
        texts=sql.SQL(", ").join(texts),
        at=at_live(work),
        where=shown,
        limit=sql.Literal(limit),
    )


def _is_given(work: SetWork, name: str) -> sql.Composable:
    """Of a secret, only that there is one."""
    return sql.SQL("CASE WHEN {} IS NOT NULL THEN '' END").format(work.stage.d(name))


def _text(work: SetWork, name: str, value: sql.Composable) -> sql.Composable:
    column = work.live(name)
    return bounded(canonical(value, column), column)


def _desired(work: SetWork, name: str, *, unless: sql.Composable) -> sql.Composable:
    """The desired value as text; NULL where the row does not give it, unless that counts."""
    given = work.stage.given(name) or TRUE
    return either(any_of([given, unless]), _given(work, name), sql.SQL("NULL"))


def _given(work: SetWork, name: str) -> sql.Composable:
    if work.seed_set.column(name).reference is not None:
        # A row to be inserted has no stored value yet: show the key that is referred to.
        return sql.SQL("coalesce({}, {} || {})").format(
            _text(work, name, work.stage.d(name)), sql.Literal(REFERENCE), work.stage.r(name)
        )
    return _text(work, name, work.stage.d(name))


def _row_change(work: SetWork, row: tuple[Any, ...]) -> RowChange:
    if work.decision is SetDecision.INSERT:
        return _insert(work, row)
    key, verdict, identity, gone, holder, missed, told, *columns_of = row
    rule = ROW_RULES[verdict]
    inserting = rule.verdict in (RowAction.INSERT, RowAction.RESTORE) and columns_of[0][0] is None
    columns: list[ColumnChange] = []
    for name, facts in zip(work.names, columns_of, strict=True):
        case_number, asked, was_stored, live, desired, known, parts = facts
        if case_number is None:
            if inserting and desired is not None and not gone:
                columns.append(_new_value(work, name, desired, reason=rule.reason))
            continue
        column_rule = COLUMN_RULES[int(case_number)]
        if column_rule.verdict is ColumnCase.NOTHING:
            continue
        if merged := documents.parts(parts):
            columns += [documents.named(name, part) for part in merged]
            continue
        secret = work.seed_set.column(name).secret
        columns.append(
            ColumnChange(
                name=name,
                case=column_rule.verdict,
                reason=column_rule.reason,
                rule=column_rule.name,
                asked=asked,
                stored=was_stored,
                live=live,
                desired=None if secret else desired,
                asked_known=bool(known),
                secret=secret,
                bare=work.live(name).is_bare,
            )
        )
    referring: tuple[Referring, ...] = ()
    if rule.name == departures.HELD:
        referring = read(told)
    elif told:
        columns += [
            _changed(work, name, told[name], rule) for name in work.table.columns if name in told
        ]
    reason = rule.reason
    if rule.name in _TELLS_WHERE:
        reason = IDENTITY_RULES[identity].reason
    return RowChange(
        address=work.seed_set.address(key),
        action=rule.verdict,
        reason=reason,
        rule=rule.name,
        columns=tuple(columns),
        conflict=rule.report is Report.CONFLICT
        or any(column.case is ColumnCase.CONFLICT for column in columns),
        holder=holder,
        referring=referring,
        missing=missed,
    )


def _changed(
    work: SetWork, name: str, sides: Sequence[str | None], rule: Rule[RowAction]
) -> ColumnChange:
    """A column of a row that left: what a person changed, or what the removal writes."""
    live, other = sides
    marked = rule.verdict is RowAction.REMOVE
    return ColumnChange(
        name=name,
        case=ColumnCase.MARK if marked else ColumnCase.CHANGED,
        reason="the set says what a retired row has" if marked else CHANGED,
        asked=None if marked else other,
        stored=None if marked else other,
        live=live,
        desired=other if marked else None,
        asked_known=not marked,
        secret=name in work.seed_set.secrets,
        bare=work.live(name).is_bare,
    )


def _new_value(work: SetWork, name: str, value: str, *, reason: str) -> ColumnChange:
    secret = work.seed_set.column(name).secret
    return ColumnChange(
        name=name,
        case=ColumnCase.UPDATE,
        reason=reason,
        desired=None if secret else value,
        asked_known=False,
        secret=secret,
        bare=work.live(name).is_bare,
    )


def _inserted(work: SetWork, *, conflicts_only: bool, limit: int | None) -> sql.Composed:
    blocked = work.stage.blocked()
    texts = [
        _is_given(work, name)
        if work.seed_set.column(name).secret
        else _desired(work, name, unless=FALSE)
        for name in work.names
    ]
    return work.compose(
        "SELECT s.addr, {}, {}, {} FROM {stage} s{} ORDER BY {row} LIMIT {}",
        blocked,
        missing(work),
        sql.SQL(", ").join(texts),
        where(blocked if conflicts_only else TRUE),
        sql.Literal(limit),
    )


def _insert(work: SetWork, row: tuple[Any, ...]) -> RowChange:
    key, blocked, missed, *values = row
    return RowChange(
        address=work.seed_set.address(key),
        action=RowAction.SKIP if blocked else RowAction.INSERT,
        reason="refers to a row that is not there" if blocked else "first launch of this set",
        rule="new_blocked" if blocked else "new",
        columns=tuple(
            _new_value(work, name, value, reason="new")
            for name, value in zip(work.names, values, strict=True)
            if value is not None
        ),
        missing=missed,
    )
