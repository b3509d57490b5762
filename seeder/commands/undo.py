"""`seeder undo RUN`: take back what a run wrote."""

from __future__ import annotations

import click

from seeder.commands import flags
from seeder.commands.invocation import Invocation


@click.command("undo", short_help="Take back what a run wrote, where it still stands.")
@click.argument("run", type=flags.RUN_NUMBER)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@flags.BY_HAND
@click.pass_obj
def command(
    invocation: Invocation, /, *, run: int, dry_run: bool, as_json: bool, **given: object
) -> None:
    """Take back what RUN wrote, where the tables still hold it.

    Rows that it inserted are deleted if nobody changed them and nothing refers to them;
    columns that it wrote get their values back; rows that it deleted return. What was
    changed since is named and left. The release stays applied, so an update does not bring
    it back. Tasks, migrations and secrets are not undone.

    \b
    Example:
      seeder history
      seeder undo 12 --dry-run
      seeder undo 12
    """
    settings = invocation.open("undo", given)
    # Imported here, as in `run`.
    from seeder.settle.undo import undo

    settled = undo(settings, log=invocation.log, run=run, dry_run=dry_run)
    invocation.settled(settled, as_json=as_json)
