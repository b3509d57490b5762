"""The flags that commands share, each with the variable that does the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import click

from seeder import options
from seeder.commands import completion

Command: TypeAlias = Callable[..., Any]
Flag: TypeAlias = Callable[[Command], Command]


def option(name: str, metavar: str, text: str, *, parse: bool = False, **attributes: Any) -> Flag:
    """Make the flag of an option and name its variable in the help.

    With `parse` a bad value is a usage error at once; without, the settings report it,
    together with all others. In both cases they turn it into a value.
    """
    return click.option(
        options.flag(name),
        name,
        metavar=metavar,
        help=f"{text}  [{options.variable(name)}]",
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


def _seconds(name: str, text: str) -> Flag:
    return option(name, "SECONDS", text, parse=True)


PROJECT = all_of(
    option(
        "project",
        "DIR",
        "Where seeder.toml is; without it, the nearest from the working directory up.",
        shell_complete=completion.directories,
    ),
    option(
        "environment",
        "NAME",
        "What this database is: dev and test are disposable, all others (production, unless "
        "you say so) protected.",
        parse=True,
    ),
)

LOG_FORMAT = option(
    "log_format",
    "json|text",
    "How events are written to stderr; text on a terminal, else json.",
    parse=True,
    shell_complete=completion.log_formats,
)

WAIT = all_of(
    option(
        "embedded",
        "[DIR]",
        "Use a Postgres that comes as a Python wheel and keeps its data in DIR "
        f"({options.EMBEDDED_DIRECTORY}), on a machine that has none; wins over DATABASE_URL.",
        is_flag=False,
        flag_value=options.EMBEDDED_DIRECTORY,
    ),
    _seconds("wait_timeout", "How long to wait for the database; 60."),
    _seconds("deadline", "How long the command may take in all; 1500."),
    option("set_role", "ROLE", "Work as this role, once connected."),
)

LEDGER = option("schema", "NAME", "The schema of seeder's own tables; seeder.", parse=True)

LOCK = all_of(
    _seconds("lock_timeout", "How long to wait for another job that holds the lock; 600."),
    _seconds("ddl_lock_timeout", "How long one try of a migration waits for a table; 5."),
)

ACTOR = option("actor", "NAME", "Who does this, for the record; the login name.", parse=True)


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

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
