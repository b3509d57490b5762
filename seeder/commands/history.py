"""`seeder history`: the runs of this database."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("history", short_help="List the runs of this database, newest first.")
@flags.limit(20, of="runs", told="How many.")
@flags.AS_JSON
@flags.READING
@click.pass_obj
def command(invocation: Invocation, /, *, limit: int, **given: object) -> None:
    """List what was done to this database: deploys, updates, undos, adoptions, marks.

    \b
    Example:
      seeder history --limit 5
      seeder show 12
    """
    settings = invocation.open("history", given)
    from seeder.report import settled_text
    from seeder.settle.history import history

    found = history(settings, log=invocation.log, limit=limit)
    invocation.show(found, settled_text.history)
