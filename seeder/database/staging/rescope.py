"""Sets whose scope has changed: their entries follow, so that the rows stay the same rows.

A set is known again by its name, table and key. Its entries go to the new scope where their
live rows are in it, or are gone; what stays behind is a set that has left the catalog.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace
from psycopg import sql

from seeder.database.schema.equality import TRUE, all_of, any_of, canonical
from seeder.database.schema.tables import Table
from seeder.database.staging.context import Known, Seeding
from seeder.database.staging.renamed import any_entry, former_scopes, places
from seeder.database.staging.work import (
    SetWork,
    constant,
    has_scope,
    scope_condition,
    scope_text,
)
from seeder.merge.model import SeedSet


def find(seeding: Seeding, sets: Iterable[SeedSet]) -> None:
    """Find the sets that the ledger knows in another scope; they count as known from now on."""
    standing = set(places(seeding).values())
    for each in sets:
        table = seeding.tables.get(each.table)
        if table is None or not has_scope(each, table):
            continue
        scope = scope_text(each, table)
        here = [k for k in seeding.known if k.table == table.qualified and k.key == each.key]
        if any(known.scope == scope for known in here):
            continue
        named = [
            known
            for known in here
            if (known.name == each.name or known.scope in former_scopes(each, table))
            and (known.table, known.key, known.scope) not in standing
        ]
        declared = former_scopes(each, table)
        before = next(
            (
                k
                for k in reversed(named)
                if k.scope in declared or _follows(seeding, each, table, k)
            ),
            None,
        )
        if before is not None:
            seeding.rescoped[each.name] = before
            if before.scope in declared:
                seeding.stale.add(each.name)
            seeding.known = tuple(
                replace(known, scope=scope) if known is before else known for known in seeding.known
            )


def _follows(seeding: Seeding, each: SeedSet, table: Table, known: Known) -> bool:
    """Whether a set in another scope is this one: the scopes agree, or the rows came along."""
    if _agree(each, table, known.scope):
        return True
    among = seeding.ledger.sql(
        "b.scope = {scope} AND b.seed_set = {id} AND b.state IN ({owning})",
        scope=sql.Literal(known.scope),
        id=sql.Literal(known.id),
    )
    here = [scope_condition(each, table, "t")]
    return any_entry(seeding, known, table, sql.SQL("EXISTS ({})"), here, among)


def _agree(each: SeedSet, table: Table, before: str) -> bool:
    """Whether no column has another constant than before; it may have come, or be gone."""
    now = scope_text(each, table)
    if not now or not before:
        return True
    pieces = set(now.split(", "))
    columns = {piece.partition("=")[0] for piece in pieces}
    return all(
        piece in pieces or piece.partition("=")[0] not in columns for piece in before.split(", ")
    )


def carry(seeding: Seeding, work: SetWork) -> None:
    """Take the entries of a set that `find` found to its new scope.

    A survey does so in a copy of the base.
    """
    before = seeding.rescoped[work.name]
    at = work.at_primary_key("t", "b")
    carried: sql.Composable = work.compose(
        "EXISTS (SELECT FROM {live} t WHERE {})", all_of([at, work.in_scope("t")])
    )
    if before.scope in former_scopes(work.seed_set, work.table):
        carried = TRUE
    elif _agree(work.seed_set, work.table, before.scope):
        carried = any_of([carried, work.compose("NOT EXISTS (SELECT FROM {live} t WHERE {})", at)])
    named = {"before": sql.Literal(before.scope), "id": sql.Literal(before.id)}
    free = work.compose(
        "NOT EXISTS (SELECT FROM {base} n WHERE n.scope = {scope} AND n.addr = b.addr)"
    )
    seeding.connection.execute(
        work.compose(
            "UPDATE {base} b SET scope = {scope}{asked}"
            " WHERE b.scope = {before} AND b.seed_set = {id} AND {carried}",
            asked=_asked(work),
            carried=all_of([free, carried]),
            **named,
        )
    )
    if not seeding.writes:
        return
    seeding.connection.execute(
        work.compose(
            "UPDATE {sets} SET scope = {scope} WHERE id = {id}",
            sets=seeding.ledger.sql("{s}.sets"),
            **named,
        )
    )
    seeding.connection.execute(
        work.compose(
            "UPDATE {changes} c SET scope = {scope} WHERE c.base = {number}"
            " AND c.scope = {before} AND c.set_name = {name}"
            " AND EXISTS (SELECT FROM {base} b WHERE b.scope = {scope} AND b.addr = c.addr)",
            changes=seeding.ledger.sql("{s}.changes"),
            number=sql.Literal(before.base),
            name=sql.Literal(work.name),
            **named,
        )
    )
    _leave_behind(seeding, work, before)


def _asked(work: SetWork) -> sql.Composable:
    """Assignments: the scope's constants are what the rows ask for now."""
    return sql.SQL("").join(
        sql.SQL(", {} = {}").format(
            work.base.columns[name].asked,
            canonical(constant(cell, work.live(name)), work.live(name)),
        )
        for name, cell in work.seed_set.scope
        if name in work.base.columns
    )


def _leave_behind(seeding: Seeding, work: SetWork, before: Known) -> None:
    """What stays in the old scope belongs to a set of its own, which has left the catalog."""
    connection = seeding.connection
    left = sql.SQL("scope = {} AND seed_set = {}").format(
        sql.Literal(before.scope), sql.Literal(before.id)
    )
    row = connection.execute(
        seeding.ledger.sql(
            "INSERT INTO {s}.sets (base, scope, name, digest, columns, release, earlier, run)"
            " SELECT base, {before}, name, digest, columns, release, earlier, run FROM {s}.sets"
            " WHERE id = {id}"
            " AND EXISTS (SELECT FROM {base} WHERE {left}) RETURNING id",
            before=sql.Literal(before.scope),
            id=sql.Literal(before.id),
            base=work.base.relation,
            left=left,
        )
    ).fetchone()
    if row is None:
        return
    connection.execute(
        work.compose("UPDATE {base} SET seed_set = {} WHERE {}", sql.Literal(row[0]), left)
    )
    seeding.known += (replace(before, id=row[0]),)
