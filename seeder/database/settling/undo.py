"""Undo: back to what was before a run, where what the run wrote still stands.

Works from the ledger alone, on all bases that the run touched, in the caller's transaction
and under the advisory lock. One temporary table per base lists the run's writes with what
is to be done about each; the live rows among them are locked before they are judged.

The order: delete what the run inserted and nothing refers to, bring back what it deleted,
set back what it updated, then delete what only its updates still referred to. Where a row to
be brought back wants a unique value that an updated one has, it comes after that.
"""

from __future__ import annotations

from collections.abc import Sequence

from seeder.database.connection.connect import Connection
from seeder.database.ledger.bases.entries import read_bases
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.settling.undo_documents import keep_together, merge_back
from seeder.database.settling.undo_held import comes_after_changes, keep_held
from seeder.database.settling.undo_judge import (
    judge_deleted,
    judge_inserted,
    judge_updated,
    keep_referenced,
)
from seeder.database.settling.undo_list import Undoing, collect, lock, read
from seeder.database.settling.undo_write import bring_back, delete, record_deleted, set_back
from seeder.merge.order import in_groups
from seeder.merge.plan import RowChange


def undo(
    connection: Connection, ledger: Ledger, *, run: int, by: int
) -> tuple[tuple[RowChange, ...], dict[str, int], tuple[str, ...]]:
    """Take back what a run wrote, as far as it still stands, and record it as run `by`.

    Returns:
        Rows that were settled or left (at most 1000), their numbers by action, and notes.
    """
    bases = read_bases(connection, ledger)
    works = [
        Undoing(connection=connection, ledger=ledger, base=base, run=run, by=by)
        for base in bases.open
    ]
    works = _parents_first([work for work in works if collect(work)])
    for work in works:
        lock(work)
    for work in works:
        merge_back(work)
        judge_inserted(work)
    _delete(works)
    set_back_first = set()
    for work in works:
        judge_deleted(work)
        _judge_updated(work)
        if comes_after_changes(work):
            set_back_first.add(work.name)
            set_back(work)
        bring_back(work)
    for work in works:
        if work.name not in set_back_first:
            _judge_updated(work, brought_back=True)
            set_back(work)
    _delete(works)
    notes = tuple(f"The table {name} is gone, or has another primary key." for name in bases.lost)
    rows: list[RowChange] = []
    counts: dict[str, int] = {}
    for work in works:
        read(work, rows, counts)
    return tuple(rows), counts, notes


def _judge_updated(work: Undoing, *, brought_back: bool = False) -> None:
    judge_updated(work)
    keep_held(work, brought_back=brought_back)
    keep_together(work)


def _parents_first(works: list[Undoing]) -> list[Undoing]:
    by_id = {str(work.base.id): work for work in works}
    edges = {
        name: {
            other
            for other, there in by_id.items()
            for key in work.base.table.foreign_keys
            if key.target == there.base.table.qualified and other != name
        }
        for name, work in by_id.items()
    }
    return [by_id[name] for group in in_groups(list(by_id), edges) for name in group]


def _delete(works: Sequence[Undoing]) -> None:
    """Delete the inserted rows that nothing else refers to, all in one statement."""
    keep_referenced(works)
    for work in works:
        record_deleted(work)
    delete(works)
