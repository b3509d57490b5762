"""`seeder check`: the catalog, before anybody deploys it."""

from __future__ import annotations

import functools

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation
from seeder.errors import SeederError


@click.command("check", short_help="Check the catalog and the migrations, offline.")
@click.option(
    "--embedded",
    is_flag=True,
    help="Check against the schema as well: migrate a throw-away server and look.",
)
@click.option(
    "--github/--no-github",
    default=None,
    help="Mark each problem at its line in the pull request; by itself in GitHub Actions, unless"
    " --json is given.",
)
@flags.AS_JSON
@flags.PROJECT
@flags.LOG_FORMAT
@click.pass_obj
def command(
    invocation: Invocation, /, *, embedded: bool, github: bool | None, **given: object
) -> None:
    """Check the seed files and the migrations without a database.

    Reports all problems at once, each with its file, line and remedy, and exits with 10
    if there are any. A misspelt column, a value of the wrong type, or a row that a constraint
    rejects shows in the schema alone: --embedded finds those as well. Made for a pull request:
    docs/github-actions.md has a workflow.

    \b
    Example:
      seeder check --project db
      seeder check --project db --embedded
    """
    settings = invocation.open("check", given, database_required=False)
    from seeder.look.check import check
    from seeder.report import annotations, json_report, text
    from seeder.report.failure import describe

    marked = invocation.in_github and not invocation.as_json if github is None else github
    paths = {"project": settings.project, "root": invocation.workspace}
    try:
        result = check(settings, log=invocation.log, embedded=embedded)
    except SeederError as error:
        # The problems are what was asked for, so whoever reads stdout gets them there.
        if invocation.as_json:
            invocation.print(json_report.document(describe(error)).decode())
        if marked:
            invocation.print(annotations.marks(describe(error), **paths))
        raise
    if marked:
        invocation.print(annotations.marks(result, **paths))
    invocation.show(result, functools.partial(text.check, project=settings.project))
