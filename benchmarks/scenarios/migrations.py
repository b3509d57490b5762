"""Target 7: revisions, beside `alembic upgrade head` with the same ones, on two drivers."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from benchmarks.bench import PYTHON, SEEDER, Bench, Outcome, Ratio
from benchmarks.measure import Case, interleaved, median, once
from benchmarks.scenarios.unchanged import FLOOR

ALEMBIC = str(Path(sys.executable).with_name("alembic"))
REVISIONS = 500
TABLES = 1000
"""Of one squashed revision, with four statements each."""

_ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, pool
engine = create_engine(os.environ["ALEMBIC_URL"], poolclass=pool.NullPool)
with engine.connect() as connection:
    each = "EACH" in os.environ
    context.configure(connection=connection, transaction_per_migration=each)
    with context.begin_transaction():
        context.run_migrations()
"""
_HEAD = """from alembic import op
import sqlalchemy as sa

revision = {revision!r}
down_revision = {down!r}


def upgrade() -> None:
"""
_TABLE = """    op.create_table(
        "t{n}",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_t{n}_name"), "t{n}", ["name"], unique=True)
    op.add_column("t{n}", sa.Column("note", sa.Text(), nullable=True))
    op.execute("INSERT INTO t{n} (id, name) VALUES (1, 'one'), (2, 'two')")
"""


def run(bench: Bench) -> Outcome:
    """Whole processes: on an empty database, and again where nothing is pending."""
    outcome = Outcome()
    drivers = ["psycopg"]
    if find_spec("psycopg2"):
        drivers.append("psycopg2")
    else:
        outcome.not_measured.append("Alembic on psycopg2: it is not installed")
    projects = {
        f"{bench.rows(REVISIONS)} revisions": _many(bench, bench.rows(REVISIONS)),
        f"one of {4 * bench.rows(TABLES):,} statements": _squashed(bench, bench.rows(TABLES)),
    }
    empty = bench.template()
    for what, project in projects.items():
        for again in (False, True):
            cases = [_seeder(bench, what, project, empty, again=again)]
            cases += [
                _alembic(bench, what, project, empty, driver, again=again) for driver in drivers
            ]
            cases.append(_floor(bench, empty) if again else _each(bench, what, project, empty))
            times = {n: median(each) for n, each in interleaved(cases, rounds=bench.rounds).items()}
            outcome.medians |= {
                f"{name}{', again' if again else ''}": t for name, t in times.items()
            }
            mine = times[cases[0].name]
            for case, driver in zip(cases[1:], drivers, strict=False):
                outcome.ratios.append(
                    Ratio(
                        target=7,
                        what=f"{what}{', nothing pending' if again else ''} / Alembic, {driver}",
                        value=mine / times[case.name],
                        at_most=0.3 if again else 1.0,
                        note=f"{mine:.2f} s beside {times[case.name]:.2f}",
                    )
                )
            least = times[cases[-1].name]
            beside = (
                f"{what}, nothing pending / a Python that asks one question"
                if again
                else f"{what} / Alembic, psycopg, a transaction for each"
            )
            outcome.ratios.append(
                Ratio(
                    target=7,
                    what=beside,
                    value=mine / least,
                    note=f"{mine:.2f} s beside {least:.2f}",
                )
            )
    bench.drop(empty)
    return outcome


def _seeder(bench: Bench, what: str, project: Path, empty: str, *, again: bool) -> Case:
    command = (*SEEDER, "run", "--project", str(project))
    return _case(
        f"seeder, {what}",
        command,
        lambda name: {"DATABASE_URL": bench.url(name)},
        bench,
        empty,
        again=again,
    )


def _each(bench: Bench, what: str, project: Path, empty: str) -> Case:
    """Alembic as it is when a revision that fails takes back none that came before it."""
    case = _alembic(bench, what, project, empty, "psycopg", again=False)
    return dataclasses.replace(
        case,
        name=f"{case.name}, a transaction for each",
        prepare=lambda: {**case.prepare(), "EACH": "1"},
    )


def _alembic(
    bench: Bench, what: str, project: Path, empty: str, driver: str, *, again: bool
) -> Case:
    command = (ALEMBIC, "-c", str(project / "alembic.ini"), "upgrade", "head")

    def variables(name: str) -> Mapping[str, str]:
        return {
            "ALEMBIC_URL": f"postgresql+{driver}://postgres@127.0.0.1:{bench.port}/{quote(name)}"
        }

    return _case(f"Alembic on {driver}, {what}", command, variables, bench, empty, again=again)


def _floor(bench: Bench, empty: str) -> Case:
    return Case(
        name="psycopg",
        command=(*PYTHON, "-c", FLOOR),
        prepare=lambda: {"DATABASE_URL": bench.url(bench.fresh(empty))},
    )


def _case(
    name: str,
    command: tuple[str, ...],
    variables: Callable[[str], Mapping[str, str]],
    bench: Bench,
    empty: str,
    *,
    again: bool,
) -> Case:
    def prepare() -> Mapping[str, str]:
        found = variables(bench.fresh(empty))
        if again:
            once(Case(name=name, command=command, prepare=lambda: found))
        return found

    return Case(name=name, command=command, prepare=prepare)


def _many(bench: Bench, number: int) -> Path:
    versions = _project(bench.files / f"revisions-{number}")
    for n in range(1, number + 1):
        down = f"r{n - 1:04}" if n > 1 else None
        text = _HEAD.format(revision=f"r{n:04}", down=down) + _TABLE.format(n=n)
        (versions / f"r{n:04}.py").write_text(text)
    return versions.parent.parent


def _squashed(bench: Bench, tables: int) -> Path:
    versions = _project(bench.files / f"squashed-{tables}")
    body = "".join(_TABLE.format(n=n) for n in range(tables))
    (versions / "squashed.py").write_text(_HEAD.format(revision="squashed", down=None) + body)
    return versions.parent.parent


def _project(directory: Path) -> Path:
    versions = directory / "migrations" / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    (directory / "seeds").mkdir(exist_ok=True)
    (directory / "migrations" / "env.py").write_text(_ENV)
    (directory / "migrations" / "script.py.mako").write_text("")
    (directory / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    (directory / "seeder.toml").write_text('[migrations]\nalembic = "migrations"\n')
    return versions
