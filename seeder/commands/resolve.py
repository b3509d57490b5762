"""`seeder resolve ADDRESS... --take live|desired`: how a conflict ends."""

from __future__ import annotations

import click

from seeder.commands import flags
from seeder.commands.invocation import Invocation
from seeder.merge.choices import MEANING, Take


@click.command("resolve", short_help="Settle a conflict: the live value, or the catalog's.")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@click.option(
    "--take",
    type=click.Choice([take.value for take in Take]),
    required=True,
    help=" ".join(f"{take}: {MEANING[take]}." for take in Take),
)
@flags.PROJECT
@flags.BY_HAND
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    *,
    addresses: tuple[str, ...],
    take: str,
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

    Behind `#`, an address names one column, or one part of a document that is merged inside;
    several addresses may do so for one row.

    \b
    Example:
      seeder resolve subscription_tiers/pro --take live --project db
      seeder resolve 'subscription_tiers/pro#max_users' --take desired --project db
      seeder resolve 'roles/viewer#settings.limits.seats' --take desired
    """
    settings = invocation.open("resolve", given)
    # Imported here, as in `run`.
    from seeder.report import json_report, settled_text
    from seeder.settle.resolve import resolve

    settled = resolve(settings, log=invocation.log, addresses=addresses, take=Take(take))
    if as_json:
        invocation.print(json_report.document(settled).decode())
    else:
        invocation.print(settled_text.settlement(settled, invocation.screen))
