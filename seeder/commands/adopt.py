"""`seeder adopt`: existing rows go on record."""

from __future__ import annotations

from pathlib import Path

import click

from seeder.commands import flags
from seeder.commands.invocation import Invocation


@click.command("adopt", short_help="Record rows that were here before seeder.")
@click.option(
    "--as-of",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project as it was when the rows came to be: its values are the base, and its"
    " rows that are gone count as deleted by a person.",
)
@flags.PROJECT
@flags.BY_HAND
@click.pass_obj
def command(
    invocation: Invocation, /, *, as_of: Path | None, as_json: bool, **given: object
) -> None:
    """Record the rows of tables that had rows before seeder; writes to the ledger alone.

    Rows are matched by key. Where a value differs from the catalog's, the live one stands.
    Rows that are not there are listed: the next update inserts them.

    \b
    Example:
      seeder adopt --project db
      git worktree add ../old v1.4 && seeder adopt --project db --as-of ../old/db
    """
    settings = invocation.open("adopt", given)
    # Imported here, as in `run`.
    from seeder.report import json_report, settled_text
    from seeder.settle.adopt import adopt

    settled = adopt(settings, log=invocation.log, as_of=None if as_of is None else as_of.absolute())
    if as_json:
        invocation.print(json_report.document(settled).decode())
    else:
        invocation.print(settled_text.settlement(settled, invocation.screen))
