"""`seeder ready`: whether an application of this image may start."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("ready", short_help="Wait until the database has what this image needs to start.")
@click.option("--release", is_flag=True, help="Wait for the catalog's release as well.")
@flags.AS_JSON
@flags.PROJECT
@flags.READING
@click.pass_obj
def command(invocation: Invocation, /, *, release: bool, **given: object) -> None:
    """Wait until this image's migrations are applied and the first seeds are there.

    For the init container of a web pod, beside the job that runs elsewhere; reads only, and
    works on a standby. A database that is ahead of this image will do. Exits with 30, and
    says what is missing, once --wait-timeout is over. What waits for a person (conflicts, sets
    that are unadopted or pending) keeps nobody from starting, and is named.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder ready --project db --wait-timeout 300
    """
    settings = invocation.open("ready", given)
    from seeder.look.ready import ready
    from seeder.report import text

    found = ready(settings, log=invocation.log, release=release)
    invocation.show(found, text.ready)
