"""`seeder conflicts`: what is in conflict, and with which values."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("conflicts", short_help="Show open conflicts with their values.")
@click.argument("addresses", metavar="[ADDRESS...]", nargs=-1)
@flags.SET
@click.option(
    "--kept",
    is_flag=True,
    help="Also rows that stay deleted and rows that wait for others, with the reason.",
)
@flags.limit(1000, of="rows", told="How many rows of each kind.")
@flags.AS_JSON
@flags.PROJECT
@flags.READING
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    *,
    addresses: tuple[str, ...],
    sets: tuple[str, ...],
    kept: bool,
    limit: int,
    **given: object,
) -> None:
    """Show every open conflict: last applied, live now, desired, and since which run.

    Desired is what the last update asked for. Each comes with the two commands that settle it.
    Without ADDRESS, which may have wildcards, all are shown. Writes nothing; needs a role that
    may read the tables.

    \b
    Example:
      seeder conflicts --project db
      seeder conflicts 'roles/*' --json
      seeder conflicts --kept
    """
    settings = invocation.open("conflicts", given)
    from seeder.look.conflicts import conflicts
    from seeder.report import text
    from seeder.settle.addresses import Chosen

    found = conflicts(
        settings,
        log=invocation.log,
        wanted=Chosen(patterns=addresses, sets=sets) if addresses or sets else None,
        kept=kept,
        limit=limit,
    )
    invocation.show(found, text.conflicts)
