"""`seeder db`: a shell on the database."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("db", short_help="Open psql on the embedded server, or on the database given.")
@click.option("--url", "as_url", is_flag=True, help="Print the URL; an embedded server stays up.")
@click.option("--stop", is_flag=True, help="Stop an embedded server that stayed up.")
@flags.WAIT
@flags.LOG_FORMAT
@click.pass_obj
def command(invocation: Invocation, /, *, as_url: bool, stop: bool, **given: object) -> None:
    """Open psql on the database; an embedded server runs for as long as that takes.

    Where neither --embedded nor DATABASE_URL names one, it is the server in .seeder/postgres.
    Where there is no psql, the URL is printed, as with --url.

    \b
    Example:
      seeder db
      seeder db --url
    """
    from seeder.look import shell

    settings = invocation.open(
        "db", shell.embedded_by_default(given, invocation.environ), listens=False
    )
    if stop:
        shell.stop(settings)
        return
    code = None if as_url else shell.psql(settings)
    if code is None:
        invocation.print(f"{shell.url(settings)}\n")
    else:
        invocation.exit_code = code
