"""What a revision or env.py raised, as a SeederError without statement or values."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seeder.database.connection.connect import Connection
from seeder.database.connection.failures import (
    Kind,
    as_seeder_error,
    driver_error,
    kind_of,
    of_another,
)
from seeder.database.migrations.progress import Progress, Upgrade
from seeder.database.migrations.revisions import remedy_for_module
from seeder.errors import Interrupted, MigrationFailed, SeederError
from seeder.merge.model import Migrations
from seeder.runtime.raised import environment_variable, innermost, last_line, missing_module, told


class RevisionConflict(Exception):
    """A revision met a lock conflict and was rolled back: a retry may settle it."""

    def __init__(self, failure: SeederError) -> None:
        super().__init__(failure.message)
        self.failure = failure


@contextmanager
def translated(upgrade: Upgrade) -> Iterator[None]:
    """Raise what a revision or env.py raised as a SeederError."""
    try:
        yield
    except SeederError:
        raise
    # Even SystemExit; an interrupt is not the project's own.
    except (Exception, SystemExit) as error:  # noqa: BLE001  # its code may raise anything
        interrupted = _interrupt_behind(error)
        if interrupted is not None:
            raise interrupted from None
        raise _failure(error, upgrade.connection, upgrade.progress, upgrade.migrations) from None


def _interrupt_behind(error: BaseException) -> Interrupted | None:
    """The signal that an error followed from: psycopg closes a connection that it cannot calm,
    and SQLAlchemy's rollback then fails with an error of its own.
    """
    context = error.__context__
    while context is not None and not isinstance(context, Interrupted):
        context = context.__context__
    return context


def _failure(
    error: BaseException, connection: Connection, progress: Progress, migrations: Migrations
) -> SeederError | RevisionConflict:
    driver = driver_error(error)
    place = _place(error, progress, migrations)
    other = None if driver is None else of_another(driver, connection)
    if driver is None or other is not None:
        said = told(error) if other is None else f"{type(error).__name__}, {other}"
        doing = f"revision {progress.running}" if progress.running else _preparing(migrations)
        # Last: an application or a library that is installed.
        at = place or progress.file or last_line(error)
        failure: SeederError = MigrationFailed(f"Failed in {doing} at {at}: {said}.")
        failure.hint = _hint(error, migrations)
        if migrations.project_env and not progress.running and failure.hint is None:
            failure.hint = "`alembic upgrade head` in its directory says the same, in full."
    else:
        where = f"revision {progress.running}" if progress.running else _preparing(migrations)
        shown = place or progress.file
        doing = f"applying {where}" + (f" ({shown})" if shown else "")
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


def _preparing(migrations: Migrations) -> str:
    return "env.py" if migrations.project_env else "preparing the migrations"


def _place(error: BaseException, progress: Progress, migrations: Migrations) -> str | None:
    """File and line where the project's code raised it, seen from where the migrations are."""
    assert migrations.alembic is not None  # noqa: S101  # only these come here
    found = innermost(error, migrations.alembic, migrations.alembic.parent)
    if found is None:
        return None
    path, line = found
    if path.name == progress.file:
        return f"{path.name}:{line}"
    return f"{Path(os.path.relpath(path, migrations.alembic.parent)).as_posix()}:{line}"


def _hint(error: BaseException, migrations: Migrations) -> str | None:
    """What to do about a failure that has to do with where the code runs."""
    if (module := missing_module(error)) is not None:
        return remedy_for_module(module)
    if (name := environment_variable(error)) is not None:
        return f"Set {name} for the job."
    text = str(error)
    if isinstance(error, AttributeError) and text.startswith("module 'alembic."):
        return (
            "Name the package that adds it in [migrations]: `import = [...]`; or have the project's"
            ' own env.py run the revisions: `env = "project"`, or `command`.'
        )
    if text.startswith("Working outside of application context"):
        return (
            'Name the application in [migrations]: `env = "project"`, `flask = "app:create_app()"`.'
        )
    if migrations.project_env:
        return None
    return 'It was rolled back; correct it, or, if it wants env.py, say `env = "project"`.'
