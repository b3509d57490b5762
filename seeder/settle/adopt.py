"""`seeder adopt [--as-of STATE]`: existing rows go on record, without a write to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from seeder.configuration.settings import Settings
from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.plan import RowChange
from seeder.merge.settled import SHOWN, Settlement
from seeder.phases.opening import image_of, read_catalog
from seeder.runtime.log import Log
from seeder.runtime.progress import Progress
from seeder.settle.former_states import FormerState, former_states
from seeder.settle.recorded import Done, held, of_project

if TYPE_CHECKING:
    from seeder.database.ledger.tables.ledger import Ledger
    from seeder.merge.model import Catalog

_NAMED = 5
"""How many reasons for which states were passed over are told."""
_WRITTEN = "Nothing but the ledger was written."
_WAITS = "The catalog's release counts as applied once an update has run:"
_LOOK = "`seeder plan --mode update` shows what it would do."


def adopt(
    settings: Settings,
    *,
    log: Log,
    as_of: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
) -> Settlement:
    """Record the rows of sets that have rows and were never seeded here.

    With `as_of`, the project as it was once or several times, newest first, its values are the
    base: what is as any of them has it was never touched, what differs from all is a person's,
    and rows of them that are gone were deleted. `renamed` says by address which key a row has
    here that nobody finds under its own; '' that it is gone.
    Creates the ledger where there is none, and rows are recorded. Raises ConfigurationInvalid
    for any of the catalogs, and where rows may have been renamed of which nothing is said.
    """
    catalog, graph = read_catalog(settings)
    image = image_of(catalog, graph)
    with (
        former_states(settings.project, as_of) as states,
        held(settings, log=log) as opened,
    ):
        former, unread = _load(settings, states)
        connection = opened.connection
        known = opened.ledger.exists(connection)
        if known:
            opened = of_project(opened, image)

        def notes(
            counts: Mapping[str, int], ledger: Ledger, passed_over: tuple[str, ...]
        ) -> tuple[str, ...]:
            from seeder.database.ledger.past.history import releases

            applied = {each.release for each in releases(connection, ledger)}
            waits = catalog.release is not None and catalog.release not in applied
            if not any(counts.values()):
                return (*passed_over, f"{_WAITS} {_LOOK}") if waits else passed_over
            return (*passed_over, f"{_WRITTEN} {_WAITS} {_LOOK}" if waits else _WRITTEN)

        def work(run: int) -> Done:
            from seeder.database.ledger.tables import projects
            from seeder.database.settling.adopt import adopt as adopt_rows

            ledger = projects.opened(connection, opened.ledger, image)
            rows: list[RowChange] = []
            counts: Counter[str] = Counter()
            problems: dict[str | None, Problem] = {}
            unfit: list[tuple[str, str, str]] = []
            places: set[tuple[int, str]] = set()
            progress = Progress(log)
            with progress.followed():
                for state, former_catalog in [*former, (None, catalog)]:
                    adopted = adopt_rows(
                        connection,
                        ledger,
                        former_catalog,
                        run=run,
                        places=places,
                        renamed=renamed or {},
                        old=state is not None,
                        fitting=state is not None and state.one_of_many,
                        progress=progress,
                    )
                    rows += adopted.rows
                    counts.update(adopted.counts)
                    problems |= {each.address: each for each in adopted.problems}
                    if state is not None:
                        unfit += [
                            (state.name, f"Set {name}", why) for name, why in adopted.unfit.items()
                        ]
            if problems:
                raise ConfigurationInvalid(
                    "Rows may have been renamed here; nothing was recorded.",
                    problems=tuple(problems.values()),
                    code="rows-renamed",
                )
            passed_over = _passed_over([*unread, *unfit])
            return Done(
                rows=tuple(rows[:SHOWN]),
                counts=dict(counts),
                notes=notes(counts, ledger, passed_over),
            )

        settlement = opened.settle(
            "adopt",
            work,
            subject=catalog.project.name,
            summary={"as_of": [state.name for state, _ in former if state] or None},
            enrols=image,
        )
        if not known and settlement.run is not None:
            log.info("ledger.created", schema=opened.ledger.schema)
        return settlement


def _load(
    settings: Settings, states: Sequence[FormerState]
) -> tuple[list[tuple[FormerState | None, Catalog]], list[tuple[str, str, str]]]:
    """The catalogs of these states, and those that cannot be read; see `_passed_over`."""
    from seeder.catalog.loader import load

    found: list[tuple[FormerState | None, Catalog]] = []
    unread = []
    for state in states:
        try:
            catalog = load(
                state.directory, environment=settings.environment, environ=settings.confided
            )
        except ConfigurationInvalid as error:
            if not state.one_of_many:
                raise
            why = error.problems[0].message if error.problems else str(error)
            unread.append((state.name, "The project", why))
            continue
        found.append((state, catalog))
    return found, unread


def _passed_over(found: Sequence[tuple[str, str, str]]) -> tuple[str, ...]:
    """What is said of states that were left out, each given by its name, what of it, and why."""
    states: dict[tuple[str, str], list[str]] = {}
    for state, what, why in found:
        states.setdefault((what, why.rstrip(".")), []).append(state)
    notes = []
    for (what, why), names in list(states.items())[:_NAMED]:
        others = len(names) - 1
        also = f" and {others} more state{'s' if others > 1 else ''}" if others else ""
        notes.append(f"{what} was passed over as of {names[0]}{also}: {why}.")
    if more := sum(map(len, list(states.values())[_NAMED:])):
        notes.append(f"{more} more were passed over for other reasons.")
    return tuple(notes)
