"""`seeder baseline REVISION --database NAME`: this schema is the one that a revision leaves."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("baseline", short_help="Say which revision a schema is at, after a squash.")
@click.argument("revisions", metavar="REVISION...", nargs=-1, required=True)
@flags.DATABASE_NAMED
@flags.PROJECT
@flags.BY_HAND
@click.pass_obj
def command(
    invocation: Invocation, /, *, revisions: tuple[str, ...], database_name: str, **given: object
) -> None:
    """Record that the schema is what this image's REVISION leaves, without running anything.

    For revisions that were squashed or named anew after they had been applied here: a run of
    such an image ends with 15, since it cannot know that the schema is the same. Revisions
    above REVISION are applied by the next run. Several only where branches are not joined.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder baseline 0001 --database shop --project db
    """
    settings = invocation.open("baseline", given)
    from seeder.settle.baseline import baseline

    settled = baseline(settings, log=invocation.log, revisions=revisions, database=database_name)
    invocation.settled(settled)
