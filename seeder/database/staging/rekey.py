"""Entries of sets that have another key now get it, and who refers to them follows.

Which row of the catalog an entry is: the one with the values that were last applied to the new
key; else the one that still gives the old key. Others have left the catalog, and go by what was
applied to the new key, or by what their live rows have in it; those without either, by their old
key, so that an undo still finds them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from psycopg import sql

from seeder.database.ledger.bases.bases import Base
from seeder.database.ledger.bases.entry_values import asked, has_note, last_asked, unknown
from seeder.database.ledger.bases.notes import objects
from seeder.database.schema.equality import all_of, canonical, either
from seeder.database.staging.context import Seeding
from seeder.database.staging.renamed import before, former_key, todays_names
from seeder.database.staging.stage import Stage
from seeder.database.staging.work import SetTarget, SetWork
from seeder.errors import ConfigurationInvalid
from seeder.merge.model import NULL, Nulls


def follow_new_keys(seeding: Seeding) -> None:
    """Give entries their new keys, once the rows of the catalog are staged."""
    done: set[tuple[int, str]] = set()
    for work in seeding.works.values():
        known = before(seeding, work.seed_set)
        if known is None or (work.base.id, work.scope) in done:
            continue
        today = todays_names(work.seed_set, known)
        key = former_key(work.seed_set, known)
        if key != work.seed_set.key and work.seed_set.nulls is Nulls.EQUAL:
            raise ConfigurationInvalid(
                f"The key of set {work.name} changes, and NULL is part of it.",
                hint="Change the key in one release, and write `nulls: equal` in a later one.",
            )
        if key != work.seed_set.key:
            done.add((work.base.id, work.scope))
            _rekey(seeding, work, key, [today.get(name, name) for name in known.columns])


def _rekey(
    seeding: Seeding, work: SetWork, old_key: Sequence[str], recorded: Sequence[str]
) -> None:
    connection, base = seeding.connection, work.base
    pairs = sql.Identifier("pg_temp", f"seeder_rekeyed_{work.stage.number}")
    connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE {name} ON COMMIT DROP AS\nWITH e AS (\n{entries}\n), s AS (\n{rows}"
            "\n)\nSELECT DISTINCT ON (addr) entry, old, addr, parts, how FROM (\n"
            "  SELECT e.entry, e.addr AS old, e.owning,"
            " coalesce(x.addr, y.addr, {address}, e.addr || {by}) AS addr,\n"
            "    coalesce(x.parts, y.parts, e.parts, e.live) AS parts,\n"
            "    CASE WHEN x.addr IS NOT NULL THEN 1 WHEN y.addr IS NOT NULL THEN 2"
            " WHEN coalesce(e.parts, e.live) IS NOT NULL THEN 3 ELSE 4 END AS how\n"
            "  FROM e LEFT JOIN s x ON x.parts = e.parts\n"
            "  LEFT JOIN s y ON x.addr IS NULL AND y.before = e.before"
            " AND NOT EXISTS (SELECT FROM e o WHERE o.parts = y.parts)\n"
            ") q ORDER BY addr, how, owning DESC, old"
        ).format(
            name=sql.Identifier(f"seeder_rekeyed_{work.stage.number}"),
            entries=_entries(work, old_key, recorded),
            rows=sql.SQL("\n  UNION ALL\n").join(
                _rows(work, stage, old_key) for stage in (work.stage, *work.siblings)
            ),
            # Another row may have the same key by the new columns, now or later.
            by=sql.Literal(f" ({', '.join(old_key)})"),
            address=sql.SQL(
                "(SELECT pg_catalog.string_agg(pg_catalog.replace(pg_catalog.replace(u.part,"
                " '\\', '\\\\'), ',', '\\,'), ','"
                " ORDER BY u.n) FROM pg_catalog.unnest(coalesce(e.parts, e.live))"
                " WITH ORDINALITY u (part, n))"
            ),
        )
    )
    # Of rows that nothing tells apart by the new key, one remains known.
    connection.execute(
        work.compose(
            "DELETE FROM {base} b WHERE b.scope = {scope}"
            " AND b.ctid NOT IN (SELECT entry FROM {pairs})",
            pairs=pairs,
        )
    )
    former = [name for name in old_key if name in base.columns and name not in work.seed_set.key]
    sets, notes = _assignments(work)
    connection.execute(
        work.compose(
            "UPDATE {base} b SET addr = m.addr, {sets}, notes = (SELECT nullif("
            "(coalesce(b.notes, '{{}}') - 'moved'::text) || CASE WHEN q.moved = '{{}}' THEN q.moved"
            " ELSE pg_catalog.jsonb_build_object('moved', q.moved) END, '{{}}') FROM (SELECT"
            " {moved} || (coalesce(b.notes -> 'moved'::text, '{{}}') - {former}::text[])"
            " AS moved) q) FROM {pairs} m WHERE b.ctid = m.entry",
            sets=sql.SQL(", ").join([*sets, *_plain_again(base, former)]),
            moved=notes,
            former=sql.Literal(former),
            pairs=pairs,
        )
    )
    follow_everywhere(seeding, work, pairs)


def follow_everywhere(seeding: Seeding, work: SetWork, pairs: sql.Composable) -> None:
    """Let all that names rows of a set by their old keys name them by the new ones.

    `pairs` is a relation with the columns `old` and `addr`.
    """
    for other in seeding.works.values():
        for name, target in other.targets.items():
            if isinstance(target, SetTarget) and _same_rows(seeding, target, work):
                _follow(seeding, other, name, pairs)
    if seeding.writes:
        seeding.connection.execute(
            work.compose(
                "UPDATE {changes} c SET addr = m.addr FROM {pairs} m"
                " WHERE c.base = {id} AND c.scope = {scope} AND c.addr = m.old",
                changes=seeding.ledger.sql("{s}.changes"),
                pairs=pairs,
                id=sql.Literal(work.base.id),
            )
        )


def _same_rows(seeding: Seeding, target: SetTarget, work: SetWork) -> bool:
    other = seeding.works.get(target.set)
    return other is not None and (other.base.id, other.scope) == (work.base.id, work.scope)


def _entries(work: SetWork, old_key: Sequence[str], recorded: Sequence[str]) -> sql.Composable:
    key = work.seed_set.key
    return work.compose(
        "  SELECT b.ctid AS entry, b.addr, b.state IN ({owning}) AS owning,\n"
        "    {before} AS before, {parts} AS parts, {now} AS live\n"
        "  FROM {base} b LEFT JOIN {live} t ON {here} WHERE b.scope = {scope}",
        before=_array([_known(work, name) for name in old_key]),
        parts=_array(
            [_known(work, name) if name in recorded else sql.SQL("NULL::text") for name in key]
        ),
        now=_array(
            [
                sql.SQL("NULL::text")
                if work.seed_set.column(name).reference is not None
                else sql.SQL("({})::text").format(
                    canonical(sql.Identifier("t", name), work.live(name))
                )
                for name in key
            ]
        ),
        here=all_of([work.at_primary_key("t", "b"), work.in_scope("t")]),
    )


def _known(work: SetWork, name: str) -> sql.Composable:
    """What was last asked of a column of the key, as text; NULL where that is not known."""
    column = work.base.columns[name]
    own = column.symbol if _refers(work, name) and column.reference else column.asked
    return either(unknown(column), sql.SQL("NULL"), sql.SQL("(b.{})::text").format(own))


def _refers(work: SetWork, name: str) -> bool:
    return name in work.names and work.seed_set.column(name).reference is not None


def _rows(work: SetWork, stage: Stage, old_key: Sequence[str]) -> sql.Composable:
    def value(name: str) -> sql.Composable:
        if stage.seed_set.column(name).reference is not None:
            return stage.r(name)
        return sql.SQL("({})::text").format(canonical(stage.d(name), work.live(name)))

    gives = all(stage.has(name) for name in old_key)
    return sql.SQL("  SELECT s.addr, {} AS parts, {} AS before FROM {} s").format(
        _array([value(name) for name in work.seed_set.key]),
        _array([value(name) for name in old_key]) if gives else sql.SQL("NULL::text[]"),
        stage.relation,
    )


def _array(values: Sequence[sql.Composable]) -> sql.Composable:
    """An array of texts; NULL where one is."""
    texts = sql.SQL(", ").join(values)
    return sql.SQL("CASE WHEN pg_catalog.num_nulls({0}) = 0 THEN ARRAY[{0}] END").format(texts)


def _plain_again(base: Base, names: Sequence[str]) -> list[sql.Composable]:
    """Columns that were part of the key: what a row was known by is what it was asked for again.

    A key that the catalog had moved, and a person's table had not, stays a conflict so.
    """
    sets: list[sql.Composable] = []
    for name in names:
        column = base.columns[name]
        known = [(column.asked, last_asked(column))]
        if column.reference:
            now = sql.SQL("b.{}").format(column.symbol)
            known.append((column.symbol, either(has_note("moved", name), sql.SQL("NULL"), now)))
        sets += [sql.SQL("{} = {}").format(*each) for each in known]
    return sets


def _assignments(work: SetWork) -> tuple[list[sql.Composable], sql.Composable]:
    """What the key's columns become, and an object of what they were, for the merge."""
    sets: list[sql.Composable] = []
    moved: list[tuple[sql.Composable, str, sql.Composable]] = []
    for number, name in enumerate(work.seed_set.key, start=1):
        column = work.base.columns[name]
        part = sql.SQL("m.parts[{}]").format(sql.Literal(number))
        own, value = column.symbol, part
        if not _refers(work, name):
            own, value = column.asked, sql.SQL("{}::{}").format(part, sql.SQL(column.storage))
        sets.append(sql.SQL("{} = {}").format(own, value))
        differs = sql.SQL("b.{} IS DISTINCT FROM {}").format(own, value)
        if _refers(work, name):
            kept = either(differs, sql.SQL("NULL"), asked(column))
            sets.append(sql.SQL("{} = {}").format(column.asked, kept))
        moved.append((all_of([sql.SQL("m.how = 2"), differs]), name, asked(column)))
    return sets, sql.SQL("({})").format(objects(moved))


