"""Where the live row of a differing row is: the first steps of its verdict, as SQL.

Each step is a row of facts under a name that the next one refers to: `placed`, `found`, `v`.
"""

from __future__ import annotations

from psycopg import sql

from seeder.database.connection.marked_sql import Named
from seeder.database.judging import documents
from seeder.database.judging.expressions import base_key
from seeder.database.judging.facts import Fact, verdict_number
from seeder.database.ledger.tables.states import OWNING, WITHOUT_CLAIM
from seeder.database.schema.equality import (
    FALSE,
    Pair,
    all_equal,
    all_of,
    any_of,
    canonical,
    equal,
    found_in,
    negated,
)
from seeder.database.schema.rule_numbers import numbers
from seeder.database.staging.work import SetWork
from seeder.merge.rules import IDENTITY_RULES, Identity

"""States in which an entry still has a claim on a live row."""


def _keys(work: SetWork, *, gone: bool) -> dict[str, sql.Composable]:
    """What the key columns are to be."""
    return {
        name: base_key(work, name) if gone else work.stage.d(name) for name in work.seed_set.key
    }


def sources(work: SetWork, *, gone: bool) -> sql.Composable:
    """Diff rows with their stage row and entry, the live row at its primary key (lp) and the
    one under the key (lk)."""
    return sql.SQL(
        "FROM {diff}\n"
        "LEFT JOIN {stage} s ON {row} = d.s\n"
        "LEFT JOIN {base} b ON b.ctid = d.b\n"
        "LEFT JOIN {live} lp ON {by_primary_key}\n"
        "LEFT JOIN {live} lk ON {by_key}"
    ).format(
        diff=sql.SQL("{} d").format(work.diff) if gone else documents.differing(work),
        row=work.stage.row(),
        stage=work.stage.relation,
        base=work.base.relation,
        live=work.table.rows,
        by_primary_key=all_of([work.at_primary_key("lp", "b"), work.in_scope("lp")]),
        by_key=all_of(
            [
                *(
                    equal(sql.Identifier("lk", name), key, work.live(name))
                    for name, key in _keys(work, gone=gone).items()
                ),
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
            now=canonical(sql.Identifier(live, name), work.live(name)),
            name=Named(name),
            asked=sql.SQL("o.{}").format(work.base.columns[name].asked),
        )
        for name in work.seed_set.key
    ]
    return sql.SQL(
        "EXISTS (SELECT FROM {} o WHERE o.scope = {} AND"
        " o.state IN ({}) AND o.notes ? 'moved'::text"
        " AND {} AND {})"
    ).format(
        work.base.relation,
        sql.Literal(work.scope),
        OWNING,
        work.at_primary_key(live, "o"),
        all_of(still),
    )


def placed(work: SetWork, *, gone: bool) -> sql.Composable:
    """The facts that `IDENTITY_RULES` go by."""
    keys = _keys(work, gone=gone)
    first = work.base.primary_key[0]
    at_key = sql.SQL("{} IS NOT NULL").format(sql.Identifier("lk", first))
    same = all_of(
        equal(sql.Identifier("lp", name), key, work.live(name)) for name, key in keys.items()
    )
    same_key = sql.SQL("coalesce({}, false)").format(same)

    def owned_by(pairs: list[Pair]) -> sql.Composable:
        return found_in(
            pairs,
            sql.SQL("FROM {} o").format(work.base.relation),
            sql.SQL("o.scope = {} AND o.state IN ({})").format(sql.Literal(work.scope), OWNING),
        )

    def key_of(entry: str) -> list[Pair]:
        return [
            (sql.Identifier("lp", name), base_key(work, name, entry), work.live(name))
            for name in keys
        ]

    # The key that the entry itself knows is no other's, even if a reference in it leads nowhere.
    other_key = all_of(
        [
            owned_by(key_of("o")),
            sql.SQL("NOT coalesce({}, false)").format(all_equal(key_of("b"))),
            negated(_moving_away(work, "lp")),
        ]
    )
    owned = sql.SQL("(coalesce(b.state IN ({}), true) AND {})").format(
        WITHOUT_CLAIM, owned_by(work.primary_keys("lk", "o"))
    )
    # An entry without a claim gives way to whoever else the row is, or is about to be.
    claimed = sql.SQL(
        "coalesce(b.state IN ({without_claim})"
        " AND ({owned} OR (NOT ({same_key}) AND {desired})), false)"
    ).format(
        without_claim=WITHOUT_CLAIM,
        owned=owned_by(work.primary_keys("lp", "o")),
        same_key=same,
        desired=found_in(
            [
                (sql.Identifier("lp", name), work.stage.d(name, "q"), work.live(name))
                for name in keys
            ],
            sql.SQL("FROM {} q").format(work.stage.relation),
        ),
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
            negated(claimed),
        ]
    )
    # No rule asks for the other key of a row that has its own, nor for the owner of none: so
    # the whole base is read for these two only where some row needs it.
    return sql.SQL(
        "  SELECT b.ctid IS NOT NULL AS entry, {at_primary_key} AS at_primary_key,\n"
        "    {same_key} AS same_key,\n"
        "    CASE WHEN {same_key} THEN false ELSE coalesce({other_key}, false) END AS other_key,\n"
        "    {at_key} AS at_key,\n"
        "    CASE WHEN {at_key} THEN coalesce({owned}, false) ELSE false END AS owned,\n"
        "    {soft_deleted} AS soft_deleted"
    ).format(
        at_primary_key=at_primary_key,
        same_key=same_key,
        other_key=other_key,
        at_key=at_key,
        owned=owned,
        soft_deleted=sql.SQL("false")
        if work.seed_set.deleted is None
        else sql.SQL("({} IS NULL AND {})").format(
            sql.Identifier("lk", first),
            found_in(
                [(key, sql.Identifier("ls", name), work.live(name)) for name, key in keys.items()],
                sql.SQL("FROM {} ls").format(work.table.rows),
                all_of([work.in_scope("ls"), work.soft_deleted("ls")]),
            ),
        ),
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
