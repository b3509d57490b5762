"""What seeder is compared with: each a command that loads the file of rows into `items`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import data
from benchmarks.bench import PYTHON, SEEDER, Bench
from benchmarks.measure import Case

HERE = Path(__file__).parent
NODE_MODULES = Path(sys.prefix).parent / "node" / "node_modules"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One way to load rows."""

    name: str
    command: Callable[[Bench, int], list[str]]
    """For so many rows; writes the file that it needs."""
    missing: Callable[[], str | None] = lambda: None
    """Why it cannot be measured on this machine."""
    variables: Callable[[Bench, str], Mapping[str, str]] = lambda bench, database: {}  # noqa: ARG005

    def case(self, bench: Bench, rows: int, template: str) -> Case:
        """The measured command, on a new copy of the template each time."""

        def prepare() -> Mapping[str, str]:
            database = bench.fresh(template)
            return {"DATABASE_URL": bench.url(database), **self.variables(bench, database)}

        return Case(name=self.name, command=self.command(bench, rows), prepare=prepare)


def _script(name: str) -> Callable[[Bench, int], list[str]]:
    return lambda bench, rows: [
        *PYTHON,
        "-m",
        f"benchmarks.systems.{name}",
        str(data.csv_file(bench, rows)),
    ]


def _seeder(bench: Bench, rows: int) -> list[str]:
    return [*SEEDER, "run", "--project", str(data.project(bench, rows))]


def psql(bench: Bench, *arguments: str) -> list[str]:
    """The command line of a psql that stops at the first error, on DATABASE_URL."""
    program = bench.program("psql")
    words = ["-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments]
    return ["/bin/sh", "-c", 'exec "$0" "$DATABASE_URL" "$@"', program, *words]


def _copy(bench: Bench, rows: int) -> list[str]:
    return psql(bench, "-c", data.COPY.format(data.csv_file(bench, rows)))


def _loaddata(bench: Bench, rows: int) -> list[str]:
    fixture = str(data.fixture(bench, rows))
    settings = "--settings=benchmarks.systems.shop.settings"
    return [*PYTHON, "-m", "django", "loaddata", fixture, settings, "--verbosity=0"]


def _knex(bench: Bench, rows: int) -> list[str]:
    return ["node", str(HERE / "knex_seed.cjs"), str(data.csv_file(bench, rows))]


def knex_missing() -> str | None:
    """Why Knex cannot be run on this machine."""
    if shutil.which("node") is None:
        return "there is no node"
    return None if (NODE_MODULES / "knex").is_dir() else "its npm package is not installed"


def _liquibase_jars() -> Path:
    return NODE_MODULES / "liquibase" / "dist"


def _liquibase(bench: Bench, rows: int) -> list[str]:
    # Its changelog names the file relative to its own place.
    changelog = bench.files / f"liquibase-{rows}.xml"
    file = data.csv_file(bench, rows).name
    template = (HERE / "liquibase.xml").read_text()
    changelog.write_text(template.replace("ITEMS.csv", file))
    return liquibase(bench.files, changelog.name, "update")


def liquibase(place: Path, changelog: str, *words: str) -> list[str]:
    """The command line of Liquibase on a changelog of a directory, on JDBC_URL."""
    path = ":".join(str(each) for each in sorted(_liquibase_jars().rglob("*.jar")))
    run = (
        'exec java -cp "$0" liquibase.integration.commandline.Main --logLevel=severe'
        ' "--url=$JDBC_URL" --username=postgres --driver=org.postgresql.Driver'
        f' "--classpath={place}" "--changeLogFile={changelog}" {" ".join(words)}'
    )
    return ["/bin/sh", "-c", f"cd {place} && {run}", path]


def liquibase_missing() -> str | None:
    """Why Liquibase cannot be run on this machine."""
    if shutil.which("java") is None:
        return "there is no Java"
    return None if _liquibase_jars().is_dir() else "its npm package is not installed"


def node_variables(bench: Bench, database: str) -> Mapping[str, str]:
    """For Node's driver, which takes no URL without a host."""
    return {
        "NODE_PATH": str(NODE_MODULES),
        "PGHOST": "127.0.0.1",
        "PGPORT": str(bench.port),
        "PGUSER": "postgres",
        "PGDATABASE": database,
    }


def jdbc_variables(bench: Bench, database: str) -> Mapping[str, str]:
    """For Java's driver."""
    return {"JDBC_URL": f"jdbc:postgresql://127.0.0.1:{bench.port}/{database}"}


SEEDER_SYSTEM = System(name="seeder", command=_seeder)
COPY = System(name="psql \\copy", command=_copy)
LOADDATA = System(name="Django loaddata", command=_loaddata)
ORM_LOOP = System(name="SQLAlchemy ORM loop", command=_script("orm_loop"))
BULK_INSERT = System(name="Alembic bulk_insert", command=_script("bulk_insert"))
KNEX = System(
    name="Knex batchInsert",
    command=_knex,
    missing=knex_missing,
    variables=node_variables,
)
LIQUIBASE = System(
    name="Liquibase loadData",
    command=_liquibase,
    missing=liquibase_missing,
    variables=jdbc_variables,
)


def first_load(bench: Bench, rows: int, template: str, variant: data.Variant) -> Case:
    """seeder's first load of one kind of table, under the name of the kind."""
    root = data.project(bench, rows, variant=variant)
    own = SEEDER_SYSTEM.case(bench, rows, template)
    return replace(own, name=variant.name, command=(*SEEDER, "run", "--project", str(root)))


ALL = (SEEDER_SYSTEM, COPY, BULK_INSERT, KNEX, LIQUIBASE, LOADDATA, ORM_LOOP)

__all__ = [
    "ALL",
    "BULK_INSERT",
    "COPY",
    "LOADDATA",
    "ORM_LOOP",
    "SEEDER_SYSTEM",
    "System",
    "first_load",
]
