"""The verdict: where the live row of each differing row is, and what follows.

Generated from the tables in `seeder/merge/rules.py`, one statement per set. It depends on
live rows, so it is taken again once the rows to be written are locked.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.judging import documents, identity
from seeder.database.judging.expressions import (
    desired,
    desired_is_asked,
    kept_out_before,
    untouched,
)
from seeder.database.judging.facts import Fact, as_condition, verdict_number
from seeder.database.judging.verdict_rows import any_column, at_live
from seeder.database.ledger.bases.entry_values import has_note, omitted, unknown
from seeder.database.ledger.tables.states import told
from seeder.database.schema.equality import (
    FALSE,
    all_of,
    any_of,
    canonical,
    either,
    negated,
    same,
    surely,
)
from seeder.database.schema.rule_numbers import numbers
from seeder.database.staging.work import SetWork
from seeder.merge.model import Conflict, Removed, Update
from seeder.merge.plan import ColumnCase, Why
from seeder.merge.rules import (
    COLUMN_RULES,
    COLUMN_WRITES,
    IDENTITY_RULES,
    ROW_RULES,
    EntryState,
    Identity,
)


def judge(
    connection: Connection,
    work: SetWork,
    others: Mapping[str, SetWork],
    *,
    refresh: bool = False,
) -> None:
    """Fill the empty verdict for the desired rows of the diff.

    `others` are all sets that references may lead to, by name. Documents that are merged inside
    are merged once it is known which; then, and where a person was faster, it is judged again.
    """
    _judge(connection, work, others, refresh=refresh)
    while documents.merge_pending(connection, work):
        connection.execute(work.compose("DELETE FROM {verdict}"))
        _judge(connection, work, others, refresh=refresh)


def _judge(
    connection: Connection,
    work: SetWork,
    others: Mapping[str, SetWork],
    *,
    refresh: bool,
) -> None:
    columns = {name: n for n, name in enumerate(work.names, start=1)}
    verdicts = []
    alone = {name: _column_facts(work, name, others, refresh=refresh) for name in columns}
    for name, number in columns.items():
        facts = alone[name] | _together(work, name, alone)
        merged = facts | documents.facts(work, work.seed_set.column(name), facts)
        case: sql.Composable = verdict_number(COLUMN_RULES, merged)
        given = work.stage.given(name)
        if given is not None:
            facts |= _left_out(work, name, refresh=refresh)
            case = either(given, case, verdict_number(COLUMN_RULES, facts))
        verdicts.append(
            sql.SQL("CASE WHEN v.live THEN {} END AS {}").format(case, sql.Identifier(f"v{number}"))
        )

    def any_is(*cases: ColumnCase) -> sql.Composable:
        return any_column(work, numbers(COLUMN_RULES, cases), "c")

    row_facts: dict[str, Fact] = {
        "desired": True,
        **_entry_facts(),
        "live": sql.SQL("c.live"),
        "soft_deleted": sql.SQL("c.soft_deleted"),
        "blocked": work.stage.blocked(),
        "held": False,
        "told": work.was_told(Why.REFERENCE),
        "refresh": refresh,
        "moved": any_of(has_note("moved", name) for name in work.seed_set.key),
        "writes": any_is(*COLUMN_WRITES),
        "conflicts": any_is(ColumnCase.CONFLICT),
        "lets_go": any_is(ColumnCase.LET_GO),
        "records": any_of(
            [any_is(ColumnCase.SETTLE), sql.SQL("c.repointed"), _offer_withdrawn(columns)]
        ),
        **_REMOVAL_NOT_ASKED,
    }
    _insert_verdicts(connection, work, columns, verdicts, row_facts, gone=False)


_OF_ALL = ("known", "desired_is_asked", "live_is_stored", "live_is_desired", "offered")
"""Facts that hold of columns that are decided together if they hold of each."""


def _together(work: SetWork, name: str, alone: Mapping[str, Mapping[str, Fact]]) -> dict[str, Fact]:
    """What differs in the facts of a column that is decided together with others."""
    group = [alone[each] for each in work.seed_set.with_it(name) if each in alone]
    if len(group) < 2:
        return {}
    return {fact: all_of(as_condition(facts[fact]) for facts in group) for fact in _OF_ALL}


def judge_gone(
    connection: Connection,
    work: SetWork,
    others: Mapping[str, SetWork],
    *,
    referenced: sql.Composable,
    decided: bool = False,
) -> None:
    """Add the verdicts on entries that have left the catalog.

    `referenced` is a condition on the live row `t`: another row refers to it. `decided` says
    that a person wants the removal, so that changes by people do not count.
    """
    columns = {name: n for n, name in enumerate(work.base.columns, start=1)}
    changed: list[sql.Composable] = [
        negated(
            any_of(
                [
                    omitted(work.base.columns[name]),
                    untouched(work, name, sql.Identifier("c", f"l{n}"), others),
                ]
            )
        )
        for name, n in columns.items()
        if name in work.table.columns and not work.identifies(name)
    ]
    changed += [
        all_of([unknown(column), negated(omitted(column))])
        for name, column in work.base.columns.items()
        if not work.identifies(name)
    ]
    facts: dict[str, Fact] = {
        "desired": False,
        **_entry_facts(),
        "live": sql.SQL("c.live"),
        "soft_deleted": False,
        "blocked": False,
        "held": False,
        "told": False,
        "protected": False if decided else sql.SQL("coalesce(b.notes ? 'protected'::text, false)"),
        "refresh": False,
        "moved": False,
        "writes": False,
        "conflicts": False,
        "lets_go": False,
        "records": False,
        "on_removal_delete": work.seed_set.removed is Removed.DELETE,
        "on_removal_set": work.seed_set.removed is Removed.SET,
        "modified": False if decided else any_of(changed),
        "referenced": work.compose(
            "EXISTS (SELECT FROM {live} t WHERE {})", all_of([at_live(work, "t", "c"), referenced])
        )
        if referenced != FALSE
        else FALSE,
    }
    _insert_verdicts(connection, work, columns, [], facts, gone=True)


def _offer_withdrawn(columns: dict[str, int]) -> sql.Composable:
    """Condition: the catalog no longer asks for a value that was kept out before."""
    nothing = numbers(COLUMN_RULES, {ColumnCase.NOTHING})
    return any_of(
        all_of(
            [
                has_note("offered", name),
                surely(sql.SQL("c.{} = ANY ({})").format(sql.Identifier(f"v{n}"), nothing)),
            ]
        )
        for name, n in columns.items()
    )


_REMOVAL_NOT_ASKED: dict[str, Fact] = {
    "on_removal_delete": False,
    "on_removal_set": False,
    "modified": False,
    "referenced": False,
    "protected": False,
}


def _entry_facts() -> dict[str, Fact]:
    def in_state(state: EntryState) -> Fact:
        return sql.SQL("coalesce(b.state = {}, false)").format(told(state))

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
        "reported": sql.SQL("coalesce(b.notes ? 'removal_blocked'::text, false)"),
    }


def _insert_verdicts(
    connection: Connection,
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
    outcomes = [] if gone else documents.outcome_names(work)
    # Each step is a row of facts that the next one builds on; OFFSET 0 keeps the planner from
    # writing a step's expressions out wherever they are used, which would double at each step.
    statement = work.compose(
        "INSERT INTO {verdict} ({names}, verdict)\n"
        "SELECT {selected}, {row}\n{sources}\n"
        "CROSS JOIN LATERAL (\n{facts} OFFSET 0\n) placed\n"
        "CROSS JOIN LATERAL (\n{identity} OFFSET 0\n) found\n"
        "CROSS JOIN LATERAL (\n{live} OFFSET 0\n) v\n"
        "CROSS JOIN LATERAL (\n  SELECT v.*{outcomes}{verdicts} OFFSET 0\n) c\n"
        "WHERE d.s IS {gone} NULL",
        names=sql.SQL(", ").join(map(sql.Identifier, [*targets, *verdict_names, *outcomes])),
        selected=sql.SQL(", ").join(
            sql.Identifier("c", name) for name in [*targets, *verdict_names, *outcomes]
        ),
        row=verdict_number(ROW_RULES, row_facts),
        sources=identity.sources(work, gone=gone),
        facts=identity.placed(work, gone=gone),
        identity=identity.identity(),
        live=identity.live_row(work, columns),
        verdicts=sql.SQL("").join(sql.SQL(",\n  {}").format(each) for each in verdicts),
        outcomes=sql.SQL("").join(
            sql.SQL(",\n  {}").format(sql.Identifier("d", name)) for name in outcomes
        ),
        gone=sql.SQL("") if gone else sql.SQL("NOT"),
    )
    connection.execute(statement)


def _left_out(work: SetWork, name: str, *, refresh: bool) -> dict[str, Fact]:
    """What is otherwise of a column that the row does not give."""
    return {
        "left_out": True,
        "varies": work.stage.varies(name),
        "always": False,
        "overwrite": refresh or work.seed_set.conflict is Conflict.OVERWRITE,
    }


def _column_facts(
    work: SetWork, name: str, others: Mapping[str, SetWork], *, refresh: bool
) -> dict[str, Fact]:
    column = work.seed_set.column(name)
    number = work.stage.position(name)
    base = work.base.columns.get(name)
    live = canonical(sql.Identifier("v", f"l{number}"), work.live(name))
    equal: sql.Composable = same(live, desired(work, name), work.live(name))
    if column.reference is not None:
        equal = sql.SQL("{} AND ({} IS NULL OR {} IS NOT NULL)").format(
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
        # Known once all sets of the table are judged; see `holding`.
        "held": False,
        "left_out": False,
        "varies": False,
        **documents.NO_FACTS,
    }
    if base is not None:
        facts |= {
            "known": all_of([sql.SQL("b.ctid IS NOT NULL"), negated(unknown(base))]),
            "desired_is_asked": desired_is_asked(work, name),
            "live_is_stored": untouched(work, name, sql.Identifier("v", f"l{number}"), others),
            "offered": kept_out_before(work, name),
        }
    if work.identifies(name) and facts["never"] is False:
        # Others may refer to a number that is the application's: it is never written over.
        facts["never"] = negated(
            all_of(as_condition(facts[each]) for each in ("known", "live_is_stored"))
        )
    return facts