def _follow(seeding: Seeding, other: SetWork, name: str, pairs: sql.Composable) -> None:
    """Entries that refer to rows by their old keys refer to them by the new ones."""
    column = other.base.columns.get(name)
    if column is None or not column.reference:
        return
    seeding.connection.execute(
        other.compose(
            "UPDATE {base} b SET {symbol} = m.addr FROM {pairs} m"
            " WHERE b.scope = {scope} AND b.{symbol} = m.old",
            symbol=column.symbol,
            pairs=pairs,
        )
    )
    if name in other.seed_set.key:
        _readdress(seeding, other)


def _readdress(seeding: Seeding, work: SetWork) -> None:
    """Row keys made of references follow them, and all that names the rows follows those."""
    parts = []
    for name in work.seed_set.key:
        refers = work.seed_set.column(name).reference is not None
        column = work.base.columns[name]
        part = sql.SQL(
            "pg_catalog.replace(pg_catalog.replace({}::text, '\\', '\\\\'), ',', '\\,')"
        ).format(column.symbol if refers else column.asked)
        null = sql.Literal(NULL)
        nulls_equal = work.live(name).nulls_equal
        parts.append(sql.SQL("coalesce({}, {})").format(part, null) if nulls_equal else part)
    whole = sql.SQL(" || ',' || ").join(parts)
    found = seeding.connection.execute(
        work.compose(
            "WITH m AS (SELECT b.ctid AS entry, b.addr AS old, {whole} AS addr FROM {base} b"
            " WHERE b.scope = {scope} AND b.addr <> {whole}),\n"
            "e AS (UPDATE {base} b SET addr = m.addr FROM m WHERE b.ctid = m.entry)\n"
            "SELECT old, addr FROM m",
            whole=whole,
        )
    ).fetchall()
    if found:
        follow_everywhere(seeding, work, as_relation(found))


def as_relation(pairs: Iterable[tuple[str, str]]) -> sql.Composable:
    """Old and new keys as a relation; no table, for a survey's transaction is read-only."""
    return sql.SQL("(SELECT * FROM pg_catalog.jsonb_each_text({}::jsonb) v (old, addr))").format(
        sql.Literal(json.dumps(dict(pairs)))
    )
