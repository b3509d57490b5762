"""`seeder plan`: what a run would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seeder.commands import flags
from seeder.commands.invocation import Invocation
from seeder.errors import ConfigurationInvalid

if TYPE_CHECKING:
    from seeder.merge.plan import Plan

CHANGES, CONFLICTS = 20, 21
"""Exit codes of `--exit-code`."""


@click.command("plan", short_help="Show what a run would do, row by row; writes nothing.")
@flags.option(
    "mode", "MODE", "Plan a run in this mode: auto (default), init, update...", parse=True
)
@flags.AS_JSON
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the plan there as well, for `seeder run --plan`.",
)
@click.option(
    "--exit-code",
    "tell",
    is_flag=True,
    help=f"Exit with {CHANGES} if changes are pending, {CONFLICTS} if there are conflicts to"
    " review.",
)
@flags.option(
    "allow_missing",
    "SET",
    "Go on although rows of this set are gone from the database. May be repeated.",
    multiple=True,
)
@flags.PROJECT
@flags.WAIT
@flags.LEDGER
@flags.LOG_FORMAT
@click.pass_obj
def command(
    invocation: Invocation, /, *, as_json: bool, out: Path | None, tell: bool, **given: object
) -> None:
    """Show what `seeder run` would do now, and why; takes no lock and writes nothing.

    Each column of each row with the value last applied, the live and the desired one.
    Needs a role that may read and create temporary tables. Sets that wait for an update
    count as pending changes for --exit-code; `--mode update` shows that update.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder plan --project db --mode update
    """
    settings = invocation.open("plan", given)
    # Imported here, as in `run`.
    from seeder import planning
    from seeder.report import json_report, plan_text

    found = planning.plan(settings, log=invocation.log)
    document = json_report.plan_document(found) if out is not None or as_json else b""
    if out is not None:
        try:
            json_report.write_whole(out, document)
        except OSError as error:
            raise ConfigurationInvalid(
                f"The plan cannot be written: {error.strerror}.",
                hint="Give --out a file in a directory that exists and can be written to.",
            ) from None
    invocation.print(document.decode() if as_json else plan_text.plan(found, invocation.screen))
    if tell:
        invocation.exit_code = exit_code_of(found)


def exit_code_of(found: Plan) -> int:
    """The exit code that says what a plan holds; 0 where everything is as desired."""
    if found.conflicts:
        return CONFLICTS
    pending = found.changes or found.migrations or found.tasks or found.waiting
    return CHANGES if pending else 0
