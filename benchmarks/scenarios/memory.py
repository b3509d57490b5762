"""Target 5: the peak of the job's memory, over rows."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import data, systems
from benchmarks.bench import Bench, Outcome, Ratio
from benchmarks.measure import interleaved, median, peak
from benchmarks.scenarios import update

FEW, MANY = 10_000, 1_000_000
CHECKED = 360_000
"""About the largest file whose rows are all looked at before the first is written
(`seeder.catalog.rows.csv_rows.CHECKED_SIZE`). Where its keys do not ascend, something of each is
held meanwhile."""


def run(bench: Bench) -> Outcome:
    """First loads and updates, few rows beside many."""
    many, checked = bench.rows(MANY), bench.rows(CHECKED)
    outcome = Outcome()
    table = data.empty_table(bench)
    peaks = {}
    for rows in (FEW, many):
        case = systems.SEEDER_SYSTEM.case(bench, rows, table)
        peaks["first load", rows] = peak(interleaved([case], rounds=bench.rounds)[case.name])
    cases = [
        systems.first_load(bench, checked, table, each) for each in (data.PLAIN, data.UNSORTED)
    ]
    samples = interleaved(cases, rounds=bench.rounds)
    in_order, shuffled = (peak(samples[case.name]) for case in cases)
    bench.drop(table)
    for rows in (FEW, many):
        template = update.seeded(bench, rows)
        case = update.cases(bench, rows, template)[0]
        updated = interleaved([case], rounds=bench.rounds)[case.name]
        bench.drop(template)
        peaks["update", rows] = peak(updated)
        outcome.medians[f"update, {rows:,}"] = median(updated)
    for work in ("first load", "update"):
        outcome.ratios.append(_ratio(peaks, work, many, at_most=1.1))
    outcome.ratios.append(
        Ratio(
            target=5,
            what=f"peak memory, first load of {checked:,} rows with keys in no order / in order",
            value=shuffled / in_order,
            at_most=1.3,
            note=f"{shuffled:.0f} MB beside {in_order:.0f}",
        )
    )
    return outcome


def _ratio(
    peaks: Mapping[tuple[str, int], float], work: str, rows: int, *, at_most: float
) -> Ratio:
    low, high = peaks[work, FEW], peaks[work, rows]
    return Ratio(
        target=5,
        what=f"peak memory, {work} of {rows:,} rows / of {FEW:,}",
        value=high / low,
        at_most=at_most,
        note=f"{high:.0f} MB beside {low:.0f}",
    )
