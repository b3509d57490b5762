"""`seeder status`: where the database stands."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("status", short_help="Show releases, revisions, and what waits for a person.")
@click.option(
    "--values", is_flag=True, help="Show conflicts with their values, as `seeder conflicts` does."
)
@flags.AS_JSON
@flags.PROJECT
@flags.READING
@click.pass_obj
def command(invocation: Invocation, /, *, values: bool, **given: object) -> None:
    """Show where the database stands, seen from this image; writes nothing.

    Releases and revisions, sets that are unadopted (they have rows that seeder did not
    write), pending (the catalog has changes that wait for an update), awaiting migrations or
    unfit for the schema, conflicts, the last runs, and who holds the lock.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder status --project db
    """
    settings = invocation.open("status", given)
    from seeder.look.status import status
    from seeder.report import text

    found = status(settings, log=invocation.log, values=values)
    invocation.show(found, text.status)
