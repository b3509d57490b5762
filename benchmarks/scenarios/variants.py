"""Target 10: tables and sets that ask for more than plain columns, beside a plain one."""

from __future__ import annotations

import dataclasses

from benchmarks import data, systems
from benchmarks.bench import Bench, Outcome, Ratio
from benchmarks.measure import Case, interleaved, median
from benchmarks.scenarios import update

ROWS = 300_000
VARIANTS = (data.REFERRING, data.SCOPED, data.SOFT_DELETED, data.UNSORTED)


def run(bench: Bench) -> Outcome:
    """First loads and updates of the same rows."""
    rows = bench.rows(ROWS)
    outcome = Outcome()
    loads, updates, templates = [], [], []
    for variant in (data.PLAIN, *VARIANTS):
        empty, seeded = (
            data.empty_table(bench, variant),
            update.seeded(bench, rows, variant=variant),
        )
        loads.append(systems.first_load(bench, rows, empty, variant))
        own = update.own_case(bench, rows, seeded, variant=variant)
        updates.append(Case(name=variant.name, command=own.command, prepare=own.prepare))
        templates += [empty, seeded]
    for work, cases in (("first load", loads), ("update", updates)):
        times = {n: median(each) for n, each in interleaved(cases, rounds=bench.rounds).items()}
        outcome.medians |= {f"{work}, {name}": time for name, time in times.items()}
        plain = times[data.PLAIN.name]
        for variant in VARIANTS:
            outcome.ratios.append(
                Ratio(
                    target=10,
                    what=f"{work} of {rows:,} rows with {variant.name} / without",
                    value=times[variant.name] / plain,
                    at_most=1.3,
                    note=f"{times[variant.name]:.2f} s beside {plain:.2f}",
                )
            )
    bench.drop(*templates)
    outcome.ratios += _of_copy(bench, rows)
    return outcome


def _of_copy(bench: Bench, rows: int) -> list[Ratio]:
    """Where the limit is: what a `\\copy`, which resolves and compares nothing, takes for it."""
    cases = []
    for variant in (data.PLAIN, data.REFERRING, data.UNSORTED):
        file = data.csv_file(bench, rows, shuffled=variant.shuffled)
        cases.append(
            dataclasses.replace(
                systems.COPY.case(bench, rows, data.empty_table(bench, variant, filled=True)),
                name=variant.name,
                command=systems.psql(bench, "-c", data.COPY.format(file)),
            )
        )
    times = {n: median(each) for n, each in interleaved(cases, rounds=bench.rounds).items()}
    plain = times.pop(data.PLAIN.name)
    return [
        Ratio(
            target=10,
            what=f"\\copy of {rows:,} rows with {name} / without",
            value=time / plain,
            note=f"{time:.2f} s beside {plain:.2f}",
        )
        for name, time in times.items()
    ]
