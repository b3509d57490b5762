"""`seeder prune --keep 90d`: forget old images; what was applied is never forgotten."""

from __future__ import annotations

import datetime
import re

from seeder.configuration.settings import Settings
from seeder.merge.settled import Settlement
from seeder.runtime.log import Log
from seeder.settle.recorded import Done, held

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def parse_keep(text: str) -> datetime.timedelta:
    """A time like 90d, 12w or 36h; raises ValueError.

    >>> parse_keep("2w")
    datetime.timedelta(days=14)
    """
    match = re.fullmatch(r"([0-9]{1,5})([hdw])", text)
    if match is None:
        raise ValueError("not a time: write 90d, 12w or 36h")
    return datetime.timedelta(**{_UNITS[match[2]]: int(match[1])})


def prune(settings: Settings, *, log: Log, keep: datetime.timedelta) -> Settlement:
    """Forget images older than `keep`; their runs cannot be undone or shown in full any more."""
    with held(settings, log=log) as opened:
        opened.meta()

        def work(run: int) -> Done:
            from seeder.database.ledger.tables.maintenance import prune as prune_ledger

            del run  # of today, so it stays
            return Done(counts=prune_ledger(opened.connection, opened.ledger, keep))

        time = _spelled(keep)
        return opened.settle("prune", work, subject=f"older than {time}", summary={"keep": time})


def _spelled(keep: datetime.timedelta) -> str:
    """In whole days where it can be: `90 days`, `1 day`, `36 hours`."""
    hours = keep // datetime.timedelta(hours=1)
    number, unit = (hours, "hour") if hours % 24 else (hours // 24, "day")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
