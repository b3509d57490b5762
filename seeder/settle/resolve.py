"""`seeder resolve ADDRESS --take live|desired`: how a conflict ends."""

from __future__ import annotations

import difflib
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
from seeder.merge.model import Catalog, SeedSet
from seeder.merge.settled import Settlement
from seeder.opening import image_of, read_catalog
from seeder.settings import Settings
from seeder.settle.addresses import may_have_left, rows_of, unknown
from seeder.settle.recorded import Done, Held, held, of_project


def resolve(
    settings: Settings, *, log: Log, address: str, take: Take, columns: Sequence[str] = ()
) -> Settlement:
    """Settle the conflicts of one row, or of some of its columns.

    A row that has left the catalog is settled as a whole. Raises ConfigurationInvalid for an
    unknown address or column.
    """
    catalog, graph = read_catalog(settings)
    left = may_have_left(catalog, address)
    if not left:
        ((name, (key,)),) = rows_of(catalog, [address]).items()
        _require_columns(next(each for each in catalog.sets if each.name == name), columns)
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
                columns=columns,
                run=run,
            )
            about = f"`--take {take}` {MEANING[take]}. {AFTERWARDS[take]}"
            held = change.rule == "new_held"
            return Done.of([change], notes=(HELD_EXPLAINED if held else about,))

        def work_on_left(run: int) -> Done:
            return _take_left(opened, catalog, address, take, columns, run=run)

        return opened.settle(
            "resolve",
            work_on_left if left else work,
            subject=f"{address}, {take.value}",
            summary={"take": take.value},
        )


def _take_left(
    opened: Held,
    catalog: Catalog,
    address: str,
    take: Take,
    columns: Sequence[str],
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
    if columns:
        raise ConfigurationInvalid(
            f"The row {address} has left the catalog, and is settled as a whole.",
            hint="Leave out --column.",
        )
    return Done.of(
        [change], notes=(f"`--take {take}` {LEFT_MEANING[take]}. {LEFT_AFTERWARDS[take]}",)
    )


def _require_columns(seed_set: SeedSet, columns: Sequence[str]) -> None:
    names = [each.name for each in seed_set.columns]
    for column in columns:
        if column not in names:
            near = difflib.get_close_matches(column, names, n=1)
            raise ConfigurationInvalid(
                f"The set {seed_set.name} has no column {column}.",
                hint=f"Did you mean {near[0]}?" if near else f"It has {', '.join(names)}.",
            )
