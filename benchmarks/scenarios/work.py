"""Target 12: a job with a little work, and a plan of what a run will do."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import data
from benchmarks.bench import PYTHON, SEEDER, Bench, Outcome, Ratio
from benchmarks.measure import ROOT, Case, interleaved, median, once

SETS, ROWS, ONE_IN = 10, 10_000, 100

BY_HAND = """
import json, os, sys
import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql

command.upgrade(Config(sys.argv[1]), "head")
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    for table, columns, rows in json.load(open(sys.argv[2])):
        connection.cursor().executemany(
            sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.SQL(", ").join(sql.SQL("%s") for _ in columns),
            ),
            rows,
        )
"""
"""The same revisions by Alembic, and the same rows by psycopg."""


def run(bench: Bench) -> Outcome:
    """The starter's first run beside what it takes without seeder; a plan beside its run."""
    outcome = Outcome()
    _first_run(bench, outcome)
    _plan(bench, outcome)
    return outcome


def _first_run(bench: Bench, outcome: Outcome) -> None:
    empty = bench.template()
    command = (*SEEDER, "run", "--project", "starter")
    seeded = bench.fresh(empty)
    once(Case(name="seeded", command=command, prepare=lambda: {"DATABASE_URL": bench.url(seeded)}))
    file = bench.files / "starter-rows.json"
    tables = _rows(bench, seeded)
    file.write_text(json.dumps(tables))
    ini = ROOT / "seeder" / "starter" / "alembic.ini"

    def prepare() -> dict[str, str]:
        return {"DATABASE_URL": bench.url(bench.fresh(empty))}

    by_hand = (*PYTHON, "-c", BY_HAND, str(ini), str(file))
    pair = [
        Case(name="starter", command=command, prepare=prepare),
        Case(name="Alembic and psycopg", command=by_hand, prepare=prepare),
    ]
    once(pair[1])
    if _rows(bench, bench.newest) != tables:
        raise RuntimeError("Alembic and psycopg do not leave the rows that seeder leaves")
    times = {n: median(s) for n, s in interleaved(pair, rounds=bench.rounds * 2).items()}
    bench.drop(empty)
    outcome.medians |= times
    number = sum(len(rows) for _, _, rows in tables)
    outcome.ratios.append(
        Ratio(
            target=12,
            what=f"first run of the starter, {number} rows / Alembic, and psycopg's INSERTs",
            value=times["starter"] / times["Alembic and psycopg"],
            at_most=1.5,
            note=f"{times['starter']:.2f} s beside {times['Alembic and psycopg']:.2f}",
        )
    )


def _rows(bench: Bench, database: str) -> list[tuple[str, list[str], list[list[str | None]]]]:
    """Every table's columns and rows as text, those that others refer to first."""
    with bench.connect(database) as connection:
        columns = connection.execute(
            "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
            " AND NOT a.attisdropped AND c.relname <> 'alembic_version' GROUP BY 1 ORDER BY 1"
        ).fetchall()
        referring = connection.execute(
            "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint"
            " WHERE contype = 'f' AND conrelid <> confrelid"
        ).fetchall()
        waiting, found = dict(columns), []
        while waiting:
            free = [t for t in waiting if not any(a == t and b in waiting for a, b in referring)]
            for table in free:
                names = waiting.pop(table)
                texts = ", ".join(f'"{name}"::text' for name in names)
                rows = connection.execute(f"SELECT {texts} FROM {table} ORDER BY 1, 2").fetchall()
                found.append((table, names, [list(row) for row in rows]))
    return found


def _plan(bench: Bench, outcome: Outcome) -> None:
    name = bench.template()
    with bench.connect(name) as connection:
        for n in range(SETS):
            connection.execute(data.PLAIN.table.replace("items", f"items{n}"))
    first = (*SEEDER, "run", "--project", str(_project(bench, release="1", changed_every=0)))
    once(Case(name="seeded", command=first, prepare=lambda: {"DATABASE_URL": bench.url(name)}))
    root = str(_project(bench, release="2", changed_every=ONE_IN))

    def prepare() -> dict[str, str]:
        return {"DATABASE_URL": bench.url(bench.fresh(name))}

    pair = [
        Case(name=word, command=(*SEEDER, word, "--project", root), prepare=prepare)
        for word in ("plan", "run")
    ]
    times = {n: median(s) for n, s in interleaved(pair, rounds=bench.rounds).items()}
    bench.drop(name)
    outcome.medians |= {f"{word}, {SETS} sets": time for word, time in times.items()}
    outcome.ratios.append(
        Ratio(
            target=12,
            what=f"plan of {SETS} sets of {ROWS:,} rows, 1 % changed / the run",
            value=times["plan"] / times["run"],
            at_most=0.5,
            note=f"{times['plan']:.2f} s beside {times['run']:.2f}",
        )
    )


def _project(bench: Bench, *, release: str, changed_every: int) -> Path:
    root = bench.files / f"plan-{changed_every}"
    seeds = root / "seeds" / "core"
    seeds.mkdir(parents=True, exist_ok=True)
    (root / "seeder.toml").write_text(f'release = "{release}"\n[migrations]\nnone = true\n')
    source = data.csv_file(bench, ROWS, changed_every=changed_every)
    for n in range(SETS):
        (seeds / f"items{n}.yaml").write_text(
            f"table: items{n}\nkey: code\nrows_from: items{n}.csv\n"
        )
        file = seeds / f"items{n}.csv"
        if not file.exists():
            file.hardlink_to(source)
    return root
