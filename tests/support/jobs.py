"""Processes of seeder that start fast: forked from one that has imported everything.

For tests that run the job some hundred times. The processes are real: they can be killed, and
nothing of one reaches another.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import mkstemp

from tests.support.shop import Done

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "seeder.cli",
        "seeder.commands.run",
        "seeder.job",
        "seeder.catalog",
        "seeder.database.migrations.alembic_run",
        "seeder.database.staging.prepare",
        "seeder.database.applying.seed",
        "seeder.database.applying.task_connection",
        "seeder.database.connection.wait",
        "seeder.report.failure",
        "seeder.report.termination",
        "structlog",
        "tests.support.jobs",
    ]
)


@dataclass
class Job:
    """A process of seeder, running or ended."""

    process: BaseProcess
    output: Path
    errors: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process.pid is not None
        return self.process.pid

    def kill(self) -> None:
        """End it without a word."""
        os.kill(self.pid, signal.SIGKILL)

    def end(self, *, timeout: float = 60) -> Done:
        """Wait for its end."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(self.errors.read_text())
        texts = self.output.read_text(), self.errors.read_text()
        self.output.unlink()
        self.errors.unlink()
        return Done(self.process.exitcode, *texts)


def start_job(arguments: Sequence[str], environ: Mapping[str, str]) -> Job:
    """Start a command, in this environment alone."""
    files = [_new_file() for _ in range(2)]
    process = _CONTEXT.Process(
        target=_main, args=(list(arguments), dict(environ), *files), daemon=True
    )
    process.start()
    return Job(process, *files)


def _new_file() -> Path:
    number, name = mkstemp(prefix="seeder-job-")
    os.close(number)
    return Path(name)


def _main(arguments: list[str], environ: dict[str, str], output: Path, errors: Path) -> None:
    from seeder import cli

    os.environ.clear()
    os.environ.update(environ)
    with output.open("w") as sys.stdout, errors.open("w") as sys.stderr:
        code = cli.main(arguments, termination_log=Path("/nonexistent/termination-log"))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
