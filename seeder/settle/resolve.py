"""`seeder resolve ADDRESS --take live|desired`: how a conflict ends."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from seeder.errors import ConfigurationInvalid
from seeder.log import Log
from seeder.merge.choices import AFTERWARDS, MEANING, Take
from seeder.merge.model import SeedSet
from seeder.merge.settled import Settlement
from seeder.opening import read_catalog, require_same_class
from seeder.settings import Settings
from seeder.settle.addresses import rows_of
from seeder.settle.recorded import Done, held


def resolve(
    settings: Settings, *, log: Log, address: str, take: Take, columns: Sequence[str] = ()
) -> Settlement:
    """Settle the conflicts of one row, or of some of its columns.

    Raises ConfigurationInvalid for an unknown address or column.
    """
    catalog, _ = read_catalog(settings)
    ((name, (key,)),) = rows_of(catalog, [address]).items()
    _require_columns(next(each for each in catalog.sets if each.name == name), columns)
    with held(settings, log=log) as opened:
        require_same_class(opened.meta().environment, settings)

        def work(run: int) -> Done:
            from seeder.database.take import take as take_value

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
            return Done.of(
                [change], notes=(f"`--take {take}` {MEANING[take]}. {AFTERWARDS[take]}",)
            )

        return opened.settle(
            "resolve", work, subject=f"{address}, {take.value}", summary={"take": take.value}
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
