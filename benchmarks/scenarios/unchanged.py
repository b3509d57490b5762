"""Target 1: a deploy that has nothing to do, and the commands that do nothing."""

from __future__ import annotations

from benchmarks import data
from benchmarks.bench import PYTHON, SEEDER, Bench, Outcome, Ratio
from benchmarks.measure import Case, interleaved, median, once

FLOOR = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("SELECT 1").fetchone()
"""
ROWS_OF_45_MB = 800_000


def run(bench: Bench) -> Outcome:
    """Whole processes, beside the least that a Python process with psycopg can do."""
    starter, large = bench.template(), data.empty_table(bench)
    project = str(data.project(bench, ROWS_OF_45_MB))
    url = {"DATABASE_URL": bench.url(starter)}
    large_url = {"DATABASE_URL": bench.url(large)}
    run_large = (*SEEDER, "run", "--project", project)
    once(
        Case(
            name="first run", command=(*SEEDER, "run", "--project", "starter"), prepare=lambda: url
        )
    )
    once(Case(name="first run, 45 MB", command=run_large, prepare=lambda: large_url))

    samples = interleaved(
        [
            Case(name="bare Python", command=(*PYTHON, "-c", "")),
            Case(name="psycopg", command=(*PYTHON, "-c", FLOOR), prepare=lambda: url),
            Case(
                name="unchanged",
                command=(*SEEDER, "run", "--project", "starter"),
                prepare=lambda: url,
            ),
            Case(name="unchanged, 45 MB", command=run_large, prepare=lambda: large_url),
            Case(name="--version", command=(*SEEDER, "--version")),
        ],
        rounds=bench.rounds * 4,
    )
    bench.drop(starter, large)
    times = {name: median(each) for name, each in samples.items()}

    def ratio(what: str, name: str, floor: str, at_most: float) -> Ratio:
        return Ratio(
            target=1,
            what=what,
            value=times[name] / times[floor],
            at_most=at_most,
            note=f"{times[name] * 1000:.0f} ms beside {times[floor] * 1000:.0f}",
        )

    return Outcome(
        ratios=[
            ratio("unchanged deploy, the starter / psycopg", "unchanged", "psycopg", 1.1),
            ratio(
                "unchanged deploy, a CSV of 45 MB / psycopg", "unchanged, 45 MB", "psycopg", 1.15
            ),
            ratio("`seeder --version` / bare Python", "--version", "bare Python", 2.5),
        ],
        medians=times,
    )
