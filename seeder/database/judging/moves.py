"""Rows whose key changed in the catalog: the ledger's identity follows, then the key.

A move rewrites the identity of the ledger's entry and notes the old key, so that the
ordinary rules see a key column that the catalog changed. Entries of other sets that refer
to the row follow it.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.judging.verdict_rows import is_written, writing
from seeder.database.schema.equality import all_of, any_of, canonical, cast, equal
from seeder.database.staging import rekey
from seeder.database.staging.context import Seeding
from seeder.database.staging.work import SetTarget, SetWork, constant
from seeder.merge.model import Move


def follow_moves(seeding: Seeding, work: SetWork) -> bool:
    """Rewrite the entries of moved rows, and the entries that refer to them; were there any?

    With entries for both the old and the new key nothing is moved: the old one has simply
    left the catalog. A survey's bases are temporary copies wherever a set has moves.
    """
    moved = False
    for move in work.seed_set.moved:
        if not _move(seeding.connection, work, move):
            continue
        moved = True
        pairs = sql.SQL("(SELECT * FROM (VALUES ({}::text, {}::text)) v (old, addr))").format(
            sql.Literal(move.old), sql.Literal(move.new)
        )
        rekey.follow_everywhere(seeding, work, pairs)
    return moved


def follow_references(seeding: Seeding, work: SetWork) -> None:
    """Let entries follow references in the key that are written otherwise than before.

    The referenced set has another key by now, or the catalog gave the stored values until
    now: a reference stands for the row it refers to, so the identity is still the same.
    Runs after the references are resolved; a survey's base is a temporary copy here.
    """
    connection, names = seeding.connection, _key_references(work)
    if not names:
        return
    same_values = [
        equal(work.stage.d(name), work.known_key(name), work.live(name))
        for name in work.seed_set.key
    ]
    symbols = [(work.base.columns[name].symbol, work.stage.r(name)) for name in names]
    found = connection.execute(
        work.compose(
            "SELECT b.addr, s.addr FROM {base} b, {stage} s\n"
            "WHERE b.scope = {scope} AND {same_values} AND {written_otherwise}\n"
            "AND NOT EXISTS (SELECT FROM {base} n WHERE n.scope = {scope} AND n.addr = s.addr)\n"
            "AND NOT EXISTS (SELECT FROM {stage} o WHERE o.addr = b.addr)",
            same_values=all_of(same_values),
            written_otherwise=any_of(
                sql.SQL("b.{} IS DISTINCT FROM {}").format(*each) for each in symbols
            ),
        )
    ).fetchall()
    if not found:
        return
    pairs = rekey.as_relation(found)
    connection.execute(
        work.compose(
            "UPDATE {base} b SET {sets} FROM {pairs} m JOIN {stage} s ON s.addr = m.addr"
            " WHERE b.scope = {scope} AND b.addr = m.old",
            sets=sql.SQL(", ").join(
                [
                    sql.SQL("addr = s.addr"),
                    *(sql.SQL("{} = {}").format(*each) for each in symbols),
                ]
            ),
            pairs=pairs,
        )
    )
    rekey.follow_everywhere(seeding, work, pairs)


def follow_cascades(connection: Connection, work: SetWork, works: Mapping[str, SetWork]) -> None:
    """Let entries follow a primary key that ON UPDATE CASCADE has just carried to their rows.

    Runs once the changes of `work` are written. Entries whose rows are not there under the
    new key stay as they are.
    """
    for other in works.values():
        for name, target in other.targets.items():
            if (
                isinstance(target, SetTarget)
                and target.set == work.name
                and name in other.base.primary_key
                and target.stored in work.base.primary_key
                and work.stage.has(target.stored)
            ):
                _follow_cascade(connection, work, target.stored, other, name)


def _follow_cascade(
    connection: Connection, work: SetWork, stored: str, other: SetWork, name: str
) -> None:
    own = other.base.p(other.base.primary_key.index(name))
    before = sql.Identifier("w", f"k{work.base.primary_key.index(stored) + 1}")
    after = work.stage.d(stored)
    now_there = all_of(
        equal(
            sql.Identifier("t", part),
            after
            if part == name
            else cast(sql.SQL("b.{}").format(other.base.p(position)), other.live(part)),
            other.live(part),
        )
        for position, part in enumerate(other.base.primary_key)
    )
    connection.execute(
        work.compose(
            "UPDATE {other} b SET {own} = {after}\n"
            "FROM {verdict} w JOIN {stage} s ON {row} = w.s LEFT JOIN {base} o ON o.ctid = w.b\n"
            "WHERE {writing} AND {written} AND b.scope = {their_scope}"
            # Where the row had to step aside, the verdict has a made-up key.
            " AND b.{own} IN ({before}, o.{known})"
            " AND EXISTS (SELECT FROM {theirs} t WHERE {now_there})",
            other=other.base.relation,
            own=own,
            after=canonical(after, work.live(stored)),
            writing=writing(work),
            written=is_written(work, stored),
            their_scope=sql.Literal(other.scope),
            before=canonical(before, work.live(stored)),
            known=work.base.p(work.base.primary_key.index(stored)),
            theirs=other.table.rows,
            now_there=now_there,
        )
    )


def _key_references(work: SetWork) -> list[str]:
    return [name for name in work.seed_set.key if work.seed_set.column(name).reference is not None]


def _move(connection: Connection, work: SetWork, move: Move) -> bool:
    base = work.base
    sets: list[sql.Composable] = [sql.SQL("addr = {}").format(sql.Literal(move.new))]
    notes: list[sql.Composable] = []
    for name, old, new in zip(work.seed_set.key, move.old_values, move.new_values, strict=True):
        column = base.columns[name]
        if work.seed_set.column(name).reference is not None:
            sets.append(sql.SQL("{} = {}").format(column.symbol, sql.Literal(new)))
            if old != new:  # what the new key stands for is not known before the merge
                sets.append(sql.SQL("{} = NULL").format(column.asked))
        else:
            value = canonical(constant(new, work.live(name)), work.live(name))
            sets.append(sql.SQL("{} = {}").format(column.asked, value))
        if old != new:
            notes.append(
                sql.SQL("pg_catalog.jsonb_build_object({}, ({})::text)").format(
                    Named(name), column.asked
                )
            )
    if notes:
        sets.append(
            sql.SQL(
                "notes = coalesce(notes, '{{}}') || pg_catalog.jsonb_build_object('moved',"
                " {} || coalesce(notes -> 'moved'::text, '{{}}'))"
            ).format(sql.SQL(" || ").join(notes))
        )
    return bool(
        connection.execute(
            work.compose(
                "UPDATE {base} SET {sets} WHERE scope = {scope} AND addr = {old}"
                " AND NOT EXISTS (SELECT FROM {base} n WHERE n.scope = {scope} AND n.addr = {new})",
                sets=sql.SQL(", ").join(sets),
                old=sql.Literal(move.old),
                new=sql.Literal(move.new),
            )
        ).rowcount
    )
