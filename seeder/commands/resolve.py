"""`seeder resolve ADDRESS --take live|desired`: how a conflict ends."""

from __future__ import annotations

import click

from seeder.commands import flags
from seeder.commands.invocation import Invocation
from seeder.merge.choices import MEANING, Take


@click.command("resolve", short_help="Settle a conflict: the live value, or the catalog's.")
@click.argument("address")
@click.option(
    "--take",
    type=click.Choice([take.value for take in Take]),
    required=True,
    help=" ".join(f"{take}: {MEANING[take]}." for take in Take),
)
@click.option(
    "--column",
    "columns",
    metavar="COLUMN",
    multiple=True,
    help="Only this one; otherwise all that are in conflict. May be repeated.",
)
@flags.PROJECT
@flags.BY_HAND
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    *,
    address: str,
    take: str,
    columns: tuple[str, ...],
    as_json: bool,
    **given: object,
) -> None:
    """Settle the conflict of a row that was changed both here and in the catalog.

    `seeder status` names the conflicts, `seeder plan` shows the values that differ. A live
    value that was taken is still a person's: when the catalog asks for yet another value, that
    is a conflict again.

    A row that has left the catalog and stays, since people changed it or refer to it, is
    settled as a whole: `live` keeps it and lets go of it, `desired` removes it as its set
    says.

    \b
    Example:
      seeder resolve subscription_tiers/pro --take live --project db
      seeder resolve subscription_tiers/pro --take desired --column max_users --project db
    """
    settings = invocation.open("resolve", given)
    # Imported here, as in `run`.
    from seeder.report import json_report, settled_text
    from seeder.settle.resolve import resolve

    settled = resolve(
        settings, log=invocation.log, address=address, take=Take(take), columns=columns
    )
    if as_json:
        invocation.print(json_report.document(settled).decode())
    else:
        invocation.print(settled_text.settlement(settled, invocation.screen))
