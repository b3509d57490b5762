"""`seeder run`: the job."""

from __future__ import annotations

import click

from seeder.command_line import completion, flags
from seeder.command_line.deploy import deploy
from seeder.command_line.invocation import Invocation


@click.command("run", short_help="Wait, lock, migrate, seed what is missing, report.")
@flags.option(
    "mode",
    "MODE",
    "auto, init, update, refresh (disposable databases only) or none.",
    default="auto",
    parse=True,
    shell_complete=completion.modes,
)
@flags.option(
    "plan",
    "FILE",
    "Apply this plan of `seeder plan --out`, or nothing if it is stale.",
    shell_complete=completion.by_shell("file"),
)
@flags.option(
    "report",
    "FILE",
    "Write the full result there: JSON, or a page if it ends in .html.",
    shell_complete=completion.by_shell("file"),
)
@flags.ALLOW_MISSING
@click.option("--dry-run", is_flag=True, help="Show what would be done, as `seeder plan` does.")
@flags.PROJECT
@flags.WRITING
@click.pass_obj
def command(invocation: Invocation, /, *, dry_run: bool, **given: object) -> None:
    """Wait for the database, lock it, migrate, seed what it still needs, and exit.

    Run it on every deploy, before the application starts. What people changed stays
    changed, what they deleted stays deleted. A changed seed file reaches a database that
    was seeded before once the catalog names a new release.

    The database is SEEDER_DATABASE_URL, else DATABASE_URL, or the content of the file
    that SEEDER_DATABASE_URL_FILE or DATABASE_URL_FILE names.

    \b
    Modes:
      auto     update where the release is new here or was approved, else init
      init     fill empty tables; leave those that have rows
      update   merge what the catalog has changed, adopt rows that were here before
      refresh  every row as in the catalog; disposable databases only
      none     migrations only

    \b
    Exit codes: 0 done or nothing to do; 10-19 retrying cannot help; 30-34 it may.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder run --project db
      seeder run --project db --embedded
      seeder run --project db --mode update --report report.html
    """
    if not dry_run:
        deploy(invocation, given)
        return
    files = [given.pop("plan"), given.pop("report")]
    if any(files):
        raise click.UsageError("--dry-run goes without --plan and without --report.")
    settings = invocation.open("plan", given)
    # Imported here: a deploy does without.
    from seeder.phases import planning
    from seeder.report import plan_text

    invocation.print(plan_text.plan(planning.plan(settings, log=invocation.log), invocation.screen))
