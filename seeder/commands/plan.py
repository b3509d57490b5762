"""`seeder plan`: what a run would do."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seeder.command_line import completion, flags
from seeder.command_line.invocation import Invocation
from seeder.errors import ConfigurationInvalid

if TYPE_CHECKING:
    from seeder.merge.plan import Plan

CHANGES, CONFLICTS = 20, 21
"""Exit codes of `--exit-code`."""


@click.command("plan", short_help="Show what a run would do, row by row; writes nothing.")
@flags.option(
    "mode",
    "MODE",
    "Plan a run in this mode: auto, init, update...",
    default="auto",
    parse=True,
    shell_complete=completion.modes,
)
@click.option("--full", is_flag=True, help="Show every row, and not the first 20 of a kind.")
@flags.AS_JSON
@click.option(
    "--markdown",
    "as_markdown",
    is_flag=True,
    help="Print GitHub's Markdown, for a comment on a pull request.",
)
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the plan there as well, as a page for a browser.",
)
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
@flags.ALLOW_MISSING
@flags.PROJECT
@flags.READING
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    *,
    full: bool,
    as_json: bool,
    as_markdown: bool,
    html: Path | None,
    out: Path | None,
    tell: bool,
    **given: object,
) -> None:
    """Show what `seeder run` would do now, and why; takes no lock and writes nothing.

    Each column of each row with the value last applied, the live and the desired one.
    Needs a role that may read and create temporary tables. Sets that wait for an update
    count as pending changes for --exit-code; `--mode update` shows that update.

    Texts and pages show the first rows and sets and count the rest. --json and --out hold every
    row, about a kilobyte each, with at most 4,000 characters of a value.

    \b
    Example:
      DATABASE_URL=postgresql://app@db/shop seeder plan --project db --mode update

    \b
    For somebody who is to say yes, and then exactly that:
      seeder plan --mode update --html plan.html --out plan.json
      seeder run --plan plan.json

    \b
    In a pull request (docs/github-actions.md):
      seeder plan --mode update --markdown >> "$GITHUB_STEP_SUMMARY"
    """
    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown exclude each other.")
    settings = invocation.open("plan", given)
    for option, path in (("--out", out), ("--html", html)):
        if path is not None:
            invocation.require_place(option, path.absolute())
    from seeder.phases import planning
    from seeder.report import json_report

    found = planning.plan(settings, log=invocation.log)
    if out is not None:
        _write("--out", out, json_report.plan_document(found))
    if html is not None:
        from seeder.report import html as html_report

        page = html_report.plan(found, made=datetime.datetime.now(datetime.UTC))
        _write("--html", html, page.encode(errors="replace"))
    if as_json:
        invocation.print(json_report.plan_document(found).decode())
    elif as_markdown:
        from seeder.report import markdown

        invocation.print(markdown.plan(found))
    else:
        from seeder.report import plan_text

        invocation.print(plan_text.plan(found, invocation.screen, full=full))
    if tell:
        invocation.exit_code = exit_code_of(found)


def exit_code_of(found: Plan) -> int:
    """The exit code that says what a plan holds; 0 where everything is as desired."""
    if found.conflicts or found.standing:
        return CONFLICTS
    pending = found.changes or found.migrations or found.tasks or found.waiting
    return CHANGES if pending else 0


def _write(option: str, path: Path, content: bytes) -> None:
    from seeder.report import files

    try:
        files.write_whole(path, content)
    except OSError as error:
        raise ConfigurationInvalid(
            f"The plan cannot be written: {error.strerror}.",
            hint=f"Give {option} a file in a directory that exists and can be written to.",
            code="file-not-written",
        ) from None
