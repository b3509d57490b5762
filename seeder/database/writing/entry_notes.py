"""The notes of an entry: what is not known, was stored otherwise, kept out or moved."""

from __future__ import annotations

from psycopg import sql

from seeder.database.connection.marked_sql import Named, Theirs
from seeder.database.judging import documents
from seeder.database.judging.expressions import as_kept, desired, if_given, kept_out_before, offer
from seeder.database.judging.verdict_rows import column_in
from seeder.database.ledger.bases.bases import BaseColumn
from seeder.database.ledger.bases.entry_values import has_note
from seeder.database.ledger.bases.notes import EMPTY, NONE, as_array, as_object, joined, since
from seeder.database.schema.equality import (
    all_of,
    any_of,
    canonical,
    cast,
    either,
    negated,
    same,
    surely,
)
from seeder.database.schema.rule_numbers import numbers, numbers_where
from seeder.database.staging.work import SetWork
from seeder.database.writing.write import applied
from seeder.merge.model import Update
from seeder.merge.plan import ColumnCase
from seeder.merge.rules import COLUMN_RULES

_MERGED_ANEW = numbers_where(
    COLUMN_RULES,
    lambda rule: ("merges", True) in rule.conditions and rule.name != "parts_offered_before",
)
"""Verdicts on a column whose document was merged inside, and of which other parts than before
count as asked for."""

_LETTING_GO = numbers(COLUMN_RULES, {ColumnCase.LET_GO})
_KEEPING_OUT = numbers(COLUMN_RULES, {ColumnCase.CONFLICT, ColumnCase.HELD})


def own_columns(work: SetWork) -> list[BaseColumn]:
    """Columns of the base that this set gives."""
    return [work.base.columns[name] for name in work.names if name in work.base.columns]


def others(work: SetWork) -> list[BaseColumn]:
    """Columns that only other sets give, or that this one gave once."""
    return [
        column
        for name, column in work.base.columns.items()
        if name not in work.names and name in work.table.columns
    ]


def _varies(work: SetWork, name: str) -> bool:
    return work.stage.varies(name) if name in work.names else not work.live(name).falls_back


def left_out(work: SetWork, name: str) -> sql.Composable:
    """The base of a column that a row does not give: its constant default, or NULL."""
    live = work.live(name)
    default = None if _varies(work, name) else live.default
    return canonical(cast(sql.SQL("NULL") if default is None else Theirs(default), live), live)


def unknown_when_left_out(work: SetWork) -> list[sql.Composable]:
    """Pieces of the notes' `unknown` list: left-out columns whose default varies."""
    pieces = [
        if_given(work, column.name, NONE, as_array(column.name))
        for column in own_columns(work)
        if work.stage.given(column.name) is not None and work.stage.varies(column.name)
    ]
    pieces += [as_array(each.name) for each in others(work) if _varies(work, each.name)]
    return pieces


def first_notes(work: SetWork, *, read_back: bool) -> sql.Composable:
    """Notes of a new entry: what the table made of it, and what is not known."""
    stored = [
        if_given(work, column.name, _rewritten(work, column.name), EMPTY)
        for column in (own_columns(work) if read_back else ())
    ]
    left_out = unknown_when_left_out(work)
    return joined({"unknown": left_out, "omitted": left_out, "stored": stored})


def _rewritten(work: SetWork, name: str) -> sql.Composable:
    """`{column: text}` where live row `l` holds something else than was desired."""
    live = as_kept(work, name, "l")
    as_desired = same(live, desired(work, name), work.live(name))
    return either(as_desired, EMPTY, as_object(name, live))


