"""A project and a database, for tests of the merge: write seeds, run the job, look.

`project` is a directory of seed files and a fresh database. A run happens in this process,
through `seeder.job.run`; before each one the survey says what it would do, and the two must
agree.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from seeder import cli, job
from seeder.catalog.loader import load
from seeder.configuration.settings import Secret, Settings
from seeder.database.applying.survey import survey
from seeder.database.connection import session
from seeder.database.ledger.tables import projects
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.staging.context import Orders
from seeder.merge.model import Mode
from seeder.merge.ownership import Image
from seeder.merge.plan import RowChange, SetOutcome, SetPlan
from seeder.merge.result import RunResult
from tests.support.events import Events
from tests.support.postgres import Database


@dataclass
class Project:
    """A project directory without migrations of its own, and the database it is run on."""

    directory: Path
    database: Database
    connection: psycopg.Connection[Any]
    """A person's: autocommit, open for the whole test."""
    environment: str = "production"
    environ: dict[str, str] = field(default_factory=dict)
    release: str | None = None
    surveyed: bool = True
    """Whether each run is compared with a survey made before it."""
    plans: dict[str, SetPlan] = field(default_factory=dict)
    """What the last survey said, by set."""

    def configure(self, *, release: str | None = None, migrations: str = "none = true") -> None:
        """Write seeder.toml."""
        head = "" if release is None else f'release = "{release}"\n'
        head += 'identity = "merge"\n'
        (self.directory / "seeder.toml").write_text(f"{head}[migrations]\n{migrations}\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file below seeds/core; a name without a suffix is a YAML seed set."""
        file = self.directory / "seeds" / "core" / (name if "." in name else f"{name}.yaml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip("\n"))
        return file

    def remove(self, name: str) -> None:
        """Delete a seed set's file."""
        (self.directory / "seeds" / "core" / f"{name}.yaml").unlink()

    def command(self, *arguments: str) -> int:
        """Run a command of `seeder` on it; returns the exit code."""
        return cli.main(
            list(arguments),
            {
                "SEEDER_DATABASE_URL": self.database.url,
                "SEEDER_PROJECT": str(self.directory),
                "SEEDER_LOCK_TIMEOUT": "30",
            },
        )

    def sql(self, statement: str, *params: Any) -> None:
        """What a person does: run statements, each committed."""
        self.connection.execute(statement, params or None)  # type: ignore[arg-type]

    def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self.connection.execute(query, params or None).fetchall()  # type: ignore[arg-type]

    def value(self, query: str, *params: Any) -> Any:
        """The one value of a query."""
        ((value,),) = self.rows(query, *params)
        return value

    # -- runs ---------------------------------------------------------------------------

    def settings(self, mode: Mode = Mode.AUTO, *, allow_missing: tuple[str, ...] = ()) -> Settings:
        """The settings of a run on this project."""
        return Settings(
            database=Secret(self.database.url),
            project=self.directory,
            environment=self.environment,
            environ=self.environ,
            mode=mode,
            allow_missing=allow_missing,
            wait_timeout=5.0,
            lock_timeout=30.0,
            deadline=120.0,
        )

    def run(self, mode: Mode = Mode.AUTO, *, allow_missing: tuple[str, ...] = ()) -> RunResult:
        """Run the job."""
        if self.surveyed and mode is not Mode.AUTO:
            self.survey(mode, allow_missing=allow_missing)
        result = job.run(self.settings(mode, allow_missing=allow_missing), log=Events())
        if self.surveyed and mode is not Mode.AUTO:
            said = {name: (plan.decision, dict(plan.counts)) for name, plan in self.plans.items()}
            done = {each.name: (each.decision, dict(each.counts)) for each in result.sets}
            assert said == done, "the survey says something else than the run did"
        return result

    def init(self) -> RunResult:
        """Run in mode `init`: an ordinary deploy."""
        return self.run(Mode.INIT)

    def update(self, *, allow_missing: tuple[str, ...] = ()) -> RunResult:
        """Run in mode `update`."""
        return self.run(Mode.UPDATE, allow_missing=allow_missing)

    def survey(self, mode: Mode = Mode.UPDATE, *, allow_missing: tuple[str, ...] = ()) -> None:
        """Fill `plans` with what a run would do."""
        catalog = load(self.directory, environment=self.environment, environ=self.environ)
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            session.prepare(connection)
            ledger = projects.opened(connection, Ledger(), Image(identity=catalog.identity))
            meta = ledger.meta(connection)
            created = None if meta is None else meta.tables_before
            orders = Orders(
                mode=mode,
                adopt=mode is Mode.UPDATE,
                allow_missing=frozenset(allow_missing),
                created=None if created is None else frozenset(created),
            )
            plans, _ = survey(connection, ledger, catalog, orders)
        self.plans = {plan.name: plan for plan in plans}

    def row_plan(self, address: str) -> RowChange:
        """What the last survey said about one row."""
        plan = self.plans[address.partition("/")[0]]
        return next(row for row in plan.rows if row.address == address)

    # -- looking ------------------------------------------------------------------------

    def entries(self, table: str, key: tuple[str, ...] | None = None) -> list[dict[str, Any]]:
        """Ledger entries of a table, with what was asked by column name under `asked`."""
        found = self.rows(
            "SELECT id, columns, key FROM seeder.bases WHERE table_name = %s ORDER BY id", table
        )
        entries = []
        for number, columns, its_key in found:
            if key is not None and tuple(its_key) != key:
                continue
            with self.connection.cursor(row_factory=dict_row) as cursor:
                rows = cursor.execute(
                    sql.SQL("SELECT * FROM seeder.{} ORDER BY addr").format(
                        sql.Identifier(f"base_{number}")
                    )
                ).fetchall()
            for row in rows:
                asked = {each["name"]: row[f"c{each['n']}"] for each in columns}
                entries.append({**row, "asked": asked})
        return entries

    def entry(self, table: str, addr: str) -> dict[str, Any]:
        """The ledger entry of one row."""
        (entry,) = [each for each in self.entries(table) if each["addr"] == addr]
        return entry

    def snapshot(self) -> dict[str, Any]:
        """Every row version of every table and ledger base, and every sequence's position."""
        tables = self.rows(
            "SELECT n.nspname, c.relname, c.relkind FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'S') AND n.nspname NOT LIKE 'pg\\_%'"
            " AND n.nspname <> 'information_schema'"
            " AND (n.nspname <> 'seeder' OR c.relname LIKE 'base\\_%' AND c.relkind = 'r')"
        )
        found: dict[str, Any] = {}
        for schema, name, kind in tables:
            what = "last_value, is_called" if kind == "S" else "xmin::text, ctid::text, t::text"
            found[f"{schema}.{name}"] = self.connection.execute(
                sql.SQL("SELECT {} FROM {} t ORDER BY 1, 2").format(
                    sql.SQL(what), sql.Identifier(schema, name)
                )
            ).fetchall()
        return found

    def assert_settled(self, *, mode: Mode = Mode.UPDATE) -> None:
        """Another run writes nothing: no row version, no ledger entry, no sequence value."""
        before = self.snapshot()
        result = self.run(mode)
        assert self.snapshot() == before
        written = {name: n for name, n in result.counts.items() if name not in ("keep", "skip")}
        written.pop("conflicts", None)
        assert written == {}, "a run that writes nothing says so"


def outcome(result: RunResult, name: str) -> SetOutcome:
    """What a run did to one set."""
    return next(each for each in result.sets if each.name == name)


def counts(result: RunResult, name: str) -> Mapping[str, int]:
    """Rows by action of one set."""
    return dict(outcome(result, name).counts)


@pytest.fixture
def project(tmp_path: Path, database: Database) -> Project:
    """A project without migrations, and an empty database."""
    return open_project(tmp_path / "db", database)


@pytest.fixture
def create_project(
    tmp_path: Path, create_database: Callable[[], Database]
) -> Callable[[], Project]:
    """A factory, for tests that need several databases."""
    numbers = iter(range(1000))
    return lambda: open_project(tmp_path / f"db{next(numbers)}", create_database())


def open_project(directory: Path, database: Database) -> Project:
    """A project without migrations in this directory, and its database."""
    (directory / "seeds").mkdir(parents=True)
    made = Project(directory=directory, database=database, connection=database.connect())
    made.configure()
    return made
