"""Target 9: a fresh database for a test, beside what the job takes to make one."""

from __future__ import annotations

import statistics
import time

from benchmarks.bench import SEEDER, Bench, Outcome, Ratio
from benchmarks.measure import Case, interleaved, median
from seeder.configuration.whereabouts import STARTER
from seeder.testing import seeded_databases

CLONES = 20


def run(bench: Bench) -> Outcome:
    """Clones of the starter in one process, as the fixture makes them, and the job as a whole."""
    empty = bench.template()
    command = (*SEEDER, "run", "--project", "starter")
    job = Case(
        name="the job on an empty database",
        command=command,
        prepare=lambda: {"DATABASE_URL": bench.url(bench.fresh(empty))},
    )
    times = {name: median(each) for name, each in interleaved([job], rounds=bench.rounds).items()}
    made: list[float] = []
    with seeded_databases(bench.url("postgres"), project=STARTER) as databases:
        with databases.fresh():
            pass  # makes the template
        for _ in range(CLONES):
            started = time.perf_counter()
            with databases.fresh():
                made.append(time.perf_counter() - started)
        template = databases.template
    bench.drop(empty)
    with bench.connect() as connection:
        connection.execute(f'DROP DATABASE "{template}"')
    times["a clone"] = statistics.median(made)
    beside = times[job.name]
    return Outcome(
        ratios=[
            Ratio(
                target=9,
                what="a clone of the starter's database for a test",
                value=times["a clone"] * 1000,
                at_most=150,
                unit="ms",
                note=f"the job makes one in {beside:.2f} s",
            )
        ],
        medians=times,
    )
