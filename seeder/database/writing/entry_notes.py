"""The notes of an entry: what is not known, was stored otherwise, kept out or moved."""

from __future__ import annotations

from psycopg import sql

from seeder.database.connection.marked_sql import Named, Theirs
from seeder.database.judging import documents
from seeder.database.judging.expressions import offer
from seeder.database.ledger.bases.bases import BaseColumn
from seeder.database.ledger.bases.notes import EMPTY, as_array, as_object, joined, since
from seeder.database.schema.equality import (
    all_of,
    any_of,
    canonical,
    cast,
    negated,
    same,
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
    if live.default is None or _varies(work, name):
        return sql.SQL("NULL")
    return canonical(cast(Theirs(live.default), live), live)


def unknown_when_left_out(work: SetWork) -> list[sql.Composable]:
    """Pieces of the notes' `unknown` list: left-out columns whose default varies."""
    pieces: list[sql.Composable] = []
    for column in own_columns(work):
        given = work.stage.given(column.name)
        if given is not None and work.stage.varies(column.name):
            pieces.append(
                sql.SQL("CASE WHEN {} THEN '[]'::jsonb ELSE {} END").format(
                    given, as_array(column.name)
                )
            )
    pieces += [as_array(each.name) for each in others(work) if _varies(work, each.name)]
    return pieces


def first_notes(work: SetWork, *, read_back: bool) -> sql.Composable:
    """Notes of a new entry: what the table made of it, and what is not known."""
    stored: list[sql.Composable] = []
    if read_back:
        for column in own_columns(work):
            given = work.stage.given(column.name)
            piece = _rewritten(work, column.name)
            stored.append(
                piece
                if given is None
                else sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(given, piece, EMPTY)
            )
    left_out = unknown_when_left_out(work)
    return joined({"unknown": left_out, "omitted": left_out, "stored": stored})


def _rewritten(work: SetWork, name: str) -> sql.Composable:
    """`{column: text}` where live row `l` holds something else than was desired."""
    live = canonical(sql.Identifier("l", name), work.live(name))
    return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(
        same(live, canonical(work.stage.d(name), work.live(name)), work.live(name)),
        EMPTY,
        as_object(name, live),
    )


def later_notes(work: SetWork) -> sql.Composable:
    """Notes of an entry that is there, once its verdict `w` is carried out."""
    names = sql.SQL("{}::text[]").format(Named(list(work.names)))
    unknown: list[sql.Composable] = [
        sql.SQL("(coalesce(b.notes -> 'unknown'::text, '[]') - {})").format(names)
    ]
    omitted: list[sql.Composable] = [
        sql.SQL("(coalesce(b.notes -> 'omitted'::text, '[]') - {})").format(names)
    ]
    moved: list[sql.Composable] = []
    for column in own_columns(work):
        verdict = sql.Identifier("w", f"v{work.stage.position(column.name)}")
        kept = (
            "CASE WHEN b.notes -> {part}::text ? {name}::text AND NOT"
            " coalesce({verdict} = ANY ({applied}), false) THEN {value} ELSE {empty} END"
        )
        unknown.append(
            sql.SQL(kept).format(
                part=Named("unknown"),
                name=Named(column.name),
                verdict=verdict,
                applied=applied(),
                value=as_array(column.name),
                empty=sql.SQL("'[]'::jsonb"),
            )
        )
        given = work.stage.given(column.name)
        if given is not None:
            lets_go = sql.SQL("coalesce({} = ANY ({}), false)").format(verdict, _LETTING_GO)
            piece = sql.SQL("CASE WHEN {} THEN {} ELSE '[]'::jsonb END")
            unknown.append(piece.format(lets_go, as_array(column.name)))
            before = sql.SQL("b.notes -> 'omitted'::text ? {}::text").format(Named(column.name))
            still = any_of([lets_go, all_of([before, negated(given)])])
            omitted.append(piece.format(still, as_array(column.name)))
        if column.name in work.seed_set.key:
            moved.append(
                sql.SQL(kept).format(
                    part=Named("moved"),
                    name=Named(column.name),
                    verdict=verdict,
                    applied=applied(),
                    value=_kept("moved", column.name),
                    empty=EMPTY,
                )
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


def stored_now(work: SetWork, *, keep: bool) -> list[sql.Composable]:
    """Pieces of the notes' `stored`: rewritten values, and those that stay as they were."""
    names = sql.SQL("{}::text[]").format(Named(list(work.names)))
    pieces: list[sql.Composable] = []
    if keep:
        pieces.append(sql.SQL("(coalesce(b.notes -> 'stored'::text, '{{}}') - {})").format(names))
    for column in own_columns(work):
        verdict = sql.Identifier("w", f"v{work.stage.position(column.name)}")
        rewritten = _rewritten(work, column.name) if work.table.rewrites else EMPTY
        before = (
            sql.SQL("CASE WHEN b.notes -> 'stored'::text ? {}::text THEN {} ELSE {} END").format(
                Named(column.name), _kept("stored", column.name), EMPTY
            )
            if keep
            else EMPTY
        )
        piece = sql.SQL("CASE WHEN w.live AND {} = ANY ({}) THEN {} ELSE {} END").format(
            verdict, applied(), rewritten, before
        )
        if work.seed_set.column(column.name).merge is not None:
            # Where others have parts of it, what is stored tells nothing of what was asked for.
            n, live = work.stage.position(column.name), work.live(column.name)
            as_desired = same(
                canonical(sql.Identifier("w", f"m{n}"), live),
                canonical(work.stage.d(column.name), live),
                live,
            )
            piece = sql.SQL("CASE WHEN {} = ANY ({}) AND NOT {} THEN {} ELSE {} END").format(
                verdict, _MERGED_ANEW, as_desired, EMPTY, piece
            )
        pieces.append(piece)
    return pieces


def offered(work: SetWork) -> list[sql.Composable]:
    """Pieces of the notes' `offered`: desired values that were kept out."""
    return [
        sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(
            _kept_out(work, name), as_object(name, offer(work, name)), EMPTY
        )
        for name in _offering(work)
    ]


def _since(work: SetWork) -> list[sql.Composable]:
    """Pieces of the notes' `since`: what was kept out before, and which run reported it."""
    return [
        sql.SQL(
            "CASE WHEN {kept_out} AND b.notes -> 'offered'::text ? {name}::text"
            " AND b.notes -> 'offered'::text ->> {name}::text IS NOT DISTINCT FROM {offer}"
            " THEN pg_catalog.jsonb_build_object({name}, {since}) ELSE {empty} END"
        ).format(
            kept_out=_kept_out(work, name),
            name=Named(name),
            offer=offer(work, name),
            since=since(Named(name)),
            empty=EMPTY,
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
    condition = sql.SQL("w.{} = ANY ({})").format(
        sql.Identifier(f"v{work.stage.position(name)}"),
        numbers(COLUMN_RULES, {ColumnCase.CONFLICT, ColumnCase.HELD}),
    )
    if work.seed_set.column(name).merge is None:
        return condition
    return sql.SQL("({} OR {})").format(condition, documents.kept_out(work, name))


def _parts(work: SetWork) -> list[sql.Composable]:
    """Pieces of the notes' `parts`: what of these was kept out, where documents are merged."""
    return [
        sql.SQL("CASE WHEN {} THEN pg_catalog.jsonb_build_object({}, {}) ELSE {} END").format(
            documents.kept_out(work, column.name),
            Named(column.name),
            documents.parts_kept_out(work, column.name),
            EMPTY,
        )
        for column in documents.merging(work)
        if column.name in work.base.columns
    ]
