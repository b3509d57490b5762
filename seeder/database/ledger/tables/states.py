"""States of entries as SQL: the letters that are stored, and what they mean beside them."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from seeder.merge.rules import EntryState


def _told(*states: EntryState) -> sql.SQL:
    letters = ", ".join(f"'{state.value}'" for state in states)
    return sql.SQL(f"{letters} /* {', '.join(state.name.lower() for state in states)} */")


ACTIVE = _told(EntryState.ACTIVE)
KEPT = _told(EntryState.KEPT)
SET = _told(EntryState.SET)
DELETED = _told(EntryState.DELETED)
REMOVED = _told(EntryState.REMOVED)

OWNING = _told(EntryState.ACTIVE, EntryState.KEPT, EntryState.SET)
"""For IN: states of an entry whose row is seeder's."""
WITHOUT_CLAIM = _told(EntryState.DELETED, EntryState.REMOVED)
"""For IN: states of an entry that leaves its row to whoever has it."""

STATES: Mapping[str, sql.SQL] = {
    "active": ACTIVE,
    "kept": KEPT,
    "set": SET,
    "deleted": DELETED,
    "removed": REMOVED,
    "owning": OWNING,
    "without_claim": WITHOUT_CLAIM,
}
"""As templates have them: `b.state = {active}`, `b.state IN ({owning})`."""


def told(state: EntryState) -> sql.SQL:
    """One state, whichever it is."""
    return _told(state)
