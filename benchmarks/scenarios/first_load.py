"""Target 2: the first load of one large set, ledger included."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from benchmarks import data, replay, systems
from benchmarks.bench import PYTHON, Bench, Outcome, Ratio
from benchmarks.measure import Case, interleaved, median, once

WHOLE, PART = 1_000_000, 100_000


def run(bench: Bench) -> Outcome:
    """Beside `\\copy` of the same file."""
    outcome = Outcome()
    for variant in (data.PLAIN, data.KEYED, data.REFERRING):
        outcome.ratios += _beside_copy(bench, bench.rows(WHOLE), variant, 1.4, outcome)
    outcome.ratios += _beside_copy(bench, bench.rows(PART), data.PLAIN, 2, outcome)
    return outcome


def row_by_row(bench: Bench) -> Outcome:
    """Beside two ways that go row by row, and beside its own statements and imports."""
    table = data.empty_table(bench)
    outcome = Outcome()
    rows = bench.rows(PART)
    slow = (systems.LOADDATA, systems.ORM_LOOP)
    cases = [each.case(bench, rows, table) for each in (systems.SEEDER_SYSTEM, *slow)]
    cases += _parts(bench, rows, table)
    small = interleaved(cases, rounds=bench.rounds)
    seeder = median(small[systems.SEEDER_SYSTEM.name])
    for each, at_least in zip(slow, (30, 100), strict=True):
        other = median(small[each.name])
        outcome.ratios.append(
            Ratio(
                target=2,
                what=f"{each.name}, {rows:,} rows / first load",
                value=other / seeder,
                at_least=at_least,
                note=f"{other:.1f} s beside {seeder:.2f}",
            )
        )
    imports, statements = (median(small[name]) for name in ("imports", "psql script"))
    outcome.ratios.append(
        Ratio(
            target=2,
            what=f"first load of {rows:,} rows / its statements in psql and its imports",
            value=seeder / (imports + statements),
            note=f"{seeder:.2f} s beside {statements:.2f} and {imports:.2f}",
        )
    )
    outcome.medians |= {f"{name}, {rows:,}": median(s) for name, s in small.items()}
    bench.drop(table)
    return outcome


def _beside_copy(
    bench: Bench, rows: int, variant: data.Variant, at_most: float, outcome: Outcome
) -> list[Ratio]:
    """One kind of table, which `\\copy` fills where what it refers to is there already.

    And, to tell where the limit is, beside a psql that does no more than write the rows twice,
    into a table without constraints and from there into the table. With a reference it looks up
    what the rows refer to as well, which a temporary table holds before.
    """
    empty, filled = (data.empty_table(bench, variant, filled=each) for each in (False, True))
    cases = [
        dataclasses.replace(
            systems.first_load(bench, rows, empty, variant), name=systems.SEEDER_SYSTEM.name
        ),
        systems.COPY.case(bench, rows, filled),
        dataclasses.replace(
            systems.COPY.case(bench, rows, filled),
            name="twice",
            command=_twice(bench, rows, variant),
        ),
    ]
    samples = interleaved(cases, rounds=bench.rounds)
    bench.drop(empty, filled)
    seeder, copy, twice = (median(samples[each.name]) for each in cases)
    outcome.medians |= {
        f"{each.name}, {rows:,}, {variant.name}": median(samples[each.name]) for each in cases
    }
    what = f"first load of {rows:,} rows, {variant.name}"
    looked_up = "staged, looked up and " if variant.kinds else ""
    return [
        Ratio(
            target=2,
            what=f"{what} / psql \\copy",
            value=seeder / copy,
            at_most=at_most,
            note=f"{seeder:.2f} s beside {copy:.2f}",
        ),
        Ratio(
            target=2,
            what=f"{what} / its rows {looked_up}written twice by psql",
            value=seeder / twice,
            note=f"{seeder:.2f} s beside {twice:.2f}",
        ),
    ]


def _twice(bench: Bench, rows: int, variant: data.Variant) -> list[str]:
    copied = data.COPY.format(data.csv_file(bench, rows))
    commands = [
        "CREATE TABLE copied (LIKE items INCLUDING IDENTITY)",
        copied.replace("items", "copied", 1),
    ]
    if variant.kinds:
        commands[1:] = [
            "CREATE TEMP TABLE staged (LIKE items INCLUDING IDENTITY)",
            copied.replace("items", "staged", 1),
            "INSERT INTO copied OVERRIDING SYSTEM VALUE SELECT s.id, s.code, s.name, s.amount,"
            " k.code, s.note FROM staged s LEFT JOIN kinds k ON k.code = s.active",
        ]
    commands.append("INSERT INTO items OVERRIDING SYSTEM VALUE SELECT * FROM copied")
    return systems.psql(bench, "-1", *(word for each in commands for word in ("-c", each)))


def _parts(bench: Bench, rows: int, table: str) -> tuple[Case, Case]:
    """What of such a run is not seeder's own: its imports, and the work of the server."""
    root = data.project(bench, rows)

    def prepare() -> Mapping[str, str]:
        return {"DATABASE_URL": bench.url(bench.fresh(table))}

    script = replay.script(bench, replay.recorded(bench, table, root), "first-load", prepare)
    once(script)
    with bench.connect(bench.newest) as connection:
        loaded = connection.execute("SELECT count(*) FROM items").fetchone()
    if loaded != (rows,):
        raise RuntimeError(f"items holds {loaded} after the script, not {rows}")
    return Case(name="imports", command=(*PYTHON, "-c", replay.imports(bench, table, root))), script
