"""Target 5: the peak of the job's memory, over rows."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import data, systems
from benchmarks.bench import SEEDER, Bench, Outcome, Ratio
from benchmarks.measure import Case, interleaved, median, peak
from benchmarks.scenarios import update

DESCENDING = "first load, keys not in order,"
FEW, MANY = 10_000, 1_000_000
CHECKED = 360_000
"""About the largest file whose rows are all looked at before the first is written
(`seeder.catalog.rows.csv_rows.CHECKED_SIZE`). Where its keys do not ascend, they are held
meanwhile; no larger file takes as much."""


def run(bench: Bench) -> Outcome:
    """First loads and updates, few rows beside many."""
    many, checked = bench.rows(MANY), bench.rows(CHECKED)
    outcome = Outcome()
    table = data.empty_table(bench)
    peaks = {}
    for rows in (FEW, many):
        case = systems.SEEDER_SYSTEM.case(bench, rows, table)
        peaks["first load", rows] = peak(interleaved([case], rounds=bench.rounds)[case.name])
    case = _shuffled(bench, checked, table)
    peaks[DESCENDING, checked] = peak(interleaved([case], rounds=bench.rounds)[case.name])
    bench.drop(table)
    for rows in (FEW, many):
        template = update.seeded(bench, rows)
        case = update.cases(bench, rows, template)[0]
        samples = interleaved([case], rounds=bench.rounds)[case.name]
        bench.drop(template)
        peaks["update", rows] = peak(samples)
        outcome.medians[f"update, {rows:,}"] = median(samples)
    for work in ("first load", "update"):
        outcome.ratios.append(_ratio(peaks, work, many, at_most=1.1))
    peaks[DESCENDING, FEW] = peaks["first load", FEW]
    outcome.ratios.append(_ratio(peaks, DESCENDING, checked))
    return outcome


def _shuffled(bench: Bench, rows: int, table: str) -> Case:
    root = data.project(bench, rows, variant=data.UNSORTED)
    return Case(
        name=DESCENDING,
        command=(*SEEDER, "run", "--project", str(root)),
        prepare=lambda: {"DATABASE_URL": bench.url(bench.fresh(table))},
    )


def _ratio(
    peaks: Mapping[tuple[str, int], float], work: str, rows: int, at_most: float | None = None
) -> Ratio:
    low, high = peaks[work, FEW], peaks[work, rows]
    return Ratio(
        target=5,
        what=f"peak memory, {work} of {rows:,} rows / of {FEW:,}",
        value=high / low,
        at_most=at_most,
        note=f"{high:.0f} MB beside {low:.0f}",
    )
