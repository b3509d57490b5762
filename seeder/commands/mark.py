"""`seeder mark ENV --database NAME`: what this database is from now on."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("mark", short_help="Mark a copied database with its own environment.")
@click.argument("environment")
@flags.DATABASE_NAMED
@flags.BY_HAND
@click.pass_obj
def command(
    invocation: Invocation, /, *, environment: str, database_name: str, **given: object
) -> None:
    """Mark the database as one of ENVIRONMENT, such as staging or dev.

    For a clone of production that is not production any more. dev and test are disposable:
    their seeds may go in, and a refresh may rewrite every row. Open requests become void.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/staging seeder mark staging --database staging
    """
    settings = invocation.open("mark", {**given, "environment": environment})
    from seeder.settle.mark import mark

    settled = mark(
        settings,
        log=invocation.log,
        environment=settings.environment,
        database=database_name,
    )
    invocation.settled(settled)
