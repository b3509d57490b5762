"""`seeder restore ADDRESS...`: deleted rows come back."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("restore", short_help="Bring back rows that were deleted here.")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@flags.PROJECT
@flags.BY_HAND
@click.pass_obj
def command(invocation: Invocation, /, *, addresses: tuple[str, ...], **given: object) -> None:
    """Insert rows that a person or an undo deleted, as the catalog has them now.

    No run ever does that by itself. A row that is only marked as deleted loses its mark and
    keeps its values. Name the rows that a row refers to as well, if they are gone.

    \b
    Example:
      seeder restore roles/viewer role_permissions/viewer,orders.view --project db
    """
    settings = invocation.open("restore", given)
    from seeder.settle.restore import restore

    settled = restore(settings, log=invocation.log, addresses=addresses)
    invocation.settled(settled)
