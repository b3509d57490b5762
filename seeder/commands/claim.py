"""`seeder claim --database NAME`: whose record the ledger of this database is from now on."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("claim", short_help="Hand a database over to this project.")
@flags.DATABASE_NAMED
@click.option(
    "--beside",
    is_flag=True,
    help="Take nothing over: give this project a record of its own beside the others.",
)
@click.option(
    "--from",
    "former",
    metavar="IDENTITY",
    help="Whose record is taken over, where the ledger has several.",
)
@flags.PROJECT
@flags.BY_HAND
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    *,
    database_name: str,
    beside: bool,
    former: str | None,
    **given: object,
) -> None:
    """Say that this project is the one that seeds the database, in the schema it reaches.

    For a project whose identity in seeder.toml has changed, or whose tables have moved to
    another schema: it goes on with the record that is there. With --beside it starts one of its
    own, as a second application on the database does. Open requests of the record become void.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder claim --project db --database shop
    """
    if beside and former is not None:
        raise click.UsageError("--beside takes nothing over, so it has no use for --from.")
    settings = invocation.open("claim", given)
    from seeder.settle.claim import claim

    settled = claim(
        settings, log=invocation.log, database=database_name, beside=beside, former=former
    )
    invocation.settled(settled)
