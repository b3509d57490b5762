"""Check a catalog: offline, and on request against the schema that its migrations make."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import replace
from typing import TYPE_CHECKING

from seeder.catalog import read_project
from seeder.configuration.environ import Environ, as_set
from seeder.configuration.settings import Secret, Settings
from seeder.errors import ConfigurationInvalid, MigrationsInvalid, Problem
from seeder.merge.found import CheckResult, everybody_may_create
from seeder.merge.model import Catalog, Mode, RowSource, SeedRow
from seeder.merge.moments import doubtful
from seeder.merge.result import RunResult
from seeder.phases.opening import read_revisions
from seeder.runtime.log import Log

if TYPE_CHECKING:
    from seeder.database.migrations.revisions import RevisionGraph


def check(settings: Settings, *, log: Log, embedded: bool) -> CheckResult:
    """Check all that files can tell; with `embedded` also what only a server can.

    For that, the job itself runs on a new server, which is deleted afterwards.

    Raises:
        ConfigurationInvalid: the catalog has problems, with those of the migrations, or
            (embedded) does not fit the schema.
        MigrationsInvalid: the migrations alone have problems.
        MigrationFailed: embedded: a migration does.
        SeedingFailed: embedded: a constraint rejects a row.
    """
    catalog, graph = _read(settings)
    warnings = [
        *(Problem(message=warning) for warning in catalog.warnings),
        *([] if embedded else doubtful(catalog.sets, _samples)),
    ]
    if embedded:
        warnings = _rehearse(settings, log=log)
    return CheckResult(
        sets=len(catalog.sets),
        rows=sum(_number_of(each.rows) for each in catalog.sets),
        tasks=len(catalog.tasks),
        revisions=len(graph.revisions),
        problems=tuple(warnings),
    )


def _read(settings: Settings) -> tuple[Catalog, RevisionGraph]:
    """Read catalog and migrations, and tell of the problems of both together."""
    from seeder.catalog.loader import load

    try:
        catalog = load(
            settings.project, environment=settings.environment, environ=settings.confided
        )
    except ConfigurationInvalid as error:
        error.hint = None  # it advises to run `seeder check`
        raise _with_migrations(settings, error) from None
    return catalog, read_revisions(catalog)


def _with_migrations(settings: Settings, error: ConfigurationInvalid) -> ConfigurationInvalid:
    from seeder.database.migrations.revisions import read_graph

    try:
        read_graph(read_project(settings.project).migrations)
    except ConfigurationInvalid:
        return error  # seeder.toml itself: where the migrations are is not known
    except MigrationsInvalid as other:
        problems = (*error.problems, *other.problems)
        return ConfigurationInvalid(
            f"{len(problems)} problems in the catalog and the migrations.",
            problems=problems,
            hint=other.hint,
            code="catalog-invalid",
        )
    return error


def _rehearse(settings: Settings, *, log: Log) -> list[Problem]:
    """Run the job on a new, empty server of the embedded Postgres; returns its warnings."""
    # Imported here: offline, nothing of this is needed.
    from seeder.database.connection.connect import connect
    from seeder.database.connection.session import open_schemas
    from seeder.database.connection.target import Target
    from seeder.database.embedded.embedded_server import throwaway
    from seeder.job import run

    with throwaway() as server:
        url = server.conninfo()
        ours = ("SEEDER_DATABASE_URL", "SEEDER_DATABASE_URL_FILE", "DATABASE_URL_FILE")
        given = as_set(settings.environ).items()
        environ = {name: text for name, text in given if name not in ours}
        rehearsal = replace(
            settings,
            database=Secret(url),
            embedded=None,
            mode=Mode.AUTO,
            plan=None,
            allow_missing=(),
            set_role=None,
            environ=Environ({**environ, "DATABASE_URL": url}),
        )
        warnings = _warnings(run(rehearsal, log=_Warnings(log), rehearsal=True))
        with connect(Target.parse(url)) as connection:
            opened = open_schemas(connection)
    return [*warnings, *(Problem(message=everybody_may_create(name)) for name in opened)]


def _warnings(result: RunResult) -> list[Problem]:
    """What is worth a look in a rehearsal that went well: on a new database nobody chose it."""
    kept = [row for each in result.sets for row in each.kept]
    return [
        *(Problem(message=f"{row.reason}.", address=row.address) for row in kept),
        *(Problem(message=warning) for warning in result.warnings),
    ]


class _Warnings:
    """A log that passes on what a person should see: a rehearsal is no run to be followed."""

    tells_statements = False

    def __init__(self, log: Log) -> None:
        self._log = log

    def debug(self, event: str, **fields: object) -> None:
        """Drop it."""

    def info(self, event: str, **fields: object) -> None:
        """Drop it, but for what a migration command prints: its failure refers to that."""
        if event == "migration.output":
            self._log.info(event, **fields)

    def awaited(self, event: str, line: str, **fields: object) -> None:
        """Drop it."""

    def warning(self, event: str, **fields: object) -> None:
        """Drop those of the result, which `check` returns."""
        if event != "run.warned":
            self._log.warning(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        """Pass it on."""
        self._log.error(event, **fields)

    def carry(self, **fields: object) -> None:
        """Drop it: the run's number is that of a database which will be gone."""

    def progress(self, event: str, line: str, **fields: object) -> None:
        """Pass it on: somebody waits for this as well."""
        self._log.progress(event, line, **fields)

    def progress_ended(self) -> None:
        """Pass it on."""
        self._log.progress_ended()


def _samples(rows: RowSource) -> Iterable[SeedRow]:
    """Of rows that `expand` makes, one of each family: the others differ in references alone."""
    from seeder.catalog.assembling.expanded import ExpandedRows

    return rows.samples() if isinstance(rows, ExpandedRows) else rows


def _number_of(rows: RowSource) -> int:
    return len(rows) if isinstance(rows, Sized) else sum(1 for _ in rows)
