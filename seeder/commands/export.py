"""`seeder export TABLE...`: seed sets from a live database."""

from __future__ import annotations

from pathlib import Path

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation


def _keys(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str | None, tuple[str, ...]]:
    found: dict[str | None, tuple[str, ...]] = {}
    for value in values:
        table, equals, columns = value.rpartition("=")
        names = tuple(name.strip() for name in columns.split(","))
        if not all(names) or (equals and not table):
            raise click.BadParameter("write COL,COL or TABLE=COL,COL", context, parameter)
        found[table or None] = names
    return found


@click.command("export", short_help="Write seed sets from tables of a live database.")
@click.argument("tables", metavar="TABLE...", nargs=-1, required=True)
@click.option(
    "--key",
    "keys",
    metavar="[TABLE=]COL,...",
    multiple=True,
    callback=_keys,
    help="What tells the rows apart, where no unique index does. May be repeated.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write one file for each table there; without it, they go to stdout.",
)
@flags.WAIT
@flags.LOG_FORMAT
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    *,
    tables: tuple[str, ...],
    keys: dict[str | None, tuple[str, ...]],
    out: Path | None,
    **given: object,
) -> None:
    """Write a seed set for each TABLE, with all of its rows; reads only.

    References between the tables become keys of each other's sets; serial numbers,
    generated columns and defaults like now() are left out, and columns that look like
    credentials are declared secret instead. Timestamps that the application fills are
    written on insert only. Where a unique index speaks of rows without a customer, those
    alone are written, with their scope. Adopt the rows afterwards, and a plan has nothing
    to do.

    \b
    Example:
      seeder export roles permissions role_permissions --out db/seeds/core
      seeder adopt --project db
    """
    if None in keys and len(tables) > 1:
        raise click.UsageError("With several tables, write --key TABLE=COL,...")
    settings = invocation.open("export", given)
    from seeder.report import settled_text
    from seeder.settle.export import export

    sets = export(
        settings,
        log=invocation.log,
        tables=tables,
        keys={(tables[0] if table is None else table): key for table, key in keys.items()},
        out=out,
    )
    if out is not None:
        invocation.print(settled_text.exported(sets))
    elif len(sets) == 1:
        invocation.print(sets[0].text)
    else:
        for each in sets:
            invocation.print(f"# {each.name}.yaml\n---\n{each.text}")
