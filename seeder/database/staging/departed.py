"""Columns that a set gave when it was last applied, and that none of its rows gives any more.

They stay with the set, as columns that every row leaves out, until the merge has settled them:
what was asked for there gives way to the column's default.
"""

from __future__ import annotations

from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.batch import AT_ONCE, at_most
from seeder.database.ledger.bases.entry_values import asked, unknown
from seeder.database.schema.equality import FALSE, all_of, canonical, negated, same
from seeder.database.staging.context import FINDING, MERGING, Seeding, set_named
from seeder.database.staging.registry import recorded_columns
from seeder.database.staging.stage import default_text
from seeder.database.staging.work import SetWork
from seeder.merge.model import SeedColumn, SeedSet


def with_departed(seeding: Seeding, each: SeedSet) -> SeedSet:
    """The set with the columns that have left it; itself where it is not merged."""
    merged = seeding.decisions[each.name][0] in FINDING
    names = [column.name for column in each.columns]
    table = seeding.tables[each.table]
    departed = [
        name
        for name in (recorded_columns(seeding, each) if merged else ())
        if name not in names
        and name in table.columns
        and not (table.columns[name].generated or table.columns[name].identity)
    ]
    if not departed:
        return each
    return replace(
        each,
        columns=(*each.columns, *(SeedColumn(name=name, file=each.file) for name in departed)),
        shapes=each.shapes or (frozenset(names),),
    )


def with_defaults(seeding: Seeding) -> None:
    """Let stages know the defaults that stand for what rows leave out; before they are made."""
    asked = [
        (work, name)
        for work in seeding.works.values()
        if work.decision in MERGING
        for name in work.names
        if work.stage.given(name) is not None
        and not work.stage.varies(name)
        and work.live(name).default is not None
    ]
    found: dict[str, dict[str, str]] = {}
    for some in at_most(AT_ONCE, asked):
        values = [
            sql.SQL("({})::text").format(canonical(default_text(live), live))
            for live in (work.live(name) for work, name in some)
        ]
        row = seeding.connection.execute(
            sql.SQL("SELECT {}").format(sql.SQL(", ").join(values))
        ).fetchone()
        for (work, name), text in zip(some, row or (), strict=True):
            if text is not None:
                found.setdefault(work.name, {})[name] = text
    for name, texts in found.items():
        work = seeding.works[name]
        seeding.works[name] = replace(work, stage=replace(work.stage, left_out=texts))


def forget(seeding: Seeding) -> None:
    """Take departed columns off the sets' lists once no entry holds anything else there."""
    for work in seeding.works.values():
        now = [column.name for column in set_named(seeding, work.name).columns]
        departed = [name for name in work.names if name not in now]
        if not departed or work.decision not in MERGING:
            continue
        row = seeding.connection.execute(
            sql.SQL("SELECT {}").format(sql.SQL(", ").join(_held(work, name) for name in departed))
        ).fetchone()
        settled = [name for name, held in zip(departed, row or (), strict=True) if not held]
        seeding.connection.execute(
            seeding.ledger.sql("UPDATE {s}.sets SET columns = columns - %s::text[] WHERE id = %s"),
            [settled, work.set_id],
        )


def _held(work: SetWork, name: str) -> sql.Composable:
    """Whether something else than the default was last applied in any row."""
    column = work.base.columns.get(name)
    if column is None:  # it was declared secret after it had left: nothing is known of it
        return FALSE
    live = work.live(name)
    default = sql.SQL("NULL") if work.stage.varies(name) else default_text(live)
    return work.compose(
        "EXISTS (SELECT FROM {base} b WHERE b.seed_set = {id} AND b.state IN ({owning})"
        " AND {other})",
        id=sql.Literal(work.set_id),
        other=all_of(
            map(negated, [unknown(column), same(asked(column), canonical(default, live), live)])
        ),
    )
