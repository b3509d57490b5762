"""The verdict: where the live row of each differing row is, and what follows.

Generated from the tables in `seeder/merge/rules.py`, one statement per set. It depends on
live rows, so it is taken again once the rows to be written are locked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from seeder.database.expressions import (
    all_of,
    base_key,
    desired,
    desired_is_asked,
    offer,
    unasked,
    unknown,
    untouched,
)
from seeder.database.facts import Fact, numbers, verdict_number
from seeder.database.stage import BLOCKED
from seeder.database.values import canonical, cast, same
from seeder.database.work import SetWork
from seeder.merge.model import Conflict, Removed, Update
from seeder.merge.plan import ColumnCase
from seeder.merge.rules import (
    COLUMN_RULES,
    COLUMN_WRITES,
    IDENTITY_RULES,
    ROW_RULES,
    EntryState,
    Identity,
)

OWNING = (EntryState.ACTIVE, EntryState.KEPT, EntryState.SET)
"""States in which an entry still has a claim on a live row."""


def judge(
    connection: psycopg.Connection[Any],
    work: SetWork,
    others: Mapping[str, SetWork],
    *,
    refresh: bool = False,
) -> None:
    """Fill the empty verdict for the desired rows of the diff.

    `others` are all sets that references may lead to, by name.
    """
    columns = {name: n for n, name in enumerate(work.names, start=1)}
    verdicts = []
    for name, number in columns.items():
        case = verdict_number(COLUMN_RULES, _column_facts(work, name, others, refresh=refresh))
        given = work.stage.given(name)
        condition = sql.SQL("v.live") if given is None else sql.SQL("v.live AND {}").format(given)
        verdicts.append(
            sql.SQL("CASE WHEN {} THEN {} END AS {}").format(
                condition, case, sql.Identifier(f"v{number}")
            )
        )
    any_of = {
        fact: _any_column(columns, verdict)
        for fact, verdict in {
            "writes": COLUMN_WRITES,
            "conflicts": frozenset({ColumnCase.CONFLICT}),
            "settles": frozenset({ColumnCase.SETTLE}),
        }.items()
    }
    moved_keys = [
        sql.SQL("coalesce(b.notes -> 'moved' ? {}, false)").format(sql.Literal(name))
        for name in work.seed_set.key
    ]
    facts: dict[str, Fact] = {
        "desired": True,
        **_entry_facts(),
        "live": sql.SQL("c.live"),
        "soft_deleted": sql.SQL("c.soft_deleted"),
        "blocked": sql.SQL("({} = {})").format(work.stage.missing(), sql.Literal(BLOCKED)),
        "refresh": refresh,
        "moved": sql.SQL("({})").format(sql.SQL(" OR ").join(moved_keys)),
        "writes": any_of["writes"],
        "conflicts": any_of["conflicts"],
        "records": sql.SQL("({} OR c.repointed OR {})").format(
            any_of["settles"], _offer_withdrawn(columns)
        ),
        **_REMOVAL_NOT_ASKED,
    }
    _insert_verdicts(connection, work, columns, verdicts, facts, gone=False)


def judge_gone(
    connection: psycopg.Connection[Any],
    work: SetWork,
    others: Mapping[str, SetWork],
    *,
    referenced: sql.Composable,
) -> None:
    """Add the verdicts on entries that have left the catalog.

    `referenced` is a condition on the live row `t`: another row refers to it.
    """
    columns = {name: n for n, name in enumerate(work.base.columns, start=1)}
    changed: list[sql.Composable] = [
        sql.SQL("NOT ({} OR {})").format(
            unasked(work.base.columns[name]),
            untouched(work, name, sql.Identifier("c", f"l{n}"), others),
        )
        for name, n in columns.items()
        if name in work.table.columns
    ]
    changed += [
        sql.SQL("({} AND NOT {})").format(unknown(column), unasked(column))
        for column in work.base.columns.values()
    ]
    facts: dict[str, Fact] = {
        "desired": False,
        **_entry_facts(),
        "live": sql.SQL("c.live"),
        "soft_deleted": False,
        "blocked": False,
        "refresh": False,
        "moved": False,
        "writes": False,
        "conflicts": False,
        "records": False,
        "on_removal_delete": work.seed_set.removed is Removed.DELETE,
        "on_removal_set": work.seed_set.removed is Removed.SET,
        "modified": sql.SQL("({})").format(sql.SQL(" OR ").join(changed)),
        "referenced": sql.SQL("EXISTS (SELECT FROM {} t WHERE {} AND ({}))").format(
            work.table.identifier,
            all_of(
                sql.SQL("{} = c.{}").format(sql.Identifier("t", name), sql.Identifier(f"k{n}"))
                for n, name in enumerate(work.base.primary_key, start=1)
            ),
            referenced,
        ),
    }
    _insert_verdicts(connection, work, columns, [], facts, gone=True)


def _offer_withdrawn(columns: dict[str, int]) -> sql.Composable:
    """Condition: the catalog no longer asks for a value that was kept out before."""
    nothing = numbers(COLUMN_RULES, {ColumnCase.NOTHING})
    return sql.SQL("({})").format(
        sql.SQL(" OR ").join(
            sql.SQL("coalesce(b.notes -> 'offered' ? {} AND c.{} = ANY ({}), false)").format(
                sql.Literal(name), sql.Identifier(f"v{n}"), nothing
            )
            for name, n in columns.items()
        )
    )


_REMOVAL_NOT_ASKED: dict[str, Fact] = {
    "on_removal_delete": False,
    "on_removal_set": False,
    "modified": False,
    "referenced": False,
}


def _entry_facts() -> dict[str, Fact]:
    def in_state(state: EntryState) -> Fact:
        return sql.SQL("coalesce(b.state = {}, false)").format(sql.Literal(state.value))

    identity = sql.SQL("(c.identity = ANY ({}))")
    return {
        "entry": sql.SQL("(b.ctid IS NOT NULL)"),
        "active": in_state(EntryState.ACTIVE),
        "kept": in_state(EntryState.KEPT),
        "deleted": in_state(EntryState.DELETED),
        "removed": in_state(EntryState.REMOVED),
        "unset": in_state(EntryState.SET),
        "ambiguous": identity.format(numbers(IDENTITY_RULES, {Identity.AMBIGUOUS})),
        "taken": identity.format(numbers(IDENTITY_RULES, {Identity.TAKEN})),
    }


def _any_column(columns: dict[str, int], verdict: frozenset[ColumnCase]) -> sql.Composable:
    wanted = numbers(COLUMN_RULES, verdict)
    return sql.SQL("({})").format(
        sql.SQL(" OR ").join(
            sql.SQL("coalesce(c.{} = ANY ({}), false)").format(sql.Identifier(f"v{n}"), wanted)
            for n in columns.values()
        )
    )


def _insert_verdicts(
    connection: psycopg.Connection[Any],
    work: SetWork,
    columns: dict[str, int],
    verdicts: list[sql.Composed],
    row_facts: dict[str, Fact],
    *,
    gone: bool,
) -> None:
    key_numbers = [f"k{n}" for n in range(1, len(work.base.primary_key) + 1)]
    targets = ["s", "b", "identity", "live", "row_at", "row_by", *key_numbers]
    verdict_names = [] if gone else [f"v{n}" for n in columns.values()]
    # Each step is a row of facts that the next one builds on; OFFSET 0 keeps the planner from
    # writing a step's expressions out wherever they are used, which would double at each step.
    statement = sql.SQL(
        "INSERT INTO {verdict} ({names}, verdict)\n"
        "SELECT {selected}, {row}\n{sources}\n"
        "CROSS JOIN LATERAL (\n{facts} OFFSET 0\n) placed\n"
        "CROSS JOIN LATERAL (\n{identity} OFFSET 0\n) found\n"
        "CROSS JOIN LATERAL (\n{live} OFFSET 0\n) v\n"
        "CROSS JOIN LATERAL (\n  SELECT v.*{verdicts} OFFSET 0\n) c\n"
        "WHERE d.s IS {gone} NULL"
    ).format(
        verdict=work.verdict,
        names=sql.SQL(", ").join(map(sql.Identifier, [*targets, *verdict_names])),
        selected=sql.SQL(", ").join(
            sql.Identifier("c", name) for name in [*targets, *verdict_names]
        ),
        row=verdict_number(ROW_RULES, row_facts),
        sources=_sources(work, gone=gone),
        facts=_placed(work, gone=gone),
        identity=_identity(),
        live=_live(work, columns),
        verdicts=sql.SQL("").join(sql.SQL(",\n  {}").format(each) for each in verdicts),
        gone=sql.SQL("") if gone else sql.SQL("NOT"),
    )
    connection.execute(statement)


def _keys(work: SetWork, *, gone: bool) -> dict[str, sql.Composable]:
    """What the key columns are to be."""
    return {
        name: base_key(work, name) if gone else work.stage.d(name) for name in work.seed_set.key
    }


def _sources(work: SetWork, *, gone: bool) -> sql.Composable:
    """Diff rows with their stage row and entry, the live row at its primary key (lp) and the
    one under the key (lk)."""
    return sql.SQL(
        "FROM {diff} d\n"
        "LEFT JOIN {stage} s ON {row} = d.s\n"
        "LEFT JOIN {base} b ON b.ctid = d.b\n"
        "LEFT JOIN {live} lp ON {by_primary_key} AND {scope_lp}\n"
        "LEFT JOIN {live} lk ON {by_key} AND {scope_lk} AND NOT ({deleted})"
    ).format(
        diff=work.diff,
        row=work.stage.row(),
        stage=work.stage.relation,
        base=work.base.relation,
        live=work.table.identifier,
        by_primary_key=work.at_primary_key("lp", "b"),
        scope_lp=work.in_scope("lp"),
        by_key=all_of(
            sql.SQL("{} = {}").format(sql.Identifier("lk", name), key)
            for name, key in _keys(work, gone=gone).items()
        ),
        scope_lk=work.in_scope("lk"),
        deleted=work.soft_deleted("lk"),
    )


def _placed(work: SetWork, *, gone: bool) -> sql.Composable:
    """The facts that `IDENTITY_RULES` go by."""
    keys = _keys(work, gone=gone)
    first = work.base.primary_key[0]
    at_key = sql.SQL("{} IS NOT NULL").format(sql.Identifier("lk", first))
    same = all_of(
        sql.SQL("{} = {}").format(sql.Identifier("lp", name), key) for name, key in keys.items()
    )
    same_key = sql.SQL("coalesce({}, false)").format(same)

    def owned_by(selected: list[sql.Composable]) -> sql.Composable:
        return sql.SQL("SELECT {} FROM {} o WHERE o.scope = {} AND o.state = ANY ({})").format(
            sql.SQL(", ").join(selected),
            work.base.relation,
            sql.Literal(work.scope),
            _states(OWNING),
        )

    # The key that the entry itself knows is no other's, even if a reference in it leads nowhere.
    other_key = sql.SQL("(({}) IN ({}) AND NOT coalesce({}, false))").format(
        sql.SQL(", ").join(sql.Identifier("lp", name) for name in keys),
        owned_by([base_key(work, name, "o") for name in keys]),
        all_of(
            sql.SQL("{} = {}").format(sql.Identifier("lp", name), base_key(work, name))
            for name in keys
        ),
    )
    owners = owned_by(
        [
            cast(sql.SQL("o.{}").format(work.base.p(n)), work.live(name))
            for n, name in enumerate(work.base.primary_key)
        ]
    )
    owned = sql.SQL("(coalesce(b.state IN ('d', 'r'), true) AND ({}) IN ({}))").format(
        sql.SQL(", ").join(sql.Identifier("lk", name) for name in work.base.primary_key), owners
    )
    # An entry without a claim gives way to whoever else the row is, or is about to be.
    claimed = sql.SQL(
        "coalesce(b.state IN ('d', 'r') AND (({primary_key}) IN ({owners})"
        " OR (NOT ({same_key}) AND ({key}) IN (SELECT {desired} FROM {stage} q))), false)"
    ).format(
        primary_key=sql.SQL(", ").join(sql.Identifier("lp", n) for n in work.base.primary_key),
        owners=owners,
        same_key=same,
        key=sql.SQL(", ").join(sql.Identifier("lp", name) for name in keys),
        desired=sql.SQL(", ").join(work.stage.d(name, "q") for name in keys),
        stage=work.stage.relation,
    )
    # A row that the set itself has marked as deleted is there, unless it was made anew since.
    at_primary_key = sql.SQL(
        "({} IS NOT NULL AND (NOT ({}) OR (NOT {} AND {})) AND NOT {})"
    ).format(
        sql.Identifier("lp", first),
        work.soft_deleted("lp"),
        at_key,
        work.marked("lp", "b"),
        claimed,
    )
    # No rule asks for the other key of a row that has its own, nor for the owner of none: so
    # the whole base is read for these two only where some row needs it.
    return sql.SQL(
        "  SELECT b.ctid IS NOT NULL AS entry, {at_primary_key} AS at_primary_key,\n"
        "    {same_key} AS same_key,\n"
        "    CASE WHEN {same_key} THEN false ELSE coalesce({other_key}, false) END AS other_key,\n"
        "    {at_key} AS at_key,\n"
        "    CASE WHEN {at_key} THEN coalesce({owned}, false) ELSE false END AS owned,\n"
        "    {soft_deleted} AS soft_deleted"
    ).format(
        at_primary_key=at_primary_key,
        same_key=same_key,
        other_key=other_key,
        at_key=at_key,
        owned=owned,
        soft_deleted=sql.SQL("false")
        if work.seed_set.deleted is None
        else sql.SQL(
            "({} IS NULL AND coalesce(({}) IN (SELECT {} FROM {} ls WHERE {} AND {}), false))"
        ).format(
            sql.Identifier("lk", first),
            sql.SQL(", ").join(keys.values()),
            sql.SQL(", ").join(sql.Identifier("ls", name) for name in keys),
            work.table.identifier,
            work.in_scope("ls"),
            work.soft_deleted("ls"),
        ),
    )


def _identity() -> sql.Composable:
    facts: dict[str, Fact] = {
        name: sql.Identifier("placed", name)
        for name in ("entry", "at_primary_key", "same_key", "other_key", "at_key", "owned")
    }
    return sql.SQL("  SELECT {} AS identity").format(verdict_number(IDENTITY_RULES, facts))


def _live(work: SetWork, columns: dict[str, int]) -> sql.Composable:
    """Which live row it is, that row's values, and the version of it that has them."""
    at_primary_key = numbers(IDENTITY_RULES, {Identity.AT_PRIMARY_KEY})
    at_key = numbers(IDENTITY_RULES, {Identity.AT_KEY})
    chosen = [(f"l{n}", name) for name, n in columns.items() if name in work.table.columns]
    chosen += [(f"k{n}", name) for n, name in enumerate(work.base.primary_key, start=1)]
    chosen += [("row_at", "ctid"), ("row_by", "xmin")]
    return sql.SQL(
        "  SELECT d.s, d.b, found.identity, placed.soft_deleted,\n"
        "    found.identity = ANY ({both}) AS live,\n"
        "    placed.entry AND found.identity = ANY ({at_key}) AS repointed,\n    {chosen}"
    ).format(
        both=numbers(IDENTITY_RULES, {Identity.AT_PRIMARY_KEY, Identity.AT_KEY}),
        at_key=at_key,
        chosen=sql.SQL(",\n    ").join(
            sql.SQL(
                "CASE WHEN found.identity = ANY ({}) THEN {} WHEN found.identity = ANY ({})"
                " THEN {} END AS {}"
            ).format(
                at_primary_key,
                sql.Identifier("lp", live),
                at_key,
                sql.Identifier("lk", live),
                sql.Identifier(name),
            )
            for name, live in chosen
        ),
    )


