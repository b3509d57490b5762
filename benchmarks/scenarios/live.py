"""Target 6: what readers of a table notice while many rows are seeded into it."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks import data, systems
from benchmarks.bench import SEEDER, Bench, Outcome, Ratio
from benchmarks.measure import Case, environment, once, say

ROWS, IN_USE = 1_000_000, 100_000
CLIENTS, RATE = 4, 500
READ = """\\set wanted random(1, {rows})
SELECT code, name, amount FROM items WHERE id = :wanted;
"""
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'pgbench' AND wait_event_type = 'Lock'
"""


@dataclass(kw_only=True)
class Watched:
    """How often somebody looked, and how often a reader waited for a lock then."""

    looks: int = 0
    waiting: int = 0


def run(bench: Bench) -> Outcome:
    """The same load of reads with and without seeding: 99th percentile of their latency.

    And, to tell what any load of so many rows costs on this machine, while `\\copy` brings them.
    """
    rows = bench.rows(ROWS)
    template = _table_in_use(bench)
    root = str(data.project(bench, rows))
    file = data.csv_file(bench, rows)
    cases = [
        Case(name="seeding", command=(*SEEDER, "run", "--mode", "update", "--project", root)),
        Case(name="\\copy", command=systems.psql(bench, "-c", data.COPY.format(file))),
    ]
    alone: list[float] = []
    beside: dict[str, list[float]] = {case.name: [] for case in cases}
    watched = {case.name: Watched() for case in cases}
    for number in range(bench.rounds):
        for case in cases:
            seconds = _alone(bench, case, bench.fresh(template))
            name = bench.fresh(template)
            alone.append(_p99(_latencies(bench, name, seconds)))
            with _watching(bench, name, watched[case.name]):
                beside[case.name].append(_p99(_latencies(bench, name, seconds, during=case)))
            say(
                f"  round {number + 1}, {case.name}: p99 {alone[-1]:.2f} ms,"
                f" meanwhile {beside[case.name][-1]:.2f} ms"
            )
    bench.drop(template)
    quiet = statistics.median(alone)
    seeding, copying = (statistics.median(beside[case.name]) for case in cases)
    waits = watched[cases[0].name]
    return Outcome(
        ratios=[
            Ratio(
                target=6,
                what=f"p99 of reads while {rows:,} rows are seeded / without",
                value=seeding / quiet,
                at_most=2.0,
                note=f"{seeding:.2f} ms beside {quiet:.2f}, at {RATE} reads a second; a"
                f" reader waited for a lock in {waits.waiting} of {waits.looks} looks",
            ),
            Ratio(
                target=6,
                what=f"p99 of reads while \\copy brings {rows:,} rows / without",
                value=copying / quiet,
                note=f"{copying:.2f} ms beside {quiet:.2f}",
            ),
        ],
        medians={
            "p99 alone": quiet / 1000,
            "p99 while seeding": seeding / 1000,
            "p99 while copying": copying / 1000,
        },
    )


def _table_in_use(bench: Bench) -> str:
    name = data.empty_table(bench)
    url = {"DATABASE_URL": bench.url(name)}
    file = data.csv_file(bench, IN_USE)
    command = systems.psql(bench, "-c", data.COPY.format(file))
    once(Case(name="table in use", command=command, prepare=lambda: url))
    with bench.connect(name) as connection:
        # Rows of the application's own, beside those that the catalog brings.
        connection.execute("UPDATE items SET code = 'own-' || code")
        connection.execute("VACUUM FULL ANALYZE items")
    return name


def _alone(bench: Bench, case: Case, name: str) -> float:
    return once(_on(bench, case, name)).seconds


def _on(bench: Bench, case: Case, name: str) -> Case:
    url = {"DATABASE_URL": bench.url(name)}
    return Case(name=case.name, command=case.command, prepare=lambda: url)


def _latencies(
    bench: Bench, name: str, seconds: float, *, during: Case | None = None
) -> list[float]:
    """Milliseconds of each read, of those that began while the case ran."""
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "read.sql"
        script.write_text(READ.format(rows=IN_USE))
        words = ["-n", "-c", str(CLIENTS), "-R", str(RATE), "-f", str(script), "-l"]
        words += ["-T", str(round(seconds * 2) + 5), "--log-prefix", f"{directory}/reads"]
        pgbench = subprocess.Popen(
            [bench.program("pgbench"), *words, bench.url(name)],
            env=environment() | {"PGAPPNAME": "pgbench"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(1)
        begin = time.time()
        if during is None:
            time.sleep(seconds)
        else:
            once(_on(bench, during, name))
        end = time.time()
        if pgbench.wait() != 0:
            raise RuntimeError("pgbench failed")
        (log,) = Path(directory).glob("reads.*")
        found = []
        for line in log.read_text().splitlines():
            # client, number, latency in µs, script, and when it ended: seconds, microseconds
            _, _, latency, _, second, micro, *_ = line.split()
            if begin <= int(second) + int(micro) / 1e6 <= end:
                found.append(int(latency) / 1000)
    return found


def _p99(latencies: list[float]) -> float:
    return sorted(latencies)[int(len(latencies) * 0.99)]


@contextmanager
def _watching(bench: Bench, name: str, watched: Watched) -> Iterator[None]:
    stop = threading.Event()

    def look() -> None:
        with psycopg.connect(bench.url(name), autocommit=True) as connection:
            while not stop.wait(0.05):
                row = connection.execute(WAITING).fetchone()
                watched.looks += 1
                watched.waiting += bool(row and row[0])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
