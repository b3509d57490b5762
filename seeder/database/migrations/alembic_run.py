"""Run Alembic revisions on seeder's own connection.

Seeder's environment instead of the project's env.py: each revision is a transaction of its
own that commits only while the advisory lock is held. `upgrade_by_project` runs the project's
env.py for those who ask for it, with best effort.
"""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import ScriptDirectory
from msgspec import Struct, field
from sqlalchemy import event
from sqlalchemy.engine import Engine

from seeder.database.connection import lock
from seeder.database.connection.connect import Connection
from seeder.database.connection.engine import engine_over
from seeder.database.connection.failures import Kind, as_seeder_error, driver_error, kind_of
from seeder.database.migrations.invalid_indexes import invalid_indexes
from seeder.database.migrations.revisions import importable
from seeder.errors import Interrupted, MigrationFailed, SeederError
from seeder.log import Log
from seeder.merge.model import Migrations

_CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)


class Progress(Struct):
    """How far an upgrade came; the one thing here that changes."""

    applied: list[str] = field(default_factory=list)
    """Revisions that were committed."""
    running: str | None = None
    file: str | None = None
    autocommit: bool = False
    """Whether the running revision is inside an autocommit block."""
    used_autocommit: bool = False
    """Whether the running revision has committed a part of itself."""
    concurrently: list[str] = field(default_factory=list)
    """What the running revision did CONCURRENTLY, as SQL."""
    started: float = 0.0


class RevisionConflict(Exception):
    """A revision met a lock conflict and was rolled back: a retry may settle it."""

    def __init__(self, failure: SeederError) -> None:
        super().__init__(failure.message)
        self.failure = failure