def _column_facts(
    work: SetWork, name: str, others: Mapping[str, SetWork], *, refresh: bool
) -> dict[str, Fact]:
    column = work.seed_set.column(name)
    number = work.stage.position(name)
    base = work.base.columns.get(name)
    live = canonical(sql.Identifier("v", f"l{number}"), work.live(name))
    equal: sql.Composable = same(live, desired(work, name))
    if column.reference is not None:
        equal = sql.SQL("({} AND ({} IS NULL OR {} IS NOT NULL))").format(
            equal, work.stage.r(name), work.stage.d(name)
        )
    facts: dict[str, Fact] = {
        "never": column.update is Update.NEVER,
        "always": column.update is Update.ALWAYS or (refresh and column.update is not Update.NEVER),
        "overwrite": work.seed_set.conflict is Conflict.OVERWRITE,
        "live_is_desired": equal,
        "known": False,
        # A secret has no base that could learn anything: the live value alone tells.
        "desired_is_asked": base is None,
        "live_is_stored": False,
        "offered": False,
    }
    if base is not None:
        facts |= {
            "known": sql.SQL("(b.ctid IS NOT NULL AND NOT {})").format(unknown(base)),
            "desired_is_asked": desired_is_asked(work, name),
            "live_is_stored": untouched(work, name, sql.Identifier("v", f"l{number}"), others),
            "offered": sql.SQL(
                "coalesce(b.notes -> 'offered' ? {name} AND"
                " (b.notes -> 'offered' ->> {name}) IS NOT DISTINCT FROM {offer}, false)"
            ).format(name=sql.Literal(name), offer=offer(work, name)),
        }
    return facts


def _states(states: tuple[EntryState, ...]) -> sql.Composable:
    return sql.SQL('{}::"char"[]').format(sql.Literal([state.value for state in states]))
