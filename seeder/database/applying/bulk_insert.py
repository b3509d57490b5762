"""Sets of a first launch, many of them in one round trip.

They are inserted by the statements that any set is inserted by. Only where one of these fails
does it matter which it was: then all are taken back, for the caller to go set by set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from collections.abc import Set as AbstractSet
from itertools import groupby

import psycopg
from psycopg import sql

from seeder.database.connection.batch import send
from seeder.database.connection.failures import Kind, kind_of
from seeder.database.judging import duplicates
from seeder.database.staging import references
from seeder.database.staging.context import MERGING, Seeding
from seeder.database.staging.work import SetTarget, SetWork
from seeder.database.writing import record, write
from seeder.merge.model import Mode
from seeder.merge.plan import SetDecision

_SETS, _ROWS = 50, 20_000
"""How many are inserted together; what takes long goes alone, so that progress can name it."""

_SAVEPOINT = sql.SQL("SAVEPOINT seeder_together")
_RELEASE = sql.SQL("RELEASE SAVEPOINT seeder_together")

Group = tuple[str, ...]


def gathered(seeding: Seeding, groups: Sequence[Group]) -> Iterator[tuple[bool, Sequence[Group]]]:
    """Cut the groups, in their order, into runs of those that go together and of others."""
    waits = seeding.orders.mode is Mode.INIT and any(
        decision in (SetDecision.PENDING, SetDecision.UNADOPTED)
        for decision, _ in seeding.decisions.values()
    )
    merging = {work.table.oid for work in seeding.works.values() if work.decision in MERGING}
    runs = groupby(
        groups, key=lambda group: _goes_together(seeding, group, waits=waits, merging=merging)
    )
    for together, run in [(together, list(run)) for together, run in runs]:
        for some in _cut(seeding, run) if together else [run]:
            yield together, some


def _cut(seeding: Seeding, groups: Sequence[Group]) -> Iterator[Sequence[Group]]:
    some: list[Group] = []
    rows = 0
    for group in groups:
        found = seeding.works[group[0]].seed_set.rows
        number = len(found) if isinstance(found, Sized) else _ROWS
        if some and (len(some) == _SETS or rows + number > _ROWS):
            yield some
            some, rows = [], 0
        some.append(group)
        rows += number
    if some:
        yield some


def _goes_together(
    seeding: Seeding, group: Group, *, waits: bool, merging: AbstractSet[int]
) -> bool:
    """Whether the rows of a group are inserted without a look at what is there."""
    work = seeding.works.get(group[0])
    if len(group) > 1 or work is None or work.decision is not SetDecision.INSERT:
        return False
    return (
        work.stage.stand_in is None
        and work.name not in seeding.resolving
        # The application is asked for each row.
        and not any(column.make is not None for column in work.seed_set.columns)
        # What a trigger makes of a row has to be looked at.
        and not work.table.rewrites
        # Another set's rows may have to make way in the table.
        and work.table.oid not in merging
        # Two spellings of one key are told before the index does.
        and not duplicates.respellable(work)
        # A set that refers to rows that wait is held back.
        and not (waits and work.stage.references)
        and not any(
            isinstance(target, SetTarget) and target.set == work.name
            for target in work.targets.values()
        )
    )


def insert_together(
    seeding: Seeding, groups: Sequence[Group], applied: frozenset[str]
) -> dict[str, int] | None:
    """Insert the rows of these sets and record them; None: one failed, and nothing was done.

    `applied` are the sets that are through already. Returns how many rows each set inserted.
    """
    connection = seeding.connection
    works = [seeding.works[name] for (name,) in groups]
    seeding.progress.step("inserting", _named(works))
    statements: list[sql.Composable] = [_SAVEPOINT]
    places: list[int] = []
    for number, work in enumerate(works):
        before = applied | {each.name for each in works[:number]}
        if resolution := references.resolution(work, seeding.works, before):
            statements.append(resolution)
        places.append(len(statements))
        statements += [write.insertion(work), record.new_entries(work, run=seeding.run)]
    statements.append(_RELEASE)
    try:
        touched = send(connection, statements)
    except psycopg.Error as error:
        if kind_of(error) is not Kind.OTHER:
            raise
        connection.execute("ROLLBACK TO SAVEPOINT seeder_together")
        connection.execute(_RELEASE)
        return None
    inserted: dict[str, int] = {}
    for work, place in zip(works, places, strict=True):
        inserted[work.name], recorded = touched[place : place + 2]
        record.require_all(work, inserted=inserted[work.name], recorded=recorded)
        if inserted[work.name]:
            write.advance_sequences(connection, work)
    return inserted


def _named(works: Sequence[SetWork]) -> str:
    more = len(works) - 1
    return f"{works[0].name} and {more} more" if more else works[0].name
