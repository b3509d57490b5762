"""The flags that commands share, each with the variable that does the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from seeder.command_line import completion
from seeder.configuration import options
from seeder.runtime.log import LogFormat, LogLevel

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

Command: TypeAlias = Callable[..., Any]
Flag: TypeAlias = Callable[[Command], Command]


class Setting(click.Option):
    """A flag whose variable does the same; both become a value in the settings."""

    def __init__(self, *names: Any, default_told: str | None = None, **attributes: Any) -> None:
        super().__init__(*names, **attributes)
        self.default_told = default_told

    @property
    def variable(self) -> str:
        """`SEEDER_LOCK_TIMEOUT`, which click itself is not to read."""
        return options.variable(self.name or "")

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        """Name the variable and the default as click does."""
        extra = super().get_help_extra(ctx)
        extra["envvars"] = (self.variable,)
        if self.default_told is not None:
            extra["default"] = self.default_told
        return extra


def option(
    name: str,
    metavar: str,
    text: str,
    *,
    default: str | None = None,
    parse: bool = False,
    short: tuple[str, ...] = (),
    **attributes: Any,
) -> Flag:
    """Make the flag of an option; the help names its variable, and the default that it has.

    With `parse` a bad value is a usage error at once; without, the settings report it,
    together with all others. In both cases they turn it into a value.
    """
    return click.option(
        *short,
        options.flag(name),
        name,
        cls=Setting,
        metavar=metavar,
        help=text,
        default_told=default,
        callback=_parse if parse else None,
        **attributes,
    )


def _parse(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and parameter.name is not None:
        try:
            options.parse_option(parameter.name, value)
        except options.Unacceptable as error:
            raise click.BadParameter(f"it {error}", context, parameter) from None
    return value


def all_of(*flags: Flag) -> Flag:
    """Put several flags on a command, in this order."""

    def add(command: Command) -> Command:
        for flag in reversed(flags):
            command = flag(command)
        return command

    return add


def _seconds(name: str, default: int, text: str) -> Flag:
    return option(name, "SECONDS", text, default=str(default), parse=True)


PROJECT = all_of(
    option(
        "project",
        "DIR",
        "Where seeder.toml is; without it, the nearest from the working directory up.",
        short=("-p",),
        shell_complete=completion.by_shell("dir"),
    ),
    option(
        "environment",
        "NAME",
        "What this database is: dev and test are disposable, all others protected.",
        default="production",
        parse=True,
    ),
)


LOG_FORMAT = all_of(
    option(
        "log_format",
        "json|text",
        "How events are written to stderr.",
        default="text on a terminal, else json",
        parse=True,
        shell_complete=completion.one_of(LogFormat),
    ),
    option(
        "log_level",
        "warning|info|debug|sql",
        "Which events are written; sql: the statements that are sent to the database as well,"
        " without values.",
        default="as -q and -v say, else warning on a terminal with text, and info elsewhere",
        parse=True,
        shell_complete=completion.one_of(LogLevel),
    ),
    click.option(
        "-q",
        "--quiet",
        is_flag=True,
        help="No events but warnings and errors, what is left open among them, and no summary.",
    ),
    click.option(
        "-v",
        "--verbose",
        is_flag=True,
        help="All events, on a terminal too, and those for developers.",
    ),
)

WAIT = all_of(
    option(
        "embedded",
        "[DIR]",
        "Use a Postgres that comes as a Python wheel and keeps its data in DIR "
        f"({options.EMBEDDED_DIRECTORY} without one), on a machine that has none. Wins over"
        " DATABASE_URL.",
        is_flag=False,
        flag_value=options.EMBEDDED_DIRECTORY,
    ),
    _seconds("wait_timeout", 60, "How long to wait for the database."),
    _seconds("deadline", 1500, "How long the command may take in all."),
    option("set_role", "ROLE", "Work as this role, once connected."),
)

LEDGER = option(
    "schema", "NAME", "The schema of seeder's own tables.", default="seeder", parse=True
)

LOCK = all_of(
    _seconds("lock_timeout", 600, "How long to wait for another job that holds the lock."),
    _seconds("ddl_lock_timeout", 5, "How long one try of a migration waits for a table."),
)

ACTOR = option(
    "actor", "NAME", "Who does this, for the record.", default="the login name", parse=True
)


READING = all_of(WAIT, LEDGER, LOG_FORMAT)
WRITING = all_of(WAIT, LOCK, LEDGER, LOG_FORMAT)


class Number(click.IntRange):
    """A whole number from 1 on, which a message calls by what it counts."""

    def __init__(self, what: str) -> None:
        super().__init__(min=1)
        self._what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; raises BadParameter."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is not {self._what}.", param, ctx)


RUN_NUMBER = Number("the number of a run")


def limit(default: int, *, of: str, told: str) -> Flag:
    """`--limit`: how many of them a command lists."""
    return click.option(
        "--limit",
        type=Number(f"a number of {of}"),
        default=default,
        show_default=True,
        metavar="NUMBER",
        help=told,
    )


SET = click.option(
    "--set",
    "sets",
    metavar="SET",
    multiple=True,
    help="Conflicts of this set. May be repeated.",
    shell_complete=completion.sets,
)

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")

ALLOW_MISSING = option(
    "allow_missing",
    "SET",
    "Go on although rows of this set are gone from the database. May be repeated.",
    multiple=True,
    shell_complete=completion.sets,
)

DATABASE_NAMED = click.option(
    "--database",
    "database_name",
    metavar="NAME",
    required=True,
    help="The name of the connected database, to be sure that it is the one you mean.",
)

BY_HAND = all_of(AS_JSON, ACTOR, WRITING)
"""Of a command with which somebody settles something."""
