"""Where the live row of a differing row is: the first steps of its verdict, as SQL.

Each step is a row of facts under a name that the next one refers to: `placed`, `found`, `v`.
"""

from __future__ import annotations

from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.judging import documents
from seeder.database.judging.expressions import as_kept
from seeder.database.judging.facts import Fact, verdict_number
from seeder.database.schema.equality import (
    FALSE,
    Pair,
    all_equal,
    all_of,
    any_of,
    either,
    found_in,
    negated,
    surely,
)
from seeder.database.schema.rule_numbers import numbers
from seeder.database.staging.work import SetWork
from seeder.merge.rules import IDENTITY_RULES, Identity


def _keys(work: SetWork, live: str, *, gone: bool) -> list[Pair]:
    """The key of a live row, and what it is to be."""
    return work.known_keys(live, "b") if gone else work.desired_keys(live)


def sources(work: SetWork, *, gone: bool) -> sql.Composable:
    """Diff rows with their stage row and entry, the live row at its primary key (lp) and the
    one under the key (lk)."""
    return work.compose(
        "FROM {differing}\n"
        "LEFT JOIN {stage} s ON {row} = d.s\n"
        "LEFT JOIN {base} b ON b.ctid = d.b\n"
        "LEFT JOIN {live} lp ON {by_primary_key}\n"
        "LEFT JOIN {live} lk ON {by_key}",
        differing=work.compose("{diff} d") if gone else documents.differing(work),
        by_primary_key=all_of([work.at_primary_key("lp", "b"), work.in_scope("lp")]),
        by_key=all_of(
            [
                all_equal(_keys(work, "lk", gone=gone)),
                work.in_scope("lk"),
                negated(work.soft_deleted("lk")),
                negated(_moving_away(work, "lk")),
            ]
        ),
    )


def _moving_away(work: SetWork, live: str) -> sql.Composable:
    """Condition: a live row still has the key that a `moved` of this seeding takes it from.

    Whoever asks for that key from now on, in whichever set, means another row.
    """
    if not work.any_moves:
        return FALSE
    still = [
        sql.SQL(
            "({now})::text OPERATOR(pg_catalog.=)"
            " coalesce(o.notes -> 'moved'::text ->> {name}::text, ({asked})::text)"
        ).format(
            now=as_kept(work, name, live),
            name=Named(name),
            asked=sql.SQL("o.{}").format(work.base.columns[name].asked),
        )
        for name in work.seed_set.key
    ]
    return work.compose(
        "EXISTS (SELECT FROM {base} o WHERE {} AND o.notes ? 'moved'::text AND {} AND {})",
        work.owning("o"),
        work.at_primary_key(live, "o"),
        all_of(still),
    )


def placed(work: SetWork, *, gone: bool) -> sql.Composable:
    """The facts that `IDENTITY_RULES` go by."""
    first = work.base.primary_key[0]
    at_key = sql.SQL("{} IS NOT NULL").format(sql.Identifier("lk", first))
    same = all_equal(_keys(work, "lp", gone=gone))
    # The key that the entry itself knows is no other's, even if a reference in it leads nowhere.
    other_key = all_of(
        [
            work.owned(work.known_keys("lp", "e")),
            negated(surely(all_equal(work.known_keys("lp", "b")))),
            negated(_moving_away(work, "lp")),
        ]
    )
    without_claim = work.compose("b.state IN ({without_claim})")
    owned = all_of(
        [
            sql.SQL("coalesce({}, true)").format(without_claim),
            work.owned(work.primary_keys("lk", "e")),
        ]
    )
    # An entry without a claim gives way to whoever else the row is, or is about to be.
    desired = found_in(work.desired_keys("lp", "q"), work.compose("FROM {stage} q"))
    somebody_s = any_of(
        [work.owned(work.primary_keys("lp", "e")), all_of([negated(same), desired])]
    )
    # A row that the set itself has marked as deleted is there, unless it was made anew since.
    at_primary_key = all_of(
        [
            sql.SQL("{} IS NOT NULL").format(sql.Identifier("lp", first)),
            any_of(
                [
                    negated(work.soft_deleted("lp")),
                    all_of([negated(at_key), work.marked("lp", "b")]),
                ]
            ),
            negated(surely(all_of([without_claim, somebody_s]))),
        ]
    )
    soft_deleted = found_in(
        [(key, live, column) for live, key, column in _keys(work, "ls", gone=gone)],
        work.compose("FROM {live} ls"),
        all_of([work.in_scope("ls"), work.soft_deleted("ls")]),
    )
    # No rule asks for the other key of a row that has its own, nor for the owner of none: so
    # the whole base is read for these two only where some row needs it.
    return sql.SQL(
        "  SELECT b.ctid IS NOT NULL AS entry, {at_primary_key} AS at_primary_key,\n"
        "    {same_key} AS same_key,\n"
        "    {other_key} AS other_key,\n"
        "    {at_key} AS at_key,\n"
        "    {owned} AS owned,\n"
        "    {soft_deleted} AS soft_deleted"
    ).format(
        at_primary_key=at_primary_key,
        same_key=surely(same),
        other_key=either(surely(same), FALSE, surely(other_key)),
        at_key=at_key,
        owned=either(at_key, surely(owned), FALSE),
        soft_deleted=all_of([negated(at_key), soft_deleted]),
    )


def identity() -> sql.Composable:
    """The verdict on where the live row is."""
    facts: dict[str, Fact] = {
        name: sql.Identifier("placed", name)
        for name in ("entry", "at_primary_key", "same_key", "other_key", "at_key", "owned")
    }
    return sql.SQL("  SELECT {} AS identity").format(verdict_number(IDENTITY_RULES, facts))


def live_row(work: SetWork, columns: dict[str, int]) -> sql.Composable:
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
