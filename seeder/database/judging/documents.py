"""Columns whose documents are merged inside: the merge itself, between two judgements.

Only rows whose catalog has changed get here. Their documents are merged by
`seeder/merge/documents.py`, a portion at a time, into a table of outcomes; each is good for the
version of the live row that it was made with, and for no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from psycopg import sql

from seeder.database.connection.answers import answer
from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.judging.facts import Fact, as_condition
from seeder.database.judging.verdict_rows import at_live, column_in, is_written
from seeder.database.ledger.bases.entry_values import has_note, last_asked, note, stored
from seeder.database.ledger.bases.notes import EMPTY
from seeder.database.schema.equality import (
    all_of,
    any_of,
    cast,
    copy_text,
    either,
    negated,
    surely,
    type_sql,
)
from seeder.database.schema.rule_numbers import numbers_named
from seeder.database.schema.tables import Column
from seeder.database.staging.work import SetWork
from seeder.merge.documents import (
    KEPT_OUT,
    MISSING,
    Merged,
    Part,
    Settle,
    Sides,
    equal,
    merge,
    read,
    text_of,
    within,
)
from seeder.merge.model import Conflict, SeedColumn, Strategy
from seeder.merge.plan import ColumnChange
from seeder.merge.rules import COLUMN_RULES, COLUMN_WRITES

_WRITES, _CONFLICTS, _RECORDS, _KEPT_OUT = 1, 2, 4, 8
_PORTION = 2_000
"""Rows that are merged at a time."""


def merging(work: SetWork) -> tuple[SeedColumn, ...]:
    """The columns that are merged inside."""
    return tuple(each for each in work.seed_set.columns if each.merge is not None)


def definitions(work: SetWork) -> list[sql.Composable]:
    """Columns of the verdict that hold outcomes: the document, what counts as asked, its parts."""
    found: list[sql.Composable] = []
    for column in merging(work):
        kind, n = type_sql(work.live(column.name)), work.stage.position(column.name)
        found += [
            sql.SQL("{} {}").format(sql.Identifier(f"m{n}"), kind),
            sql.SQL("{} {}").format(sql.Identifier(f"a{n}"), kind),
            sql.SQL("{} text").format(sql.Identifier(f"c{n}")),
            sql.SQL("{} smallint").format(sql.Identifier(f"x{n}")),
        ]
    return found


def outcome_names(work: SetWork) -> list[str]:
    """The names of these columns."""
    positions = [work.stage.position(column.name) for column in merging(work)]
    return [f"{part}{n}" for n in positions for part in "macx"]


def create(connection: Connection, work: SetWork) -> None:
    """Create the set's empty table of outcomes, if it merges any document."""
    if merging(work):
        connection.execute(
            sql.SQL(
                "CREATE TEMP TABLE {} (s {}, row_at tid, row_by xid, {}) ON COMMIT DROP"
            ).format(
                sql.Identifier(work.merged_name),
                work.stage.row_type,
                sql.SQL(", ").join(definitions(work)),
            )
        )


def differing(work: SetWork) -> sql.Composable:
    """The diff with its outcomes, as a source of rows `d`."""
    if not merging(work):
        return work.compose("{diff} d")
    # OFFSET 0: planned by itself. As one more join of the verdict, whose estimate is huge, it makes
    # no difference to the planner, which may take each outcome for each row then.
    return work.compose(
        "(\n  SELECT d.*, j.row_at, j.row_by, {}\n  FROM {diff} d LEFT JOIN {merged} j ON j.s"
        " = d.s OFFSET 0"
        "\n) d",
        sql.SQL(", ").join(sql.Identifier("j", name) for name in outcome_names(work)),
    )


NO_FACTS: Mapping[str, Fact] = dict.fromkeys(
    ("merges", "merged", "merge_writes", "merge_conflicts", "merge_records"), False
)
"""The facts of `COLUMN_RULES` about a merge, where there is none."""


def facts(work: SetWork, column: SeedColumn, whole: Mapping[str, Fact]) -> dict[str, Fact]:
    """What differs in the facts of a column whose document is merged, for live row `v`.

    `whole` are the facts of the column as a whole. What nobody changed is merged inside as well,
    to tell part by part what happens.
    """
    if column.merge is None or column.name not in work.base.columns:
        return {}
    known = sql.SQL("d.row_at = v.row_at AND d.row_by = v.row_by AND {} IS NOT NULL").format(
        sql.Identifier("d", f"x{work.stage.position(column.name)}")
    )
    found: dict[str, Fact] = {
        "live_is_stored": False,
        "merges": True,
        "merged": surely(known),
        "merge_writes": _flagged(work, column.name, _WRITES, "d"),
        "merge_conflicts": _flagged(work, column.name, _CONFLICTS, "d"),
        "merge_records": _flagged(work, column.name, _RECORDS, "d"),
    }
    if column.merge.reasserts:
        # Parts that are written at every update: only a merge tells whether there is nothing new.
        nothing = all_of([surely(known), negated(as_condition(found["merge_writes"]))])
        as_a_whole = [as_condition(whole[each]) for each in ("live_is_stored", "live_is_desired")]
        found["desired_is_asked"] = all_of(
            [as_condition(whole["desired_is_asked"]), any_of([*as_a_whole, nothing])]
        )
    return found


