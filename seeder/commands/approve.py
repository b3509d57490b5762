"""`seeder approve`: ask for the pending update."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("approve", short_help="Approve the pending plan; the next run applies it.")
@click.argument("plan_id")
@click.option("--actor", metavar="NAME", help="Who approves it; else the database role.")
@flags.READING
@click.pass_obj
def command(invocation: Invocation, /, *, plan_id: str, actor: str | None, **given: object) -> None:
    """Ask the next run to apply the plan of this id, once, if it still holds then.

    The plan is the one that the last run stored, because it left sets pending or unadopted;
    `seeder requests` names it and `seeder plan --mode update` shows it. The first 8 digits of
    the id are enough.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder approve 3fa1c2d4 --actor jo@example.test
    """
    settings = invocation.open("approve", given)
    from seeder.settle import approval

    request = approval.approve(settings, plan_id, actor=actor, log=invocation.log)
    invocation.print(
        f"Request {request.id} of {request.actor} is open: the next run applies the plan.\n"
    )
