"""The curves behind target 5: time over rows, every system a line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmarks import data, systems
from benchmarks.bench import Bench, Outcome, Point, Ratio
from benchmarks.measure import Case, Sample, once, say
from benchmarks.scenarios import update

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
QUICK_SIZES = SIZES[:3]
LONGEST = 120.0
"""Seconds. A system that would need longer for the next size has shown its curve."""


def run(bench: Bench) -> Outcome:
    """Each system, each size: the better of two runs."""
    outcome = Outcome()
    sizes = QUICK_SIZES if bench.quick else SIZES
    table = data.empty_table(bench)
    for system in systems.ALL:
        if (why := system.missing()) is not None:
            outcome.not_measured.append(f"{system.name}: {why}")
            continue
        try:
            outcome.points += _first_loads(bench, system, sizes, table)
        except RuntimeError as error:
            if system is systems.SEEDER_SYSTEM:
                raise
            say(str(error))
            measured = [each.rows for each in outcome.points if each.system == system.name]
            above = f" of more than {max(measured):,} rows" if measured else ""
            outcome.not_measured.append(
                f"{system.name}{above}: it failed on this machine, {_last_words(error)}"
            )
    bench.drop(table)
    for rows in sizes:
        template = update.seeded(bench, rows)
        for case in update.cases(bench, rows, template):
            outcome.points.append(_point(case.name, "update", rows, _best_of_two(case)))
        bench.drop(template)
    outcome.ratios = _growth(outcome.points)
    return outcome


def _first_loads(
    bench: Bench, system: systems.System, sizes: Sequence[int], table: str
) -> Iterator[Point]:
    longest = 0.0
    for rows in sizes:
        if longest * 10 > LONGEST:
            return
        best = _best_of_two(system.case(bench, rows, table))
        longest = best.seconds
        yield _point(system.name, "first load", rows, best)


def _last_words(error: RuntimeError) -> str:
    """The first line of what it said, after the one that names the command."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"“{lines[min(1, len(lines) - 1)]}”"


def _best_of_two(case: Case) -> Sample:
    best = min((once(case), once(case)), key=lambda sample: sample.seconds)
    say(f"  {case.name}: {best.seconds:.3f} s")
    return best


def _point(system: str, work: str, rows: int, sample: Sample) -> Point:
    return Point(
        system=system, work=work, rows=rows, seconds=sample.seconds, peak_mb=sample.peak_mb
    )


def _growth(points: list[Point]) -> list[Ratio]:
    """How time grows over the last steps: the exponent, one for linear growth."""
    found = []
    for work, other in (("first load", "psql \\copy"), ("update", "staged MERGE")):
        exponents = {}
        for system in ("seeder", other):
            line = [each for each in points if (each.system, each.work) == (system, work)]
            # The start of the process would hide the growth below 10,000 rows.
            line = [each for each in line if each.rows >= 10_000]
            first, last = line[0], line[-1]
            exponents[system] = math.log(last.seconds / first.seconds) / math.log(
                last.rows / first.rows
            )
        found.append(
            Ratio(
                target=5,
                what=f"{work}: time grows as rows to the power of, {first.rows:,} to"
                f" {last.rows:,} rows",
                value=exponents["seeder"],
                # Linear, and no worse than MERGE; the rest is what two runs differ by.
                at_most=1.05 if work == "first load" else exponents[other] + 0.05,
                unit="",
                note=f"{other}: {exponents[other]:.2f}",
            )
        )
    return found