def _flagged(work: SetWork, name: str, bit: int, row: str) -> sql.Composable:
    flags = sql.Identifier(row, f"x{work.stage.position(name)}")
    return sql.SQL("(coalesce({}, 0) & {} <> 0)").format(flags, sql.Literal(bit))


def kept_out(work: SetWork, name: str) -> sql.Composable:
    """Condition on verdict row `w`: parts of the catalog's document were kept out."""
    return _flagged(work, name, _KEPT_OUT, "w")


def parts_kept_out(work: SetWork, name: str) -> sql.Composable:
    """Of verdict row `w`, the parts of which that is so: by path, what was and is asked for."""
    return _by_path(work, name, "asked", KEPT_OUT)


def _by_path(work: SetWork, name: str, first: str, cases: Iterable[str]) -> sql.Composable:
    """Of verdict row `w`, the parts in these cases: by path, one side and what is desired."""
    return sql.SQL(
        "(SELECT pg_catalog.jsonb_object_agg(p ->> 'name'::text,"
        " pg_catalog.jsonb_build_array(p ->> {}::text, p ->> 'desired'::text))"
        " FROM pg_catalog.jsonb_array_elements({}::jsonb) p WHERE p ->> 'case'::text = ANY ({}))"
    ).format(
        Named(first),
        sql.Identifier("w", f"c{work.stage.position(name)}"),
        sql.Literal(sorted(cases)),
    )


def images(work: SetWork) -> sql.Composable:
    """Of verdict row `w`, what the audit trail keeps of documents that are written, for undo.

    By column: `how` they were merged, and `parts`, by path, with the JSON before and after; of a
    column that is decided together with others, `with` which.
    """
    pieces = [
        either(
            is_written(work, column.name),
            sql.SQL(
                "pg_catalog.jsonb_build_object({name}, pg_catalog.jsonb_strip_nulls("
                "pg_catalog.jsonb_build_object('how', {how}::jsonb, 'parts', {parts})))"
            ).format(
                name=Named(column.name),
                how=sql.Literal(msgspec.json.encode(column.merge).decode()),
                parts=_by_path(work, column.name, "live", COLUMN_WRITES),
            ),
            EMPTY,
        )
        for column in merging(work)
    ]
    pieces += [
        either(
            is_written(work, names[0]),
            sql.SQL("{}::jsonb").format(
                sql.Literal(json.dumps({name: {"with": names} for name in names}))
            ),
            EMPTY,
        )
        for names in work.seed_set.together
        if names[0] in work.names
    ]
    if not pieces:
        return sql.SQL("NULL::jsonb")
    return sql.SQL("nullif({}, {})").format(sql.SQL(" || ").join(pieces), EMPTY)


def merge_pending(connection: Connection, work: SetWork) -> bool:
    """Merge the documents that the verdict finds unmerged; False where there are none.

    The verdict is to be reached again with what was merged.
    """
    columns = merging(work)
    pending = [
        surely(column_in(work, column.name, numbers_named(COLUMN_RULES, ["unmerged"])))
        for column in columns
    ]
    unmerged = work.compose("SELECT EXISTS (SELECT FROM {verdict} w WHERE {})", any_of(pending))
    if not columns or not answer(connection, unmerged):
        return False
    # DELETE, since a plan is made in a read-only transaction, where nothing is truncated.
    connection.execute(work.compose("DELETE FROM {merged}"))
    into = work.compose(
        "COPY {merged} (s, row_at, row_by, {}) FROM STDIN",
        sql.SQL(", ").join(map(sql.Identifier, outcome_names(work))),
    )
    with connection.cursor(name="seeder_documents") as cursor:
        cursor.execute(_pending(work, columns, pending))
        while rows := cursor.fetchmany(_PORTION):
            with connection.cursor() as out, out.copy(into) as copy:
                for row in rows:
                    copy.write_row([*row[:3], *_outcomes(work, columns, row[3:])])
    # One outcome for a row, which nothing else would tell the planner.
    connection.execute(work.compose("ANALYZE {merged} (s)"))
    return True


