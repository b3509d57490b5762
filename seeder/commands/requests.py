"""`seeder requests`: what was approved, and what became of it."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("requests", short_help="List the pending plan and the approvals there were.")
@flags.AS_JSON
@flags.READING
@click.pass_obj
def command(invocation: Invocation, /, **given: object) -> None:
    """List who approved which plan when, and what became of it; writes nothing.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder requests
    """
    settings = invocation.open("requests", given)
    from seeder.report import plan_text
    from seeder.settle import approval

    found = approval.requests(settings, log=invocation.log)
    invocation.show(found, plan_text.requests)
