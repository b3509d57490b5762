"""First rows that go in right behind a revision, since later ones build on them (`after`).

At that revision a table may lack columns that the catalog knows: these are left out, and the
seeding that follows the migrations brings them.
"""

from __future__ import annotations

from msgspec.structs import replace

from seeder.database.applying.seed import seed
from seeder.database.connection.connect import Connection
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.tables import Table, read_tables
from seeder.database.staging.context import Orders
from seeder.merge.model import Catalog, ChangedRows, Mode, Removed, SeedSet
from seeder.merge.plan import SetOutcome


def insert_first(
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    revisions: frozenset[str],
    *,
    run: int,
) -> tuple[SetOutcome, ...]:
    """Seed the sets that say `after` one of these revisions and were never seeded here.

    In the caller's transaction; raises as `seed` does.
    """
    sets = [each for each in catalog.sets if each.after and each.after.revision in revisions]
    if not sets:
        return ()
    tables = read_tables(connection, [each.table for each in sets])
    meta = ledger.meta(connection)
    names = {each.name for each in sets}
    part = replace(
        catalog,
        sets=tuple(
            _fitted(each, tables[each.table]) if each.table in tables else each for each in sets
        ),
        # Still of the catalog: what the ledger knows of them is not anybody else's.
        inactive=(*catalog.inactive, *(each for each in catalog.sets if each.name not in names)),
        tasks=(),
    )
    outcomes, _ = seed(
        connection,
        ledger,
        part,
        Orders(
            mode=Mode.INIT,
            first=True,
            staged=True,
            created=meta.tables_before if meta else None,
        ),
        run=run,
    )
    return outcomes


def _fitted(each: SeedSet, table: Table) -> SeedSet:
    """The set without the columns that its table does not have yet, those of its key apart."""
    identity = {*each.key, *(name for name, _ in each.scope)}
    kept = [
        n
        for n, column in enumerate(each.columns)
        if column.name in table.columns or column.name in identity
    ]
    deleted = each.deleted if each.deleted in table.columns else None
    if len(kept) == len(each.columns) and deleted == each.deleted:
        return each
    names = {each.columns[n].name for n in kept}
    return replace(
        each,
        columns=tuple(each.columns[n] for n in kept),
        rows=ChangedRows(
            each.rows, lambda row: replace(row, values=tuple(row.values[n] for n in kept))
        ),
        shapes=tuple(shape & names for shape in each.shapes),
        deleted=deleted,
        removed=Removed.KEEP,
        removed_values=(),
    )
