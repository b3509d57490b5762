"""`seeder resolve ADDRESS... --take live|desired`: how conflicts end."""

from __future__ import annotations

from collections.abc import Sequence

from seeder.configuration.settings import Settings
from seeder.errors import ConfigurationInvalid
from seeder.merge.choices import (
    AFTERWARDS,
    HELD_EXPLAINED,
    LEFT_AFTERWARDS,
    LEFT_MEANING,
    MEANING,
    Take,
)
from seeder.merge.model import Catalog
from seeder.merge.settled import Settlement
from seeder.phases.opening import image_of, read_catalog
from seeder.runtime.log import Log
from seeder.settle.addresses import (
    Chosen,
    is_pattern,
    may_have_left,
    places_of,
    rows_of,
    unknown,
)
from seeder.settle.recorded import Done, Held, held, of_project


def resolve(
    settings: Settings,
    *,
    log: Log,
    take: Take,
    addresses: Sequence[str] = (),
    sets: Sequence[str] = (),
    dry_run: bool = False,
) -> Settlement:
    """Settle conflicts, of rows or at some places in them, all in one transaction.

    A row that has left the catalog is settled as a whole. Addresses with wildcards, and `sets`,
    stand for the conflicts that are open; with neither, all of them are settled. Raises
    ConfigurationInvalid for addresses that are unknown.
    """
    catalog, graph = read_catalog(settings)
    patterns = tuple(each for each in addresses if is_pattern(catalog, each))
    named = places_of(catalog, [each for each in addresses if each not in patterns])
    rows_of(catalog, [each for each in named if not may_have_left(catalog, each)])
    with held(settings, log=log) as everybodys:
        opened = of_project(everybodys, image_of(catalog, graph))

        def work(run: int) -> Done:
            from seeder.database.settling.open_conflicts import open_conflicts
            from seeder.database.settling.partial import clear_stages

            wanted = dict(named)
            if patterns or not named:
                chosen = Chosen(patterns=patterns, sets=tuple(sets))
                found, _ = open_conflicts(
                    opened.connection, opened.ledger, catalog, limit=None, wanted=chosen
                )
                by_place = any("#" in each for each in patterns)
                wanted |= {each.address: each.columns if by_place else () for each in found}
            done = []
            for address, places in wanted.items():
                done.append(_settled(opened, catalog, address, take, places, run=run))
                clear_stages(opened.connection)
            return Done.of(
                [row for each in done for row in each.rows],
                notes=tuple(dict.fromkeys(note for each in done for note in each.notes)),
            )

        subject = [*dict.fromkeys(addresses), *(f"set {each}" for each in sets)] or ["all"]
        return opened.settle(
            "resolve",
            work,
            subject=f"{' '.join(subject)}, {take.value}",
            dry_run=dry_run,
            summary={"take": take.value},
        )


def _settled(
    opened: Held,
    catalog: Catalog,
    address: str,
    take: Take,
    places: Sequence[str],
    *,
    run: int,
) -> Done:
    from seeder.database.settling import resolve_conflict, resolve_departed

    name, _, key = address.partition("/")
    where = opened.connection, opened.ledger, catalog
    live = take is Take.LIVE
    if not may_have_left(catalog, address):
        change = resolve_conflict.take(
            *where, set_name=name, key=key, live=live, places=places, run=run
        )
        about = f"`--take {take}` {MEANING[take]}. {AFTERWARDS[take]}"
        return Done.of([change], notes=(HELD_EXPLAINED if change.rule == "new_held" else about,))
    left = resolve_departed.take_left(*where, set_name=name, key=key, live=live, run=run)
    if left is None:
        raise unknown(catalog, address)
    if places:
        raise ConfigurationInvalid(
            f"The row {address} has left the catalog, and is settled as a whole.",
            hint=f"Leave out #{places[0]}.",
            code="address-unknown",
        )
    about = f"`--take {take}` {LEFT_MEANING[take]}. {LEFT_AFTERWARDS[take]}"
    return Done.of([left], notes=(about,))
