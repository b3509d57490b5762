"""Undo inside documents: what a run wrote of one is taken back part by part.

Images are whole documents. Where people changed other parts since, the images of the list are
rewritten: to what stands now, and to what it becomes when the run's parts are taken back.
"""

from __future__ import annotations

import json

import msgspec
from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.judging.documents import as_json, as_text
from seeder.database.ledger.bases.entries import from_text, live_text
from seeder.database.schema.equality import canonical, same_text
from seeder.database.settling.undo_list import Undoing
from seeder.merge.documents import Sides, equal, merge, read
from seeder.merge.model import Strategy
from seeder.merge.plan import CHANGED
from seeder.merge.rules import COLUMN_WRITES


def merge_back(work: Undoing) -> None:
    """Rewrite the images of documents in which people changed something since."""
    work.execute(_TURNED)
    names = work.execute(
        "SELECT DISTINCT c.key FROM {w}, pg_catalog.jsonb_each(merged) c"
        " WHERE c.value ? 'how'::text ORDER BY 1"
    ).fetchall()
    for (name,) in names:
        if name in work.base.table.columns:
            _merge_back(work, name)


_TURNED = (
    "UPDATE {w} SET merged = (SELECT pg_catalog.jsonb_object_agg(c.key, c.value || CASE"
    " WHEN c.value ? 'parts'::text THEN pg_catalog.jsonb_build_object('parts', (SELECT"
    " pg_catalog.jsonb_object_agg(p.key,"
    " pg_catalog.jsonb_build_array(p.value -> 1, p.value -> 0)) FROM"
    " pg_catalog.jsonb_each(c.value -> 'parts'::text) p))"
    " ELSE '{{}}' END) FROM pg_catalog.jsonb_each(merged) c) WHERE merged IS NOT NULL"
)
"""Parts with what the run wrote first: that is what an undo finds."""


def keep_together(work: Undoing) -> None:
    """Leave columns that are decided together where one of them has changed since."""
    work.execute(
        "UPDATE {w} w SET names = q.names, verdict = CASE WHEN q.names = '{{}}' THEN 'keep'"
        " ELSE w.verdict END, reason = CASE WHEN q.names = '{{}}' THEN {since}"
        " ELSE 'the run wrote it; what was changed here since stays' END"
        " FROM (SELECT w.n, ARRAY(SELECT n FROM pg_catalog.unnest(w.names) n WHERE NOT EXISTS ("
        "SELECT FROM pg_catalog.jsonb_array_elements_text(w.merged -> n -> 'with'::text) other"
        " WHERE w.before ->> other IS DISTINCT FROM w.after ->> other"
        " AND other <> ALL (w.names))) AS names FROM {w} w"
        " WHERE {to_set_back} AND w.merged IS NOT NULL) q"
        " WHERE q.n = w.n AND q.names <> w.names",
        since=sql.Literal(CHANGED),
    )


def _merge_back(work: Undoing, name: str) -> None:
    column = work.base.table.columns[name]

    def image(side: str) -> sql.Composable:
        text = sql.SQL("w.{} ->> {}::text").format(sql.Identifier(side), Named(name))
        return as_json(from_text(work.base, name, text), column)

    rows = work.execute(
        "SELECT w.n, (w.merged -> {name}::text -> 'how'::text)::text, {before}, {after}, {now}"
        " FROM {w} w JOIN {live} t ON {at} WHERE w.kind = 'updated' AND w.merged ? {name}::text"
        " AND w.after ? {name}::text AND NOT {same}",
        name=Named(name),
        before=image("before"),
        after=image("after"),
        now=as_json(sql.Identifier("t", name), column),
        same=same_text(
            sql.Identifier("t", name),
            sql.SQL("w.after ->> {}::text").format(Named(name)),
            column,
        ),
    ).fetchall()
    outcomes = []
    for n, how, before, after, now in rows:
        strategy = msgspec.json.decode(how, type=Strategy).shape
        wrote, live = read(after), read(now)
        found = merge(Sides(asked=wrote, stored=wrote, live=live, desired=read(before)), strategy)
        if equal(found.value, live):
            continue
        parts = {
            each.name: (each.live, each.desired)
            for each in found.changes
            if each.case in COLUMN_WRITES
        }
        outcomes.append((as_text(found.value, column), json.dumps(parts), found.kept_out, n))
    if not outcomes:
        return
    with work.connection.cursor() as cursor:
        cursor.executemany(
            work.compose(
                "UPDATE {w} w SET before = w.before || pg_catalog.jsonb_build_object({name},"
                " {becomes}),"
                " after = w.after || pg_catalog.jsonb_build_object({name}, {now}),"
                " merged = pg_catalog.jsonb_set(w.merged, ARRAY[{name}, 'parts'], %s::jsonb),"
                " partly = w.partly OR %s FROM {live} t WHERE {at} AND w.n = %s",
                name=Named(name),
                becomes=sql.SQL("({})::text").format(
                    canonical(from_text(work.base, name, sql.SQL("%s")), column)
                ),
                now=live_text(work.base, name),
            ),
            outcomes,
        )
