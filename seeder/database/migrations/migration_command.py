"""Migrations by a command of the project, as a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from seeder.database.connection import lock
from seeder.database.connection.connect import Connection
from seeder.errors import ConfigurationInvalid, DeadlineExceeded, MigrationFailed
from seeder.runtime.log import Log, redact

_LOOK_EVERY = 0.1
_VERIFY_EVERY = 2.0
_TIME_TO_STOP = 10.0


def run_command(
    connection: Connection,
    command: tuple[str, ...],
    *,
    project: Path,
    lock_key: int,
    log: Log,
    look: Callable[[], None] = lambda: None,
    environment: Mapping[str, str] | None = None,
    deadline: float | None = None,
) -> None:
    """Run the command without a shell, in the project directory, and log what it prints.

    The command works on a connection of its own, so seeder's lock protects it only as long
    as seeder looks: when the lock is lost, the deadline passes or a signal comes, the child
    and its children are stopped. `look` is called now and then while it runs.

    Raises MigrationFailed, ConnectionLost, DeadlineExceeded, and ConfigurationInvalid for a
    command that does not exist.
    """
    try:
        child = subprocess.Popen(
            command,
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigurationInvalid(
            f"The migration command {command[0]!r} cannot be run: {error.strerror}."
        ) from error
    assert child.stdout is not None  # noqa: S101  # a pipe was asked for
    reader = threading.Thread(target=_log_lines, args=(child.stdout, log), daemon=True)
    reader.start()
    verified = time.monotonic()
    try:
        while child.poll() is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise DeadlineExceeded("The migration command ran into the overall deadline.")
            if time.monotonic() - verified >= _VERIFY_EVERY:
                lock.verify(connection, lock_key)
                look()
                verified = time.monotonic()
            time.sleep(_LOOK_EVERY)
    finally:
        _stop(child)
        reader.join(timeout=_TIME_TO_STOP)
    if child.returncode != 0:
        raise MigrationFailed(
            f"The migration command {command[0]!r} failed with exit code {child.returncode}.",
            hint="See the events migration.output above.",
            status=child.returncode,
        )


def _log_lines(lines: IO[str], log: Log) -> None:
    for line in lines:
        if text := line.rstrip():
            log.info("migration.output", line=redact(text))


def _stop(child: subprocess.Popen[str]) -> None:
    """End the child, if it still runs, with its whole process group."""
    if child.poll() is not None:
        return
    os.killpg(child.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(timeout=_TIME_TO_STOP)
    with suppress(ProcessLookupError):  # nobody outlived the polite request
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
