"""Target 3: an update, where the catalog has changed and people have, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks import data, systems
from benchmarks.bench import SEEDER, Bench, Outcome, Ratio
from benchmarks.measure import Case, interleaved, median, once

ROWS = 1_000_000
ONE_IN = 100
RATES = {ONE_IN: ("1 %", 1.0), 10_000: ("0.01 %", 0.6)}
"""One row in so many: in words, and how many times a MERGE it may take."""

MERGE = """
CREATE TEMP TABLE stage (code text, name text, amount numeric(12, 2), active boolean, note text);
\\copy stage from '{file}' with (format csv, header)
ANALYZE stage;
MERGE INTO items t USING stage s ON t.code = s.code
WHEN MATCHED AND (t.name, t.amount, t.active, t.note)
    IS DISTINCT FROM (s.name, s.amount, s.active, s.note)
    THEN UPDATE SET name = s.name, amount = s.amount, active = s.active, note = s.note
WHEN NOT MATCHED THEN INSERT (code, name, amount, active, note)
    VALUES (s.code, s.name, s.amount, s.active, s.note);
"""
"""What people write instead. It knows no ledger, and overwrites what was changed by hand."""

BY_PEOPLE = (
    "UPDATE items SET note = 'by hand' WHERE right(code, 8)::integer % {one_in} = {one_in} / 2"
)


def run(bench: Bench) -> Outcome:
    """Beside a staged MERGE in psql that does no ledger work."""
    rows, outcome = bench.rows(ROWS), Outcome()
    for one_in, (rate, at_most) in RATES.items():
        template = seeded(bench, rows, one_in=one_in)
        pair = cases(bench, rows, template, one_in=one_in)
        times = {n: median(each) for n, each in interleaved(pair, rounds=bench.rounds).items()}
        bench.drop(template)
        outcome.medians |= {f"{name}, {rate}": time for name, time in times.items()}
        outcome.ratios.append(
            Ratio(
                target=3,
                what=f"update of {rows:,} rows, {rate} changed on each side / staged MERGE",
                value=times["seeder"] / times["staged MERGE"],
                at_most=at_most,
                note=f"{times['seeder']:.2f} s beside {times['staged MERGE']:.2f}",
            )
        )
    return outcome


def seeded(
    bench: Bench, rows: int, *, one_in: int = ONE_IN, variant: data.Variant = data.PLAIN
) -> str:
    """A database that seeder filled and where people then changed one row in so many."""
    name = data.empty_table(bench, variant)
    first = (*SEEDER, "run", "--project", str(data.project(bench, rows, variant=variant)))
    once(Case(name="seeded", command=first, prepare=lambda: {"DATABASE_URL": bench.url(name)}))
    with bench.connect(name) as connection:
        connection.execute(BY_PEOPLE.format(one_in=one_in))
        connection.execute("VACUUM ANALYZE")
    return name


def own_case(
    bench: Bench,
    rows: int,
    template: str,
    *,
    one_in: int = ONE_IN,
    variant: data.Variant = data.PLAIN,
) -> Case:
    """The update, on copies of that database."""
    root = data.project(bench, rows, release="2", changed_every=one_in, variant=variant)
    return Case(
        name="seeder",
        command=(*SEEDER, "run", "--project", str(root)),
        prepare=lambda: {"DATABASE_URL": bench.url(bench.fresh(template))},
    )


def cases(bench: Bench, rows: int, template: str, *, one_in: int = ONE_IN) -> list[Case]:
    """Both, on copies of that database."""
    script = bench.files / f"merge-{rows}-{one_in}.sql"
    file: Path = data.csv_file(bench, rows, changed_every=one_in)
    script.write_text(MERGE.format(file=file))

    def prepare() -> Mapping[str, str]:
        return {"DATABASE_URL": bench.url(bench.fresh(template))}

    return [
        own_case(bench, rows, template, one_in=one_in),
        Case(
            name="staged MERGE",
            command=systems.psql(bench, "--single-transaction", "-f", str(script)),
            prepare=prepare,
        ),
    ]