def later_notes(work: SetWork) -> sql.Composable:
    """Notes of an entry that is there, once its verdict `w` is carried out."""
    unknown = [_of_other_columns(work, "unknown", NONE)]
    omitted = [_of_other_columns(work, "omitted", NONE)]
    moved: list[sql.Composable] = []
    for column in own_columns(work):
        name, given = column.name, work.stage.given(column.name)
        unapplied = negated(surely(column_in(work, name, applied())))
        unknown.append(either(all_of([has_note("unknown", name), unapplied]), as_array(name), NONE))
        if given is not None:
            lets_go = surely(column_in(work, name, _LETTING_GO))
            still = any_of([lets_go, all_of([has_note("omitted", name), negated(given)])])
            unknown.append(either(lets_go, as_array(name), NONE))
            omitted.append(either(still, as_array(name), NONE))
        if name in work.seed_set.key:
            moved.append(
                either(all_of([has_note("moved", name), unapplied]), _kept("moved", name), EMPTY)
            )
    return joined(
        {
            "unknown": unknown,
            "omitted": omitted,
            "stored": stored_now(work, keep=True),
            "offered": offered(work),
            "since": _since(work),
            "parts": _parts(work),
            "moved": moved,
        }
    )


def _kept(part: str, name: str) -> sql.Composable:
    return sql.SQL(
        "pg_catalog.jsonb_build_object({name}, b.notes -> {part}::text -> {name}::text)"
    ).format(name=Named(name), part=Named(part))


def _of_other_columns(work: SetWork, part: str, nothing: sql.Composable) -> sql.Composable:
    """What the notes say under `part` of columns that are not the set's own."""
    return sql.SQL("(coalesce(b.notes -> {}::text, {}) - {}::text[])").format(
        Named(part), nothing, Named(list(work.names))
    )


def stored_now(work: SetWork, *, keep: bool) -> list[sql.Composable]:
    """Pieces of the notes' `stored`: rewritten values, and those that stay as they were."""
    pieces = [_of_other_columns(work, "stored", EMPTY)] if keep else []
    for column in own_columns(work):
        name, live = column.name, work.live(column.name)
        before: sql.Composable = EMPTY
        if keep:
            before = either(has_note("stored", name), _kept("stored", name), EMPTY)
        piece = either(
            all_of([sql.SQL("w.live"), column_in(work, name, applied())]),
            _rewritten(work, name) if work.table.rewrites else EMPTY,
            before,
        )
        if work.seed_set.column(name).merge is not None:
            # Where others have parts of it, what is stored tells nothing of what was asked for.
            merged = canonical(sql.Identifier("w", f"m{work.stage.position(name)}"), live)
            as_desired = same(merged, desired(work, name), live)
            anew = all_of([column_in(work, name, _MERGED_ANEW), negated(as_desired)])
            piece = either(anew, EMPTY, piece)
        pieces.append(piece)
    return pieces


def offered(work: SetWork) -> list[sql.Composable]:
    """Pieces of the notes' `offered`: desired values that were kept out."""
    return [
        either(_kept_out(work, name), as_object(name, offer(work, name)), EMPTY)
        for name in _offering(work)
    ]


def _since(work: SetWork) -> list[sql.Composable]:
    """Pieces of the notes' `since`: what was kept out before, and which run reported it."""
    return [
        either(
            all_of([_kept_out(work, name), kept_out_before(work, name)]),
            sql.SQL("pg_catalog.jsonb_build_object({}, {})").format(
                Named(name), since(Named(name))
            ),
            EMPTY,
        )
        for name in _offering(work)
    ]


def _offering(work: SetWork) -> list[str]:
    """Columns whose desired value may be kept out."""
    return [
        column.name
        for column in own_columns(work)
        if work.seed_set.column(column.name).update is not Update.NEVER
    ]


def _kept_out(work: SetWork, name: str) -> sql.Composable:
    """Condition on verdict row `w`: the column's desired value is kept out, or parts of it."""
    condition = column_in(work, name, _KEEPING_OUT)
    if work.seed_set.column(name).merge is None:
        return condition
    return any_of([condition, documents.kept_out(work, name)])


def _parts(work: SetWork) -> list[sql.Composable]:
    """Pieces of the notes' `parts`: what of these was kept out, where documents are merged."""
    return [
        either(
            documents.kept_out(work, column.name),
            sql.SQL("pg_catalog.jsonb_build_object({}, {})").format(
                Named(column.name), documents.parts_kept_out(work, column.name)
            ),
            EMPTY,
        )
        for column in documents.merging(work)
        if column.name in work.base.columns
    ]
