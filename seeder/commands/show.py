"""`seeder show RUN`: what one run did."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("show", short_help="Show what a run did, row by row.")
@click.argument("run", type=flags.RUN_NUMBER)
@flags.limit(1000, of="rows", told="How many rows.")
@flags.AS_JSON
@flags.READING
@click.pass_obj
def command(invocation: Invocation, /, *, run: int, limit: int, **given: object) -> None:
    """Show what RUN did: its rows, with the values before and after. Secrets are in no ledger.

    \b
    Example:
      seeder show 12
    """
    settings = invocation.open("show", given)
    from seeder.report import settled_text
    from seeder.settle.history import show

    found = show(settings, log=invocation.log, run=run, limit=limit)
    invocation.show(found, settled_text.details)
