"""`seeder check`: the catalog, before anybody deploys it."""

from __future__ import annotations

import click

from seeder.commands import flags
from seeder.commands.invocation import Invocation
from seeder.errors import SeederError


@click.command("check", short_help="Check the catalog and the migrations, offline.")
@click.option(
    "--embedded",
    is_flag=True,
    help="Check against the schema as well: migrate a throw-away server and look.",
)
@flags.AS_JSON
@flags.PROJECT
@flags.LOG_FORMAT
@click.pass_obj
def command(invocation: Invocation, /, *, embedded: bool, as_json: bool, **given: object) -> None:
    """Check the seed files and the migrations without a database.

    Tells of all problems in one go, each with its file, line and remedy, and exits with 10
    if there are any. Made for a pull request.

    \b
    Example:
      seeder check --project db
    """
    settings = invocation.open("check", given, database_required=False)
    # Imported here, as in `run`.
    from seeder.look import check
    from seeder.report import json_report, text
    from seeder.report.failure import describe

    try:
        result = check(settings, log=invocation.log, embedded=embedded)
    except SeederError as error:
        # The problems are what was asked for, so whoever reads stdout gets them there.
        if as_json:
            invocation.print(json_report.document(describe(error)).decode())
        raise
    if as_json:
        invocation.print(json_report.document(result).decode())
    else:
        invocation.print(text.check(result, invocation.screen, project=settings.project))
