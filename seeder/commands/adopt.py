"""`seeder adopt`: existing rows go on record."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


def _renamed(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    found = {}
    for value in values:
        address, equals, key = value.partition("=")
        if not equals or "/" not in address:
            raise click.BadParameter("write SET/KEY=KEY", context, parameter)
        found[address] = key
    return found


@click.command("adopt", short_help="Record rows that were here before seeder.")
@click.option(
    "--as-of",
    metavar="STATE",
    multiple=True,
    help="The project as it was: a directory, a revision of git, or a range A..B. Its values are"
    " the base, and its rows that are gone count as deleted by a person. May be repeated, newest"
    " first: what is as any of them has it was never touched.",
)
@click.option(
    "--renamed",
    metavar="ADDRESS=KEY",
    multiple=True,
    callback=_renamed,
    help="The key that a row has here since a person renamed it; without KEY, it is gone.",
)
@flags.PROJECT
@flags.BY_HAND
@click.pass_obj
def command(
    invocation: Invocation, /, *, as_of: tuple[str, ...], renamed: dict[str, str], **given: object
) -> None:
    """Record the rows of tables that had rows before seeder; writes to the ledger alone.

    Rows are matched by key. Where a value differs from the catalog's, the live one stands.
    Rows that are not there are listed: the next update inserts them. Where one looks as if
    somebody had renamed it, nothing is recorded until --renamed says what it is.

    \b
    Example:
      seeder adopt --project db
      seeder adopt --project db --as-of v1.0..v1.4
    """
    settings = invocation.open("adopt", given)
    from seeder.settle.adopt import adopt

    settled = adopt(settings, log=invocation.log, as_of=as_of, renamed=renamed)
    invocation.settled(settled)
