"""The seeding transaction: rows, tasks and ledger together, retried as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import psycopg
import tenacity

from seeder.database.connection.connect import Connection
from seeder.database.connection.failures import Kind, as_seeder_error, describe, kind_of
from seeder.database.ledger.tables.ledger import AppliedTask, Ledger
from seeder.database.staging.context import Unforeseen
from seeder.database.writing.rejected_rows import Rejected
from seeder.errors import DeadlineExceeded, SeederError, SeedingFailed
from seeder.merge.model import Task, TaskKind
from seeder.runtime.log import Log
from seeder.runtime.retry import attempts

ATTEMPTS = 5
_BETWEEN_ATTEMPTS = tenacity.wait_exponential(multiplier=0.2) + tenacity.wait_random(0, 0.2)
_ROOM = 0.2
"""Seconds before the deadline in which no attempt begins."""
_RACES = frozenset({"23505", "23503"})
"""Unique and foreign-key violations: a concurrent write of the application may be the cause."""

_AGAIN = "Nothing was seeded; run the job again, or give it a later --deadline."

Outcome = TypeVar("Outcome")


def in_transaction(
    connection: Connection,
    work: Callable[[], Outcome],
    *,
    log: Log,
    doing: str,
    deadline: float,
) -> Outcome:
    """Run `work` in one transaction, again when a conflict with others rolled it back.

    An attempt that was Unforeseen does not count: `work` sees to it that there is an end.

    Raises RetriesExhausted after five attempts, SeedingFailed for a rejected row (tried
    twice where a race may be the cause), ConnectionLost and DeadlineExceeded.
    """
    reason = ""
    for number in attempts(lambda: deadline - time.monotonic() - _ROOM, pause=_BETWEEN_ATTEMPTS):
        if reason:
            log.warning("seeding.retried", attempt=number - 1, reason=reason)
        try:
            return _unless_unforeseen(connection, work, deadline=deadline)
        except Rejected as error:
            if error.sqlstate not in _RACES or number > 1:
                raise
            reason = "row rejected"
        except psycopg.Error as error:
            if kind_of(error) is not Kind.RETRYABLE or number >= ATTEMPTS:
                raise as_seeder_error(error, doing=doing, otherwise=SeedingFailed) from None
            reason = describe(error)
    raise DeadlineExceeded(
        "The deadline passed while seeding waited for other sessions.", hint=_AGAIN
    )


def _unless_unforeseen(
    connection: Connection, work: Callable[[], Outcome], *, deadline: float
) -> Outcome:
    while True:
        try:
            with connection.transaction():
                return work()
        except Unforeseen:
            if time.monotonic() >= deadline:
                raise DeadlineExceeded(
                    "The deadline passed while seeding tried again what it could not foresee.",
                    hint=_AGAIN,
                ) from None


def run_tasks(
    connection: Connection,
    ledger: Ledger,
    tasks: Sequence[Task],
    *,
    run_them: bool,
    baseline: bool,
    run: int,
    log: Log,
) -> tuple[str, ...]:
    """Run the tasks that this database does not have behind it, or record them as `baseline`.

    Inside the seeding transaction. At a launch all are the baseline, and none is run; otherwise
    an update is to `run_them`. Returns the names of those that ran.

    Raises:
        SeedingFailed: a task failed, or one that was applied has been edited since.
    """
    behind = ledger.tasks(connection)
    if run_them and not baseline:
        require_unedited(tasks, behind)
    ran = []
    for task in tasks:
        if task.name in behind:
            continue
        if baseline:
            _record(connection, ledger, task, "baseline", run)
        elif run_them:
            log.info("task.started", task=task.name)
            _run(connection, task)
            _record(connection, ledger, task, "applied", run)
            log.info("task.ran", task=task.name)
            ran.append(task.name)
    return tuple(ran)


def require_unedited(tasks: Sequence[Task], applied: Mapping[str, AppliedTask]) -> None:
    """Raise SeedingFailed for tasks that were edited after they were applied."""
    edited = [
        task.name
        for task in tasks
        if task.name in applied
        and applied[task.name].state == "applied"
        and applied[task.name].digest != task.digest
    ]
    if edited:
        raise SeedingFailed(
            f"Applied tasks were edited since: {', '.join(edited)}.",
            hint="A task runs once per database. Put the file back as it was and write a new task.",
            tasks=tuple(edited),
            code="task-edited",
        )


def _record(connection: Connection, ledger: Ledger, task: Task, state: str, run: int) -> None:
    statement = ledger.sql(
        "INSERT INTO {s}.tasks (project, name, release, digest, state, run)"
        " VALUES ({p}, %s, %s, %s, %s, %s)"
    )
    connection.execute(statement, [task.name, task.release, task.digest, state, run])


def _run(connection: Connection, task: Task) -> None:
    before, path = _transaction(connection)
    connection.execute("SET LOCAL search_path TO DEFAULT")  # the project's own, whatever it names
    try:
        if task.kind is TaskKind.SQL:
            connection.execute((task.sql or "").encode())
        else:
            # Here, and not above: only Python tasks need SQLAlchemy.
            from seeder.database.applying.task_connection import call_with_sqlalchemy

            assert task.call is not None  # noqa: S101  # a Python task has a function
            call_with_sqlalchemy(connection, task.name, task.file, task.call)
    except SeederError:
        raise
    except psycopg.Error as error:
        if kind_of(error) is Kind.RETRYABLE:
            raise
        raise as_seeder_error(
            error, doing=f"running the task {task.name} ({task.file})", otherwise=SeedingFailed
        ) from None
    if _transaction(connection)[0] != before:
        raise SeedingFailed(
            f"The task {task.name} ({task.file}) ended the seeding transaction.",
            hint="A task must not BEGIN, COMMIT or ROLLBACK: it shares its transaction.",
            code="task-ended-transaction",
        )
    connection.execute("SELECT pg_catalog.set_config('search_path', %s::text, true)", [path])


def _transaction(connection: Connection) -> tuple[object, str]:
    """The transaction's number and search_path."""
    ((number, path),) = connection.execute(
        "SELECT pg_catalog.txid_current(), pg_catalog.current_setting('search_path')"
    ).fetchall()
    return number, path
