"""Room in the server's lock table, asked before a transaction with many sets fills it.

All sets are seeded in one transaction, and what it makes, reads or drops stays locked until it
ends. The table is shared by all databases of the server: once it is full, statements of others
fail as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from seeder.database.staging import copy_to_base
from seeder.database.staging.context import MERGING, Seeding
from seeder.errors import ConfigurationInvalid
from seeder.merge.model import SeedSet

_FEW = 25
"""Sets that fit into every server's table; for these nothing is asked."""

_STAGE = 6
"""Objects: a table, what it keeps long values in with an index, two types, a default."""
_REFERENCES = 5
"""Numbers and defaults that a stage with references has as well."""
_MERGING = 9
"""Of the diff and the verdicts: two tables, long values with an index, their types."""
_DOCUMENTS = 5
_BASE = 5
"""What a table of the ledger takes that is made here, for a survey as a temporary one."""
_ALTERED = 12
"""What it takes besides where the rows of a file are staged and then written into it first."""

_AROUND = """
WITH RECURSIVE tree(oid) AS (
    SELECT pg_catalog.unnest(%(tables)s::oid[])
    UNION
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent
), around(oid) AS (
    SELECT oid FROM tree
    UNION
    SELECT c.confrelid FROM pg_catalog.pg_constraint c JOIN tree t ON t.oid = c.conrelid
    WHERE c.contype = 'f'
    UNION
    SELECT c.conrelid FROM pg_catalog.pg_constraint c JOIN tree t ON t.oid = c.confrelid
    WHERE c.contype = 'f' AND %(merging)s
)
SELECT (SELECT pg_catalog.count(*) FROM around)
    + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i JOIN around a ON a.oid = i.indrelid)
    + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a JOIN tree t ON t.oid = a.attrelid
       WHERE a.attidentity <> '' OR a.atthasdef),
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks WHERE NOT fastpath),
    pg_catalog.current_setting('max_locks_per_transaction')::bigint,
    -- Processes that may hold locks; a worker slot of autovacuum had no setting before 18.
    pg_catalog.current_setting('max_connections')::bigint
    + pg_catalog.current_setting('max_prepared_transactions')::bigint
    + coalesce(pg_catalog.current_setting('autovacuum_worker_slots', true),
               pg_catalog.current_setting('autovacuum_max_workers'))::bigint
    + pg_catalog.current_setting('max_worker_processes')::bigint
    + pg_catalog.current_setting('max_wal_senders')::bigint
"""


@contextmanager
def unlocked(seeding: Seeding, sets: int) -> Iterator[None]:
    """Keep no lock on what is only looked at within the block, where many sets would take many.

    Nothing may be written within it.
    """
    if sets <= _FEW:
        yield
        return
    # What a savepoint has locked is free once it is rolled back.
    with seeding.connection.transaction(force_rollback=True):
        yield


def require_room(seeding: Seeding, sets: Collection[SeedSet]) -> None:
    """Raise ConfigurationInvalid where the sets take more locks than the server has left."""
    if len(sets) <= _FEW:
        return
    tables = {seeding.tables[each.table].oid for each in sets}
    merging = [each for each in sets if seeding.decisions[each.name][0] in MERGING]
    row = seeding.connection.execute(
        _AROUND, {"tables": sorted(tables), "merging": bool(merging)}
    ).fetchone()
    assert row is not None  # noqa: S101  # a query without FROM has one row
    around, held, each_has, processes = row
    wanted = around + _of_sets(sets, merging)
    if wanted + held <= each_has * processes:
        return
    enough = -(-(wanted + held) // processes)
    raise ConfigurationInvalid(
        f"Seeding {len(sets):,} sets in one transaction takes about {wanted:,} locks, and the"
        f" server has room for {each_has * processes:,}, of which {held:,} are taken.",
        hint=f"Set max_locks_per_transaction, {each_has} now, to {enough} or more and restart the"
        " server, or seed fewer tables, or tables with fewer partitions, from one project.",
        locks=wanted,
        code="lock-table-full",
    )


def _of_sets(sets: Iterable[SeedSet], merging: Iterable[SeedSet]) -> int:
    total = 0
    bases = set()
    for each in sets:
        referring = any(column.reference is not None for column in each.columns)
        total += _STAGE + _REFERENCES * referring
        bases.add((each.table, each.key))
        file = each.rows.csv
        if (
            (referring or each.scope)
            and file is not None
            and file.stamp[0] >= copy_to_base.SMALLEST
        ):
            total += _ALTERED
    for each in merging:
        total += _MERGING + _DOCUMENTS * any(column.merge is not None for column in each.columns)
    return total + _BASE * len(bases)
