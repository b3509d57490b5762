"""The curves behind target 5: time over rows, every system a line."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from benchmarks import data, systems
from benchmarks.bench import Bench, Outcome, Point, Ratio
from benchmarks.measure import Case, once, say
from benchmarks.scenarios import update

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
QUICK = 3
"""So many of them, where it has to be quick."""
LONGEST = 120.0
"""Seconds. A system that would need longer for the next size has shown its curve."""
AS_FAR_AS_THE_DISK_GOES = (systems.SEEDER_SYSTEM, systems.COPY)
"""First loads that go on all the same, each larger size measured once."""
FROM = 10_000
"""Rows from which growth counts: below, it is the start of the process that takes the time."""
KEPT = 10_000_000
"""Rows up to which the files stay for the next time."""
BESIDES = 12 * 2**30
"""Bytes that a run needs beside its database and its file: the WAL, and a rest for the machine."""


def run(bench: Bench) -> Outcome:
    """Each system, each size: the better of two runs."""
    outcome = Outcome()
    sizes = [each for each in SIZES if each <= (bench.largest or SIZES[-1])]
    if bench.quick:
        sizes = sizes[:QUICK]
    elif len(sizes) < len(SIZES):
        outcome.not_measured.append(f"more than {sizes[-1]:,} rows: nobody asked for them")
    table = data.empty_table(bench)
    for system in systems.ALL:
        if (why := system.missing()) is not None:
            outcome.not_measured.append(f"{system.name}: {why}")
            continue
        try:
            _first_loads(outcome, bench, system, sizes, table)
        except RuntimeError as error:
            if system is systems.SEEDER_SYSTEM:
                raise
            say(str(error))
            measured = [each.rows for each in outcome.points if each.system == system.name]
            above = f" of more than {max(measured):,} rows" if measured else ""
            outcome.not_measured.append(
                f"{system.name}{above}: it failed on this machine, {_last_words(error)}"
            )
    bench.drop(bench.newest, table)
    for rows in sizes:
        if rows > KEPT:
            data.forget(bench, rows)
    _updates(outcome, bench, sizes)
    outcome.ratios = ratios(outcome.points)
    return outcome


def _first_loads(
    outcome: Outcome, bench: Bench, system: systems.System, sizes: Sequence[int], table: str
) -> None:
    last: Point | None = None
    for rows in sizes:
        if last is not None:
            if system not in AS_FAR_AS_THE_DISK_GOES and _too_long(last, rows):
                return
            if (short := _bytes_missing(bench, last.rows, rows)) > 0:
                outcome.not_measured.append(
                    f"{system.name}, {rows:,} rows: the disk is {short / 2**30:.0f} GB too small"
                )
                return
        last = _point(system.case(bench, rows, table), "first load", rows)
        outcome.points.append(last)


def _updates(outcome: Outcome, bench: Bench, sizes: Sequence[int]) -> None:
    last: Point | None = None
    for rows in sizes:
        if last is not None and _too_long(last, rows):
            return
        template = update.seeded(bench, rows)
        points = [_point(case, "update", rows) for case in update.cases(bench, rows, template)]
        bench.drop(template)
        outcome.points += points
        last = points[0]


def _too_long(last: Point, rows: int) -> bool:
    return last.seconds * rows / last.rows > LONGEST


def _bytes_missing(bench: Bench, last: int, rows: int) -> int:
    """What the disk lacks for the next size, from what the database of the last one takes."""
    more = 0 if data.csv_path(bench, rows).exists() else data.csv_file(bench, last).stat().st_size
    needed = (bench.size(bench.newest) + more) * rows // last + BESIDES
    places = (bench.files, bench.server.data)
    return needed - min(shutil.disk_usage(place).free for place in places)


def _last_words(error: RuntimeError) -> str:
    """The first line of what it said, after the one that names the command."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"“{lines[min(1, len(lines) - 1)]}”"


def _point(case: Case, work: str, rows: int) -> Point:
    best = once(case)
    if best.seconds <= LONGEST:
        best = min((best, once(case)), key=lambda sample: sample.seconds)
    say(f"  {case.name}, {work} of {rows:,}: {best.seconds:.3f} s")
    return Point(system=case.name, work=work, rows=rows, seconds=best.seconds, peak_mb=best.peak_mb)


def ratios(points: Sequence[Point]) -> list[Ratio]:
    """How time grows over the steepest step, and what the largest first load costs."""
    largest = max(
        {each.rows for each in points if (each.system, each.work) == ("seeder", "first load")}
        & {each.rows for each in points if each.system == systems.COPY.name}
    )
    times = {
        each.system: each.seconds
        for each in points
        if (each.rows, each.work) == (largest, "first load")
    }
    seeder, copy = times["seeder"], times[systems.COPY.name]
    return [
        Ratio(
            target=2,
            what=f"first load of {largest:,} rows / psql \\copy",
            value=seeder / copy,
            at_most=2.5,
            note=f"{seeder:.1f} s beside {copy:.1f}",
        ),
        _growth(points, "first load", systems.COPY.name),
        _growth(points, "update", "staged MERGE"),
    ]


def _growth(points: Sequence[Point], work: str, other: str) -> Ratio:
    """The exponent: one for linear growth. The other shows how far the server is from it."""
    own, beside = _steepest(points, "seeder", work), _steepest(points, other, work)
    return Ratio(
        target=5,
        what=f"{work}: time grows at most as rows to the power of, {FROM:,} to {own.rows:,} rows",
        value=own.exponent,
        # Linear, or as near to it as the other; the rest is what two runs differ by.
        at_most=max(1, beside.exponent) + 0.05,
        unit="",
        note=f"{other}, to {beside.rows:,} rows: {beside.exponent:.2f}",
    )


class _Growth(NamedTuple):
    exponent: float
    rows: int
    """The most that were measured."""


def _steepest(points: Sequence[Point], system: str, work: str) -> _Growth:
    line = [each for each in points if (each.system, each.work) == (system, work)]
    line = [each for each in line if each.rows >= FROM]
    exponents = [
        math.log(larger.seconds / smaller.seconds) / math.log(larger.rows / smaller.rows)
        for smaller, larger in pairwise(line)
    ]
    return _Growth(max(exponents), line[-1].rows)
