"""`seeder wait`: until the database answers."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("wait", short_help="Wait until the database answers and can be written to.")
@flags.WAIT
@flags.LOG_FORMAT
@click.pass_obj
def command(invocation: Invocation, /, **given: object) -> None:
    """Wait until the database itself answers this role and can be written to.

    Stricter than pg_isready, which says yes for a database that does not exist. A wrong
    password or a missing database ends the wait early; `seeder run` waits by itself.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder wait --wait-timeout 30
    """
    settings = invocation.open("wait", given)
    from seeder.phases.opening import opened

    with opened(settings, log=invocation.log):
        pass
