"""The releases that a database has had, and what each of them has brought."""

from __future__ import annotations

from collections.abc import Iterable

from seeder.database.connection.answers import records
from seeder.database.connection.connect import Connection
from seeder.database.ledger.runs.digests import digest_of
from seeder.database.ledger.tables.ledger import Ledger
from seeder.merge.model import Catalog, SeedSet
from seeder.merge.release_order import AppliedOnce, Brought, ReleaseOrder


def read_order(
    connection: Connection,
    ledger: Ledger,
    release: str,
    supersedes: tuple[str, ...],
) -> ReleaseOrder:
    """The releases of the database, and that of an image."""
    found = connection.execute(
        ledger.sql(
            "SELECT release, run AS first_run, supersedes, taken_back FROM {s}.releases"
            " WHERE project = {p} ORDER BY run, release"
        )
    )
    applied = records(found, AppliedOnce)
    return ReleaseOrder(release=release, supersedes=supersedes, applied=applied)


def taken_back(
    connection: Connection, ledger: Ledger, order: ReleaseOrder, catalog: Catalog
) -> tuple[Brought, ...]:
    """What an update by the catalog would take back of releases that it does not build on."""
    others = order.strangers | order.unordered
    if not others:
        return ()
    rows = connection.execute(
        ledger.sql(
            "SELECT s.name, s.release, s.digest, s.earlier, b.table_schema, b.table_name, b.key"
            " FROM {s}.sets s JOIN {s}.bases b ON b.id = s.base"
            " WHERE b.project = {p} AND s.release = ANY (%s) ORDER BY s.id"
        ),
        [sorted(others)],
    ).fetchall()
    digests: dict[str, str] = {}

    def asked(sets: Iterable[SeedSet]) -> frozenset[str]:
        for each in sets:
            digests.setdefault(each.name, digest_of(each))
        return frozenset(digests[each.name] for each in sets)

    return order.takes_back(
        Brought(
            set=name,
            release=release,
            digest=digest,
            earlier=tuple(earlier),
            asked=asked(
                [
                    each
                    for each in catalog.sets
                    if each.table.name == table
                    and each.table.schema in (None, schema)
                    and list(each.key) == key
                ]
            ),
        )
        for name, release, digest, earlier, schema, table, key in rows
    )


def record_release(
    connection: Connection,
    ledger: Ledger,
    order: ReleaseOrder,
    lost: Iterable[Brought],
    *,
    run: int,
) -> None:
    """Record that the image's release is applied, and that it has taken back what is `lost`."""
    connection.execute(
        ledger.sql(
            "INSERT INTO {s}.releases (project, release, run, supersedes)"
            " VALUES ({p}, %s, %s, %s) ON CONFLICT (project, release)"
            " DO UPDATE SET taken_back = NULL, supersedes = excluded.supersedes"
        ),
        [order.release, run, list(order.supersedes)],
    )
    connection.execute(
        ledger.sql(
            "UPDATE {s}.releases SET taken_back = %s WHERE project = {p} AND release = ANY (%s)"
        ),
        [order.release, sorted({each.release for each in lost})],
    )
