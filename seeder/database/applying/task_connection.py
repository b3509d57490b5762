"""A SQLAlchemy connection inside the open seeding transaction, for Python tasks."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from seeder.database.connection.connect import Connection
from seeder.database.connection.failures import driver_error, of_another
from seeder.errors import Interrupted, Problem, SeederError, SeedingFailed


def call_with_sqlalchemy(
    connection: Connection, name: str, file: str, call: Callable[..., object]
) -> None:
    """Call a task with a SQLAlchemy connection that shares the seeding transaction.

    Its `begin_nested` makes savepoints; `commit` and `rollback` of the whole are refused.
    psycopg errors pass through, out of SQLAlchemy's wrapper; any other exception becomes
    SeedingFailed with the place in the task's file and without its values.
    """

    def refuse(_: object) -> None:
        raise SeedingFailed(
            f"The task {name} ({file}) tried to end the seeding transaction.",
            hint="A task must neither commit nor roll back; `begin_nested` makes a savepoint.",
            code="task-ended-transaction",
        )

    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connection,
        poolclass=StaticPool,
        pool_reset_on_return=None,
        use_native_hstore=False,
    )
    # SQLAlchemy ends its start-up queries, and its closing, with a rollback: of this engine
    # alone, and the transaction is the job's.
    engine.dialect.do_rollback = _nothing  # type: ignore[assignment]
    engine.dialect.do_commit = refuse  # type: ignore[assignment]
    with engine.connect() as opened:
        engine.dialect.do_rollback = refuse  # type: ignore[assignment]
        try:
            call(opened)
        except (SeederError, Interrupted):
            raise
        except Exception as error:  # noqa: BLE001  # a task may raise anything
            inner = driver_error(error)
            other = None if inner is None else of_another(inner, connection)
            if inner is not None and other is None:
                raise inner from None
            said = type(error).__name__
            if other is not None:
                said = f"{said}, {other}"
            raise SeedingFailed(
                f"The task {name} failed: {said}.",
                problems=(_place(error, file),),
                task=name,
                code="task-failed",
            ) from None
        finally:
            engine.dialect.do_rollback = _nothing  # type: ignore[assignment]


def _nothing(_: Any) -> None:
    """Stand in for a rollback that must not happen."""


def _place(error: BaseException, file: str) -> Problem:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.endswith(file)]
    line = own[-1].lineno if own else None
    return Problem(message=f"{type(error).__name__} was raised.", file=file, line=line)
