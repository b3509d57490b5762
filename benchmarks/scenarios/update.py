"""Target 3: an update, where the catalog has changed and people have, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks import data, systems
from benchmarks.bench import SEEDER, Bench, Outcome, Ratio
from benchmarks.measure import Case, interleaved, median, once

ROWS = 1_000_000
ONE_IN = 100

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

BY_PEOPLE = "UPDATE items SET note = 'by hand' WHERE id % 100 = 50"


def run(bench: Bench) -> Outcome:
    """Beside a staged MERGE in psql that does no ledger work."""
    rows = bench.rows(ROWS)
    template = seeded(bench, rows)
    samples = interleaved(cases(bench, rows, template), rounds=bench.rounds)
    bench.drop(template)
    times = {name: median(each) for name, each in samples.items()}
    return Outcome(
        ratios=[
            Ratio(
                target=3,
                what=f"update of {rows:,} rows, 1 % changed on each side / staged MERGE",
                value=times["seeder"] / times["staged MERGE"],
                at_most=2,
                note=f"{times['seeder']:.2f} s beside {times['staged MERGE']:.2f}",
            )
        ],
        medians=times,
    )


def seeded(bench: Bench, rows: int) -> str:
    """A database that seeder filled and where people then changed one row in a hundred."""
    name = data.empty_table(bench)
    first = (*SEEDER, "run", "--project", str(data.project(bench, rows)))
    once(Case(name="seeded", command=first, prepare=lambda: {"DATABASE_URL": bench.url(name)}))
    with bench.connect(name) as connection:
        connection.execute(BY_PEOPLE)
        connection.execute("VACUUM ANALYZE")
    return name


def cases(bench: Bench, rows: int, template: str) -> list[Case]:
    """Both, on copies of that database."""
    project = data.project(bench, rows, release="2", changed_every=ONE_IN)
    script = bench.files / f"merge-{rows}.sql"
    file: Path = data.csv_file(bench, rows, changed_every=ONE_IN)
    script.write_text(MERGE.format(file=file))

    def prepare() -> Mapping[str, str]:
        return {"DATABASE_URL": bench.url(bench.fresh(template))}

    return [
        Case(name="seeder", command=(*SEEDER, "run", "--project", str(project)), prepare=prepare),
        Case(
            name="staged MERGE",
            command=systems.psql(bench, "--single-transaction", "-f", str(script)),
            prepare=prepare,
        ),
    ]