def _pending(
    work: SetWork, columns: tuple[SeedColumn, ...], pending: Sequence[sql.Composable]
) -> sql.Composed:
    pieces: list[sql.Composable] = []
    for column, condition in zip(columns, pending, strict=True):
        base, live = work.base.columns[column.name], work.live(column.name)
        pieces.append(condition)
        pieces += [
            as_json(cast(value, live), live)
            for value in (
                last_asked(base),
                stored(base),
                sql.Identifier("t", column.name),
                work.stage.d(column.name),
                note("offered", column.name),
            )
        ]
        pieces.append(has_note("offered", column.name))
    return work.compose(
        "SELECT w.s::text, w.row_at::text, w.row_by::text, {pieces}\nFROM {verdict} w\n"
        "JOIN {stage} s ON {row} = w.s\nJOIN {base} b ON b.ctid = w.b\n"
        "JOIN {live} t ON {at_live} AND t.ctid = w.row_at\nWHERE {pending}",
        pieces=sql.SQL(", ").join(pieces),
        live=work.table.identifier,
        at_live=at_live(work),
        pending=any_of(pending),
    )


def as_json(value: sql.Composable, column: Column) -> sql.Composable:
    """The value as JSON text; NULL stays NULL."""
    if column.kind.is_array:
        return sql.SQL("pg_catalog.to_jsonb({})::text").format(value)
    return sql.SQL("({})::jsonb::text").format(value)


def _outcomes(
    work: SetWork, columns: tuple[SeedColumn, ...], values: tuple[Any, ...]
) -> Iterator[object]:
    for n, column in enumerate(columns):
        pending, asked, was_stored, live, desired, offered, was_offered = values[7 * n : 7 * n + 7]
        if not pending or column.merge is None:
            yield from (None, None, None, None)
            continue
        base = read(asked)
        sides = Sides(
            asked=base,
            stored=base if was_stored == asked else read(was_stored),
            live=read(live),
            desired=read(desired),
            offered=read(offered),
            was_offered=was_offered,
        )
        settle = None
        if work.settling is not None:
            parts = work.settling.parts.get(column.name, ())
            settle = Settle(take=work.settling.take, parts=parts)
        overwrite = work.seed_set.conflict is Conflict.OVERWRITE
        kind = work.live(column.name)
        found = merged(kind, column.merge, sides, overwrite=overwrite, settle=settle)
        yield as_text(found.value, kind)
        # Most often what the catalog asks for, whose text is at hand.
        own_form = kind.kind.is_array or kind.kind.is_hstore
        asked_for = found.asked is sides.desired and not own_form
        yield desired if asked_for else as_text(found.asked, kind)
        yield msgspec.json.encode(found.changes).decode()
        yield _flags(sides, found)


def merged(
    column: Column,
    strategy: Strategy,
    sides: Sides,
    *,
    overwrite: bool = False,
    settle: Settle | None = None,
) -> Merged:
    """Merge a document as its column's type allows."""
    if column.kind.is_array and _nested(sides):
        strategy = Strategy()
    return merge(sides, strategy, overwrite=overwrite, settle=settle)


def _nested(sides: Sides) -> bool:
    """Whether an array has more than one dimension, and so is no set of plain values."""
    return any(
        isinstance(part, list) and any(isinstance(each, list) for each in part)
        for part in (sides.live, sides.desired)
    )


def as_text(part: Part, column: Column) -> str | None:
    """A document as text that Postgres casts to the column's type; None is NULL."""
    if part is MISSING:
        return None
    own_form = column.kind.is_array or column.kind.is_hstore
    return copy_text(part, column) if own_form else text_of(part)  # type: ignore[arg-type]


def _flags(sides: Sides, found: Merged) -> int:
    return (
        (0 if equal(found.value, sides.live) else _WRITES)
        | (_CONFLICTS if found.conflicts else 0)
        | (0 if equal(found.asked, sides.asked) else _RECORDS)
        | (_KEPT_OUT if found.kept_out else 0)
    )


def parts_of(work: SetWork, name: str) -> sql.Composable:
    """What `parts` reads, of verdict row `w`; NULL for a column that is not merged inside."""
    if work.seed_set.column(name).merge is None:
        return sql.SQL("NULL")
    return sql.Identifier("w", f"c{work.stage.position(name)}")


def parts(text: str | None) -> tuple[ColumnChange, ...]:
    """The parts of an outcome, as the verdict holds them."""
    return () if text is None else msgspec.json.decode(text, type=tuple[ColumnChange, ...])


def named(column: str, part: ColumnChange) -> ColumnChange:
    """A part under the name that reports and addresses give it."""
    return msgspec.structs.replace(part, name=within(column, part.name))
