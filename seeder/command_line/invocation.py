"""One invocation on its way to an exit code: what it is told, and where it tells what."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from seeder.configuration.options import NAMING_FILES
from seeder.errors import ConfigurationInvalid
from seeder.runtime import log as logs
from seeder.runtime.log import Log, LogFormat, LogLevel

if TYPE_CHECKING:
    # Usage errors come this way and do not wait for these; nor for the reports below.
    from seeder.command_line.overheard import Overheard
    from seeder.configuration.settings import Settings
    from seeder.merge.result import Failure, RunResult
    from seeder.merge.settled import Settlement
    from seeder.report.json_report import Document
    from seeder.report.layout import Screen

Shown = TypeVar("Shown", bound="Document")

_SUMMARISED = frozenset({"run.warned", "run.older_image"})
"""Events that the summary of a run says again, to whoever reads both."""


class Invocation:
    """The streams, the environment and the log of one command.

    Results go to stdout; events, and what went wrong, to stderr.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        stdout: TextIO,
        stderr: TextIO,
        termination_log: Path,
        alone: bool = False,
    ) -> None:
        """`alone`: the process is this command's, streams and all."""
        self.exit_code = 0
        self.as_json = False
        """Whether --json is given."""
        self._alone = alone
        self._overheard: Overheard | None = None
        self.environ = environ
        self._stdout = stdout
        self._stderr = stderr
        self._termination_log = termination_log
        self._command: str | None = None
        self._format = LogFormat.TEXT
        self._level: LogLevel | None = None
        """None: nothing was read yet."""
        self._log: Log | None = None
        self._report: Path | None = None
        self._project: Path | None = None
        self._settings: Settings | None = None
        self._named: str | None = None
        """The project's directory as it was given, before the settings are read."""
        self._finished = False
        self._quiet = False

    def open(
        self,
        command: str,
        flags: Mapping[str, object],
        *,
        database_required: bool = True,
        listens: bool = True,
    ) -> Settings:
        """Read the settings of a command; raises ConfigurationInvalid.

        The log is ready before, so that bad settings are reported like any other failure. What
        others print becomes events, but for a command that hands its streams on (not `listens`).
        """
        from seeder.configuration.settings import read_output, read_settings

        self._command = command
        self._quiet = bool(flags.get("quiet"))
        self.as_json = bool(flags.get("as_json"))
        terminal = self._stderr.isatty()
        self._named = str(flags.get("project") or "") or None
        self._format, self._level, self._report = read_output(
            flags, self.environ, terminal=terminal
        )
        if self._alone and listens:
            self._listen()
        # `run` takes them all, and is given those alone that are there.
        ignored = [name for name in NAMING_FILES if name not in flags and command != "run"]
        settings = read_settings(
            flags,
            self.environ,
            database_required=database_required,
            terminal=terminal,
            ignored=ignored,
        )
        self._settings = settings
        self._project = settings.project
        if settings.report is not None and command == "run":
            self.require_place("--report", settings.report)
        return settings

    def _listen(self) -> None:
        from seeder.command_line.overheard import Overheard, stands_apart

        if self._overheard is None and stands_apart():
            self._overheard = Overheard(lambda line: self.log.info("process.output", line=line))
            self._stdout, self._stderr = self._overheard.stdout, self._overheard.stderr

    def end(self) -> None:
        """Tell what others have printed, before the last word."""
        if self._overheard is not None:
            self._overheard.end()
            self._overheard = None

    @property
    def log(self) -> Log:
        """Where the command's events go."""
        if self._log is None:
            logs.silence_libraries()
            dumb = self.environ.get("TERM") == "dumb"
            terminal = self._stderr.isatty() and not dumb
            self._log = logs.configure(
                self._format,
                stream=self._stderr,
                colour=self._colour(self._stderr),
                columns=_columns(self._stderr, self.environ) if terminal else None,
                redacted=self._redacted,
                least=self._least,
                untold=_SUMMARISED if self._is_summarised else (),
            )
        return self._log

    @property
    def _for_a_person(self) -> bool:
        """Whether events are read by somebody at a terminal, below or above the summary."""
        return self._format is LogFormat.TEXT and self._stderr.isatty()

    @property
    def _is_summarised(self) -> bool:
        return self._for_a_person and not self._quiet

    @property
    def _least(self) -> logs.Least:
        if self._level is not None:
            return logs.Least[self._level.name]
        return logs.Least.WARNING if self._for_a_person else logs.Least.INFO

    @property
    def screen(self) -> Screen:
        """What stdout shows: colours and wrapped lines on a terminal alone."""
        return self._screen(self._stdout)

    @property
    def in_github(self) -> bool:
        """Whether this is a job of GitHub Actions, which reads what is printed."""
        return self.environ.get("GITHUB_ACTIONS") == "true"

    @property
    def workspace(self) -> Path:
        """Where the repository is checked out in GitHub Actions; else the working directory."""
        return Path(self.environ.get("GITHUB_WORKSPACE") or Path.cwd())

    def project_named(self, flag: str | None) -> Path:
        """The project's directory before any setting is checked, for a shell's completion."""
        from seeder.configuration.options import parse_option
        from seeder.configuration.whereabouts import nearest

        given = flag or self.environ.get("SEEDER_PROJECT")
        return Path(str(parse_option("project", given))) if given else nearest(Path.cwd())

    def print(self, text: str) -> None:
        """Write a result to stdout; a reader who has gone (`| head`) is no failure."""
        try:
            self._stdout.write(text)
            self._stdout.flush()
        except OSError as error:
            self.abandon_stdout()
            if not isinstance(error, BrokenPipeError):
                raise

    @property
    def can_ask(self) -> bool:
        """Whether somebody sits at a terminal and can answer."""
        return sys.stdin is not None and sys.stdin.isatty()

    def ask(self, question: str) -> str:
        """The line that is typed in answer; empty where there will be none."""
        # Not click's prompt: what is printed past the invocation counts as others' output.
        self.print(question)
        return sys.stdin.readline()

    def abandon_stdout(self) -> None:
        """Write to stdout no more: nobody reads it, or nothing can be written."""
        _abandon(self._stdout)

    def finish(self, result: RunResult) -> None:
        """Report a run that came to its end."""
        self.end()
        self.log.progress_ended()
        # Quiet or not: exit 0 alone would say that all is as the catalog asks.
        told = self._quiet and (any(result.left.values()) or result.result == "older-image")
        self._finish(result, told=told)
        self.exit_code = result.exit_code
        if self._format is LogFormat.TEXT and not self._quiet:
            from seeder.report import text

            # What the run did stands, whether or not its summary can be written.
            with contextlib.suppress(OSError):
                self.print(text.run(result, self.screen))

    def show(self, found: Shown, told: Callable[[Shown, Screen], str]) -> None:
        """Print what a command found: as a document where --json is given, or told to people."""
        from seeder.report import json_report

        if self.as_json:
            self.print(json_report.document(found).decode())
        else:
            self.print(told(found, self.screen))

    def settled(self, result: Settlement) -> None:
        """Print what somebody settled by hand."""
        from seeder.report import settled_text

        if self.as_json or not self._quiet:
            self.show(result, settled_text.settlement)

    def fail(self, error: BaseException) -> int:
        """Report the error that ended the command and return its exit code."""
        self.end()
        self.log.progress_ended()
        from seeder.report.failure import describe, log_fields

        failure = describe(error, self._redacted)
        if self._format is LogFormat.TEXT:
            from seeder.report import failure_text

            told = failure_text.failure(
                failure, self._screen(self._stderr), project=self._excerpts_from()
            )
            with contextlib.suppress(OSError):
                self._stderr.write(told)
                self._stderr.flush()
        else:
            self.log.error(f"{self._command}.failed", **log_fields(failure))
        if self._command == "run":
            self._finish(failure)
        return failure.exit_code

    def _redacted(self, text: str) -> str:
        """The text without what was given to this command in confidence."""
        return logs.redact(text, () if self._settings is None else self._settings.confidential)

    def _colour(self, stream: TextIO) -> bool:
        # https://no-color.org: any value but the empty one.
        unwanted = self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb"
        return stream.isatty() and not unwanted

    def _screen(self, stream: TextIO) -> Screen:
        from seeder.report.layout import Screen

        encoding = (getattr(stream, "encoding", None) or "utf-8").lower()
        return Screen(
            width=_columns(stream, self.environ) if stream.isatty() else None,
            colour=self._colour(stream),
            ascii=not encoding.startswith("utf"),
        )

    def _excerpts_from(self) -> Path | None:
        # Lines of a seed file are row values: for the eyes of who asked, not for a collected log.
        asked = self._command == "check" or self._stderr.isatty()
        return self._project if asked else None

    def _finish(self, result: RunResult | Failure, *, told: bool = False) -> None:
        if self._finished:
            return
        from seeder.report import termination

        if self._report is not None:
            self._write_report(self._report, result)
        try:
            termination.write(self._termination_log, result)
        except OSError as error:
            self.log.warning("termination_message.failed", reason=error.strerror)
        self._finished = True
        level = self.log.error if result.exit_code else self.log.info
        if told:
            level = self.log.warning
        elif self._for_a_person:
            level = self.log.debug  # the summary says it
        level("run.finished", **termination.summary(result))

    def require_place(self, option: str, path: Path) -> None:
        """Raise ConfigurationInvalid where a command that writes there would touch what it reads.

        Before the settings are read, or where they cannot be, as far as can be told.
        """
        from seeder.command_line import outputs

        outputs.require_place(
            option,
            path,
            project=self._project or self._likely_project(),
            environ=self.environ,
            inputs=() if self._settings is None else (self._settings.plan,),
        )

    def _likely_project(self) -> Path | None:
        from seeder.configuration.options import Unacceptable
        from seeder.configuration.whereabouts import NotFound

        try:
            return self.project_named(self._named)
        except (NotFound, Unacceptable):
            return None

    def _write_report(self, path: Path, result: RunResult | Failure) -> None:
        from seeder.report import files

        try:
            self.require_place("--report", path)
            files.write_report(path, result)
        except ConfigurationInvalid as error:
            reason = error.problems[0].message
            self.log.warning("report.failed", path=str(path), reason=reason)
        except OSError as error:
            self.log.warning("report.failed", path=str(path), reason=error.strerror)


_NARROWEST, _WIDEST = 40, 120
"""Columns: below, wrapping makes it worse; above, lines are too long to read."""


def _columns(terminal: TextIO, environ: Mapping[str, str]) -> int:
    given = environ.get("COLUMNS", "")
    columns = int(given) if given.isdecimal() else 0
    if not columns:
        with contextlib.suppress(OSError, ValueError):
            columns = os.get_terminal_size(terminal.fileno()).columns
    return max(_NARROWEST, min(columns or 80, _WIDEST))


def _abandon(stream: TextIO) -> None:
    # Python flushes once more at its end; failing again, it would change the exit code.
    with contextlib.suppress(OSError, ValueError):
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())
        os.close(devnull)
