"""`seeder resolve ADDRESS --take live|desired`: how a conflict ends."""

from __future__ import annotations

from collections.abc import Sequence

from seeder.errors import ConfigurationInvalid
from seeder.log import Log
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
from seeder.opening import image_of, read_catalog
from seeder.settings import Settings
from seeder.settle.addresses import may_have_left, places_of, rows_of, unknown
from seeder.settle.recorded import Done, Held, held, of_project


def resolve(settings: Settings, *, log: Log, addresses: Sequence[str], take: Take) -> Settlement:
    """Settle the conflicts of one row, or at some places in it.

    A row that has left the catalog is settled as a whole. Raises ConfigurationInvalid for
    addresses that are unknown, or of several rows.
    """
    catalog, graph = read_catalog(settings)
    address, places = places_of(catalog, addresses)
    left = may_have_left(catalog, address)
    if not left:
        ((name, (key,)),) = rows_of(catalog, [address]).items()
    with held(settings, log=log) as everybodys:
        opened = of_project(everybodys, image_of(catalog, graph))

        def work(run: int) -> Done:
            from seeder.database.settling.resolve_conflict import take as take_value

            change = take_value(
                opened.connection,
                opened.ledger,
                catalog,
                set_name=name,
                key=key,
                live=take is Take.LIVE,
                places=places,
                run=run,
            )
            about = f"`--take {take}` {MEANING[take]}. {AFTERWARDS[take]}"
            held = change.rule == "new_held"
            return Done.of([change], notes=(HELD_EXPLAINED if held else about,))

        def work_on_left(run: int) -> Done:
            return _take_left(opened, catalog, address, take, places, run=run)

        return opened.settle(
            "resolve",
            work_on_left if left else work,
            subject=f"{' '.join(dict.fromkeys(addresses))}, {take.value}",
            summary={"take": take.value},
        )


def _take_left(
    opened: Held,
    catalog: Catalog,
    address: str,
    take: Take,
    places: Sequence[str],
    *,
    run: int,
) -> Done:
    from seeder.database.settling.resolve_departed import take_left

    name, _, key = address.partition("/")
    change = take_left(
        opened.connection,
        opened.ledger,
        catalog,
        set_name=name,
        key=key,
        live=take is Take.LIVE,
        run=run,
    )
    if change is None:
        raise unknown(catalog, address)
    if places:
        raise ConfigurationInvalid(
            f"The row {address} has left the catalog, and is settled as a whole.",
            hint=f"Leave out #{places[0]}.",
        )
    return Done.of(
        [change], notes=(f"`--take {take}` {LEFT_MEANING[take]}. {LEFT_AFTERWARDS[take]}",)
    )
