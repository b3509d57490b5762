"""Target 5: the peak of the job's memory, over rows."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import data, systems
from benchmarks.bench import Bench, Outcome, Ratio
from benchmarks.measure import interleaved, median, peak
from benchmarks.scenarios import update

FEW, MANY = 10_000, 1_000_000
CHECKED = 360_000
"""About the largest file whose rows are all looked at, and their keys held, before the first is
written (`seeder.catalog.csv_rows.CHECKED_SIZE`). No larger one takes as much."""


def run(bench: Bench) -> Outcome:
    """First loads and updates, few rows beside many."""
    many, checked = bench.rows(MANY), bench.rows(CHECKED)
    outcome = Outcome()
    table = data.empty_table(bench)
    peaks = {}
    for rows in (FEW, checked, many):
        case = systems.SEEDER_SYSTEM.case(bench, rows, table)
        peaks["first load", rows] = peak(interleaved([case], rounds=bench.rounds)[case.name])
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
    outcome.ratios.append(_ratio(peaks, "first load", checked))
    return outcome


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
