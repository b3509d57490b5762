"""Unique values that stay where they are: nothing takes them from a row that keeps them.

A row of the catalog may want a unique value that a live row holds. Where that one gives it up in
this same seeding, it passes; where it stays, be it a customer's row or one that people changed,
the row that wants it is in conflict, and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace
from psycopg import sql

from seeder.database.judging import collisions, departures, diff, judge
from seeder.database.judging.expressions import offered
from seeder.database.judging.verdict_rows import any_column, at_live, is_written, removing
from seeder.database.schema.equality import FALSE, all_of, any_of, either, negated, surely, where
from seeder.database.schema.rule_numbers import number, numbers
from seeder.database.schema.tables import Guard
from seeder.database.staging import references
from seeder.database.staging.context import FINDING, MERGING, WRITTEN, Seeding, Unforeseen
from seeder.database.staging.references import INSERTING
from seeder.database.staging.work import SetWork
from seeder.merge.model import Removed
from seeder.merge.plan import ColumnCase, SetDecision, Why
from seeder.merge.rules import COLUMN_RULES, COLUMN_WRITES, ROW_RULES


def may_meet(work: SetWork) -> bool:
    """Whether rows outside of a set that is launched may hold what it wants."""
    return (
        work.decision is SetDecision.INSERT
        and work.stage.stand_in is None
        and bool(work.seed_set.scope)
        and bool(collisions.asked(work))
    )


def meet_others(seeding: Seeding, names: Sequence[str]) -> None:
    """Sets that are launched go row by row where their table is not as empty as it was.

    Rows of customers hold unique values that theirs want, or triggers have made some of them
    when other sets were written.
    """
    fired = seeding.writes and any(work.table.rewrites for work in seeding.works.values())
    for name in names:
        work = seeding.works.get(name)
        if work is None or work.decision is not SetDecision.INSERT or work.stage.stand_in:
            continue
        reason = None
        if name in seeding.orders.obstructed:
            reason = "never seeded here, and other rows hold unique values that triggers give it"
        elif fired and collisions.exists(
            seeding.connection,
            work.compose("SELECT FROM {live} t{}", where(work.in_scope("t"))),
        ):
            reason = "never seeded here, and triggers have made rows of the table"
        elif may_meet(work):
            held = collisions.in_the_way_of_inserts([work])
            if held is not None and collisions.exists(seeding.connection, held):
                reason = "never seeded here, and other rows hold unique values that it wants"
        if reason is None:
            continue
        seeding.decisions[name] = (SetDecision.ADOPT, reason)
        seeding.works[name] = replace(work, decision=SetDecision.ADOPT)
        if seeding.writes:
            diff.create(seeding.connection, seeding.works[name])


def hold(seeding: Seeding, names: Sequence[str], *, leave: bool = True) -> None:
    """Turn verdicts that would take a value from a row that keeps it into conflicts.

    `names` are the sets of a group, judged by now; sets that share a table are in one. Without
    `leave` nothing that has left the catalog leaves its table.

    Raises Unforeseen where a run cannot know yet whether the row will keep it.
    """
    for name in names:
        _find_marked(seeding, name)
    works = [seeding.works[name] for name in names if name in seeding.works]
    judged = {work.name: work for work in works if work.decision in MERGING}
    held = sum(_hold_obstructed(seeding, work) for work in judged.values())
    for takers in collisions.by_table(judged.values()):
        anything = collisions.in_the_way(takers, meeting=True)
        if anything is None or not collisions.exists(seeding.connection, anything):
            continue
        with _leaving(seeding, takers if leave else ()) as leaving:
            while marked := sum(
                _hold(seeding, taker, guard, takers, leaving)
                for taker in takers
                for guard in collisions.asked(taker)
            ):
                held += marked
            if leaving:
                seeding.contested.add(takers[0].table.oid)
            if seeding.writes and not (seeding.orders.foresee or seeding.orders.few):
                _require_foreseen(seeding, takers, leaving)
    if held:
        written = {work.name: work for work in works if work.decision in WRITTEN}
        references.block_unreachable(seeding.connection, written)


def _find_marked(seeding: Seeding, name: str) -> None:
    """Ask for marks of removals in unique columns of which the catalog no longer says anything."""
    work = seeding.works.get(name)
    if work is None or work.decision not in MERGING:
        return
    marks = {name for name, _ in work.seed_set.removed_values}
    unique = {name for guard in work.table.guards for name in guard.columns}
    if unique <= marks.union(work.names, work.base.primary_key):
        return
    rows = seeding.connection.execute(
        work.compose(
            "SELECT DISTINCT pg_catalog.jsonb_object_keys(b.notes -> 'removed'::text) FROM"
            " {verdict} w"
            " JOIN {base} b ON b.ctid = w.b WHERE w.s IS NOT NULL AND b.state = {set}"
        )
    ).fetchall()
    marked = unique.intersection(column for (column,) in rows)
    seeding.works[name] = replace(work, marks=frozenset(marked))


@contextmanager
def _leaving(seeding: Seeding, works: Sequence[SetWork]) -> Iterator[list[SetWork]]:
    """Judge for a while what leaves the catalog; yields the sets of which anything does."""
    from seeder.database.judging.groups import elsewhere

    found = [
        work
        for work in works
        if work.decision in FINDING
        and work.seed_set.removed is not Removed.KEEP
        and work.name not in seeding.complete
        and diff.find_gone(seeding.connection, work, excluded=elsewhere(seeding, work.seed_set))
    ]
    for work in found:
        judge.judge_gone(
            seeding.connection,
            work,
            seeding.works,
            referenced=departures.referenced_from(work, seeding.works, inside=False),
        )
        staying = [key for name, key in seeding.orders.staying if name == work.name]
        if staying:
            seeding.connection.execute(
                work.compose(
                    "UPDATE {verdict} w SET verdict = {} FROM {base} b"
                    " WHERE w.s IS NULL AND b.ctid = w.b AND b.addr = ANY ({})",
                    number(ROW_RULES, departures.HELD),
                    sql.Literal(staying),
                )
            )
    yield found
    for work in found:
        for relation in (work.verdict, work.diff):
            seeding.connection.execute(sql.SQL("DELETE FROM {} WHERE s IS NULL").format(relation))


def _require_foreseen(
    seeding: Seeding, takers: Sequence[SetWork], leaving: Sequence[SetWork]
) -> None:
    """Raise Unforeseen where rows of sets to come refer to a leaving row that is in the way."""
    wanted = collisions.in_the_way(takers)
    for work in leaving:
        referring = departures.referenced_from(work, seeding.works, inside=True)
        if wanted is None or referring == FALSE:
            continue
        if collisions.exists(seeding.connection, _in_the_way(work, wanted, removing(), referring)):
            raise Unforeseen


def staying(seeding: Seeding) -> frozenset[tuple[str, str]]:
    """Once all is judged: set and row key of rows that stay with a value that others want."""
    found: set[tuple[str, str]] = set()
    judged = [work for work in seeding.works.values() if work.decision in MERGING]
    for works in collisions.by_table(judged):
        if works[0].table.oid not in seeding.contested:
            continue
        wanted = collisions.in_the_way(works)
        for work in works:
            if wanted is None or work.seed_set.removed is not Removed.DELETE:
                continue
            rows = seeding.connection.execute(_in_the_way(work, wanted, negated(removing())))
            found.update((work.name, key) for (key,) in rows.fetchall())
    return frozenset(found)


def _in_the_way(work: SetWork, wanted: sql.Composable, *conditions: sql.Composable) -> sql.Composed:
    return work.compose(
        "SELECT b.addr FROM {verdict} w JOIN {base} b ON b.ctid = w.b JOIN {live} t ON {}"
        " WHERE w.s IS NULL AND (t.tableoid, t.ctid) IN ({}) AND {}",
        at_live(work),
        wanted,
        all_of(conditions),
    )


def _hold(
    seeding: Seeding,
    work: SetWork,
    guard: Guard,
    takers: Sequence[SetWork],
    leaving: Sequence[SetWork],
) -> int:
    """Mark the rows of a set that want what a staying row holds in an index; how many?"""
    staying = _staying(seeding, work, guard, takers, leaving)
    inserted = collisions.inserted(work, guard)
    found = _hold_new(seeding, work, _holders(work, guard, inserted, staying, others=False))
    found += _hold_marks(seeding, work, guard, staying)
    if names := [name for name in guard.columns if work.stage.has(name)]:
        wanting = collisions.updated(work, guard)
        found += _hold_columns(
            seeding, work, names, _holders(work, guard, wanting, staying, others=True)
        )
        meeting = collisions.meeting_rows(
            work,
            guard,
            takers,
            selected=sql.SQL("DISTINCT ON (n.seeder_row) n.seeder_row, a.seeder_row AS holder"),
        )
        if meeting is not None:
            found += _hold_columns(seeding, work, names, meeting)
    if found:
        _judge_rows_again(seeding, work)
    return found


def _hold_obstructed(seeding: Seeding, work: SetWork) -> int:
    """Hold rows to which triggers give a value that another row has, as writing them has shown.

    A survey, which writes nothing, goes by what the ledger remembers of new rows, as long as the
    row that was in the way is there.
    """
    found = dict(seeding.orders.obstructed.get(work.name, {}))
    if not seeding.writes or seeding.orders.few:
        found = _remembered(seeding, work) | found
    if not found:
        return 0
    obstructed = work.compose(
        "SELECT {row} AS seeder_row, o.holder FROM {stage} s"
        " JOIN ROWS FROM (pg_catalog.unnest({}::text[]), pg_catalog.unnest({}::text[]))"
        " o (addr, holder) ON o.addr = s.addr",
        sql.Literal([*found]),
        sql.Literal([*found.values()]),
    )
    held = _hold_new(seeding, work, obstructed)
    if seeding.writes:
        held += _hold_columns(seeding, work, work.names, obstructed)
        _judge_rows_again(seeding, work)
    return held


def _remembered(seeding: Seeding, work: SetWork) -> dict[str, str]:
    if not work.told.get(Why.VALUE):
        return {}
    rows = seeding.connection.execute(
        work.compose(
            "SELECT w.addr, w.holder FROM {waiting} w WHERE (w.base, w.scope) = ({base}, {scope})"
            " AND w.made AND EXISTS (SELECT FROM {live} t WHERE {name} = w.holder)",
            waiting=sql.Identifier(seeding.ledger.schema, "waiting"),
            base=sql.Literal(work.base.id),
            name=collisions.holder_name(work),
        )
    ).fetchall()
    return dict(rows)


def _hold_new(seeding: Seeding, work: SetWork, holders: sql.Composable) -> int:
    """Rows of `holders` are not inserted."""
    return seeding.connection.execute(
        work.compose(
            "UPDATE {verdict} w SET verdict = {judged},"
            " holder = q.holder FROM {stage} s JOIN ({holders}) q ON q.seeder_row = {row}\n"
            "WHERE w.s = q.seeder_row AND w.verdict = ANY ({inserting})",
            judged=either(work.was_told(Why.VALUE), _row("new_held_before"), _row("new_held")),
            holders=holders,
            inserting=INSERTING,
        )
    ).rowcount


def _hold_columns(
    seeding: Seeding, work: SetWork, names: Sequence[str], holders: sql.Composable
) -> int:
    """These columns are not written where a row of `holders` has what they want."""
    return seeding.connection.execute(
        work.compose(
            "UPDATE {verdict} w SET {columns}, holder = q.holder FROM {stage} s"
            " JOIN ({holders}) q ON q.seeder_row = {row}\n"
            "WHERE w.s = q.seeder_row AND {written}",
            columns=sql.SQL(", ").join(_held_column(work, name) for name in names),
            holders=holders,
            written=any_of(surely(is_written(work, name)) for name in names),
        )
    ).rowcount


def _hold_marks(seeding: Seeding, work: SetWork, guard: Guard, staying: sql.Composable) -> int:
    """Rows that are back in the catalog keep marks where another row has what was before."""
    if work.decision is SetDecision.INSERT or set(guard.columns) <= set(work.names):
        return 0
    wanting = collisions.brought_back(work, guard)
    return seeding.connection.execute(
        work.compose(
            "UPDATE {verdict} w SET verdict = CASE w.verdict WHEN {unset} THEN {unset_held}"
            " ELSE {recorded_held} END, holder = q.holder FROM {stage} s"
            " JOIN ({holders}) q ON q.seeder_row = {row}\n"
            "WHERE w.s = q.seeder_row AND w.verdict IN ({unset}, {recorded})",
            unset=_row("unset"),
            unset_held=_row("unset_held"),
            recorded=_row("unset_recorded"),
            recorded_held=_row("unset_recorded_held"),
            holders=_holders(work, guard, wanting, staying, others=True),
        )
    ).rowcount


def _holders(
    work: SetWork,
    guard: Guard,
    wanting: sql.Composable,
    staying: sql.Composable,
    *,
    others: bool,
) -> sql.Composed:
    selected = sql.SQL("DISTINCT ON (n.seeder_row) n.seeder_row, {} AS holder").format(
        collisions.holder_name(work)
    )
    holders = collisions.holders(work, guard, wanting, others=others, selected=selected)
    return sql.SQL("{}\n{}").format(holders, staying)


def _staying(
    seeding: Seeding,
    work: SetWork,
    guard: Guard,
    takers: Sequence[SetWork],
    leaving: Sequence[SetWork],
) -> sql.Composable:
    """JOIN and WHERE clauses: live row `t` still holds in the end what row `n` wants."""
    after = sql.SQL(" UNION ALL ").join(
        collisions.updated(taker, guard, guarded=False) for taker in takers
    )
    conditions = [collisions.keeps(guard)]
    conditions += [
        left.compose(
            "NOT EXISTS (SELECT FROM {verdict} w WHERE w.s IS NULL AND {} AND {})",
            removing(),
            at_live(left),
        )
        for left in leaving
        if left.seed_set.removed is Removed.DELETE
        or {name for name, _ in left.seed_set.removed_values} & set(guard.columns)
    ]
    if seeding.writes:  # two rows of one catalog: refused once they are written
        conditions += [
            taker.compose(
                "NOT EXISTS (SELECT FROM {base} b"
                " WHERE b.inserted_by = {} AND b.state = {active} AND {})",
                sql.Literal(seeding.run),
                taker.at_primary_key("t", "b"),
            )
            for taker in {id(taker.base): taker for taker in takers}.values()
        ]
    return sql.SQL("LEFT JOIN ({}) a ON {} WHERE {}").format(
        after, at_live(work, "t", "a"), all_of(conditions)
    )


def _held_column(work: SetWork, name: str) -> sql.Composed:
    verdict = sql.Identifier(f"v{work.stage.position(name)}")
    held = either(
        offered(work, name), number(COLUMN_RULES, "held_before"), number(COLUMN_RULES, "held")
    )
    return sql.SQL("{} = {}").format(verdict, either(is_written(work, name), held, verdict))


def _judge_rows_again(seeding: Seeding, work: SetWork) -> None:
    """Rows of which nothing is left to write are kept."""
    seeding.connection.execute(
        work.compose(
            "UPDATE {verdict} w SET verdict = CASE WHEN w.verdict = {unset} THEN {unset_recorded}"
            " WHEN w.verdict = {unset_held} THEN {unset_recorded_held}"
            " WHEN {conflict} THEN {held} ELSE {nothing} END"
            " WHERE w.holder IS NOT NULL"
            " AND w.verdict IN ({unset}, {unset_held}, {moved}, {changed})"
            " AND NOT {writes}",
            unset=_row("unset"),
            unset_recorded=_row("unset_recorded"),
            unset_held=_row("unset_held"),
            unset_recorded_held=_row("unset_recorded_held"),
            conflict=any_column(work, numbers(COLUMN_RULES, {ColumnCase.CONFLICT})),
            held=_row("value_held"),
            nothing=_row("in_place"),
            moved=_row("moved"),
            changed=_row("changed"),
            writes=any_column(work, numbers(COLUMN_RULES, COLUMN_WRITES)),
        )
    )


def _row(name: str) -> sql.Composable:
    return number(ROW_RULES, name)
