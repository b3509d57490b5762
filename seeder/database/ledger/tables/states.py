"""States of entries as SQL: the letters that are stored, and what they mean beside them."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from seeder.merge.rules import EntryState


def told(*states: EntryState) -> sql.SQL:
    """States, whichever they are."""
    letters = ", ".join(f"'{state.value}'" for state in states)
    return sql.SQL(f"{letters} /* {', '.join(state.name.lower() for state in states)} */")


ACTIVE = told(EntryState.ACTIVE)
KEPT = told(EntryState.KEPT)
SET = told(EntryState.SET)
DELETED = told(EntryState.DELETED)
REMOVED = told(EntryState.REMOVED)

OWNING = told(EntryState.ACTIVE, EntryState.KEPT, EntryState.SET)
"""For IN: states of an entry whose row is seeder's."""
WITHOUT_CLAIM = told(EntryState.DELETED, EntryState.REMOVED)
"""For IN: states of an entry that leaves its row to whoever has it."""

STATES: Mapping[str, sql.SQL] = {
    **{state.name.lower(): told(state) for state in EntryState},
    "owning": OWNING,
    "without_claim": WITHOUT_CLAIM,
}
"""As templates have them: `b.state = {active}`, `b.state IN ({owning})`."""
