"""`seeder prune --keep 90d`: forget old images."""

from __future__ import annotations

import datetime

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


def _keep(context: click.Context, parameter: click.Parameter, value: str) -> datetime.timedelta:
    from seeder.settle.prune import parse_keep

    try:
        return parse_keep(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


@click.command("prune", short_help="Forget what old runs overwrote.")
@click.option(
    "--keep",
    metavar="TIME",
    required=True,
    callback=_keep,
    help="How long the images of runs are kept: 90d, 12w or 36h.",
)
@flags.BY_HAND
@click.pass_obj
def command(invocation: Invocation, /, *, keep: datetime.timedelta, **given: object) -> None:
    """Forget before and after images of runs that are older, and runs nothing refers to.

    Those runs cannot be undone any more. What was last applied to each row, releases and
    tasks are never forgotten.

    \b
    Example:
      seeder prune --keep 90d
    """
    settings = invocation.open("prune", given)
    from seeder.settle.prune import prune

    settled = prune(settings, log=invocation.log, keep=keep)
    invocation.settled(settled)
