"""Target 5: the peak of the job's memory, over rows."""

from __future__ import annotations

from benchmarks import data, systems
from benchmarks.bench import Bench, Outcome, Ratio
from benchmarks.measure import interleaved, median, peak
from benchmarks.scenarios import update

FEW, MANY = 10_000, 1_000_000


def run(bench: Bench) -> Outcome:
    """First loads and updates, few rows beside many."""
    many = bench.rows(MANY)
    outcome = Outcome()
    table = data.empty_table(bench)
    peaks = {}
    for rows in (FEW, many):
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
        low, high = peaks[work, FEW], peaks[work, many]
        outcome.ratios.append(
            Ratio(
                target=5,
                what=f"peak memory, {work} of {many:,} rows / of {FEW:,}",
                value=high / low,
                at_most=1.1,
                note=f"{high:.0f} MB beside {low:.0f}",
            )
        )
    return outcome
