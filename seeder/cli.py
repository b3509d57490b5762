"""argv and environment in, exit code out."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

import click

from seeder import __version__
from seeder.commands.invocation import Invocation
from seeder.signals import interruptible

TERMINATION_LOG = Path("/dev/termination-log")
"""Where Kubernetes looks for a container's last words."""

COMMANDS = (
    "run",
    "plan",
    "check",
    "wait",
    "ready",
    "status",
    "approve",
    "requests",
    "history",
    "show",
    "undo",
    "restore",
    "resolve",
    "adopt",
    "export",
    "mark",
    "prune",
    "init",
    "schema",
)
"""In the order of the help; each is `command` in the module of its name below `commands`."""


def main(
    argv: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    termination_log: Path = TERMINATION_LOG,
) -> int:
    """Run one command and return its exit code; every failure ends here, none escapes."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["seeder"]:
        # `docker run IMAGE seeder run`, where the image's entry point is seeder already.
        del arguments[0]
    variables = os.environ if environ is None else environ
    instruction = variables.get("_SEEDER_COMPLETE")
    invocation = Invocation(
        environ=variables,
        stdout=_open(sys.stdout),
        stderr=_open(sys.stderr),
        termination_log=termination_log,
    )
    if instruction is not None:
        from seeder.commands import completion

        return completion.answer(seeder, invocation, instruction)
    with interruptible() as interruption:
        try:
            try:
                _invoke(arguments, invocation)
            except Exception as error:  # noqa: BLE001 - the one place where all of them end
                interruption.close()
                return invocation.fail(error)
        except (KeyboardInterrupt, SystemExit) as error:
            # Around the other, since a signal may come while a failure is being told. And
            # sys.exit() in a migration must not pass for success.
            return invocation.fail(error)
    return invocation.exit_code


class Commands(click.Group):
    """Commands whose modules are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"seeder.commands.{cmd_name}").command
        return command


@click.group(
    cls=Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="seeder %(version)s")
def seeder() -> None:
    """Bring a Postgres database up to a release: schema first, then the data it must have.

    Deploy as often as you like. What people changed stays changed, what they deleted stays
    deleted, and a new default arrives exactly once, when a release asks for it.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder run --project db
    """


def _open(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by the caller: `seeder run >&-`
        return io.StringIO()
    if isinstance(stream, io.TextIOWrapper):
        # A key with an umlaut must not fail a finished run where the locale is not UTF-8.
        stream.reconfigure(errors="backslashreplace")
    return stream


def _invoke(arguments: list[str], invocation: Invocation) -> None:
    # Not seeder.main(): click would turn a KeyboardInterrupt, and with it every signal that
    # ends the job, into an exception of its own.
    try:
        with seeder.make_context("seeder", arguments, obj=invocation) as context:
            seeder.invoke(context)
    except click.exceptions.Exit as end:
        invocation.exit_code = end.exit_code
    except click.ClickException as error:
        error.show()
        invocation.exit_code = error.exit_code