def upgrade_by_seeder(
    connection: Connection,
    migrations: Migrations,
    progress: Progress,
    *,
    lock_key: int,
    log: Log,
    check_time: Callable[[], None],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Apply what is pending, one transaction per revision, and note it in `progress`.

    Raises RevisionConflict where the revision may be tried again, ConnectionLost,
    MigrationFailed, and AccessDenied for a missing privilege.
    """
    script = ScriptDirectory(str(migrations.alembic))

    def steps(heads: Any, _: MigrationContext) -> Iterator[MigrationStep]:
        for step in script._upgrade_revs(migrations.target, heads):
            check_time()
            _begin(progress, step, now=clock())
            yield step
            # Alembic has committed the revision by the time it asks for the next one.
            _end(progress, log, now=clock())

    def verify(*_: Any, **__: Any) -> None:
        lock.verify(connection, lock_key)
        _require_built(connection, progress)

    config = _config(migrations)
    with (
        _translated(progress),
        importable(Path(str(migrations.alembic)).parent),
        engine_over(connection) as engine,
        engine.connect() as sqlalchemy_connection,
        EnvironmentContext(config, script, fn=steps, as_sql=False) as environment,
    ):
        _watch_autocommit(engine, connection, progress)
        environment.configure(
            connection=sqlalchemy_connection,
            transaction_per_migration=True,
            on_version_apply=verify,
            version_table=migrations.version_table,
            version_table_schema=migrations.version_table_schema,
        )
        environment.run_migrations()


def upgrade_by_project(
    connection: Connection, migrations: Migrations, progress: Progress, *, lock_key: int
) -> None:
    """Run the project's env.py, which finds the connection in `config.attributes`.

    An env.py that ignores it opens its own, outside of seeder's lock and timeouts. Raises
    MigrationFailed, and ConnectionLost if the lock is gone afterwards.
    """
    config = _config(migrations)
    with (
        _translated(progress),
        importable(Path(str(migrations.alembic)).parent),
        engine_over(connection) as engine,
        engine.connect() as sqlalchemy_connection,
    ):
        config.attributes["connection"] = sqlalchemy_connection
        command.upgrade(config, migrations.target)
    lock.verify(connection, lock_key)


def _config(migrations: Migrations) -> Config:
    ini = Path(str(migrations.alembic)).parent / "alembic.ini"
    config = Config(str(ini)) if migrations.project_env and ini.exists() else Config()
    # Alembic's configuration interpolates %.
    config.set_main_option("script_location", str(migrations.alembic).replace("%", "%%"))
    return config


def _begin(progress: Progress, step: RevisionStep, *, now: float) -> None:
    progress.running = step.revision.revision
    progress.file = Path(step.revision.path).name
    progress.autocommit = progress.used_autocommit = False
    progress.concurrently = []
    progress.started = now


def _require_built(connection: Connection, progress: Progress) -> None:
    """Refuse to record a revision whose IF NOT EXISTS was content with an invalid index.

    Once recorded it would never run again, and who drops the index would be left without it.
    """
    if not progress.concurrently:
        return
    for index in invalid_indexes(connection):
        name = re.escape(index.rpartition(".")[2].strip('"'))
        if any(re.search(rf"\b{name}\b", statement) for statement in progress.concurrently):
            raise MigrationFailed(
                f"Revision {progress.running} left an index as invalid as it was."
            )


def _end(progress: Progress, log: Log, *, now: float) -> None:
    assert progress.running is not None  # noqa: S101  # _begin came first
    progress.applied.append(progress.running)
    log.info(
        "migration.applied",
        revision=progress.running,
        file=progress.file,
        duration_s=round(now - progress.started, 3),
    )
    progress.running = progress.file = None


def _watch_autocommit(engine: Engine, connection: Connection, progress: Progress) -> None:
    """Note autocommit blocks, and lift the lock timeout off CONCURRENTLY within them.

    A lock timeout would leave an invalid index, and what these statements wait for blocks
    nobody else meanwhile.
    """

    @event.listens_for(engine, "set_connection_execution_options")
    def _(_connection: Any, options: dict[str, Any]) -> None:
        if "isolation_level" in options:
            progress.autocommit = options["isolation_level"] == "AUTOCOMMIT"
            progress.used_autocommit |= progress.autocommit

    def lifts(statement: str) -> bool:
        return progress.autocommit and _CONCURRENTLY.search(statement) is not None

    timeouts: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if lifts(statement):
            progress.concurrently.append(statement)
            row = connection.execute("SELECT pg_catalog.current_setting('lock_timeout')").fetchone()
            timeouts.append(str(row[0]) if row else "0")
            connection.execute("SET lock_timeout = 0")

    @event.listens_for(engine, "after_cursor_execute")
    def _(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if lifts(statement):
            connection.execute(
                "SELECT pg_catalog.set_config('lock_timeout', %s, false)", [timeouts.pop()]
            )


class _translated:
    """Raise what a revision raised as a SeederError without statement or values."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        # The project's code may raise anything, even SystemExit; an interrupt is not its own.
        if not isinstance(error, (Exception, SystemExit)) or isinstance(error, SeederError):
            return
        interrupted = _interrupt_behind(error)
        if interrupted is not None:
            raise interrupted
        raise _failure(error, self._progress) from None


def _interrupt_behind(error: BaseException) -> Interrupted | None:
    """The signal that an error followed from: psycopg closes a connection that it cannot calm,
    and SQLAlchemy's rollback then fails with an error of its own.
    """
    context = error.__context__
    while context is not None and not isinstance(context, Interrupted):
        context = context.__context__
    return context


def _failure(error: BaseException, progress: Progress) -> SeederError | RevisionConflict:
    where = f"revision {progress.running}" if progress.running else "preparing the migrations"
    driver = driver_error(error)
    if driver is None:
        line = _line(error, progress)
        place = f"{progress.file}:{line}" if line else progress.file
        failure: SeederError = MigrationFailed(
            f"Failed in {where}: {type(error).__name__}" + (f" at {place}." if place else "."),
        )
    else:
        doing = f"applying {where}" + (f" ({progress.file})" if progress.file else "")
        failure = as_seeder_error(driver, doing=doing, otherwise=MigrationFailed)
    failure.facts |= {
        "revision": progress.running,
        "file": progress.file,
        "applied": tuple(progress.applied),
    }
    if progress.applied:
        failure.message += f" Applied before it: {', '.join(progress.applied)}."
    if progress.used_autocommit:
        failure.hint = "It had committed a part of itself; look at the database before retrying."
    elif driver is not None and kind_of(driver) is Kind.RETRYABLE:
        return RevisionConflict(failure)
    elif failure.hint is None:
        failure.hint = "It was rolled back; correct it and deploy again."
    return failure


def _line(error: BaseException, progress: Progress) -> int | None:
    frames = traceback.extract_tb(error.__traceback__)
    own = (f.lineno for f in reversed(frames) if Path(f.filename).name == progress.file)
    return next(own, None)
