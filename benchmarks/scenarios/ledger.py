"""Target 11: the room that the ledger takes, and the WAL of a first load."""

from __future__ import annotations

from benchmarks import data, systems
from benchmarks.bench import Bench, Outcome, Ratio
from benchmarks.measure import Case, once
from benchmarks.systems import System

ROWS = 1_000_000


def run(bench: Bench) -> Outcome:
    """Bytes, which are the same each time."""
    rows = bench.rows(ROWS)
    table = data.empty_table(bench)
    wal = {
        each.name: _wal(bench, each, rows, table) for each in (systems.COPY, systems.SEEDER_SYSTEM)
    }
    with bench.connect(bench.newest) as connection:
        heap, ledger = connection.execute(
            "SELECT pg_relation_size('items'), sum(pg_total_relation_size(oid))::bigint"
            " FROM pg_class WHERE relnamespace = 'seeder'::regnamespace AND relkind = 'r'"
        ).fetchone() or (0, 0)
    bench.drop(table)
    seeder, copy = wal[systems.SEEDER_SYSTEM.name], wal[systems.COPY.name]
    return Outcome(
        ratios=[
            Ratio(
                target=11,
                what=f"bytes of the ledger of {rows:,} rows / of the table's heap",
                value=ledger / heap,
                at_most=1.0,
                note=f"{ledger / 2**20:.0f} MB beside {heap / 2**20:.0f}",
            ),
            Ratio(
                target=11,
                what=f"WAL of a first load of {rows:,} rows / psql \\copy",
                value=seeder / copy,
                at_most=1.6,
                note=f"{seeder / 2**20:.0f} MB beside {copy / 2**20:.0f}",
            ),
        ]
    )


def _wal(bench: Bench, system: System, rows: int, table: str) -> int:
    """Bytes that a first load writes; nothing else is at work meanwhile."""
    case = system.case(bench, rows, table)
    variables = case.prepare()
    with bench.connect() as connection:
        before = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        once(Case(name=case.name, command=case.command, prepare=lambda: variables))
        found = connection.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)::bigint", before
        ).fetchone()
    return int(found[0]) if found else 0
