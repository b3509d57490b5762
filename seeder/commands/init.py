"""`seeder init DIR`: a project that works at once."""

from __future__ import annotations

from pathlib import Path

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


@click.command("init", short_help="Start a project: migrations, seeds, Compose.")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@flags.LOG_FORMAT
@click.pass_obj
def command(invocation: Invocation, /, *, directory: Path, **given: object) -> None:
    """Write a small project to DIRECTORY; no file that is there already is touched.

    Two tables and the link between them, seeded, and a Compose file with a database.

    \b
    Example:
      seeder init shop
      cd shop
      seeder run --project db --embedded
    """
    invocation.open("init", given, database_required=False)
    from seeder.settle.init import init

    files = init(directory)
    lines = [f"  {directory / file}\n" for file in files]
    invocation.print(f"Wrote\n{''.join(lines)}Next: seeder check --project {directory / 'db'}\n")
