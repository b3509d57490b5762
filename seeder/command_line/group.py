"""The command line as click reads it; see `deploy` for what goes without."""

from __future__ import annotations

import difflib
import importlib
import re
import textwrap
import traceback

import click

from seeder import __version__
from seeder.command_line.invocation import Invocation

COMMANDS = (
    "run",
    "plan",
    "check",
    "wait",
    "ready",
    "status",
    "conflicts",
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
    "baseline",
    "claim",
    "prune",
    "init",
    "schema",
    "db",
    "completion",
)
"""In the order of the help; each is `command` in the module of its name below `commands`."""


ELSEWHERE = {
    "apply": ["run"],
    "deploy": ["run"],
    "diff": ["plan"],
    "help": ["--help"],
    "migrate": ["run --mode none"],
    "revert": ["undo"],
    "rollback": ["undo"],
    "seed": ["run"],
    "up": ["run"],
    "upgrade": ["run"],
    "validate": ["check"],
    "version": ["--version"],
}
"""What other tools call a command, and what it is here."""


def invoke(arguments: list[str], invocation: Invocation) -> None:
    """Carry out a command; what click has to say itself goes to stderr."""
    # Not seeder.main(): click would turn a KeyboardInterrupt, and with it every signal that
    # ends the job, into an exception of its own.
    try:
        with seeder.make_context("seeder", arguments, obj=invocation) as context:
            seeder.invoke(context)
    except click.exceptions.Exit as end:
        invocation.exit_code = end.exit_code
    except click.ClickException as error:
        error.show()
        click.echo("Code: usage", err=True)
        invocation.exit_code = error.exit_code
    except BrokenPipeError as error:
        if not _of_click(error):
            raise
        invocation.abandon_stdout()


def _of_click(error: BaseException) -> bool:
    """Whether click wrote its help, and not a command or the project something of theirs."""
    modules = [
        frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    return all(each == __name__ or each.split(".")[0] == "click" for each in modules)


class Formatter(click.HelpFormatter):
    """Wraps lines that stand by themselves (behind \\b) as well, each under its own second column.

    Click leaves them as they are, and a narrow terminal breaks them within words. Commands of an
    example stay whole.
    """

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        parts = text.split("\n\n")
        super().write_text("\n\n".join(map(self._wrapped, parts)))

    def _wrapped(self, paragraph: str) -> str:
        first, *lines = paragraph.split("\n")
        if first.strip() != "\b" or lines[0].startswith("Example"):
            return paragraph
        width = self.width - self.current_indent
        found = [first]
        for line in lines:
            columns = re.match(r"\s*(\S+ {2,})?", line)
            hang = " " * (columns.end() if columns else 0)
            found += textwrap.wrap(line, width, subsequent_indent=hang, break_long_words=False) or [
                line
            ]
        return "\n".join(found)


class Context(click.Context):
    """Of every command: its help goes by `Formatter`."""

    formatter_class = Formatter


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
        command.context_class = Context
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for one that is not there, say which it may have been."""
        meant = ELSEWHERE.get(args[0]) or difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and meant and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}. Did you mean '{meant[0]}'?")
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="seeder %(version)s")
def seeder() -> None:
    """Bring a Postgres database up to a release: schema first, then the data it must have.

    Deploy as often as you like. What people changed stays changed, what they deleted stays
    deleted, and a new default arrives exactly once, when a release asks for it.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder run --project db
    """
