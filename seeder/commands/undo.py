"""`seeder undo RUN`: take back what a run wrote."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("undo", short_help="Take back what a run wrote, where it still stands.")
@click.argument("run", type=flags.RUN_NUMBER)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, on a protected database either.")
@flags.BY_HAND
@click.pass_obj
def command(
    invocation: Invocation, /, *, run: int, dry_run: bool, yes: bool, **given: object
) -> None:
    """Take back what RUN wrote, where the tables still hold it.

    Rows that it inserted are deleted if nobody changed them and nothing refers to them;
    columns that it wrote get their values back; rows that it deleted return. What was
    changed since is named and left. The release stays applied, so an update does not bring
    it back. Tasks, migrations and secrets are not undone.

    On a protected database (any but dev and test) a terminal is shown what would be done and
    asked; elsewhere --yes has to say so.

    \b
    Example:
      seeder history
      seeder undo 12 --dry-run
      seeder undo 12 --yes
    """
    settings = invocation.open("undo", given)
    from seeder.settle.undo import NotConfirmed, undo

    try:
        settled = undo(settings, log=invocation.log, run=run, dry_run=dry_run, confirmed=yes)
    except NotConfirmed:
        if not invocation.can_ask or invocation.as_json:
            raise
        shown = undo(settings, log=invocation.log, run=run, dry_run=True)
        invocation.settled(shown)
        if invocation.ask("Take this back? [y/N] ").strip().lower() not in ("y", "yes"):
            raise
        settled = undo(settings, log=invocation.log, run=run, dry_run=False)
    invocation.settled(settled)
