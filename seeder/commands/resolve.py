"""`seeder resolve ADDRESS... --take live|desired`: how a conflict ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation
from seeder.merge.choices import MEANING, Take

if TYPE_CHECKING:
    from seeder.configuration.settings import Settings


@click.command("resolve", short_help="Settle a conflict: the live value, or the catalog's.")
@click.argument("addresses", metavar="[ADDRESS...]", nargs=-1)
@click.option(
    "--take",
    type=click.Choice([take.value for take in Take]),
    help=" ".join(f"{take}: {MEANING[take]}." for take in Take)
    + " Without it, a terminal is asked about one conflict after the other.",
)
@flags.SET
@click.option("--all", "everything", is_flag=True, help="All conflicts that are open.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@flags.PROJECT
@flags.BY_HAND
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    *,
    addresses: tuple[str, ...],
    take: str | None,
    sets: tuple[str, ...],
    everything: bool,
    dry_run: bool,
    **given: object,
) -> None:
    """Settle the conflict of a row that was changed both here and in the catalog.

    `seeder conflicts` shows the conflicts with their values. An ADDRESS with wildcards stands
    for conflicts that are open. What is settled at once is one transaction and one run.

    A live value that was taken is still a person's: when the catalog asks for yet another
    value, that is a conflict again.

    A row that has left the catalog and stays, since people changed it or refer to it, is
    settled as a whole: `live` keeps it and lets go of it, `desired` removes it as its set
    says.

    Behind `#`, an address names one column, or one part of a document that is merged inside.

    \b
    Example:
      seeder resolve subscription_tiers/pro --take live --project db
      seeder resolve 'subscription_tiers/pro#max_users' --take desired --project db
      seeder resolve 'roles/viewer#settings.limits.seats' --take desired
      seeder resolve 'roles/*' --take live --dry-run
      seeder resolve --all --take live
    """
    if take is not None and not (addresses or sets or everything):
        raise click.UsageError("Name addresses, a --set, or --all.")
    if everything and (addresses or sets):
        raise click.UsageError("--all goes without addresses and without --set.")
    if addresses and sets:
        raise click.UsageError("Give addresses or --set, not both.")
    if take is None and not invocation.can_ask:
        raise click.UsageError("Give --take live or --take desired: there is no terminal to ask.")
    settings = invocation.open("resolve", given)
    from seeder.settle.resolve import resolve

    if take is None:
        decided = _ask(invocation, settings, addresses, sets)
        chosen = [(each, tuple(rows), sets[:0]) for each, rows in decided.items() if rows]
    else:
        chosen = [(Take(take), addresses, sets)]
    for choice, rows, of in chosen:
        settled = resolve(
            settings, log=invocation.log, take=choice, addresses=rows, sets=of, dry_run=dry_run
        )
        invocation.settled(settled)


def _ask(
    invocation: Invocation, settings: Settings, addresses: tuple[str, ...], sets: tuple[str, ...]
) -> dict[Take, list[str]]:
    """Show one conflict after the other, and take an answer to each; no lock is held meanwhile."""
    from seeder.look.conflicts import conflicts
    from seeder.report import text
    from seeder.settle.addresses import Chosen

    wanted = Chosen(patterns=addresses, sets=sets)
    found = conflicts(settings, log=invocation.log, wanted=wanted)
    decided: dict[Take, list[str]] = {take: [] for take in Take}
    if not found.in_conflict:
        invocation.print(text.conflicts(found, invocation.screen))
    for each in found.in_conflict:
        invocation.print(text.conflict(each, invocation.screen))
        answer = _answer(invocation)
        if answer == "quit":
            break
        if answer != "skip":
            part = any("#" in one for one in addresses) and each.columns
            places = [f"{each.address}#{place}" for place in each.columns]
            decided[Take(answer)] += places if part else [each.address]
    return decided


def _answer(invocation: Invocation) -> str:
    answers = [*Take, "skip", "quit"]
    while True:
        line = invocation.ask("Take live or desired, skip it, or quit? ")
        if not line:
            return "quit"
        meant = [str(each) for each in answers if each.startswith(line.strip().lower())]
        if line.strip() and meant:
            return meant[0]
